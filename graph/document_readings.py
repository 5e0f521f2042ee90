"""Which text of a document was read, and how: a later reading replaces an earlier one's evidence.

What the evidence of source `TEXT_SOURCE` says of a document is one reading of it. The Document node
states which: the checksum of the text that was read, what it was read as, and the settings that
it was read with.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import polars as pl

from ..core.json_reading import parse_object
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
READING_PROPERTIES = frozenset({SHA256, READER, ORIGIN})
# The prefix of what is known from text alone: of a name that no vocabulary has.
OF_TEXTS = f"{TEXT_SOURCE}:"


def reading_properties(sha256: str, reader: str, origin: str = "") -> str:
    """The properties of a Document node that was read, as JSON.

    Args:
        sha256: of its text.
        reader: what names the models and settings that read it, and as what: a note or a paper.
        origin: tells the file that a note came from.
    """
    properties = {SHA256: sha256, READER: reader, **({ORIGIN: origin} if origin else {})}
    return json.dumps(properties, sort_keys=True)


def recorded_origins(kg: KnowledgeGraph) -> dict[str, str]:
    """What tells the file that a graph's notes came from, by their identifier."""
    documents = kg.scan("nodes").filter(pl.col("kind") == DOCUMENT)
    properties = pl.col("properties").str.json_path_match(f"$.{ORIGIN}")
    return dict(
        documents.select("id", properties.alias("origin")).collect().drop_nulls().iter_rows()
    )


def recorded_readings(kg: KnowledgeGraph) -> pl.DataFrame:
    """The documents (`id`) of a graph, and which reading it holds of each; null: none."""
    documents = kg.scan("nodes").filter(pl.col("kind") == DOCUMENT).select("id", "properties")
    properties = [
        pl.col("properties").str.json_path_match(f"$.{name}") for name in (SHA256, READER)
    ]
    return documents.select("id", reading=pl.concat_str(properties, separator=" ")).collect()


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


def without_readings(
    kg: KnowledgeGraph, documents: pl.Series, named_later: pl.Series
) -> KnowledgeGraph:
    """The graph without what was read in these documents, which stay nodes.

    With it go the nodes that nothing else names (see `only_from_text`) and that are not in `named`.
    """
    is_removed = (pl.col("source") == TEXT_SOURCE) & pl.col("document").is_in(documents.implode())
    columns = {name: EVIDENCE[name] for name in ("id", "edge", *ENDS)}
    removed_parts = [empty(columns)]
    buffer = EvidenceBuffer(kg.schema)
    for batch in kg.batches("evidence"):
        removed_parts.append(batch.filter(is_removed).select(list(columns)))
    removed_evidence = pl.concat(removed_parts)
    named_nodes = ends(removed_evidence).unique()
    removed_nodes = named_nodes.filter(
        ~named_nodes.is_in(pl.concat([documents, named_later]).implode())
    )
    for batch in kg.batches("evidence"):
        remaining = batch.filter(~is_removed.fill_null(False))
        removed_nodes = unnamed(removed_nodes, remaining)
        buffer.add(remaining)
    kinds = kg.nodes.filter(pl.col("id").is_in(removed_nodes.implode())).partition_by("kind")
    removed_nodes = pl.concat(
        [
            pl.Series("id", [], dtype=pl.String),
            *(
                part["id"].filter(only_from_text(part["id"], part["kind"][0], kg.sources))
                for part in kinds
            ),
        ]
    )
    nodes = kg.nodes
    is_node_removed = pl.col("id").is_in(removed_nodes.implode())
    is_reread = pl.col("id").is_in(documents.implode())
    nodes = pl.concat(
        [nodes.filter(~is_node_removed & ~is_reread), _without_reading(nodes.filter(is_reread))]
    ).sort("id")
    edges, evidence = buffer.frames(kg.sources)
    predictions = kg.predictions
    ids = removed_nodes.implode()
    about = pl.col("head").is_in(ids) | pl.col("tail").is_in(ids)
    cited = pl.concat([removed_nodes, removed_evidence["id"]])
    frames = {
        "nodes": nodes,
        "edges": edges,
        "evidence": evidence,
        "predictions": predictions.filter(~(about | citing(predictions, cited))),
        "merges": kg.merges.filter(~merges_of(kg.merges, removed_nodes, frozenset())),
    }
    return KnowledgeGraph(frames, kg.sources, kg.schema)


def only_from_text(ids: pl.Series, kind: str, sources: Sequence[Source]) -> pl.Series:
    """Which nodes of a kind go when no text, nor anything else, names them any more.

    All, where the graph is of text alone; else, as they may be of a terminology, those that are
    known from text alone, and patients.
    """
    only_text = all(source.name == TEXT_SOURCE for source in sources)
    return ids.str.starts_with("" if only_text or kind == PATIENT else OF_TEXTS)


def _without_reading(documents: pl.DataFrame) -> pl.DataFrame:
    """Document nodes without the statement of what was read."""
    texts = []
    for text in documents["properties"]:
        properties = parse_object(text)
        remaining = {
            name: value for name, value in properties.items() if name not in (SHA256, READER)
        }
        texts.append(
            json.dumps(remaining, ensure_ascii=False, sort_keys=True) if remaining else None
        )
    return documents.with_columns(properties=pl.Series(texts, dtype=pl.String))
