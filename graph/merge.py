"""Merging graphs: nodes with the same identifier, a cross-reference, or a gene's approved symbol.

Merging starts anew each time from every node's own row, as it was before it was first merged (the
frame `merges` keeps it). So the order of graphs and the number of merges change nothing but names,
and a merge can be undone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce

import networkx as nx
import polars as pl

from ..core.errors import DataError, MissingError
from .document_readings import TEXT_SOURCE, drop_superseded_readings
from .equivalence import SeparatePairs, equivalences, links_between
from .frames import MERGES, NODES, empty
from .identifiers import spellings_of_curie
from .kg import KnowledgeGraph
from .merge_record import (
    RENAMES,
    UNDONE,
    kind_clashes,
    lasting_records,
    own_rows,
    united_nodes,
    with_own_rows,
)
from .obsolete import current_ids, replace_ids, replace_obsolete
from .schema import Schema
from .shared_facts import agreements
from .spill import EvidenceBuffer

_LISTED = 8  # identifiers named in a message
_PREDICTION_KEY = ["model", "head", "relation", "tail"]


def merge(*graphs: KnowledgeGraph) -> KnowledgeGraph:
    """One graph of several; no piece of evidence is lost, none is counted twice.

    Nodes of one kind become one where they have the same identifier, where a cross-reference joins
    them one to one, or, for targets, where their names are the same approved symbol. So do
    diseases, symptoms and drugs of one name, where a second sign agrees (`shared_names`,
    `shared_facts`). The
    identifier whose prefix the schema prefers stays; the name is the earliest graph's. What would
    join two identifiers of one prefix, by a cross-reference to several or through a chain of them,
    is left alone, and so is what `unmerge` has undone in one of the graphs. Where two graphs use
    one identifier for nodes of two kinds, the later's becomes `identifier#Kind`. What a node of
    any of the graphs replaces (its property `replaces`) becomes that node first. `merges` records
    each of these with its reason.

    What a later graph read in a document takes the place of what an earlier one read there, if the
    text or what read it has changed (`medkg.graph.document_readings`).

    Args:
        graphs: at least one; the earlier ones' names and properties go before the later ones'.

    Raises:
        DataError: no graph is given, or something else than a graph, such as its folder.
        SchemaError: a kind or relation of one's own means something else in another graph.

    Example:
        >>> kg = medkg.merge(medkg.load("starter"), medkg.load("common"))
        >>> sorted(source.name for source in kg.sources)
        ['common', 'starter']
    """
    _require_graphs(graphs)
    schema = reduce(Schema.joined, (graph.schema for graph in graphs))
    graphs = tuple(drop_superseded_readings(graphs))
    current = current_ids(graphs)
    graphs = tuple(replace_obsolete(graph, current) for graph in graphs)
    own = [own_rows(graph) for graph in graphs]
    kind_renames = _renames_of_second_kinds(own)
    distinct = _distinct_rows(own, kind_renames)
    recorded = pl.concat([graph.merges for graph in graphs])
    undone = recorded.filter(reason=UNDONE).select("kept", "merged")
    separate = {frozenset(pair) for pair in undone.iter_rows()}
    decisions = _decisions(graphs, own, kind_renames, distinct, separate)
    renames = _renames(decisions)
    sources = sorted({source for graph in graphs for source in graph.sources})
    buffer = EvidenceBuffer(schema)
    for graph, rows, names in zip(graphs, own, kind_renames, strict=True):
        for batch in graph.batches("evidence"):
            buffer.add(_at_merged_ends(_at_own_ends(batch, rows, names), renames))
    edges, evidence = buffer.frames(sources)
    records = [
        lasting_records(recorded, distinct),
        *map(kind_clashes, kind_renames),
        with_own_rows(decisions, distinct),
    ]
    frames = {
        "nodes": united_nodes(distinct, renames).select(list(NODES)),
        "edges": edges,
        "evidence": evidence,
        "predictions": _merged_predictions(graphs, kind_renames, renames),
        "merges": pl.concat(records).unique().sort(*MERGES),
    }
    return KnowledgeGraph(frames, sources, schema)


def _require_graphs(graphs: Sequence[KnowledgeGraph]) -> None:
    if not graphs:
        raise DataError("there is no graph to merge; give at least one")
    for graph in graphs:
        if not isinstance(graph, KnowledgeGraph):
            raise DataError(f"{graph!r} is no graph; of a folder: KnowledgeGraph.open(folder)")


def unmerge(kg: KnowledgeGraph, identifier: str) -> KnowledgeGraph:
    """The graph in which an identifier that merging joined to another is a node of its own again.

    The node and its evidence are as they were; what had been joined through it alone goes with it.
    `merges` records that the two are not the same (`undone`), so that no later merge joins them.

    Raises:
        MissingError: no merge of that identifier is recorded.
        DataError: the record doesn't say how the nodes were.

    Example:
        >>> import polars as pl
        >>> ends = ("subject", "relation", "object", "source")
        >>> no_evidence = pl.DataFrame(schema=dict.fromkeys(ends, pl.String))
        >>> graphs = [
        ...     medkg.KnowledgeGraph.build(nodes, no_evidence, [])
        ...     for nodes in pl.DataFrame(
        ...         {"id": ["NCBIGene:5743", "HGNC:9605"], "kind": "Target", "name": "PTGS2"}
        ...     ).iter_slices(1)
        ... ]
        >>> kg = medkg.merge(*graphs)
        >>> kg.nodes.height, medkg.unmerge(kg, "NCBIGene:5743").nodes.height
        (1, 2)
    """
    spellings = spellings_of_curie(identifier)
    rows = kg.merges.filter("applied", pl.col("merged").is_in(spellings))
    if rows.is_empty():
        into = kg.merges.filter("applied", kept=identifier)["merged"].to_list()
        hint = f"; these became it: {', '.join(into[:_LISTED])}" if into else ""
        raise MissingError(f"{identifier!r} was not merged into another node{hint}")
    identifier, kept = str(rows["merged"][0]), str(rows["kept"][0])
    own = own_rows(kg).filter(root=kept)
    if identifier not in own["id"]:
        raise DataError(f"the merge of {identifier} into {kept} has no record of how they were")
    separate = _pairs_to_separate(own, kept, identifier)
    undone = pl.DataFrame(
        [
            (other, identifier, rows["kind"][0], UNDONE, False, None)
            for other in sorted(set().union(*separate) - {identifier})
        ],
        schema=dict(MERGES),
        orient="row",
    )
    return merge(kg.with_frames(merges=pl.concat([kg.merges, undone])))


def _pairs_to_separate(own: pl.DataFrame, kept: str, identifier: str) -> SeparatePairs:
    """The pairs of an identifier and others that must be set apart, so that it leaves `kept`.

    Those are the pair itself, and the identifiers that link the two and stay with `kept`.
    """
    separate = {frozenset((kept, identifier))}
    while True:
        links, _ = links_between(own, separate)
        links.add_nodes_from((kept, identifier))
        if not nx.has_path(links, kept, identifier):
            return separate
        neighbours = set(links.neighbors(identifier))
        links.remove_node(identifier)
        staying = nx.node_connected_component(links, kept)
        separate |= {frozenset((other, identifier)) for other in neighbours & staying}


# Identifiers


def _renames_of_second_kinds(own: Sequence[pl.DataFrame]) -> list[pl.DataFrame]:
    """For each graph the identifiers to rename, as an earlier graph has them as another kind."""
    first_kinds = empty({"id": pl.String, "first": pl.String})
    renames = []
    for rows in own:
        clashes = rows.join(first_kinds, on="id").filter(pl.col("kind") != pl.col("first"))
        renames.append(
            clashes.select("kind", old="id", new=pl.concat_str("id", pl.lit("#"), "kind"))
        )
        first_kinds = pl.concat([first_kinds, rows.select("id", first="kind")]).unique(
            "id", keep="first", maintain_order=True
        )
    return renames


def _distinct_rows(
    own: Sequence[pl.DataFrame], kind_renames: Sequence[pl.DataFrame]
) -> pl.DataFrame:
    """One row for each identifier of all graphs, the earlier graphs' names first."""
    stacked = pl.concat(
        replace_ids(rows, "id", names).with_columns(_order=pl.lit(order))
        for order, (rows, names) in enumerate(zip(own, kind_renames, strict=True))
    ).sort("_order", "place", maintain_order=True)
    return united_nodes(stacked.with_columns(place=pl.int_range(pl.len())), empty(RENAMES))


