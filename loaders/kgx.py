"""KGX: anybody's graph by Biolink, as TSV or JSON lines (https://github.com/biolink/kgx).

Reads `*nodes.tsv` and `*edges.tsv`, or `.jsonl`, plain or compressed, from a folder or a tar
archive: those of medkg itself, which come back as they went out, and those of others (Monarch,
Translator, RTX-KG2).
"""

from __future__ import annotations

import json
import lzma
import tarfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import polars as pl

from ..core.errors import DataError, MissingError
from ..core.progress import progress
from ..core.quarantine import Quarantine
from ..graph.export import MANIFEST
from ..graph.export.kgx import (
    DIRECTIONS,
    EDGE_NAMES,
    FILES,
    ID_COLUMNS,
    NODE_NAMES,
    OWN,
    PREDICTION_NAMES,
    our_id,
    unescaped,
)
from ..graph.frames import (
    EVIDENCE,
    MERGES,
    NODES,
    PREDICTIONS,
    STRING_LIST,
    Columns,
    Source,
    conform,
)
from ..graph.identifiers import normalise_curies
from ..graph.kg import KnowledgeGraph, Part
from ..graph.schema import Schema
from .base import (
    ROWS,
    columns_frame,
    find_header,
    json_column,
    read_table_parts,
)
from .info import SourceInfo
from .stream import COMPRESSED, text_lines

HOME_PAGE = "https://github.com/biolink/kgx"

# Biolink's categories that become a kind of ours, the most specific first; of a node's categories
# the first one in this order counts. Some are told apart by the identifier's prefix.
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

