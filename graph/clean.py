"""Repairing what `medkg.graph.check` finds, as far as that needs no guessing."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ..core.errors import DataError
from ..core.json_reading import read_json
from ..core.quarantine import Quarantine
from .evidence_checks import wrong_values
from .frames import (
    FRAMES,
    MERGES,
    NODES,
    PREDICTIONS,
    Columns,
    Source,
    complete_nodes,
    conform,
    empty,
    identified,
    latest,
)
from .graph_frames import MANIFEST
from .identifiers import NO_CURIE, is_curie, normalise_curies
from .kg import KnowledgeGraph
from .obsolete import (
    current_ids,
    moved_evidence,
    moved_merges,
    moved_nodes,
    renames_present,
    replace_ids,
    unite_rows,
)
from .schema import Schema
from .spill import EvidenceBuffer, StoredFrame, readable
from .validation import structural_problem, with_end_kinds

UNKNOWN_LICENCE = "unknown"
_ENDS = ("subject", "object", "original_subject", "original_object")


@dataclass(frozen=True)
class Fixed:
    """A repaired graph.

    Attributes:
        done: for each finding, how many of it were repaired.
        aside: what was taken out, with the whole row but for texts that may quote a note.
    """

    graph: KnowledgeGraph
    done: dict[str, int]
    aside: Quarantine


def open_unverified(path: Path | str) -> KnowledgeGraph:
    """Open a graph folder to check and repair it, whoever has made or changed its files.

    Where a file isn't what graph.json states, or there is no graph.json, that is a warning. The
    folder must have nodes.parquet and evidence.parquet; columns that they lack are nulls, and those
    that no graph has are left out.

    Raises:
        DataError: no such folder, or a file that can't be read as a frame.
    """
    folder = Path(path)
    try:
        kg = KnowledgeGraph.open(folder)
        kg.verify()
        return kg
    except DataError as error:
        files = {name: folder / f"{name}.parquet" for name in FRAMES}
        if not (files["nodes"].is_file() and files["evidence"].is_file()):
            raise
        logging.getLogger(__name__).warning("checked as it is, though: %s", error)
    try:
        manifest = read_json(folder / MANIFEST)
        sources = [Source(**source) for source in manifest["sources"]]
        schema = Schema.default().with_additions(manifest.get("schema", {}), folder / MANIFEST)
    except (DataError, ValueError, KeyError, TypeError, AttributeError):
        sources, schema = [], Schema.default()
    frames = {name: _as_found(file, FRAMES[name]) for name, file in files.items()}
    return KnowledgeGraph(frames, sources, schema)


def _as_found(file: Path, columns: Columns) -> pl.DataFrame | StoredFrame:
    """A frame with these columns in its file, or, where the file has others, in memory."""
    if not file.is_file():
        return empty(columns)
    with readable(file):
        rows = pl.scan_parquet(file)
        there = rows.collect_schema()
        if all(there.get(column) == dtype for column, dtype in columns.items()):
            return StoredFrame(file, columns)
        whole = (
            (pl.col(column) if column in there else pl.lit(None).alias(column)).cast(dtype)
            for column, dtype in columns.items()
        )
        return rows.select(whole).collect()


def fix(kg: KnowledgeGraph, *, drop_isolated: bool = False) -> Fixed:
    """Repair what can safely be repaired; a graph that has been repaired comes back as it is.

    Identifiers get their standard spelling, obsolete ones are replaced, rows of one identifier
    united, edges made anew from the evidence. Set aside is what no graph may hold (no CURIE,
    unknown kinds and relations, dangling ends, ends of the wrong kinds, values out of range),
    evidence that only merging made speak of one node twice, and, of evidence there twice, the
    earlier release's. Contradictions, names and malformed identifiers are left for a person.

    Args:
        drop_isolated: set nodes aside that nothing speaks of, too.

    Example:
        >>> medkg.fix(medkg.load("common")).done  # nothing to repair
        {}
    """
    quarantine = Quarantine()
    repaired: dict[str, int] = {}
    nodes, predictions, merges = (
        conform(kg.scan(name).collect(), columns)
        for name, columns in (("nodes", NODES), ("predictions", PREDICTIONS), ("merges", MERGES))
    )

    spellings = _spellings(kg, nodes, predictions)
    identifiers = pl.concat([nodes["id"], nodes["xrefs"].explode().drop_nulls()]).unique()
    repaired["identifier in another spelling"] = int(
        identifiers.is_in(spellings["old"].implode()).sum()
    )
    nodes = _respelt(_with_respelt_xrefs(nodes, spellings), ["id"], spellings)
    nodes = _valid_nodes(nodes, kg.schema, quarantine)
    rows = nodes.height
    nodes = unite_rows(nodes)
    repaired["identifier there twice"] = rows - nodes.height

    current = current_ids([KnowledgeGraph({"nodes": nodes}, [], kg.schema)])
    renames = renames_present(nodes, current)
    repaired["obsolete identifier"] = renames.height
    nodes = moved_nodes(nodes, current)

    buffer, undeclared = _moved_evidence(kg, spellings, renames)
    repaired["undeclared source"] = len(undeclared)
    sources = sorted([*kg.sources, *(Source(name, "", UNKNOWN_LICENCE) for name in undeclared)])
    edges, evidence = buffer.frames(
        sources, lambda part: _valid_evidence(part, nodes, kg.schema, quarantine)
    )
    frames = {
        "nodes": nodes,
        "edges": edges,
        "evidence": evidence,
        "predictions": _valid_predictions(
            _respelt(predictions, ["head", "tail"], spellings), renames, nodes, quarantine
        ),
        "merges": moved_merges(_respelt(merges, ["kept", "merged"], spellings), renames),
    }
    graph = KnowledgeGraph(frames, sources, kg.schema)
    if drop_isolated:
        isolated = graph.nodes.join(_mentioned(graph), on="id", how="anti")
        _set_aside(isolated, "isolated node", quarantine)
        frames["nodes"] = nodes.join(isolated, on="id", how="anti", maintain_order="left")
        graph = KnowledgeGraph(frames, sources, kg.schema)
    repaired["edge out of step"] = _n_changed_edges(kg, graph)
    repaired |= quarantine.counts()
    return Fixed(graph, {name: count for name, count in repaired.items() if count}, quarantine)


def _moved_evidence(
    kg: KnowledgeGraph, spellings: pl.DataFrame, renames: pl.DataFrame
) -> tuple[EvidenceBuffer, set[str]]:
    """The evidence under the standard, current identifiers; and sources that aren't declared."""
    buffer = EvidenceBuffer(kg.schema)
    names: set[str] = set()
    for batch in kg.batches("evidence"):
        batch = moved_evidence(_respelt(batch, [*_ENDS, "document"], spellings), renames)
        buffer.add(batch.with_columns(id=pl.lit(None, pl.String)))
        names |= set(batch["source"].drop_nulls().unique())
    return buffer, names - {source.name for source in kg.sources}