def _decisions(
    graphs: Sequence[KnowledgeGraph],
    own: Sequence[pl.DataFrame],
    kind_renames: Sequence[pl.DataFrame],
    distinct: pl.DataFrame,
    separate: SeparatePairs,
) -> pl.DataFrame:
    """Which identifiers become which, by keys and then by what the graphs state of the nodes."""
    _require_graphs(graphs)
    schema = reduce(Schema.joined, (graph.schema for graph in graphs))
    decisions = equivalences(distinct, separate, schema)
    renames = _renames(decisions)

    def facts_about(nodes: pl.Series) -> Iterator[pl.DataFrame]:
        before = renames.filter(pl.col("new").is_in(nodes.implode()))["old"]
        ids = pl.concat([nodes, before])
        for graph, rows, names in zip(graphs, own, kind_renames, strict=True):
            facts = _facts_about(graph, ids)
            yield _at_merged_ends(_at_own_ends(facts, rows, names), renames)

    agreed = agreements(distinct, renames, separate, facts_about)
    return equivalences(distinct, separate, schema, agreed) if agreed else decisions


def _renames(decisions: pl.DataFrame) -> pl.DataFrame:
    return decisions.filter("applied").select("kind", old="merged", new="kept")


def _facts_about(graph: KnowledgeGraph, nodes: pl.Series) -> pl.DataFrame:
    """What sources assert of nodes, by any of their identifiers; not what medkg read in texts."""
    columns = ("subject", "relation", "object", "original_subject", "original_object")
    is_about = [pl.col(end).is_in(nodes.implode()) for end in columns if end != "relation"]
    facts = graph.scan("evidence").filter(
        pl.any_horizontal(is_about), pl.col("source") != TEXT_SOURCE, polarity="asserted"
    )
    return facts.select(columns).unique().collect()