# Predicates beside the schema's own: the relations they may be, by the kinds they join. ~: turned.
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
_TEXT_MINED = (
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
_EDGE_FIELDS = {
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


def load(
    path: Path | None,
    quarantine: Quarantine,
    release: str = "",
    licence: str = "",
    schema: str = "",
) -> KnowledgeGraph:
    """A graph in KGX's form.

    A node takes the kind of the most specific of its categories that the schema knows; an edge
    takes the relation that its predicate, its qualifiers and the kinds of its ends tell. What the
    schema has no kind or relation for is set aside with its category or predicate, and so are
    other models' predictions.

    Args:
        path: folder, tar archive, or one of the files, the other beside it.
        release: of the sources that the edges name.
        licence: of those sources; by default what each of them states is pointed to.
        schema: a TOML file with kinds and relations beside medkg's own.

    Raises:
        MissingError: no path, or a file is not there.
        DataError: a file can't be read as what it should be.
    """
    if path is None:
        raise MissingError(
            "kgx needs a path (--path): a folder or tar archive with NAME_nodes.tsv and"
            " NAME_edges.tsv, or the same as .jsonl"
        )
    known = Schema.default().extended(schema) if schema else Schema.default()
    with _unpacked(path) as given:
        files = _find(given, path)
        own = _is_own(files)
        sources = _sources(files, own, release, licence)
        parts = _own_parts(files, quarantine) if own else _parts(files, release, known, quarantine)
        graph = KnowledgeGraph.from_parts(
            parts, sources, schema=known, quarantine=quarantine, origin=str(path)
        )
        return _with_the_rest(graph, files, quarantine) if own else graph


class _Files(NamedTuple):
    """What was found: KGX's files, and of medkg's own export the others, by what they hold."""

    nodes: list[Path]
    edges: list[Path]
    others: dict[str, Path]
    manifest: Path | None


@contextmanager
def _unpacked(path: Path) -> Iterator[Path]:
    """The path, or a folder for the time of the block with what an archive holds of KGX."""
    if not path.is_file() or (".tar" not in path.suffixes and path.suffix != ".tgz"):
        yield path
        return
    with TemporaryDirectory() as draft:
        try:
            with tarfile.open(path) as archive:
                for member in archive:
                    name = Path(member.name).name
                    content = archive.extractfile(member) if member.isfile() else None
                    if content is not None and (_part_of(name) or name == MANIFEST):
                        with (Path(draft) / name).open("wb") as file:
                            while block := content.read(1 << 20):
                                file.write(block)
        except (tarfile.TarError, OSError, EOFError, lzma.LZMAError, zlib.error) as error:
            said = " ".join(str(error).split())  # a line for each way that was tried
            raise DataError(f"is no readable tar archive: {said}", path=path) from error
        yield Path(draft)


def _part_of(name: str) -> str | None:
    """What a file of that name holds: nodes, edges, or what else medkg exports."""
    for suffix in COMPRESSED:
        name = name.removesuffix(suffix)
    stem, _, suffix = name.rpartition(".")
    if suffix not in ("tsv", "jsonl"):
        return None
    for held in ("unasserted", "predictions", "merges"):
        if stem == FILES[held]:
            return held
    return next((held for held in ("nodes", "edges") if stem.endswith(held)), None)


def _find(given: Path, path: Path) -> _Files:
    if not given.exists():
        raise MissingError(f"{path}: there is no such file or folder")
    files = sorted(given.iterdir() if given.is_dir() else given.parent.iterdir())
    if given.is_file():
        # Of several graphs in a folder the one that this file is of.
        held = _part_of(given.name)
        if held is None:
            raise DataError("is neither NAME_nodes nor NAME_edges, .tsv or .jsonl", path=path)
        stem = given.name.rpartition(held)[0] if held in ("nodes", "edges") else f"{OWN}"
        files = [file for file in files if file.name.startswith(stem) or file.name == MANIFEST]
    parts = {file: _part_of(file.name) for file in files if file.is_file()}
    nodes = [file for file, held in parts.items() if held == "nodes"]
    edges = [file for file, held in parts.items() if held == "edges"]
    if not nodes or not edges:
        lacking = "nodes" if not nodes else "edges"
        raise MissingError(f"{path} has no NAME_{lacking}.tsv or NAME_{lacking}.jsonl")
    others = {held: file for file, held in parts.items() if held and held not in ("nodes", "edges")}
    manifest = next((file for file in files if file.name == MANIFEST), None)
    return _Files(nodes, edges, others, manifest)


# Reading either form


def _is_json(path: Path) -> bool:
    return ".jsonl" in path.suffixes


def _names(path: Path) -> list[str]:
    """The columns of a TSV; of JSON lines, the members of its first object."""
    if path.stat().st_size == 0:
        return []
    if not _is_json(path):
        wanted = {name: [name] for name in ("id", "subject", "predicate", "object")}
        return find_header(path, wanted).names
    for _, record in _records(path, Quarantine()):
        return list(record)
    return []


def _records(path: Path, quarantine: Quarantine) -> Iterator[tuple[int, dict[str, Any]]]:
    for line, text in text_lines(path):
        if not text.strip():
            continue
        try:
            record = json.loads(text)
        except (ValueError, RecursionError):
            record = None
        if isinstance(record, dict):
            yield line, record
        else:
            quarantine.add("no JSON object", path=path, line=line, row=text[:200])


def _rows(path: Path, names: Sequence[str], quarantine: Quarantine) -> Iterator[pl.DataFrame]:
    """These columns that the file has, and `line`: text from a TSV, text or lists from JSON."""
    if path.stat().st_size == 0:
        return
    if not _is_json(path):
        present = [name for name in dict.fromkeys(names) if name in _names(path)]
        if not present:
            raise DataError(f"has no header with any of the columns {', '.join(names)}", path=path)
        yield from read_table_parts(path, present, quarantine, quoted=False, comment="")
        return
    records = _records(path, quarantine)
    while some := list(islice(records, ROWS)):
        columns: dict[str, list[Any]] = {"line": [line for line, _ in some]}
        schema: dict[str, Any] = {"line": pl.Int64}
        for name in dict.fromkeys(names):
            values = [record.get(name) for _, record in some]
            if any(isinstance(value, list) for value in values):
                columns[name], schema[name] = [_items(value) for value in values], STRING_LIST
            elif any(value is not None for value in values):
                columns[name], schema[name] = [_text(value) for value in values], pl.String
        yield columns_frame(columns, schema)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _items(value: Any) -> list[str | None] | None:
    if value is None:
        return None
    return [_text(one) for one in value] if isinstance(value, list) else [_text(value)]


# Other people's graphs


def _parts(files: _Files, release: str, schema: Schema, quarantine: Quarantine) -> Iterator[Part]:
    kinds = []
    for file in files.nodes:
        for rows in _rows(file, _columns(_NODE_FIELDS), quarantine):
            nodes = _nodes(_fields(rows, _NODE_FIELDS), schema, file, quarantine)
            kinds.append(nodes.select("id", "kind"))
            yield Part(nodes=nodes)
    known = pl.concat([*kinds, pl.DataFrame(schema={"id": pl.String, "kind": pl.String})])
    known = known.unique("id", keep="first", maintain_order=True)
    rules = _rules(schema)
    with progress("kgx edges") as advance:
        for file in files.edges:
            for rows in _rows(file, _columns(_EDGE_FIELDS), quarantine):
                fields = _fields(rows, _EDGE_FIELDS)
                evidence = _evidence(fields, known, rules, file, quarantine)
                yield Part(evidence=evidence.with_columns(release=pl.lit(release or None)))
                advance(rows.height)


def _columns(fields: Mapping[str, Sequence[str]]) -> list[str]:
    return [name for names in fields.values() for name in names]


def _fields(rows: pl.DataFrame, fields: Mapping[str, Sequence[str]]) -> pl.DataFrame:
    """Our fields of the columns there are; those that hold several values as lists."""
    made = {}
    for ours, names in fields.items():
        there = [name for name in names if name in rows.columns]
        if ours in _LISTS:
            lists = [_list(name, rows.schema[name]) for name in there]
            made[ours] = pl.concat_list(lists) if lists else pl.lit([], dtype=STRING_LIST)
        else:
            texts = [_first(name, rows.schema[name]) for name in there]
            made[ours] = pl.coalesce(texts) if texts else pl.lit(None, pl.String)
    return rows.select("line", **made)


def _list(name: str, dtype: pl.DataType) -> pl.Expr:
    if isinstance(dtype, pl.List):
        items = pl.col(name)
    else:
        # RTX-KG2 writes ǂ between values.
        items = pl.col(name).str.replace_all("ǂ", "|", literal=True).str.split("|")
    return items.list.eval(pl.element().filter(pl.element().str.strip_chars() != "")).fill_null(
        pl.lit([], dtype=STRING_LIST)
    )


def _first(name: str, dtype: pl.DataType) -> pl.Expr:
    return pl.col(name).list.first() if isinstance(dtype, pl.List) else pl.col(name)


def _nodes(rows: pl.DataFrame, schema: Schema, path: Path, quarantine: Quarantine) -> pl.DataFrame:
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
        schema={"category": pl.String, "kind": pl.String, "of": STRING_LIST, "rank": pl.Int64},
        orient="row",
    )
    prefix = pl.col("id").str.split(":").list.first()
    kinds = (
        rows.select("row", category="categories", id=ids)
        .explode("category")
        .with_columns(pl.col("category").str.strip_prefix("biolink:"))
        .join(table, on="category")
        .filter((pl.col("of").list.len() == 0) | pl.col("of").list.contains(prefix))
        .sort("rank")
        .unique("row", keep="first", maintain_order=True)
        .select("row", "kind")
    )
    rows = rows.with_columns(id=ids, given="id", reason=reasons).join(
        kinds, on="row", how="left", maintain_order="left"
    )
    rows = rows.with_columns(
        reason=pl.coalesce(
            "reason", pl.when(pl.col("kind").is_null()).then(pl.lit("no kind for this category"))
        )
    )
    for row in rows.filter(pl.col("reason").is_not_null()).iter_rows(named=True):
        held = f"{row['given'] or ''} {' '.join(row['categories'])}".strip()
        quarantine.add(row["reason"], path=path, line=row["line"], row=held)
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
    """What a predicate with a direction means between two kinds."""
    rules: dict[tuple[str, str, str, str], tuple[str, bool]] = {}

    def add(predicate: str, direction: str, name: str, turned: bool) -> None:
        for head, tail in schema.relation(name).joins:
            ends = (tail, head) if turned else (head, tail)
            rules.setdefault((predicate, direction, *ends), (name, turned))

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
        schema=["predicate", "way", "head_kind", "tail_kind", "relation", "turned"],
        orient="row",
    )