def _valid_predictions(
    predictions: pl.DataFrame, renames: pl.DataFrame, nodes: pl.DataFrame, quarantine: Quarantine
) -> pl.DataFrame:
    """The predictions about nodes, under their current identifiers, once each."""
    predictions = replace_ids(replace_ids(predictions, "head", renames), "tail", renames)
    are_nodes = pl.all_horizontal(
        pl.col(end).is_in(nodes["id"].implode()) for end in ("head", "tail")
    )
    _set_aside(predictions.filter(~are_nodes), "prediction about no node", quarantine)
    return predictions.filter(are_nodes).unique(
        ["model", "head", "relation", "tail"], keep="last", maintain_order=True
    )


# Identifiers


def _spellings(kg: KnowledgeGraph, nodes: pl.DataFrame, predictions: pl.DataFrame) -> pl.DataFrame:
    """The identifiers that are spelt otherwise than the standard, as old and new."""
    columns = [
        nodes["id"],
        nodes["xrefs"].explode(),
        predictions["head"],
        predictions["tail"],
        *(
            kg.scan("evidence").select(pl.col(end).unique()).collect(engine="streaming")[end]
            for end in (*_ENDS, "document")
        ),
    ]
    ids = pl.concat([column.drop_nulls().unique().rename("old") for column in columns]).unique()
    # What merging makes of an identifier that two kinds have: MESH:D000001#Symptom.
    kinds = "|".join(kg.schema.kinds)
    identifiers = ids.to_frame().select(
        "old",
        own=pl.col("old").str.replace(rf"#(?:{kinds})$", ""),
        kind=pl.col("old").str.extract(rf"(#(?:{kinds}))$").fill_null(""),
    )
    standard, _ = normalise_curies(identifiers["own"])
    names = identifiers.select("old", new=standard + pl.col("kind"))
    return names.filter(pl.col("new").is_not_null(), pl.col("new") != pl.col("old"))


