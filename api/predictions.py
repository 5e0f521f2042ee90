"""Predictions on a server whose graph is not the model's own: medkg's, or one of another hand."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from medkg.access import connect
from medkg.graph.frames import NODES, empty
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.obsolete import moved_evidence, replace_ids
from medkg.graph.spill import EvidenceBuffer
from medkg.graph.store import Store
from medkg.graph.store.connection import Connection
from medkg.graph.store.property_graph import PredictionsSummary
from medkg.graph.store.read import framed, read_nodes
from medkg.graph.store.rows import groups
from medkg.loaders.property_graph import MappedServer

_PREDICTION_KEY = ["model", "head", "relation", "tail"]


def write_predictions(kg: KnowledgeGraph, uri: str, *, mapping: Path | str) -> PredictionsSummary:
    """Write a graph's predictions beside a server's graph that medkg did not write.

    They are relationships of types `PREDICTED_…` between the nodes that the mapping reads under
    the predictions' identifiers (or under what merging made these of). All else there stays as it
    is, and nothing else is made: no node, no constraint, no index. What a model predicted there
    before for the same head (or tail) is replaced. `connect(uri).forget(model=…)` takes a model's
    predictions out again.

    Args:
        kg: with `predictions`, as `kg.with_predictions(model.predictions(…))` gives it.
        uri: the server.
        mapping: the mapping by which `medkg.read` reads it.

    Raises:
        DataError: the mapping is wrong, or names what the server doesn't have.
        StoreError: the server doesn't answer, or refuses.

    Example:
        >>> import polars as pl
        >>> from pathlib import Path
        >>> _ = Path("lab.yaml").write_text('''
        ... source: {name: lab, release: "1", licence: our own}
        ... tables:
        ...   - label: Compound
        ...     nodes: [{kind: Drug, id: "drugbank:{dbid}"}]
        ...   - label: Protein
        ...     nodes: [{kind: Target, id: "NCBIGene:{entrez}", name: "{symbol}"}]
        ...   - relationship: BINDS
        ...     start: Compound
        ...     end: Protein
        ...     edges:
        ...       - head: {kind: Drug, id: "drugbank:{start.dbid}"}
        ...         relation: TARGETS
        ...         tail: {kind: Target, id: "NCBIGene:{end.entrez}"}
        ... ''')
        >>> with medkg.connect("embedded:lab") as server:  # any graph that is not medkg's
        ...     _ = server.connection.change(
        ...         "CREATE (:Protein {entrez: 3815, symbol: 'KIT'}),"
        ...         "(:Compound {dbid: 'DB00619'})-[:BINDS]->(:Protein {entrez: 25})"
        ...     )
        >>> kg = medkg.read("embedded:lab", mapping="lab.yaml")
        >>> kg.edges.select("subject", "relation", "object").rows()
        [('drugbank:DB00619', 'TARGETS', 'NCBIGene:25')]
        >>> pair = {"head": "drugbank:DB00619", "relation": "TARGETS", "tail": "NCBIGene:3815"}
        >>> predicted = pl.DataFrame([{**pair, "model": "m", "score": 0.9, "direction": "tail"}])
        >>> ours = kg.with_predictions(predicted)
        >>> medkg.write_predictions(ours, "embedded:lab", mapping="lab.yaml").relationships
        1
    """
    with connect(uri) as store:
        server = MappedServer(store, mapping)
        nodes = server.nodes()
        merged = kg.merges.filter("applied").select(id="merged", kept="kept").unique()
        kept = nodes.join(merged, on="id").select("element", id="kept")
        nodes = pl.concat([nodes, kept.select(nodes.columns)]).unique()
        return store.write_beside(kg.predictions, nodes)


def as_on_server(kg: KnowledgeGraph, store: Store) -> KnowledgeGraph:
    """What a model says, about the nodes that a server's graph has in place of the model's own.

    A node that merging joined with another there is that other. Where the server has none, those
    that merging joined with the node in the model's graph are looked for. Of several that are
    found the first by identifier counts. Evidence and predictions are about what is found, whose
    rows are as they are on the server, so that writing changes none of them. Of predictions that
    are the same then, that of the highest score stays; those of a node with itself are left out.

    Args:
        kg: a small graph: the model's predictions, their ends, and what was asked about.
        store: what it is to be written to.

    Raises:
        StoreError: the server doesn't answer.
    """
    with store.connection.errors():
        sought = kg.nodes.select("kind", "id", given="id")
        by_id = _server_nodes(store.connection, sought)
        missing = sought.join(by_id, on="given", how="anti").select("kind", "given")
        members = kg.merges.filter("applied").select("kind", given="kept", id="merged")
        known = pl.concat(
            [by_id, _server_nodes(store.connection, members.join(missing, on=["kind", "given"]))]
        )
    new = kg.nodes.join(known, left_on="id", right_on="given", how="anti")
    names = known.filter(pl.col("given") != pl.col("id")).select(old="given", new="id")
    buffer = EvidenceBuffer(kg.schema)
    buffer.add(moved_evidence(kg.evidence, names))
    edges, evidence = buffer.frames(kg.sources)
    predictions = replace_ids(replace_ids(kg.predictions, "head", names), "tail", names)
    frames = {
        "nodes": pl.concat([new, known.select(list(NODES))]).unique("id").sort("id"),
        "edges": edges,
        "evidence": evidence,
        "predictions": predictions.filter(pl.col("head") != pl.col("tail"))
        .sort("score", descending=True, nulls_last=True, maintain_order=True)
        .unique(_PREDICTION_KEY, keep="first", maintain_order=True)
        .sort(_PREDICTION_KEY),
        # What became of its own nodes the server knows itself.
        "merges": kg.merges.join(new, left_on="kept", right_on="id", how="semi"),
    }
    return KnowledgeGraph(frames, kg.sources, kg.schema)


def _server_nodes(connection: Connection, sought: pl.DataFrame) -> pl.DataFrame:
    """The nodes that a server has by identifiers, or made of them by merging, however often.

    One that became another node and is a node again, as after two graphs were written, is itself.

    Args:
        sought: `kind`, `given` and the `id` to begin with; several for one that is given, too.

    Returns:
        The columns of `NODES`, and `given`, of which each is there once at most.
    """
    sought = seen = sought.select("kind", "given", "id")
    parts = [empty({"given": pl.String, **NODES})]
    while sought.height:
        nodes = pl.concat(
            read_nodes(connection, kind, part["id"].unique())
            for (kind,), part in groups(sought, "kind")
        )
        there = sought.join(nodes, on=["kind", "id"])
        parts.append(there.select("given", *NODES))
        sought = sought.join(there, on="given", how="anti")
        query = (
            "UNWIND $keys AS id MATCH (m:Merge {merged: id, applied: true})"
            " RETURN m.kind, m.merged, m.kept"
        )
        rows = connection.looked_up(query, sought["id"].unique())
        became = framed(rows, {"kind": pl.String, "id": pl.String, "kept": pl.String})
        steps = sought.join(became, on=["kind", "id"]).select("kind", "given", id="kept")
        sought = steps.unique().join(seen, on=["given", "id"], how="anti")  # no circle is followed
        seen = pl.concat([seen, sought])
    return pl.concat(parts).sort("given", "id").unique("given", keep="first", maintain_order=True)
