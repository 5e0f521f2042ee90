"""PrimeKG: a graph for precision medicine from 20 sources (Chandak, Huang and Zitnik, 2023,
https://doi.org/10.1038/s41597-023-01960-3).

Reads `kg.csv` (https://doi.org/10.7910/DVN/IXA7BM). Each edge stands in it twice, x–y and y–x: it
becomes one. Which of the two ends of a `parent-child` edge is the parent follows from their order
alone: the file is made of the edges, the parent as x, followed by the same edges reversed (see
`build_graph.ipynb` in https://github.com/mims-harvard/PrimeKG), so the first of the two counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import polars as pl

from ..core.errors import DataError, MissingError
from ..core.progress import progress
from ..core.quarantine import Quarantine
from ..graph.frames import Source
from ..graph.identifiers import normalise_curies
from ..graph.kg import KnowledgeGraph, Part
from .adme import adme_roles
from .info import Download, SourceInfo
from .stream import published_file
from .text_tables import read_table_parts

NAME = "primekg"
LICENCE = (
    "MIT for the code; the data under its sources' terms, some of them for non-commercial use"
    " only (DrugBank, DisGeNET): https://doi.org/10.7910/DVN/IXA7BM"
)
HOME_PAGE = "https://zitniklab.hms.harvard.edu/projects/PrimeKG"


class Meaning(NamedTuple):
    """What a relation of PrimeKG becomes.

    `head` is the type at our edge's head; of two ends of one type x is the head, but for the
    `hierarchy`, where the child is.
    """

    relation: str
    head: str
    level: str = "curated"
    polarity: str = "asserted"
    hierarchy: bool = False


_DRUG, _DISEASE, _EFFECT, _GENE = "drug", "disease", "effect/phenotype", "gene/protein"

# Levels as the paper describes the sources: expression (Bgee) and CTD's exposure studies are
# observed, side effects (SIDER) are read from labels.
RELATIONS = {
    "protein_protein": Meaning("INTERACTS_WITH", _GENE),
    "drug_protein": Meaning("TARGETS", _DRUG),
    "contraindication": Meaning("CONTRAINDICATED_FOR", _DRUG),
    "indication": Meaning("TREATS", _DRUG),
    "off-label use": Meaning("TREATS", _DRUG),
    "drug_drug": Meaning("INTERACTS_WITH", _DRUG),
    "phenotype_protein": Meaning("ASSOCIATED_WITH", _EFFECT),
    "phenotype_phenotype": Meaning("SUBCLASS_OF", _EFFECT, hierarchy=True),
    "disease_phenotype_positive": Meaning("HAS_SYMPTOM", _DISEASE),
    "disease_phenotype_negative": Meaning("HAS_SYMPTOM", _DISEASE, polarity="negated"),
    "disease_protein": Meaning("ASSOCIATED_WITH", _DISEASE),
    "disease_disease": Meaning("SUBCLASS_OF", _DISEASE, hierarchy=True),
    "drug_effect": Meaning("CAUSES", _DRUG, "text-mined"),
    "bioprocess_bioprocess": Meaning("SUBCLASS_OF", "biological_process", hierarchy=True),
    "molfunc_molfunc": Meaning("SUBCLASS_OF", "molecular_function", hierarchy=True),
    "cellcomp_cellcomp": Meaning("SUBCLASS_OF", "cellular_component", hierarchy=True),
    "molfunc_protein": Meaning("PARTICIPATES_IN", _GENE),
    "cellcomp_protein": Meaning("PARTICIPATES_IN", _GENE),
    "bioprocess_protein": Meaning("PARTICIPATES_IN", _GENE),
    "exposure_protein": Meaning("ASSOCIATED_WITH", "exposure", "observed"),
    "exposure_disease": Meaning("ASSOCIATED_WITH", "exposure", "observed"),
    "exposure_exposure": Meaning("SUBCLASS_OF", "exposure", hierarchy=True),
    "exposure_bioprocess": Meaning("ASSOCIATED_WITH", "exposure", "observed"),
    "exposure_molfunc": Meaning("ASSOCIATED_WITH", "exposure", "observed"),
    "exposure_cellcomp": Meaning("ASSOCIATED_WITH", "exposure", "observed"),
    "pathway_pathway": Meaning("SUBCLASS_OF", "pathway", hierarchy=True),
    "pathway_protein": Meaning("PARTICIPATES_IN", _GENE),
    "anatomy_anatomy": Meaning("SUBCLASS_OF", "anatomy", hierarchy=True),
    "anatomy_protein_present": Meaning("EXPRESSES", "anatomy", "observed"),
    "anatomy_protein_absent": Meaning("EXPRESSES", "anatomy", "observed", "negated"),
}

_KINDS = {
    _GENE: "Target",
    _DRUG: "Drug",
    _EFFECT: "Symptom",
    _DISEASE: "Disease",
    "biological_process": "BiologicalProcess",
    "molecular_function": "MolecularFunction",
    "cellular_component": "CellularComponent",
    "exposure": "Exposure",
    "pathway": "Pathway",
    "anatomy": "Anatomy",
}

# The prefix of each source's identifiers, and how many digits they have: PrimeKG writes numbers
# without the zeros before them.
_PREFIXES = {
    "NCBI": ("NCBIGene:", 0),
    "DrugBank": ("drugbank:", 0),
    "HPO": ("HP:", 7),
    "MONDO": ("MONDO:", 7),
    "MONDO_grouped": (f"{NAME}:", 0),
    "GO": ("GO:", 7),
    "CTD": ("MESH:", 0),
    "REACTOME": ("REACT:", 0),
    "UBERON": ("UBERON:", 7),
}

# What the column display_relation adds to the relation, and the qualifier that keeps it.
_QUALIFIERS = {
    "carrier": {"role": "carrier"},
    "enzyme": {"role": "enzyme"},
    "target": {"role": "target"},
    "transporter": {"role": "transporter"},
    "synergistic interaction": {"effect": "synergistic interaction"},
    "off-label use": {"approval": "off-label"},
}

_ENDS = tuple(f"{end}_{part}" for end in "xy" for part in ("id", "type", "name", "source"))


def load(
    path: Path | None, quarantine: Quarantine, *, release: str = "not stated"
) -> KnowledgeGraph:
    """PrimeKG as a graph.

    Diseases that PrimeKG joined to one by their names (source `MONDO_grouped`) keep an identifier
    of PrimeKG's; those that were joined are subclasses of it, under MONDO's identifiers.

    Args:
        path: `kg.csv`, plain or compressed, or the folder with it.
        quarantine: gets the rows that can't be used.
        release: the release the file is of, as evidence will state it.

    Raises:
        MissingError: no path, or the file is not there.
        DataError: the file can't be read as what it should be.
    """
    if path is None:
        raise MissingError(
            "primekg needs a path (--path): kg.csv of https://doi.org/10.7910/DVN/IXA7BM"
        )
    if not path.exists():
        raise MissingError(f"{path}: there is no such file or folder")
    file = path if path.is_file() else published_file(path, ["kg.csv"])
    if file is None:
        raise MissingError(f"{path}: holds no kg.csv")
    source = Source(NAME, release, LICENCE, HOME_PAGE, reliability=0.95)
    return KnowledgeGraph.from_parts(
        _parts(file, source, quarantine), [source], quarantine=quarantine, origin=str(file)
    )


def _parts(file: Path, source: Source, quarantine: Quarantine) -> Iterator[Part]:
    known: set[str] = set()
    children: dict[tuple[str, str], None] = {}  # (parent, child) in the order they were met
    edge_count = 0
    columns = ["relation", "display_relation", *_ENDS]
    with progress(NAME) as advance:
        for rows in read_table_parts(file, columns, quarantine, separator=","):
            edges = _usable(file, rows, quarantine)
            edge_count += edges.height
            nodes = _nodes(edges).filter(~pl.col("id").is_in(known))
            known.update(nodes["id"])
            yield Part(nodes=nodes, evidence=_evidence(_first_of_pairs(edges, children), source))
            groups = nodes.filter(pl.col("id").str.starts_with(f"{NAME}:"))
            if groups.height:
                yield _members(groups, source)
            advance(rows.height)
    if not edge_count:
        raise DataError("holds no edge of PrimeKG", path=file)


def _usable(file: Path, rows: pl.DataFrame, quarantine: Quarantine) -> pl.DataFrame:
    """Rows of known relations, types and sources, with CURIEs, kinds and which end is the head."""
    prefixes = {name: prefix for name, (prefix, _) in _PREFIXES.items()}
    digits = {name: width for name, (_, width) in _PREFIXES.items()}
    ends = {}
    for end in "xy":
        source = pl.col(f"{end}_source")
        prefix = source.replace_strict(prefixes, default=None, return_dtype=pl.String)
        width = source.replace_strict(digits, default=0, return_dtype=pl.Int64)
        local = pl.col(f"{end}_id")
        local = pl.when(width == 7).then(local.str.zfill(7)).otherwise(local)
        ends[end] = prefix + local
        ends[f"{end}_kind"] = pl.col(f"{end}_type").replace_strict(
            _KINDS, default=None, return_dtype=pl.String
        )
    meanings = pl.DataFrame(
        [(name, *meaning) for name, meaning in RELATIONS.items()],
        schema=["relation", "ours", "head", "level", "polarity", "hierarchy"],
        orient="row",
    )
    rows = rows.with_columns(**ends)
    for end in "xy":
        curies, reasons = normalise_curies(rows[end])
        rows = rows.with_columns(
            curies.alias(end),
            pl.when(pl.col(end).is_null())
            .then(pl.lit("unknown source or no identifier"))
            .otherwise(reasons)
            .alias(f"{end}_problem"),
        )
    rows = rows.join(meanings, on="relation", how="left", maintain_order="left").with_columns(
        # A hierarchy's x is the parent, so the child, its y, is the head.
        is_reversed=pl.col("hierarchy") | (pl.col("x_type") != pl.col("head")),
        problem=pl.when(pl.col("ours").is_null())
        .then(pl.lit("unknown relation"))
        .when(pl.any_horizontal(pl.col("x_kind", "y_kind").is_null()))
        .then(pl.lit("unknown type"))
        .when(pl.any_horizontal(pl.col("x", "y").is_null()))
        .then(pl.coalesce("x_problem", "y_problem"))
        .when((pl.col("x_type") != pl.col("head")) & (pl.col("y_type") != pl.col("head")))
        .then(pl.lit("ends of the wrong kinds")),
    )
    unusable = rows.filter(pl.col("problem").is_not_null())
    for line, problem, *held in unusable.select(
        *("line", "problem", "relation", "x_source", "x_id", "y_source", "y_id")
    ).rows():
        quarantine.add(problem, path=file, line=line, row=" ".join(text or "?" for text in held))
    return rows.filter(pl.col("problem").is_null())


def _nodes(edges: pl.DataFrame) -> pl.DataFrame:
    nodes = pl.concat(
        edges.select(id=end, kind=f"{end}_kind", name=f"{end}_name") for end in "xy"
    ).unique("id", keep="first", maintain_order=True)
    role = pl.when(pl.col("kind") == "Target").then(adme_roles(nodes["name"]))
    return nodes.with_columns(
        properties=pl.concat_str(pl.lit('{"adme": "'), role, pl.lit('"}'))  # null without a role
    )


def _first_of_pairs(edges: pl.DataFrame, children: dict[tuple[str, str], None]) -> pl.DataFrame:
    """Without the reversed copies of parent-child edges: those whose reverse came before."""
    hierarchy = edges["hierarchy"]
    if not hierarchy.any():
        return edges
    is_first = []
    for parent, child in edges.filter(hierarchy).select("x", "y").iter_rows():
        is_first.append((child, parent) not in children)
        if is_first[-1]:
            children[parent, child] = None
    mask = pl.Series([True] * edges.height)
    mask = mask.scatter(hierarchy.arg_true(), pl.Series(is_first))
    return edges.filter(mask)


def _evidence(edges: pl.DataFrame, source: Source) -> pl.DataFrame:
    qualifiers = {name: json.dumps(value) for name, value in _QUALIFIERS.items()}
    is_reversed = pl.col("is_reversed")
    return edges.select(
        subject=pl.when(is_reversed).then("y").otherwise("x"),
        relation="ours",
        object=pl.when(is_reversed).then("x").otherwise("y"),
        level="level",
        polarity="polarity",
        qualifiers=pl.col("display_relation").replace_strict(
            qualifiers, default=None, return_dtype=pl.String
        ),
        source=pl.lit(source.name),
        release=pl.lit(source.release),
    )


def _members(groups: pl.DataFrame, source: Source) -> Part:
    """The diseases that were joined to each of these, by the numbers in its identifier."""
    local = pl.col("id").str.strip_prefix(f"{NAME}:").str.split("_")
    members = groups.select(group="id", member=local).explode("member")
    members = members.with_columns(member="MONDO:" + pl.col("member").str.zfill(7))
    ids = members["member"].unique(maintain_order=True)
    return Part(
        nodes=pl.DataFrame({"id": ids, "name": ids}).with_columns(kind=pl.lit("Disease")),
        evidence=members.select(
            subject="member",
            relation=pl.lit("SUBCLASS_OF"),
            object="group",
            qualifiers=pl.lit(json.dumps({"grouped_by_name": True})),
            source=pl.lit(source.name),
            release=pl.lit(source.release),
        ),
    )


INFO = SourceInfo(
    NAME,
    "PrimeKG: diseases, drugs, genes, phenotypes and more, integrated from 20 sources",
    LICENCE,
    HOME_PAGE,
    "not stated",
    "kg.csv, plain or compressed",
    "all of its 30 relations, as the schema names them",
    needs_path=False,
    load=load,
    options={"release": "the release the file is of, as evidence will state it"},
    downloads=(Download("https://dataverse.harvard.edu/api/access/datafile/6180620", "kg.csv"),),
)