def _merged_predictions(
    graphs: Sequence[KnowledgeGraph], kind_renames: Sequence[pl.DataFrame], renames: pl.DataFrame
) -> pl.DataFrame:
    """The predictions of all graphs about the identifiers that stay; of equal ones the last."""
    predictions = pl.concat(
        replace_ids(replace_ids(graph.predictions, "head", names), "tail", names)
        for graph, names in zip(graphs, kind_renames, strict=True)
    )
    predictions = replace_ids(replace_ids(predictions, "head", renames), "tail", renames)
    return predictions.unique(_PREDICTION_KEY, keep="last", maintain_order=True).sort(
        _PREDICTION_KEY
    )


# The ends of evidence


def _at_own_ends(
    evidence: pl.DataFrame, own: pl.DataFrame, kind_renames: pl.DataFrame
) -> pl.DataFrame:
    """Evidence at the ends that it had before its graph was merged."""
    members = _members_by_original(own)
    for end in ("subject", "object"):
        original = f"original_{end}"
        if members.height and evidence[original].null_count() < evidence.height:
            evidence = evidence.join(
                members,
                left_on=[original, end],
                right_on=["_original", "root"],
                how="left",
                maintain_order="left",
            ).with_columns(pl.coalesce("_own", end).alias(end))
            evidence = evidence.with_columns(
                pl.when(pl.col(original) != pl.col(end)).then(original).alias(original)
            ).drop("_own")
        evidence = replace_ids(evidence, end, kind_renames)
    return evidence


def _members_by_original(own: pl.DataFrame) -> pl.DataFrame:
    """For merged nodes and original ends of evidence, the identifier that the evidence was about.

    An original end is that identifier itself, or one that only its own cross-references have: what
    it had replaced when that was obsolete.

    Returns:
        `root` (the merged node), `_original` and `_own`, where that isn't the root.
    """
    merged = own.filter(pl.col("root").is_duplicated())
    by_id = merged.select("root", _original="id", _own="id")
    by_reference = (
        merged.select("root", _original="xrefs", _own="id")
        .explode("_original")
        .drop_nulls()
        .filter(pl.len().over("root", "_original") == 1)
        .join(by_id, on=["root", "_original"], how="anti")
    )
    return pl.concat([by_id, by_reference]).filter(pl.col("_own") != pl.col("root"))


def _at_merged_ends(evidence: pl.DataFrame, renames: pl.DataFrame) -> pl.DataFrame:
    """Evidence at the ends that merging gives it, with what they were as `original_…`."""
    for end in ("subject", "object"):
        own = evidence[end]
        evidence = replace_ids(evidence, end, renames).with_columns(_own=own)
        evidence = evidence.with_columns(
            pl.when(pl.col(end) != pl.col("_own"))
            .then(pl.coalesce(f"original_{end}", "_own"))
            .otherwise(f"original_{end}")
            .alias(f"original_{end}")
        ).drop("_own")
    return evidence
