"""The best new answers of a model of all relations: the tails of a head, or the heads of a tail."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import polars as pl
from torch import Tensor

from ..core.errors import MissingError
from ..core.whole_numbers import check_whole_number
from ..graph.kg import KnowledgeGraph
from .data import EdgeType

# Of an edge type, the side that is given (0: head, 1: tail) and its node's identifier: the scores
# of all nodes at the other end.
Scores = Callable[[EdgeType, int, str], Tensor]


def best_answers(
    kg: KnowledgeGraph,
    types: Sequence[EdgeType],
    vocabulary: Mapping[str, Sequence[str]],
    scores: Scores,
    relation: str,
    *,
    head: str | None,
    tail: str | None,
    top: int,
) -> pl.DataFrame:
    """The answers of the best scores that the graph does not hold.

    Args:
        kg: the graph that says what is known.
        types: the edge types of the model.
        vocabulary: the identifiers of the model's nodes, by kind.
        head, tail: one of them, an identifier or a name.

    Returns:
        Columns head, relation, tail, name (of the answer), score and rank. Where a relation joins
        several pairs of kinds, the answers are those of the pairs that the given node's kind is in,
        each with ranks of its own.

    Raises:
        DataError: `top` is less than 1.
        MissingError: no such relation or entity, or one that the model has not seen.
    """
    check_whole_number("top, how many to list,", top, 1)
    query = head if head is not None else tail
    if query is None or (head is not None and tail is not None):
        raise MissingError("give either a head or a tail to predict for: one of the two")
    side = 0 if head is not None else 1
    node, kind = resolved_end(kg, types, relation, side, query)
    of_kind = [each for each in types if each[1] == relation and each[2 * side] == kind]
    return pl.concat(
        _answers(
            kg, each, side, node, vocabulary[each[2 - 2 * side]], scores(each, side, node), top
        )
        for each in of_kind
    )


def resolved_end(
    kg: KnowledgeGraph, types: Sequence[EdgeType], relation: str, side: int, text: str
) -> tuple[str, str]:
    """The identifier and the kind of the node that a text means as a relation's head or tail.

    Args:
        types: the edge types of the model.
        side: 0 for a head, 1 for a tail.

    Raises:
        MissingError: the model has no such relation, or the graph no such node.
    """
    kinds = {each[2 * side] for each in types if each[1] == relation}
    if not kinds:
        there = ", ".join(sorted({each[1] for each in types}))
        raise MissingError(f"the model has no relation {relation!r}; it has {there}")
    # A name that a disease and a symptom share means the one that the relation has.
    node = kg.resolve(text, *(kinds if len(kinds) == 1 else ()))
    kind = kg.nodes.filter(id=node)["kind"].item()
    if kind not in kinds:
        raise MissingError(f"{relation} has no {('head', 'tail')[side]} of kind {kind}")
    return node, kind


def _answers(
    kg: KnowledgeGraph,
    edge_type: EdgeType,
    side: int,
    node: str,
    answers: Sequence[str],
    scores: Tensor,
    top: int,
) -> pl.DataFrame:
    """The best answers that are not known, and are not the node itself."""
    own, relation, other = edge_type[2 * side], edge_type[1], edge_type[2 - 2 * side]
    query_end, answer_end = ("subject", "object") if side == 0 else ("object", "subject")
    edges = kg.edges.filter(relation=relation)
    known = {node, *edges.filter(pl.col(query_end) == node)[answer_end]}
    if own == other and kg.schema.relation(relation).symmetric:
        known |= set(edges.filter(pl.col(answer_end) == node)[query_end])
    order = [i for i in scores.argsort(descending=True).tolist() if answers[i] not in known][:top]
    names = dict(kg.nodes.filter(kind=other).select("id", "name").iter_rows())
    ids = [answers[i] for i in order]
    return pl.DataFrame(
        {
            "head": [node] * len(ids) if side == 0 else ids,
            "relation": [relation] * len(ids),
            "tail": ids if side == 0 else [node] * len(ids),
            "name": [names.get(i) for i in ids],
            "score": scores[order].double().numpy(),
            "rank": np.arange(1, len(ids) + 1),
        },
        schema_overrides={"head": pl.String, "tail": pl.String, "name": pl.String},
    )