def _respelt(frame: pl.DataFrame, columns: Iterable[str], names: pl.DataFrame) -> pl.DataFrame:
    for column in columns:
        frame = replace_ids(frame, column, names)
    return frame


def _with_respelt_xrefs(nodes: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
    spelt = pl.element().replace(dict(names.iter_rows()))
    return nodes.with_columns(xrefs=pl.col("xrefs").list.eval(spelt))


# Rows that no graph may hold


def _valid_nodes(nodes: pl.DataFrame, schema: Schema, quarantine: Quarantine) -> pl.DataFrame:
    """The nodes with a CURIE and a known kind, of one kind for each identifier."""
    nodes = complete_nodes(nodes)
    curie = nodes["id"].map_elements(is_curie, return_dtype=pl.Boolean, skip_nulls=True)
    problem = (
        pl.when(~curie.fill_null(False))
        .then(pl.lit(NO_CURIE))
        .when(~pl.col("kind").is_in(list(schema.kinds)).fill_null(False))
        .then(pl.lit("unknown kind"))
    )
    nodes = _without(nodes, problem, quarantine)
    other = pl.col("kind") != pl.col("kind").first().over("id")
    return _without(nodes, pl.when(other).then(pl.lit("identifier of two kinds")), quarantine)


def _valid_evidence(
    evidence: pl.DataFrame, nodes: pl.DataFrame, schema: Schema, quarantine: Quarantine
) -> pl.DataFrame:
    """The evidence of known relations between nodes of the right kinds, once each."""
    if evidence["id"].null_count():
        evidence = identified(evidence, schema)
    with_kinds = with_end_kinds(evidence, nodes, schema)
    originals = [
        pl.coalesce(f"original_{end}", end).alias(f"_{end}") for end in ("subject", "object")
    ]
    problem = pl.coalesce(
        structural_problem(schema),
        pl.when(pl.any_horizontal(wrong_values().values()))
        .then(pl.lit("value out of range"))
        .when((pl.col("subject") == pl.col("object")) & (originals[0] != originals[1]))
        .then(pl.lit("edge to itself by merging")),
    )
    sound = (
        _without(with_kinds, problem, quarantine).select(evidence.columns).with_row_index("_row")
    )
    kept = latest(sound)
    _set_aside(sound.join(kept, on="_row", how="anti"), "evidence there twice", quarantine)
    return kept.drop("_row")


def _without(frame: pl.DataFrame, problem: pl.Expr, quarantine: Quarantine) -> pl.DataFrame:
    """The rows that have no problem; the others are set aside with it as the reason."""
    frame = frame.with_columns(_problem=problem)
    for (reason,), rows in frame.filter(pl.col("_problem").is_not_null()).group_by(
        "_problem", maintain_order=True
    ):
        _set_aside(rows, str(reason), quarantine)
    return frame.filter(pl.col("_problem").is_null()).drop("_problem")


def _set_aside(rows: pl.DataFrame, reason: str, quarantine: Quarantine) -> None:
    # A row as JSON, so that it can be put back; sentences, which an explanation may quote, may not
    # leave the graph.
    texts = ("sentence", "explanation")
    shown = [name for name in rows.columns if name not in texts and not name.startswith("_")]
    for row in rows.select(shown).iter_rows(named=True):
        given = {name: value for name, value in row.items() if value not in (None, [])}
        quarantine.add(reason, path="", row=json.dumps(given, ensure_ascii=False))


def _mentioned(graph: KnowledgeGraph) -> pl.DataFrame:
    """The identifiers that evidence or predictions name."""
    columns = {"evidence": ("subject", "object", "document"), "predictions": ("head", "tail")}
    named = [graph.scan(name).select(id=end) for name, ends in columns.items() for end in ends]
    return pl.concat(named).unique().drop_nulls().collect(engine="streaming")


def _n_changed_edges(kg: KnowledgeGraph, graph: KnowledgeGraph) -> int:
    """How many edges the graph hadn't, or not with so many pieces of evidence, or had in vain."""
    before, after = (g.scan("edges").select("id", "evidence_count") for g in (kg, graph))
    gone = before.join(after, on="id", how="anti")
    new = after.join(before, on=["id", "evidence_count"], how="anti")
    return sum(frame.height for frame in pl.collect_all([gone, new], engine="streaming"))
