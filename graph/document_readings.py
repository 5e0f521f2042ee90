"""Documents that were read again: what the later reading says takes the earlier one's place.

What the evidence of source `TEXT` says of a document is one reading of it. The Document node states
which: the checksum of the text that was read, and the settings that it was read with.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import polars as pl

from .forget import (
    DOCUMENT,
    ENDS,
    PATIENT,
    citing,
    ends,
    merges_of,
    unnamed,
)
from .frames import EVIDENCE, Source, empty
from .kg import KnowledgeGraph
from .spill import EvidenceBuffer

TEXT_SOURCE = "text"
SHA256, READER, ORIGIN = "text_sha256", "text_reader", "text_origin"
# The prefix of what is known from text alone.
_OWN = f"{TEXT_SOURCE}:"


def reading_properties(sha256: str, reader: str, origin: str = "") -> str:
    """The properties of a Document node that was read, as JSON.

    Args:
        sha256: of its text.
        reader: what names the models and settings that read it.
        origin: tells the file that a note came from.
    """
    stated = {SHA256: sha256, READER: reader, **({ORIGIN: origin} if origin else {})}
    return json.dumps(stated, sort_keys=True)


def recorded_origins(kg: KnowledgeGraph) -> dict[str, str]:
    """What tells the file that a graph's notes came from, by their identifier."""
    documents = kg.scan("nodes").filter(pl.col("kind") == DOCUMENT)
    stated = pl.col("properties").str.json_path_match(f"$.{ORIGIN}")
    return dict(documents.select("id", stated.alias("origin")).collect().drop_nulls().iter_rows())


def recorded_readings(kg: KnowledgeGraph) -> pl.DataFrame:
    """The documents (`id`) of a graph, and which reading it holds of each; null: none."""
    documents = kg.scan("nodes").filter(pl.col("kind") == DOCUMENT).select("id", "properties")
    stated = [pl.col("properties").str.json_path_match(f"$.{name}") for name in (SHA256, READER)]
    return documents.select("id", reading=pl.concat_str(stated, separator=" ")).collect()


def drop_superseded_readings(graphs: Sequence[KnowledgeGraph]) -> list[KnowledgeGraph]:
    """The graphs without what a later one of them has read again, from another text or otherwise.

    What other sources say of these documents stays.
    """
    later = pl.DataFrame(schema={"id": pl.String, "reading": pl.String})
    named = pl.Series("id", [], dtype=pl.String)
    kept: list[KnowledgeGraph] = []
    for graph in reversed(graphs):
        own = recorded_readings(graph)
        both = own.join(later, on="id", suffix="_later")
        stale = both.filter(pl.col("reading").ne_missing(pl.col("reading_later")))["id"]
        kept.insert(0, without_readings(graph, stale, named) if stale.len() else graph)
        named = pl.concat([named, kept[0].scan("nodes").select("id").collect()["id"]])
        later = pl.concat([later, own.drop_nulls().join(later, on="id", how="anti")])
    return kept


def without_readings(kg: KnowledgeGraph, documents: pl.Series, named: pl.Series) -> KnowledgeGraph:
    """The graph without what was read in these documents, which stay nodes.

    With it go the nodes that nothing else names (see `only_from_text`) and that are not in `named`.
    """
    is_gone = (pl.col("source") == TEXT_SOURCE) & pl.col("document").is_in(documents.implode())
    columns = {name: EVIDENCE[name] for name in ("id", "edge", *ENDS)}
    gone = [empty(columns)]
    buffer = EvidenceBuffer(kg.schema)
    for batch in kg.batches("evidence"):
        gone.append(batch.filter(is_gone).select(list(columns)))
    evidence_gone = pl.concat(gone)
    touched = ends(evidence_gone).unique()
    nodes_gone = touched.filter(~touched.is_in(pl.concat([documents, named]).implode()))
    for batch in kg.batches("evidence"):
        rest = batch.filter(~is_gone.fill_null(False))
        nodes_gone = unnamed(nodes_gone, rest)
        buffer.add(rest)
    kinds = kg.nodes.filter(pl.col("id").is_in(nodes_gone.implode())).partition_by("kind")
    nodes_gone = pl.concat(
        [
            pl.Series("id", [], dtype=pl.String),
            *(
                part["id"].filter(only_from_text(part["id"], part["kind"][0], kg.sources))
                for part in kinds
            ),
        ]
    )
    nodes = kg.nodes
    is_node_gone = pl.col("id").is_in(nodes_gone.implode())
    read = pl.col("id").is_in(documents.implode())
    nodes = pl.concat([nodes.filter(~is_node_gone & ~read), _unread(nodes.filter(read))]).sort("id")
    edges, evidence = buffer.frames(kg.sources)
    predictions = kg.predictions
    ids = nodes_gone.implode()
    about = pl.col("head").is_in(ids) | pl.col("tail").is_in(ids)
    cited = pl.concat([nodes_gone, evidence_gone["id"]])
    frames = {
        "nodes": nodes,
        "edges": edges,
        "evidence": evidence,
        "predictions": predictions.filter(~(about | citing(predictions, cited))),
        "merges": kg.merges.filter(~merges_of(kg.merges, nodes_gone, frozenset())),
    }
    return KnowledgeGraph(frames, kg.sources, kg.schema)


def only_from_text(ids: pl.Series, kind: str, sources: Sequence[Source]) -> pl.Series:
    """Which nodes of a kind go when no text, nor anything else, names them any more.

    All, where the graph is of text alone; else, as they may be of a terminology, those that are
    known from text alone, and patients.
    """
    only_text = all(source.name == TEXT_SOURCE for source in sources)
    return ids.str.starts_with("" if only_text or kind == PATIENT else _OWN)


def _unread(documents: pl.DataFrame) -> pl.DataFrame:
    """Document nodes without the statement of what was read."""
    texts = []
    for text in documents["properties"]:
        properties = json.loads(text) if text else {}
        left = {name: value for name, value in properties.items() if name not in (SHA256, READER)}
        texts.append(json.dumps(left, ensure_ascii=False, sort_keys=True) if left else None)
    return documents.with_columns(properties=pl.Series(texts, dtype=pl.String))
