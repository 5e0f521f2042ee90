"""Anybody's graph by Biolink as medkg's: categories to kinds, predicates to relations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from ..core.progress import progress
from ..core.quarantine import Quarantine
from ..graph.export.kgx import (
    DIRECTIONS,
)
from ..graph.frames import (
    STRING_LIST,
)
from ..graph.identifiers import normalise_curies
from ..graph.kg import Part
from ..graph.schema import Schema
from .frames import json_column
from .kgx_files import Files, read_rows

# Biolink's categories that become a kind of ours, the most specific first; of a node's categories
# the first one in this order counts. Some are divided by the identifier's prefix.
_CATEGORIES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("Case", "Patient", ()),
    ("CellularComponent", "CellularComponent", ()),
    ("MolecularActivity", "MolecularFunction", ()),
    ("Pathway", "Pathway", ()),
    ("PhysiologicalProcess", "BiologicalProcess", ()),
    ("PathologicalProcess", "BiologicalProcess", ()),
    ("BiologicalProcess", "BiologicalProcess", ()),
    ("MicroRNA", "Target", ()),
    ("NoncodingRNAProduct", "Target", ()),
    ("RNAProduct", "Target", ()),
    ("Transcript", "Target", ()),
    ("ProteinIsoform", "Target", ()),
    ("Protein", "Target", ()),
    ("Gene", "Target", ()),
    ("GeneOrGeneProduct", "Target", ()),
    ("Polypeptide", "Target", ("UniProtKB", "PR", "ENSEMBL")),
    ("Drug", "Drug", ()),
    ("SmallMolecule", "Drug", ()),
    ("ComplexMolecularMixture", "Drug", ()),
    ("MolecularMixture", "Drug", ()),
    ("ChemicalMixture", "Drug", ()),
    ("MolecularEntity", "Drug", ()),
    ("ChemicalEntity", "DrugClass", ("ATC", "NDFRT")),
    ("ChemicalEntity", "Drug", ()),
    ("ChemicalSubstance", "Drug", ()),
    ("Disease", "Disease", ()),
    ("ClinicalFinding", "Symptom", ()),
    ("BehavioralFeature", "Symptom", ()),
    ("PhenotypicFeature", "Symptom", ()),
    ("DiseaseOrPhenotypicFeature", "Symptom", ("HP",)),
    ("DiseaseOrPhenotypicFeature", "Disease", ()),
    ("Cell", "Anatomy", ()),
    ("GrossAnatomicalStructure", "Anatomy", ()),
    ("AnatomicalEntity", "Anatomy", ()),
    ("ChemicalExposure", "Exposure", ()),
    ("EnvironmentalExposure", "Exposure", ()),
    ("EnvironmentalFeature", "Exposure", ()),
    ("Procedure", "Procedure", ()),
    ("ClinicalMeasurement", "Procedure", ()),
    ("JournalArticle", "Document", ()),
    ("Article", "Document", ()),
    ("Publication", "Document", ()),
    ("InformationContentEntity", "Document", ()),
)

# Predicates beside the schema's own: the relations they may be, by the kinds they join; ~ reverses.
_PREDICATES = {
    "actively_involved_in": "PARTICIPATES_IN",
    "active_in": "PARTICIPATES_IN",
    "acts_upstream_of_or_within": "PARTICIPATES_IN",
    "affects": "TARGETS",
    "ameliorates": "PALLIATES",
    "applied_to_treat": "TREATS",
    "associated_with": "ASSOCIATED_WITH ~ASSOCIATED_WITH",
    "caused_by": "~CAUSES",
    "causes": "CAUSES ~ASSOCIATED_WITH",
    "chemically_similar_to": "RESEMBLES",
    "coexpressed_with": "COVARIES_WITH",
    "condition_associated_with_gene": "ASSOCIATED_WITH",
    "contraindicated_for": "CONTRAINDICATED_FOR",
    "contraindicated_in": "CONTRAINDICATED_FOR",
    "contributes_to": "CAUSES ~ASSOCIATED_WITH",
    "directly_physically_interacts_with": "TARGETS ~TARGETS INTERACTS_WITH",
    "enables": "PARTICIPATES_IN",
    "expressed_in": "~EXPRESSES",
    "gene_associated_with_condition": "~ASSOCIATED_WITH",
    "genetically_associated_with": "ASSOCIATED_WITH ~ASSOCIATED_WITH",
    "genetically_interacts_with": "INTERACTS_WITH",
    "has_adverse_event": "CAUSES",
    "has_contraindication": "~CONTRAINDICATED_FOR",
    "has_member": "~IN_CLASS",
    "has_part": "~PART_OF",
    "has_participant": "~PARTICIPATES_IN",
    "has_phenotype": "HAS_SYMPTOM HAS_PHENOTYPE ~ASSOCIATED_WITH",
    "has_side_effect": "CAUSES",
    "interacts_with": "TARGETS ~TARGETS INTERACTS_WITH",
    "located_in": "LOCALIZES_TO PARTICIPATES_IN",
    "negatively_regulates": "REGULATES",
    "participates_in": "PARTICIPATES_IN",
    "phenotype_of": "~HAS_SYMPTOM ~HAS_PHENOTYPE ASSOCIATED_WITH",
    "physically_interacts_with": "TARGETS ~TARGETS INTERACTS_WITH",
    "positively_regulates": "REGULATES",
    "superclass_of": "~SUBCLASS_OF",
    "treated_by": "~TREATS",
    "treats_or_applied_or_studied_to_treat": "TREATS",
}
_DIRECTIONS = {
    "increased": "increased",
    "upregulated": "increased",
    "decreased": "decreased",
    "downregulated": "decreased",
}
_IS_TEXT_MINED = (
    pl.col("agent_type") == "text_mining_agent",
    pl.col("knowledge_level") == "text_co_occurrence",
)
_OBSERVED = ("observation", "statistical_association")

# For each of our fields the columns that it is read from; several are joined in one list.
_NODE_FIELDS = {
    "id": ("id", "id:ID", ":ID"),
    "categories": ("category", "all_categories", "category:label", ":LABEL"),
    "name": ("name",),
    "synonyms": ("synonym", "synonyms", "exact_synonyms"),
    "xrefs": ("xref", "xrefs", "same_as", "equivalent_identifiers", "equivalent_curies"),
    "description": ("description",),
}
EDGE_FIELDS = {
    "subject": ("subject", "subject:START_ID", ":START_ID"),
    "predicate": ("predicate", "predicate:TYPE", ":TYPE"),
    "object": ("object", "object:END_ID", ":END_ID"),
    "original_subject": ("original_subject",),
    "original_object": ("original_object",),
    "references": ("publications",),
    "source": ("primary_knowledge_source", "knowledge_source", "provided_by"),
    "negated": ("negated",),
    "knowledge_level": ("knowledge_level",),
    "agent_type": ("agent_type",),
    "direction": ("object_direction_qualifier", "qualified_object_direction"),
    "aspect": ("object_aspect_qualifier", "qualified_object_aspect"),
    "percentage": ("has_percentage",),
    "frequency_term": ("frequency_qualifier",),
    "onset": ("onset_qualifier",),
    "sex": ("sex_qualifier",),
    "stage": ("stage_qualifier",),
}
_LISTS = ("categories", "synonyms", "xrefs", "references")
_QUALIFIERS = ("action", "frequency", "frequency_term", "onset", "sex", "stage")


# Other people's graphs


def biolink_parts(
    files: Files, release: str, schema: Schema, quarantine: Quarantine
) -> Iterator[Part]:
    """The nodes of the files, then their edges as evidence.

    Args:
        files: of the graph.
        release: of the sources that the edges name.
        schema: the kinds and relations there are.
        quarantine: gets what the schema has no kind or relation for.
    """
    kinds = []
    for file in files.nodes:
        for rows in read_rows(file, _columns(_NODE_FIELDS), quarantine):
            nodes = _nodes(our_fields(rows, _NODE_FIELDS), schema, file, quarantine)
            kinds.append(nodes.select("id", "kind"))
            yield Part(nodes=nodes)
    node_kinds = pl.concat([*kinds, pl.DataFrame(schema={"id": pl.String, "kind": pl.String})])
    node_kinds = node_kinds.unique("id", keep="first", maintain_order=True)
    rules = _rules(schema)
    with progress("kgx edges") as advance:
        for file in files.edges:
            for rows in read_rows(file, _columns(EDGE_FIELDS), quarantine):
                fields = our_fields(rows, EDGE_FIELDS)
                evidence = _evidence(fields, node_kinds, rules, file, quarantine)
                yield Part(evidence=evidence.with_columns(release=pl.lit(release or None)))
                advance(rows.height)


def _columns(fields: Mapping[str, Sequence[str]]) -> list[str]:
    return [name for names in fields.values() for name in names]


def our_fields(rows: pl.DataFrame, fields: Mapping[str, Sequence[str]]) -> pl.DataFrame:
    """Our fields, read from the columns that the file has; those of several values are lists."""
    columns = {}
    for field, names in fields.items():
        present = [name for name in names if name in rows.columns]
        if field in _LISTS:
            lists = [_list(name, rows.schema[name]) for name in present]
            columns[field] = pl.concat_list(lists) if lists else pl.lit([], dtype=STRING_LIST)
        else:
            texts = [_first(name, rows.schema[name]) for name in present]
            columns[field] = pl.coalesce(texts) if texts else pl.lit(None, pl.String)
    return rows.select("line", **columns)


def _list(name: str, dtype: pl.DataType) -> pl.Expr:
    """A column as lists without empty values."""
    if isinstance(dtype, pl.List):
        items = pl.col(name)
    else:
        # RTX-KG2 writes ǂ between values.
        items = pl.col(name).str.replace_all("ǂ", "|", literal=True).str.split("|")
    return items.list.eval(pl.element().filter(pl.element().str.strip_chars() != "")).fill_null(
        pl.lit([], dtype=STRING_LIST)
    )


def _first(name: str, dtype: pl.DataType) -> pl.Expr:
    """A column as single values, the first of several."""
    return pl.col(name).list.first() if isinstance(dtype, pl.List) else pl.col(name)


def _nodes(rows: pl.DataFrame, schema: Schema, path: Path, quarantine: Quarantine) -> pl.DataFrame:
    """The nodes of a kind that the schema has; the others are set aside."""
    rows = rows.with_row_index("row")
    ids, reasons = normalise_curies(rows["id"])
    own = [
        (kind.biolink.removeprefix("biolink:"), kind.label, ()) for kind in schema.kinds.values()
    ]
    table = pl.DataFrame(
        [
            (category, kind, list(prefixes), rank)
            for rank, (category, kind, prefixes) in enumerate([*_CATEGORIES, *own])
        ],
        schema={
            "category": pl.String,
            "kind": pl.String,
            "prefixes": STRING_LIST,
            "rank": pl.Int64,
        },
        orient="row",
    )
    prefix = pl.col("id").str.split(":").list.first()
    kinds = (
        rows.select("row", category="categories", id=ids)
        .explode("category")
        .with_columns(pl.col("category").str.strip_prefix("biolink:"))
        .join(table, on="category")
        .filter((pl.col("prefixes").list.len() == 0) | pl.col("prefixes").list.contains(prefix))
        .sort("rank")
        .unique("row", keep="first", maintain_order=True)
        .select("row", "kind")
    )
    rows = rows.with_columns(id=ids, written="id", reason=reasons).join(
        kinds, on="row", how="left", maintain_order="left"
    )
    rows = rows.with_columns(
        reason=pl.coalesce(
            "reason", pl.when(pl.col("kind").is_null()).then(pl.lit("no kind for this category"))
        )
    )
    for row in rows.filter(pl.col("reason").is_not_null()).iter_rows(named=True):
        shown = f"{row['written'] or ''} {' '.join(row['categories'])}".strip()
        quarantine.add(row["reason"], path=path, line=row["line"], row=shown)
    rows = rows.filter(pl.col("reason").is_null())
    return rows.select(
        "id",
        "kind",
        "name",
        "synonyms",
        "xrefs",
        properties=json_column(rows, ["description"]),
    )


def _rules(schema: Schema) -> pl.DataFrame:
    """The relation of each predicate, by direction of regulation and the kinds of its ends."""
    rules: dict[tuple[str, str, str, str], tuple[str, bool]] = {}

    def add(predicate: str, direction: str, name: str, is_reversed: bool) -> None:
        for head, tail in schema.relation(name).joins:
            ends = (tail, head) if is_reversed else (head, tail)
            rules.setdefault((predicate, direction, *ends), (name, is_reversed))

    for name, direction in DIRECTIONS.items():
        add("affects", direction, name, False)
    for predicate, names in _PREDICATES.items():
        for name in names.split():
            add(predicate, "", name.removeprefix("~"), name.startswith("~"))
    for relation in schema.relations.values():
        if relation.name not in DIRECTIONS:
            add(relation.biolink.removeprefix("biolink:"), "", relation.name, False)
    return pl.DataFrame(
        [(*key, *value) for key, value in rules.items()],
        schema=["predicate", "regulation", "head_kind", "tail_kind", "relation", "is_reversed"],
        orient="row",
    )


def _evidence(
    rows: pl.DataFrame,
    kinds: pl.DataFrame,
    rules: pl.DataFrame,
    path: Path,
    quarantine: Quarantine,
) -> pl.DataFrame:
    """The evidence of edges; those that the schema has no relation for are set aside."""
    rows = _with_relations(_with_standard_ends(rows), kinds, rules)
    rows = _usable(rows, path, quarantine)
    negated = (pl.col("negated").str.to_lowercase() == "true").fill_null(False)
    lacks_phenotype = negated & (pl.col("relation") == "HAS_PHENOTYPE")
    is_text_mined = pl.any_horizontal(pl.coalesce(test, False) for test in _IS_TEXT_MINED)
    fraction = pl.col("percentage").cast(pl.Float64, strict=False) / 100
    rows = rows.with_columns(frequency=pl.when(fraction.is_between(0, 1)).then(fraction.round(4)))
    is_reversed = pl.col("is_reversed")
    return rows.select(
        relation=pl.when(lacks_phenotype).then(pl.lit("LACKS_PHENOTYPE")).otherwise("relation"),
        subject=pl.when(is_reversed).then("object").otherwise("subject"),
        object=pl.when(is_reversed).then("subject").otherwise("object"),
        original_subject=pl.when(is_reversed).then("original_object").otherwise("original_subject"),
        original_object=pl.when(is_reversed).then("original_subject").otherwise("original_object"),
        references="references",
        source=source_name(pl.col("source")),
        polarity=pl.when(negated & ~lacks_phenotype)
        .then(pl.lit("negated"))
        .otherwise(pl.lit("asserted")),
        level=pl.when(is_text_mined)
        .then(pl.lit("text-mined"))
        .when(pl.col("knowledge_level").is_in(_OBSERVED).fill_null(False))
        .then(pl.lit("observed"))
        .otherwise(pl.lit("curated")),
        qualifiers=json_column(rows, _QUALIFIERS),
    )


def _with_standard_ends(rows: pl.DataFrame) -> pl.DataFrame:
    """Edges with identifiers in the standard spelling, and what their qualifiers mean.

    A drug that lowers a protein's activity acts on it (`action`); one that lowers its expression
    is another relation (`regulation`).
    """
    ends = {
        name: normalise_curies(rows[name])[0]
        for name in ("subject", "object", "original_subject", "original_object")
    }
    is_of_activity = pl.col("aspect").str.contains("activity").fill_null(False)
    is_regulation = (pl.col("predicate") == "affects") & ~is_of_activity
    return rows.with_columns(
        written=pl.concat_str("subject", "predicate", "object", separator=" ", ignore_nulls=True),
        predicate=pl.col("predicate").str.strip_prefix("biolink:"),
        direction=pl.col("direction").replace_strict(_DIRECTIONS, default=None),
        **ends,
    ).with_columns(
        regulation=pl.when(is_regulation).then("direction").fill_null(""),
        action=pl.when(is_of_activity)
        .then(pl.col("direction"))
        .replace({"increased": "activator", "decreased": "inhibitor"}),
    )


def _with_relations(rows: pl.DataFrame, kinds: pl.DataFrame, rules: pl.DataFrame) -> pl.DataFrame:
    """Edges with the kinds of their ends, and the relation that the rules have for them."""
    return (
        rows.join(
            kinds.rename({"id": "subject", "kind": "head_kind"}),
            on="subject",
            how="left",
            maintain_order="left",
        )
        .join(
            kinds.rename({"id": "object", "kind": "tail_kind"}),
            on="object",
            how="left",
            maintain_order="left",
        )
        .join(
            rules,
            on=["predicate", "regulation", "head_kind", "tail_kind"],
            how="left",
            maintain_order="left",
        )
    )


def _usable(rows: pl.DataFrame, path: Path, quarantine: Quarantine) -> pl.DataFrame:
    """Edges that have a relation; the others are set aside."""
    rows = rows.with_columns(
        problem=pl.when(pl.any_horizontal(pl.col("head_kind", "tail_kind").is_null()))
        .then(pl.lit("dangling end"))
        .when(pl.col("knowledge_level") == "prediction")
        .then(pl.lit("prediction of another model"))
        .when(pl.col("relation").is_null())
        .then(pl.lit("no relation for this predicate between these kinds"))
    )
    unusable = rows.filter(pl.col("problem").is_not_null())
    for line, problem, written, head, tail in unusable.select(
        "line", "problem", "written", "head_kind", "tail_kind"
    ).iter_rows():
        kinds = f" ({head} → {tail})" if head and tail else ""
        quarantine.add(problem, path=path, line=line, row=f"{written}{kinds}")
    return rows.filter(pl.col("problem").is_null())


def source_name(column: pl.Expr) -> pl.Expr:
    """The names of knowledge sources, without Biolink's prefix."""
    name = column.str.strip_prefix("infores:")
    return pl.when(name.str.len_chars() > 0).then(name).otherwise(pl.lit("kgx"))