def _evidence(
    rows: pl.DataFrame,
    kinds: pl.DataFrame,
    rules: pl.DataFrame,
    path: Path,
    quarantine: Quarantine,
) -> pl.DataFrame:
    ends = {
        name: normalise_curies(rows[name])[0]
        for name in ("subject", "object", "original_subject", "original_object")
    }
    direction = pl.col("direction").replace_strict(_DIRECTIONS, default=None)
    # A drug that lowers a protein's activity acts on it; one that lowers its expression is another
    # relation.
    activity = pl.col("aspect").str.contains("activity").fill_null(False)
    rows = rows.with_columns(
        given=pl.concat_str("subject", "predicate", "object", separator=" ", ignore_nulls=True),
        predicate=pl.col("predicate").str.strip_prefix("biolink:"),
        direction=direction,
        **ends,
    ).with_columns(
        way=pl.when((pl.col("predicate") == "affects") & ~activity).then("direction").fill_null(""),
        action=pl.when(activity)
        .then(pl.col("direction"))
        .replace({"increased": "activator", "decreased": "inhibitor"}),
    )
    rows = (
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
            on=["predicate", "way", "head_kind", "tail_kind"],
            how="left",
            maintain_order="left",
        )
    )
    problem = (
        pl.when(pl.any_horizontal(pl.col("head_kind", "tail_kind").is_null()))
        .then(pl.lit("dangling end"))
        .when(pl.col("knowledge_level") == "prediction")
        .then(pl.lit("prediction of another model"))
        .when(pl.col("relation").is_null())
        .then(pl.lit("no relation for this predicate between these kinds"))
    )
    rows = rows.with_columns(problem=problem)
    bad = rows.filter(pl.col("problem").is_not_null())
    for line, reason, given, head, tail in bad.select(
        "line", "problem", "given", "head_kind", "tail_kind"
    ).iter_rows():
        pair = f" ({head} → {tail})" if head and tail else ""
        quarantine.add(reason, path=path, line=line, row=f"{given}{pair}")
    rows = rows.filter(pl.col("problem").is_null())
    negated = (pl.col("negated").str.to_lowercase() == "true").fill_null(False)
    denied = negated & (pl.col("relation") == "HAS_PHENOTYPE")
    share = pl.col("percentage").cast(pl.Float64, strict=False) / 100
    rows = rows.with_columns(frequency=pl.when(share.is_between(0, 1)).then(share.round(4)))
    turned = pl.col("turned")
    return rows.select(
        relation=pl.when(denied).then(pl.lit("LACKS_PHENOTYPE")).otherwise("relation"),
        subject=pl.when(turned).then("object").otherwise("subject"),
        object=pl.when(turned).then("subject").otherwise("object"),
        original_subject=pl.when(turned).then("original_object").otherwise("original_subject"),
        original_object=pl.when(turned).then("original_subject").otherwise("original_object"),
        references="references",
        source=_source_name(pl.col("source")),
        polarity=pl.when(negated & ~denied).then(pl.lit("negated")).otherwise(pl.lit("asserted")),
        level=pl.when(pl.any_horizontal(pl.coalesce(one, False) for one in _TEXT_MINED))
        .then(pl.lit("text-mined"))
        .when(pl.col("knowledge_level").is_in(_OBSERVED).fill_null(False))
        .then(pl.lit("observed"))
        .otherwise(pl.lit("curated")),
        qualifiers=json_column(rows, _QUALIFIERS),
    )


