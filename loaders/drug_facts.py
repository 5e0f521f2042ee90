"""Names and modalities of the drugs that a graph has, from the tables that come with medkg."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import polars as pl

from ..core.json_reading import parse_json
from ..core.quarantine import Quarantine
from ..graph.kg import KnowledgeGraph
from . import starter
from .text_tables import read_table


def with_drug_facts(kg: KnowledgeGraph) -> KnowledgeGraph:
    """The graph with the starter set's names of its Drugs as further synonyms, and modalities.

    A drug is the starter set's by its identifier or cross-references. The property `modality` says
    what a drug is that is no small molecule, see `modalities`.
    """
    drugs = kg.scan("nodes").filter(kind="Drug").collect()
    if drugs.is_empty():
        return kg
    synonyms = _with_names(drugs)
    modality = modalities(drugs["name"])
    having = drugs.with_columns(modality=modality).drop_nulls("modality")
    typed = having.select(
        "id",
        properties=pl.Series(
            [
                json.dumps({"modality": value, **parse_json(properties or "{}")})
                for value, properties in having.select("modality", "properties").iter_rows()
            ],
            dtype=pl.String,
        ),
    )
    return kg.with_frames(nodes=kg.nodes.update(synonyms, on="id").update(typed, on="id"))


def modalities(names: pl.Series) -> pl.Series:
    """What the drugs of these names are, where they are no small molecules: antibody, siRNA, …

    The rules are in `data/modality.tsv`: a drug takes the modality of the first pattern that occurs
    in its name; null for those in which none does.
    """
    path = Path(__file__).parent / "data" / "modality.tsv"
    rules = read_table(path, ["pattern", "modality"], Quarantine())
    modality: pl.Expr = pl.lit(None, dtype=pl.String)
    for pattern, name in reversed(rules.select("pattern", "modality").rows()):
        occurs = pl.col("name").str.to_lowercase().str.contains(pattern)
        value = pl.lit(None if name == "none" else name, dtype=pl.String)
        modality = pl.when(occurs).then(value).otherwise(modality)
    return pl.DataFrame({"name": names}).select(modality=modality)["modality"]


def _with_names(drugs: pl.DataFrame) -> pl.DataFrame:
    """The synonyms of the drugs that the starter set has, with its names: id, synonyms."""
    references = drugs.select("id", reference=pl.concat_list("id", pl.col("xrefs").fill_null([])))
    matched = references.explode("reference").join(_starter_names(), on="reference")
    # What refers to several of the starter's drugs is none of them alone.
    matched = matched.filter(pl.col("drug").n_unique().over("id") == 1).unique("id")
    rows: list[tuple[str, list[str]]] = []
    named = drugs.join(matched, on="id").select("id", "name", "synonyms", "names")
    for node, name, synonyms, more in named.iter_rows():
        own = synonyms or []
        lowered = {text.lower() for text in (name, *own) if text is not None}
        rows.append((node, [*own, *(text for text in more if text.lower() not in lowered)]))
    schema = {"id": pl.String(), "synonyms": pl.List(pl.String)}
    return pl.DataFrame(rows, schema=schema, orient="row")


@cache
def _starter_names() -> pl.DataFrame:
    """The names of the starter set's drugs by each reference to them: reference, drug, names."""
    nodes = starter.load(None, Quarantine()).nodes.filter(kind="Drug")
    return nodes.select(
        drug="id",
        names=pl.concat_list("name", pl.col("synonyms").fill_null([])),
        reference=pl.concat_list("id", pl.col("xrefs").fill_null([])),
    ).explode("reference")
