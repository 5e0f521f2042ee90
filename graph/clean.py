"""Mending what `medkg.graph.check` finds, as far as it can be mended without guessing."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ..core.errors import DataError
from ..core.quarantine import Quarantine
from .check import wrong_values
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


@dataclass(frozen=True)
class Fixed:
    """A mended graph.

    Attributes:
        done: for each finding, how many of it were mended.
        aside: what was taken out, with the whole row but for texts that may quote a note.
    """

    graph: KnowledgeGraph
    done: dict[str, int]
    aside: Quarantine


def open_unverified(path: Path | str) -> KnowledgeGraph:
    """A graph folder as it is, to be checked and mended, whoever has made or changed its files.

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
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        sources = [Source(**source) for source in manifest["sources"]]
        schema = Schema.default().with_additions(manifest.get("schema", {}), folder / MANIFEST)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
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
    """The graph with what is safely mended mended; the same again for a graph that has been.

    Identifiers get their standard spelling, obsolete ones are replaced, rows of one identifier
    united, edges made anew from the evidence. Set aside is what no graph may hold (no CURIE,
    unknown kinds and relations, dangling ends, ends of the wrong kinds, values out of range),
    evidence that only merging made speak of one node twice, and, of evidence there twice, the
    earlier release's. Contradictions, names and malformed identifiers are left for a person.

    Args:
        drop_isolated: set nodes aside that nothing speaks of, too.
    """
    aside = Quarantine()
    done: dict[str, int] = {}
    nodes, predictions, merges = (
        conform(kg.scan(name).collect(), columns)
        for name, columns in (("nodes", NODES), ("predictions", PREDICTIONS), ("merges", MERGES))
    )

    spellings = _spellings(kg, nodes, predictions)
    named = pl.concat([nodes["id"], nodes["xrefs"].explode().drop_nulls()]).unique()
    done["identifier in another spelling"] = int(named.is_in(spellings["old"].implode()).sum())
    nodes = _spelt(_with_spelt_xrefs(nodes, spellings), ["id"], spellings)
    nodes = _sound_nodes(nodes, kg.schema, aside)
    rows = nodes.height
    nodes = unite_rows(nodes)
    done["identifier there twice"] = rows - nodes.height

    current = current_ids([KnowledgeGraph({"nodes": nodes}, [], kg.schema)])
    names = renames_present(nodes, current)
    done["obsolete identifier"] = names.height
    nodes = moved_nodes(nodes, current)

    buffer = EvidenceBuffer(kg.schema)
    unknown: set[str] = set()
    for batch in kg.batches("evidence"):
        batch = moved_evidence(_spelt(batch, [*_ENDS, "document"], spellings), names)
        buffer.add(batch.with_columns(id=pl.lit(None, pl.String)))
        unknown |= set(batch["source"].drop_nulls().unique())
    unknown -= {source.name for source in kg.sources}
    done["undeclared source"] = len(unknown)
    sources = sorted([*kg.sources, *(Source(name, "", UNKNOWN_LICENCE) for name in unknown)])
    edges, evidence = buffer.frames(
        sources, lambda part: _sound_evidence(part, nodes, kg.schema, aside)
    )

    predictions = _spelt(predictions, ["head", "tail"], spellings)
    predictions = replace_ids(replace_ids(predictions, "head", names), "tail", names)
    there = pl.all_horizontal(pl.col(end).is_in(nodes["id"].implode()) for end in ("head", "tail"))
    _set_aside(predictions.filter(~there), "prediction about no node", aside)
    frames = {
        "nodes": nodes,
        "edges": edges,
        "evidence": evidence,
        "predictions": predictions.filter(there).unique(
            ["model", "head", "relation", "tail"], keep="last", maintain_order=True
        ),
        "merges": moved_merges(_spelt(merges, ["kept", "merged"], spellings), names),
    }
    graph = KnowledgeGraph(frames, sources, kg.schema)
    if drop_isolated:
        isolated = graph.nodes.join(_named(graph), on="id", how="anti")
        _set_aside(isolated, "isolated node", aside)
        frames["nodes"] = nodes.join(isolated, on="id", how="anti", maintain_order="left")
        graph = KnowledgeGraph(frames, sources, kg.schema)
    done["edge out of step"] = _changed(kg, graph)
    done |= aside.counts()
    return Fixed(graph, {name: count for name, count in done.items() if count}, aside)


