"""Taking out what an updated source or document no longer says, after the new is written.

What goes is evidence of the sources that the graph has (or of the texts of documents that were read
again), as far as the graph doesn't hold it; then
the edges that nothing supports any more, and the nodes that this evidence named and that nothing
names now. As in forgetting, evidence goes last, so that an interrupted command finds it again.
"""

from __future__ import annotations

from itertools import pairwise

import polars as pl

from ..document_readings import TEXT_SOURCE, only_from_text
from ..edges import edges_from
from ..forget import ENDS, ends
from ..frames import (
    EVIDENCE,
    Source,
    empty,
)
from ..kg import KnowledgeGraph
from .connection import Connection
from .names import PREDICTED, Cypher, key, keys
from .read import (
    evidence_parts,
    framed,
    read_evidence,
)
from .rows import (
    delete_nodes,
    delete_relationships,
    edge_change,
    merge_relationships,
    with_kinds,
)
from .summary import WriteSummary

_AT_ONCE = 50_000
_NAMED = {name: EVIDENCE[name] for name in ("id", "edge", *ENDS)}
_FIRSTS = ["", *"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz", "~"]


class Pruning:
    """One write's pruning.

    Args:
        keys: id and source of the evidence given, which is all written.
        sources: what the server has, the new releases in place of the old.
        changed: the edges that the write has changed already.
        documents: only what their texts said (`medkg.graph.document_readings`); None: all of the
            sources.
    """

    def __init__(
        self,
        connection: Connection,
        kg: KnowledgeGraph,
        keys: pl.DataFrame,
        sources: list[Source],
        changed: pl.Series,
        documents: pl.Series | None = None,
    ):
        self.connection = connection
        self.kg = kg
        self.keys = keys
        self.sources = sources
        self.changed = changed
        self.documents = documents
        self.names = sorted({source.name for source in kg.sources})

    def run(self, summary: WriteSummary) -> None:
        """Take out what is to go, and count it in the summary."""
        removed = self._evidence_to_go()
        edges = removed["edge"].unique().sort()
        for start in range(0, edges.len(), _AT_ONCE):
            stored = read_evidence(self.connection, edges.slice(start, _AT_ONCE))
            remaining = stored.join(removed, on="id", how="anti")
            change = edge_change(
                edges_from(stored, self.sources, self.connection.schema),
                edges_from(remaining, self.sources, self.connection.schema),
            )
            delete_relationships(
                self.connection, with_kinds(self.connection, change.removed, self.kg)
            )
            merge_relationships(
                self.connection, with_kinds(self.connection, change.changed, self.kg)
            )
            summary.edges.removed += change.removed.height
            others = change.changed.filter(~pl.col("id").is_in(self.changed.implode()))
            given = self.kg.scan("edges").select("id").join(others.lazy(), on="id", how="semi")
            summary.edges.changed += others.height
            summary.edges.unchanged -= given.collect().height
        for label, ids in self._nodes_to_go(removed):
            delete_nodes(self.connection, label, ids)
            summary.nodes.removed += ids.len()
        delete_nodes(self.connection, "Evidence", removed["id"])
        summary.evidence.removed += removed.height

    def _evidence_to_go(self) -> pl.DataFrame:
        """What the server has of the sources, or the documents, and the graph has not."""
        returned = keys("e", _NAMED)
        if self.documents is not None:
            query = (
                "MATCH (e:Evidence) WHERE e.source = $source AND e.document IN $keys"
                f" AND e.checksum IS NOT NULL RETURN {returned}"
            )
            texts = self.connection.looked_up(query, self.documents, source=TEXT_SOURCE)
            stored = framed(texts, _NAMED)
            return stored.join(self.keys, on="id", how="anti")
        condition = Cypher("e.source IN $names AND e.checksum IS NOT NULL")
        query = f"MATCH (e:Evidence) WHERE {condition} RETURN count(e)"
        given = self.keys.filter(pl.col("source").is_in(self.names))
        if self.connection.fetch(query, names=self.names)[0][0] == given.height:
            return empty(_NAMED)
        removed = []
        for first, end in pairwise(_FIRSTS):
            rows = self.connection.fetch(
                "MATCH (e:Evidence) WHERE e.id >= $first AND e.id < $end"
                f" AND {condition} RETURN collect(e.id)",
                first=first,
                end=end,
                names=self.names,
            )
            stored = pl.Series("id", rows[0][0], dtype=pl.String).to_frame()
            removed.append(stored.join(given, on="id", how="anti"))
        query = f"UNWIND $keys AS id MATCH (e:Evidence {{id: id}}) RETURN {returned}"
        return framed(self.connection.looked_up(query, pl.concat(removed)["id"]), _NAMED)

    def _nodes_to_go(self, removed: pl.DataFrame) -> list[tuple[str, pl.Series]]:
        """By label, the nodes that the evidence to go names and nothing else does."""
        given = self.kg.scan("nodes").select("id").collect()
        named_nodes = ends(removed).unique().to_frame("id").join(given, on="id", how="anti")["id"]
        if named_nodes.is_empty():
            return []
        ids_by_label = {}
        for label in sorted(set(self.connection.labels()) & set(self.connection.schema.kinds)):
            # Whatever else is on the server may hold a node too, but for predictions.
            query = (
                f"UNWIND $keys AS id MATCH (n:{self.connection.names.label(label)} {{id: id}})"
                " WHERE NOT EXISTS { MATCH (n)-[r]-() WHERE NOT type(r) STARTS WITH $predicted }"
                " RETURN n.id"
            )
            linked = self.connection.looked_up(query, named_nodes, predicted=PREDICTED)
            ids = pl.Series("id", [row[0] for row in linked], dtype=pl.String)
            if self.documents is not None:
                ids = ids.filter(only_from_text(ids, label, self.sources))
            ids_by_label[label] = ids
        candidates = pl.concat([pl.Series("id", [], dtype=pl.String), *ids_by_label.values()])
        if candidates.is_empty():
            return []
        # Evidence without an edge, and documents, are not to be seen in relationships.
        condition = Cypher(" OR ".join(f"e.{key(end)} IN $ids" for end in ENDS))
        remaining = pl.concat(
            evidence_parts(self.connection, _NAMED, condition, ids=candidates.to_list())
        )
        named = ends(remaining.join(removed, on="id", how="anti")).implode()
        return [
            (label, ids.filter(~ids.is_in(named)))
            for label, ids in ids_by_label.items()
            if ids.len()
        ]
