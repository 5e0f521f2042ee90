"""Attribution of a link model's score to edges, whatever the model: a ranker, a network, or both
as members of an ensemble."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, cast

import polars as pl

from ...gnn.attribution import attribute_to_edges
from ...gnn.data import to_hetero_data
from ...gnn.network import LinkNetwork, compact, features_of
from ...gnn.settings import NetworkSettings
from ...gnn.vectors import Vectors
from ...graph.kg import KnowledgeGraph
from .ensemble import Ensemble
from .explain import Counterfactual, Explainer, Step
from .node_features import add_features
from .saved_scorers import LinkModelSettings, model_label
from .scorers import ChoosesCandidates, LinkScorer
from .task import LinkTask

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

    from ...gnn.path_network import PathGraph
    from .ranker import LinkRanker

_NAMED_EDGES = 5  # in an explanation


class WeightedScorer(NamedTuple):
    """A trained scorer, the settings of its model, and its weight in the score."""

    scorer: LinkScorer
    settings: LinkModelSettings
    weight: float

    @property
    def chooser(self) -> ChoosesCandidates | None:
        """The scorer, if it ranks some pairs alone; None for one that ranks all."""
        if self.settings["model"] not in ("ranker", "structure"):
            return None
        return cast(ChoosesCandidates, self.scorer)

    @property
    def ranker(self) -> LinkRanker | None:
        """The scorer, if it is a ranker."""
        if self.settings["model"] != "ranker":
            return None
        from .ranker import LinkRanker  # LightGBM is loaded where it is needed

        assert isinstance(self.scorer, LinkRanker)
        return self.scorer


def weighted_scorers(scorer: LinkScorer, settings: LinkModelSettings) -> list[WeightedScorer]:
    """What makes a model's score, the heaviest first: its scorer, or an ensemble's members."""
    if not isinstance(scorer, Ensemble):
        return [WeightedScorer(scorer, settings, 1.0)]
    members = [
        WeightedScorer(member.scorer, of_member["settings"], float(weight))
        for member, of_member, weight in zip(
            scorer.members, settings["members"], scorer.weights, strict=True
        )
        if weight
    ]
    return sorted(members, key=lambda member: -member.weight)


class Attribution(NamedTuple):
    """The edges that a score rests on.

    Attributes:
        edges: with their shares, the largest first.
        unit: of the shares, as text; empty where there are none.
        counterfactual: the edge without which the rank would be the worst.
    """

    edges: list[tuple[Step, float]]
    unit: str
    counterfactual: Counterfactual | None


NO_ATTRIBUTION = Attribution([], "", None)


class ScoreAttributor:
    """Attributes scores of one model to edges of the graph that it was trained on.

    Of an ensemble the heaviest member that allows it is asked.

    Args:
        explainer: of the same graph and relation.
    """

    def __init__(
        self,
        scorer: LinkScorer,
        settings: LinkModelSettings,
        task: LinkTask,
        graph: KnowledgeGraph,
        explainer: Explainer,
    ):
        self._scorer, self._settings = scorer, settings
        self._task, self._graph, self._explainer = task, graph, explainer

    def attribute(self, head: int, tail: int, rank: int) -> Attribution:
        """The edges that the score of a pair rests on.

        Args:
            head, tail: numbers of nodes.
            rank: of the tail among the head's, by the whole model.
        """
        member = self._member
        if member is None:
            return NO_ATTRIBUTION
        by = ""
        if isinstance(self._scorer, Ensemble):
            by = f" by {model_label(member.settings)}, weight {member.weight:.2f}"
        if (ranker := member.ranker) is not None:
            edges, counterfactual = self._by_removal(ranker, head, tail, rank)
            return Attribution(edges, f"standard deviations{by}", counterfactual)
        if member.settings["model"] == "paths":
            shares = self._by_paths(member.scorer, head, tail)
        else:
            shares = attribute_to_edges(*self.network, head, tail)
        return Attribution(self._largest(shares), f"of the score{by}", None)

    def because(self, head: int, tail: int) -> list[str]:
        """The known pairs that a ranker's features of a pair name, in words; of other models none.

        Args:
            head, tail: numbers of nodes.
        """
        ranker = self._member.ranker if self._member is not None else None
        if ranker is None:
            return []
        from .likeness import likenesses  # LightGBM is loaded where it is needed

        heads, tails = self._task.heads, self._task.tails
        name = self._explainer.name
        return [
            like.in_words(
                name(heads[head]),
                name(tails[tail]),
                name(heads[like.head] if like.of_head else tails[like.tail]),
            )
            for like in likenesses(ranker.pair_features, self._task.edge_type, head, tail)
        ]

    @property
    def names_pairs(self) -> bool:
        """Whether scores rest on known pairs that can be named: those of a ranker."""
        return self._member is not None and self._member.ranker is not None

    @cached_property
    def _member(self) -> WeightedScorer | None:
        """The heaviest scorer whose scores can be attributed to edges."""
        for member in weighted_scorers(self._scorer, self._settings):
            has_network = isinstance(member.scorer, Vectors) and bool(member.scorer.network)
            if member.settings["model"] in ("ranker", "paths") or has_network:
                return member
        return None

    @property
    def _fitted_task(self) -> LinkTask:
        """The task with the edges to train on that the member's scorer was fitted to."""
        member = self._member
        is_refitted = member is not None and member.settings.get("refitted", False)
        return self._task.whole if is_refitted else self._task

    def _by_removal(
        self, ranker: LinkRanker, head: int, tail: int, rank: int
    ) -> tuple[list[tuple[Step, float]], Counterfactual | None]:
        """The known pairs that a ranker's score rests on, and the one that it needs most."""
        from .attribution import removals  # LightGBM is loaded where it is needed

        symmetric = self._task.symmetric
        trained = self._fitted_task.matrix("train")
        removed = removals(ranker, trained, head, tail, symmetric=symmetric)
        edges = [
            (self._step_of_pair(one.head, one.tail), round(one.drop, 6))
            for one in removed[:_NAMED_EDGES]
            if one.drop > 0
        ]
        no_rank = len(self._task.tails) + 1  # comes after every rank
        worst = max(removed, key=lambda one: one.rank or no_rank, default=None)
        # What a member of an ensemble ranks worse than the whole, or a known pair that is ranked as
        # if it were new, has that rank whatever is taken out.
        if worst is None or (worst.rank or no_rank) <= max(rank, worst.rank_before):
            return edges, None
        step = self._step_of_pair(worst.head, worst.tail)
        return edges, Counterfactual(step, worst.rank, worst.rank_before)

    def _largest(self, shares: Mapping[int, float]) -> list[tuple[Step, float]]:
        """The edges with the largest shares of a network's score, given by rows."""
        ids = self._graph.edges["id"]
        largest = sorted(shares.items(), key=lambda entry: (-entry[1], ids[entry[0]]))
        return [
            (self._explainer.edge_step(ids[edge]), round(share, 6))
            for edge, share in largest[:_NAMED_EDGES]
            if share > 0
        ]

    def _by_paths(self, scorer: LinkScorer, head: int, tail: int) -> dict[int, float]:
        """How much of a path network's score rests on each edge."""
        from .path_scorer import PathScorer, edges_of_paths  # PyG is loaded where it is needed

        assert isinstance(scorer, PathScorer)
        return edges_of_paths(scorer, self._fitted_task, *self._path_graph, head, tail)

    @cached_property
    def _path_graph(self) -> tuple[PathGraph, HeteroData]:
        """The graph of a path network's messages, and the training graph that it was made of."""
        from .path_scorer import path_graph

        task, member = self._fitted_task, self._member
        assert member is not None
        data = to_hetero_data(self._graph, exclude_edges=task.excluded)
        return path_graph(self._graph, data, task, member.settings["network"]["edges"]), data

    @cached_property
    def network(self) -> tuple[LinkNetwork, HeteroData]:
        """The network that scores are attributed by, with its weights, and its training graph."""
        member = self._member
        assert member is not None
        assert isinstance(member.scorer, Vectors)
        settings = NetworkSettings.from_dict(member.settings["network"])
        whole = to_hetero_data(self._graph, exclude_edges=self._fitted_task.excluded)
        add_features(whole, self._graph, settings.features)
        data = compact(whole, self._task.edge_type, settings.context)
        counts = {kind: data[kind].num_nodes for kind in data.node_types}
        network = LinkNetwork(counts, self._task.edge_type, settings, features_of(data))
        network.load_state_dict(dict(member.scorer.network))
        return network, data

    def _step_of_pair(self, head: int, tail: int) -> Step:
        """The edge of a known pair."""
        ends = self._task.heads[head], self._task.tails[tail]
        forward, backward = (
            (pl.col("subject") == subject) & (pl.col("object") == object_)
            for subject, object_ in (ends, ends[::-1])
        )
        edges = self._graph.edges.filter(
            pl.col("relation") == self._task.edge_type[1],
            forward | backward if self._task.symmetric else forward,
        )
        return self._explainer.edge_step(edges["id"][0])