_ENDS = ("subject", "object", "original_subject", "original_object")


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
    parts = ids.to_frame().select(
        "old",
        own=pl.col("old").str.replace(rf"#(?:{kinds})$", ""),
        kind=pl.col("old").str.extract(rf"(#(?:{kinds}))$").fill_null(""),
    )
    standard, _ = normalise_curies(parts["own"])
    names = parts.select("old", new=standard + pl.col("kind"))
    return names.filter(pl.col("new").is_not_null(), pl.col("new") != pl.col("old"))


def _spelt(frame: pl.DataFrame, columns: Iterable[str], names: pl.DataFrame) -> pl.DataFrame:
    for column in columns:
        frame = replace_ids(frame, column, names)
    return frame


def _with_spelt_xrefs(nodes: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
    spelt = pl.element().replace(dict(names.iter_rows()))
    return nodes.with_columns(xrefs=pl.col("xrefs").list.eval(spelt))


# Rows that no graph may hold


def _sound_nodes(nodes: pl.DataFrame, schema: Schema, aside: Quarantine) -> pl.DataFrame:
    """The nodes with a CURIE and a known kind, of one kind for each identifier."""
    nodes = complete_nodes(nodes)
    curie = nodes["id"].map_elements(is_curie, return_dtype=pl.Boolean, skip_nulls=True)
    problem = (
        pl.when(~curie.fill_null(False))
        .then(pl.lit(NO_CURIE))
        .when(~pl.col("kind").is_in(list(schema.kinds)).fill_null(False))
        .then(pl.lit("unknown kind"))
    )
    nodes = _without(nodes, problem, aside)
    other = pl.col("kind") != pl.col("kind").first().over("id")
    return _without(nodes, pl.when(other).then(pl.lit("identifier of two kinds")), aside)


def _sound_evidence(
    evidence: pl.DataFrame, nodes: pl.DataFrame, schema: Schema, aside: Quarantine
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
    sound = _without(with_kinds, problem, aside).select(evidence.columns).with_row_index("_row")
    kept = latest(sound)
    _set_aside(sound.join(kept, on="_row", how="anti"), "evidence there twice", aside)
    return kept.drop("_row")


def _without(frame: pl.DataFrame, problem: pl.Expr, aside: Quarantine) -> pl.DataFrame:
    """The rows that have no problem; the others are set aside with it as the reason."""
    frame = frame.with_columns(_problem=problem)
    for (reason,), rows in frame.filter(pl.col("_problem").is_not_null()).group_by(
        "_problem", maintain_order=True
    ):
        _set_aside(rows, str(reason), aside)
    return frame.filter(pl.col("_problem").is_null()).drop("_problem")


def _set_aside(rows: pl.DataFrame, reason: str, aside: Quarantine) -> None:
    # A row as JSON, so that it can be put back; sentences, which an explanation may quote, may not
    # leave the graph.
    texts = ("sentence", "explanation")
    shown = [name for name in rows.columns if name not in texts and not name.startswith("_")]
    for row in rows.select(shown).iter_rows(named=True):
        given = {name: value for name, value in row.items() if value not in (None, [])}
        aside.add(reason, path="", row=json.dumps(given, ensure_ascii=False))


def _named(graph: KnowledgeGraph) -> pl.DataFrame:
    """The identifiers that evidence or predictions name."""
    columns = {"evidence": ("subject", "object", "document"), "predictions": ("head", "tail")}
    named = [graph.scan(name).select(id=end) for name, ends in columns.items() for end in ends]
    return pl.concat(named).unique().drop_nulls().collect(engine="streaming")


def _changed(kg: KnowledgeGraph, graph: KnowledgeGraph) -> int:
    """How many edges the graph hadn't, or not with so many pieces of evidence, or had in vain."""
    before, after = (g.scan("edges").select("id", "evidence_count") for g in (kg, graph))
    gone = before.join(after, on="id", how="anti")
    new = after.join(before, on=["id", "evidence_count"], how="anti")
    return sum(frame.height for frame in pl.collect_all([gone, new], engine="streaming"))