def _source_name(column: pl.Expr) -> pl.Expr:
    name = column.str.strip_prefix("infores:")
    return pl.when(name.str.len_chars() > 0).then(name).otherwise(pl.lit("kgx"))


def _sources(files: _Files, own: bool, release: str, licence: str) -> list[Source]:
    """Those of medkg's manifest; else what the edges name, which is a reading of its own."""
    if files.manifest is not None:
        try:
            manifest = json.loads(files.manifest.read_text(encoding="utf-8"))
            return [Source(**source) for source in manifest["sources"]]
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"is damaged: {error}", path=files.manifest) from error
    fields = {"source": (f"{OWN}source",) if own else _EDGE_FIELDS["source"]}
    names: set[str] = set()
    for file in files.edges + [file for held, file in files.others.items() if held == "unasserted"]:
        for rows in _rows(file, ["subject", *fields["source"]], Quarantine()):
            names |= set(_fields(rows, fields).select(_source_name(pl.col("source")))["source"])
    stated = "as stated by the source: https://w3id.org/information-resource-registry/{}"
    return [
        Source(name, release, licence or stated.format(name), HOME_PAGE) for name in sorted(names)
    ]


# medkg's own graphs


def _is_own(files: _Files) -> bool:
    if files.manifest is not None:
        return True
    names = {name for file in [*files.nodes, *files.edges] for name in _names(file)}
    return {f"{OWN}kind", f"{OWN}relation"} & names != set()


