"""Common diseases with their findings, curated for medkg, and how common they are.

Reads the tables of `data/common` (see the card there), or a folder with tables of the same form:

- diseases: disease, synonyms (divided by `|`), per_100000, sex (female or male, of those that the
  other sex can't have), ages (of nearly all patients, in years: `0-2`, `45-`)
- findings: disease, finding (a phenotype of HPO by its name), frequency (from 0 to 1)
- identifiers: kind, name, id, xrefs, confirmed_by
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from ..core.quarantine import Quarantine
from ..graph.frames import Source
from ..graph.kg import KnowledgeGraph
from .frames import json_column
from .info import SourceInfo
from .stream import require_folder
from .text_tables import read_table

SOURCE = Source("common", "1", "Apache-2.0 (facts, curated for medkg)", "", reliability=0.9)

_AGES = r"^\d+(\.\d+)?-(\d+(\.\d+)?)?$"


def load(path: Path | None, quarantine: Quarantine) -> KnowledgeGraph:
    """The common diseases as a graph.

    Args:
        path: folder with the tables; by default the one that comes with medkg.
        quarantine: gets the rows that can't be used.

    Raises:
        MissingError: a table is not there.
        DataError: a table can't be read.
    """
    folder = require_folder(path) if path else Path(__file__).parent / "data" / "common"
    identifiers = read_table(
        folder / "identifiers.tsv", ["kind", "name", "id"], quarantine, ["xrefs"]
    )
    diseases = read_table(
        folder / "diseases.tsv", ["disease", "per_100000"], quarantine, ["synonyms", "sex", "ages"]
    )
    findings = read_table(folder / "findings.tsv", ["disease", "finding", "frequency"], quarantine)
    named = identifiers.filter(kind="Disease").select("id", "xrefs", disease="name")
    phenotypes = identifiers.filter(kind="Symptom").select(object="id", finding="name")
    listed = _usable(
        diseases.join(named, on="disease", how="left").with_columns(
            prevalence=pl.col("per_100000").cast(pl.Float64, strict=False)
        ),
        pl.col("id").is_not_null()
        & (pl.col("prevalence") > 0)
        & pl.col("sex").fill_null("").is_in(["", "female", "male"])
        & pl.col("ages").fill_null("0-").str.contains(_AGES),
        quarantine,
        reason="a name without an identifier, no prevalence, a sex but female and male, or ages"
        " that are not as 0-2 or 45- (years)",
        path=folder / "diseases.tsv",
    )
    shown = _usable(
        findings.join(named.select("disease", subject="id"), on="disease", how="left")
        .join(phenotypes, on="finding", how="left")
        .with_columns(frequency=pl.col("frequency").cast(pl.Float64, strict=False)),
        pl.all_horizontal(pl.col("subject", "object").is_not_null())
        & pl.col("frequency").is_between(0, 1),
        quarantine,
        reason="a name without an identifier, or no frequency",
        path=folder / "findings.tsv",
    )
    evidence = shown.select(
        "subject",
        "object",
        relation=pl.lit("HAS_SYMPTOM"),
        source=pl.lit(SOURCE.name),
        release=pl.lit(SOURCE.release),
        qualifiers=json_column(shown, ["frequency"]),
    )
    return KnowledgeGraph.build(
        pl.concat([_diseases(listed), _phenotypes(phenotypes)], how="diagonal"),
        evidence,
        [SOURCE],
        quarantine=quarantine,
        origin=str(folder),
    )


def _usable(
    rows: pl.DataFrame, usable: pl.Expr, quarantine: Quarantine, *, reason: str, path: Path
) -> pl.DataFrame:
    """The rows of a table that can be used; the others go to the quarantine."""
    can_be_used = usable.fill_null(False)
    for line in rows.filter(~can_be_used)["line"]:
        quarantine.add(reason, path=path, line=line)
    return rows.filter(can_be_used)


def _diseases(listed: pl.DataFrame) -> pl.DataFrame:
    """The nodes of the diseases, which have an identifier and a prevalence."""
    nodes = listed.with_columns(per_100000="prevalence")
    return nodes.select(
        "id",
        kind=pl.lit("Disease"),
        name="disease",
        synonyms=pl.col("synonyms").str.split("|"),
        xrefs=pl.col("xrefs").str.split("|"),
        properties=json_column(nodes, ["per_100000", "sex", "ages"]),
    )


def _phenotypes(phenotypes: pl.DataFrame) -> pl.DataFrame:
    return phenotypes.select(id="object", kind=pl.lit("Symptom"), name="finding")


INFO = SourceInfo(
    "common",
    "Common diseases curated for medkg: findings with their frequency, prevalence",
    SOURCE.licence,
    SOURCE.home_page,
    SOURCE.release,
    "comes with medkg; or a folder with tables of the same form",
    "Disease HAS_SYMPTOM Symptom",
    False,
    load,
    bundled=True,
)
