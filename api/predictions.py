"""Predictions on a server's graph that medkg did not write."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from medkg.access import connect
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.store.property_graph import PredictionsSummary
from medkg.loaders.property_graph import MappedServer


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
