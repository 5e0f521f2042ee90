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
from .read import (
    PREDICTED,
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
        on: Connection,
        kg: KnowledgeGraph,
        keys: pl.DataFrame,
        sources: list[Source],
        changed: pl.Series,
        documents: pl.Series | None = None,
    ):
        self.on = on
        self.kg = kg
        self.keys = keys
        self.sources = sources
        self.changed = changed
        self.documents = documents
        self.names = sorted({source.name for source in kg.sources})

    def run(self, summary: WriteSummary) -> None:
        """Take out what is to go, and count it in the summary."""
        gone = self._evidence_to_go()
        edges = gone["edge"].unique().sort()
        for start in range(0, edges.len(), _AT_ONCE):
            there = read_evidence(self.on, edges.slice(start, _AT_ONCE))
            left = there.join(gone, on="id", how="anti")
            change = edge_change(
                edges_from(there, self.sources, self.on.schema),
                edges_from(left, self.sources, self.on.schema),
            )
            delete_relationships(self.on, with_kinds(self.on, change.removed, self.kg))
            merge_relationships(self.on, with_kinds(self.on, change.changed, self.kg))
            summary.edges.removed += change.removed.height
            others = change.changed.filter(~pl.col("id").is_in(self.changed.implode()))
            given = self.kg.scan("edges").select("id").join(others.lazy(), on="id", how="semi")
            summary.edges.changed += others.height
            summary.edges.unchanged -= given.collect().height
        for label, ids in self._nodes_to_go(gone):
            delete_nodes(self.on, label, ids)
            summary.nodes.removed += ids.len()
        delete_nodes(self.on, "Evidence", gone["id"])
        summary.evidence.removed += gone.height

    def _evidence_to_go(self) -> pl.DataFrame:
        """What the server has of the sources, or the documents, and the graph has not."""
        returned = ", ".join(f"e.{name}" for name in _NAMED)
        if self.documents is not None:
            query = (
                f"MATCH (e:Evidence) WHERE e.source = '{TEXT_SOURCE}' AND e.document IN $keys"
                f" AND e.checksum IS NOT NULL RETURN {returned}"
            )
            there = framed(self.on.looked_up(query, self.documents), _NAMED)
            return there.join(self.keys, on="id", how="anti")
        condition = "e.source IN $names AND e.checksum IS NOT NULL"
        query = f"MATCH (e:Evidence) WHERE {condition} RETURN count(e)"
        given = self.keys.filter(pl.col("source").is_in(self.names))
        if self.on.fetch(query, names=self.names)[0][0] == given.height:
            return empty(_NAMED)
        gone = []
        for first, end in pairwise(_FIRSTS):
            found = self.on.fetch(
                "MATCH (e:Evidence) WHERE e.id >= $first AND e.id < $end"
                f" AND {condition} RETURN collect(e.id)",
                first=first,
                end=end,
                names=self.names,
            )
            there = pl.Series("id", found[0][0], dtype=pl.String).to_frame()
            gone.append(there.join(given, on="id", how="anti"))
        query = f"UNWIND $keys AS id MATCH (e:Evidence {{id: id}}) RETURN {returned}"
        return framed(self.on.looked_up(query, pl.concat(gone)["id"]), _NAMED)

    def _nodes_to_go(self, gone: pl.DataFrame) -> list[tuple[str, pl.Series]]:
        """By label, the nodes that the evidence to go names and nothing else does."""
        given = self.kg.scan("nodes").select("id").collect()
        touched = ends(gone).unique().to_frame("id").join(given, on="id", how="anti")["id"]
        if touched.is_empty():
            return []
        types = sorted(t for t in self.on.relationship_types() if not t.startswith(PREDICTED))
        alone = f"NOT (n)-[:{'|'.join(types)}]-()" if types else "true"
        found = {}
        for label in sorted(set(self.on.labels()) & set(self.on.schema.kinds)):
            query = f"UNWIND $keys AS id MATCH (n:{label} {{id: id}}) WHERE {alone} RETURN n.id"
            rows = list(self.on.looked_up(query, touched))
            ids = pl.Series("id", [row[0] for row in rows], dtype=pl.String)
            if self.documents is not None:
                ids = ids.filter(only_from_text(ids, label, self.sources))
            found[label] = ids
        doubtful = pl.concat([pl.Series("id", [], dtype=pl.String), *found.values()])
        if doubtful.is_empty():
            return []
        # Evidence without an edge, and documents, are not to be seen in relationships.
        condition = " OR ".join(f"e.{end} IN $ids" for end in ENDS)
        left = pl.concat(evidence_parts(self.on, _NAMED, condition, ids=doubtful.to_list()))
        named = ends(left.join(gone, on="id", how="anti")).implode()
        return [(label, ids.filter(~ids.is_in(named))) for label, ids in found.items() if ids.len()]