def _own_parts(files: _Files, quarantine: Quarantine) -> Iterator[Part]:
    for file in files.nodes:
        for rows in _own_rows(file, NODES, NODE_NAMES, quarantine):
            yield Part(nodes=rows)
    unasserted = [file for held, file in files.others.items() if held == "unasserted"]
    for file in [*files.edges, *unasserted]:
        for rows in _own_rows(file, EVIDENCE, EDGE_NAMES, quarantine):
            yield Part(evidence=rows)


def _with_the_rest(graph: KnowledgeGraph, files: _Files, quarantine: Quarantine) -> KnowledgeGraph:
    """The graph with the predictions and merges that were exported with it."""
    if file := files.others.get("predictions"):
        rows = _own_rows(file, PREDICTIONS, PREDICTION_NAMES, quarantine)
        graph = graph.with_predictions(pl.concat(rows))
    if file := files.others.get("merges"):
        merges = pl.concat(_own_rows(file, MERGES, {name: name for name in MERGES}, quarantine))
        graph = graph.with_frames(merges=merges)
    return graph


def _own_rows(
    path: Path, columns: Columns, names: Mapping[str, str], quarantine: Quarantine
) -> Iterator[pl.DataFrame]:
    """The rows of a file as a frame of ours; one with a value of the wrong type is set aside."""
    theirs = {ours: names.get(ours, f"{OWN}{ours}") for ours in columns}
    for rows in _rows(path, list(theirs.values()), quarantine):
        typed: dict[str, pl.Expr] = {}
        wrong = [pl.lit(False)]
        for ours, dtype in columns.items():
            name = theirs[ours]
            if name not in rows.columns:
                continue
            typed[ours] = _typed(name, rows.schema[name], dtype, escapes=not _is_json(path))
            if ours in ID_COLUMNS:
                typed[ours] = our_id(typed[ours])
            wrong.append(typed[ours].is_null() & pl.col(name).is_not_null())
        made = rows.with_columns(pl.any_horizontal(wrong).alias("wrong"))
        for row in made.filter("wrong").iter_rows(named=True):
            held = " ".join(str(row[name]) for name in list(theirs.values())[:4] if name in row)
            quarantine.add("value of the wrong type", path=path, line=row["line"], row=held)
        yield conform(made.filter(~pl.col("wrong")).select(**typed), columns)


def _typed(name: str, given: pl.DataType, wanted: Any, *, escapes: bool) -> pl.Expr:
    column = pl.col(name)
    if wanted == STRING_LIST:
        if not escapes:
            return column if isinstance(given, pl.List) else pl.concat_list(column)
        return column.str.split("|").list.eval(unescaped(pl.element()))
    if isinstance(given, pl.List):
        column = column.list.first()
    text = unescaped(column) if escapes else column
    if wanted == pl.Boolean:
        return text.replace_strict({"true": True, "false": False}, default=None)
    return text.cast(wanted, strict=False)


INFO = SourceInfo(
    "kgx",
    "KGX: anybody's graph by Biolink, and medkg's own as it was exported",
    "as stated by the sources that the edges name",
    HOME_PAGE,
    "that of the files given",
    "folder or tar archive with *nodes.tsv and *edges.tsv, or the same as .jsonl",
    "what the schema has of the categories and predicates there",
    True,
    load,
    options={
        "release": "the release of the sources that the edges name",
        "licence": "the licence of those sources",
        "schema": "a TOML file with kinds and relations beside medkg's own",
    },
)
