"""Link prediction: train a model, rank tails for a head or heads for a tail, and write it back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from scipy import sparse

from ...core.calibration import Calibration
from ...core.errors import MissingError, ModelError
from ...core.model_folder import (
    ModelFolder,
    named,
    open_model,
    part_named,
    save_model,
)
from ...core.ranking import pair_matrix
from ...gnn.attribution import attribute_to_edges
from ...gnn.data import to_hetero_data
from ...gnn.network import LinkNetwork, compact, features_of
from ...gnn.settings import NetworkSettings
from ...gnn.vectors import Vectors
from ...graph.frames import (
    PREDICTIONS,
    asserts_edge,
    conform,
    empty,
)
from ...graph.kg import KnowledgeGraph
from ...graph.training_provenance import open_training_graph
from .baselines import Degree, Neighbours
from .card import link_card, link_plots
from .ensemble import Ensemble, EnsembleMember
from .explain import (
    Counterfactual,
    Explainer,
    Explanation,
    Step,
)
from .node_features import add_features
from .scorers import LinkScorer
from .task import LinkTask

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

    from .ranker import LinkRanker

KIND = "links"
DIRECTIONS = ("tail", "head")
_ATTRIBUTED = 5  # edges named in an explanation


class _Part(NamedTuple):
    """A trained scorer, and the weight it has in the score."""

    scorer: LinkScorer
    settings: Mapping[str, Any]
    weight: float


class LinkModel:
    """A trained model for one relation, with the graph that its answers are read against.

    Attributes:
        name: what predictions are signed with, such as `links-rgcn-distmult-1f3a9c02`.
        task: the relation, its entities and its split.
        metrics: held-out figures with n and intervals, beside the baselines'.
        calibrations: by direction (`tail`: tails of a head were ranked; `head`: heads of a tail).
        graph: the graph; `record` is what the model's folder keeps of the one it was trained on,
            and `same_graph` whether they are the same (only then can a score be attributed to
            edges).
    """

    def __init__(
        self,
        scorer: LinkScorer,
        task: LinkTask,
        settings: Mapping[str, Any],
        seed: int,
        metrics: Mapping[str, Any],
        calibrations: Mapping[str, Calibration],
        graph: KnowledgeGraph,
        record: Mapping[str, Any],
        *,
        same_graph: bool = True,
    ):
        self.scorer, self.task, self.settings, self.seed = scorer, task, settings, seed
        self.metrics, self.calibrations = metrics, calibrations
        self.graph, self.record, self.same_graph = graph, record, same_graph
        signed = json.dumps([settings, seed, task.held_back, record["checksum"]], sort_keys=True)
        self.name = f"{self.label}-{hashlib.sha256(signed.encode()).hexdigest()[:8]}"

    @property
    def label(self) -> str:
        """What sort of model it is, as its name begins: `links-degree`, `links-rgcn-distmult`, …"""
        return _label(self.settings)

    # Ranking

    def predict(
        self,
        head: str | None = None,
        tail: str | None = None,
        top: int = 20,
        *,
        include_trained: bool = False,
    ) -> pl.DataFrame:
        """The most probable tails of a head, or heads of a tail, in their order.

        Args:
            head, tail: one of them, an identifier or a name.
            include_trained: rank the pairs that the model was trained on, too. They are left out
                otherwise, since they would take the first ranks and tell nothing new. Those that
                the ranker doesn't rank (it had no reason to while they were held back) come last,
                whatever `top`, with null for rank, score and probability.

        Returns:
            Columns head, head_name, tail, tail_name, relation, rank (among the candidates ranked;
            with equal scores the first in the vocabulary comes first), score, probability (that the
            source records the pair; see `medkg.core.calibration`), known (whether the graph holds
            the pair), status (known, contradicted where evidence in the graph denies it, both, or
            new), sources (those that record the pair, oldest date first, then those that deny it)
            and explanation (the heaviest path, or null).

        Raises:
            MissingError: no such entity, or one that the model has not seen.
        """
        if head is not None and tail is None:
            direction, query = "tail", self._number(head, "tail")
        elif tail is not None and head is None:
            direction, query = "head", self._number(tail, "head")
        else:
            raise MissingError("give a head, or a tail, to predict for")
        rows = self._ranked(direction, query, top, include_trained)
        names = dict(self.graph.nodes.select("id", "name").iter_rows())
        explanations = []
        for head_id, tail_id in rows.select("head", "tail").iter_rows():
            paths = self._explainer.paths(head_id, tail_id, most=1)
            explanations.append(str(paths[0]) if paths else None)
        return rows.select(
            "head",
            pl.col("head").replace_strict(names, return_dtype=pl.String).alias("head_name"),
            "tail",
            pl.col("tail").replace_strict(names, return_dtype=pl.String).alias("tail_name"),
            "relation",
            "rank",
            "score",
            "probability",
            "known",
            *self._recorded(rows),
            pl.Series("explanation", explanations, dtype=pl.String),
        )

    def predictions(
        self,
        queries: Iterable[str],
        top: int = 20,
        *,
        date: str,
        direction: str = "tail",
        paths: int = 3,
    ) -> pl.DataFrame:
        """Predictions to write back: the columns of `medkg.graph.frames.PREDICTIONS`.

        Pairs that the model was trained on are left out. `explanation` is JSON: `paths`, each with
        `weight`, `text` and `steps` (`edge`, `subject`, `relation`, `object`); the evidence is
        found by the edge's id.

        Args:
            queries: heads (or, with direction `head`, tails), identifiers or names.
            date: of the predictions, ISO 8601.
            paths: how many paths explain one.
        """
        frames = []
        for query in queries:
            rows = self._ranked(direction, self._number(query, direction), top, False)
            explanations = [
                json.dumps(
                    {
                        "paths": [
                            {
                                "weight": round(path.weight, 8),
                                "text": str(path),
                                "steps": [
                                    {
                                        "edge": step.edge,
                                        "subject": step.subject,
                                        "relation": step.relation,
                                        "object": step.object,
                                    }
                                    for step in path.steps
                                ],
                            }
                            for path in self._explainer.paths(head, tail, most=paths)
                        ]
                    },
                    ensure_ascii=False,
                )
                for head, tail in rows.select("head", "tail").iter_rows()
            ]
            frames.append(rows.with_columns(explanation=pl.Series(explanations, dtype=pl.String)))
        if not frames:
            return empty(PREDICTIONS)
        signed = pl.concat(frames).with_columns(
            model=pl.lit(self.name),
            base_rate=pl.lit(self.calibrations[direction].base_rate),
            direction=pl.lit(direction),
            date=pl.lit(date),
        )
        return conform(signed, PREDICTIONS)

    def explain(self, head: str, tail: str, *, paths: int = 5) -> Explanation:
        """Why the model gives a pair its score: paths with evidence, nearest known pairs, and for
        the ranker and an R-GCN the edges that the score rests on.

        Raises:
            MissingError: no such entity, or one that the model has not seen.
        """
        h, t = self._number(head, "tail"), self._number(tail, "head")
        head_id, tail_id = self.task.heads[h], self.task.tails[t]
        score, rank, probability = self._standing("tail", h, t)
        _, head_rank, head_probability = self._standing("head", t, h)
        explainer, known = self._explainer, self._known
        names = dict(self.graph.nodes.select("id", "name").iter_rows())
        attribution, unit, counterfactual = self._attribution(h, t, rank)
        pair = {"head": [head_id], "tail": [tail_id], "known": [bool(known[h, t])]}
        status, sources = self._recorded(pl.DataFrame(pair))
        return Explanation(
            head=head_id,
            head_name=names[head_id],
            relation=self.task.edge_type[1],
            tail=tail_id,
            tail_name=names[tail_id],
            score=score,
            probability=probability,
            rank=rank,
            head_probability=head_probability,
            head_rank=head_rank,
            known=bool(known[h, t]),
            trained=bool(self._trained[h, t]),
            status=status[0],
            sources=tuple(sources[0]),
            candidate=self._is_candidate(h, t),
            paths=tuple(explainer.with_evidence(explainer.paths(head_id, tail_id, paths))),
            nearest_heads=tuple(
                explainer.nearest_heads(
                    head_id, [self.task.heads[n] for n in known[:, [t]].nonzero()[0]]
                )
            ),
            nearest_tails=tuple(
                explainer.nearest_tails(tail_id, [self.task.tails[n] for n in known[h].indices])
            ),
            attribution=tuple(attribution),
            attribution_unit=unit,
            counterfactual=counterfactual,
        )

    def _attribution(
        self, head: int, tail: int, rank: int
    ) -> tuple[list[tuple[Step, float]], str, Counterfactual | None]:
        """The edges that a score rests on, the unit of their shares, and the edge without which
        the rank would be the worst. Of an ensemble they are those of the heaviest member that can
        be asked for them."""
        part = self._attributed
        if part is None or not self.same_graph:
            return [], "", None
        member = f" by {_label(part.settings)}, weight {part.weight:.2f}"
        by = member if isinstance(self.scorer, Ensemble) else ""
        if (ranker := _ranker_of(part)) is not None:
            shares, counterfactual = self._of_ranker(ranker, head, tail, rank)
            return shares, f"standard deviations{by}", counterfactual
        return self._of_network(head, tail), f"of the score{by}", None

    def _of_ranker(
        self, ranker: LinkRanker, head: int, tail: int, rank: int
    ) -> tuple[list[tuple[Step, float]], Counterfactual | None]:
        """The known pairs that a ranker's score rests on, and the one that it needs most."""
        from .attribution import removals  # LightGBM is loaded where it is needed

        found = removals(
            ranker.base_models,
            ranker.pair_features,
            self._trained,
            head,
            tail,
            symmetric=self.task.symmetric,
        )
        carrying = [
            (self._step_of(gone.head, gone.tail), round(gone.drop, 6))
            for gone in found[:_ATTRIBUTED]
            if gone.drop > 0
        ]
        no_rank = len(self.task.tails) + 1  # comes after every rank
        worst = max(found, key=lambda gone: gone.rank or no_rank, default=None)
        # What the boosters alone rank worse than the whole model does is no effect of the pair.
        if worst is None or (worst.rank or no_rank) <= max(rank, worst.rank_before):
            return carrying, None
        step = self._step_of(worst.head, worst.tail)
        return carrying, Counterfactual(step, worst.rank, worst.rank_before)

    def _of_network(self, head: int, tail: int) -> list[tuple[Step, float]]:
        """The edges that a network's score rests on."""
        network, data = self._network
        attribution = attribute_to_edges(network, data, head, tail)
        ids = self.graph.edges["id"]
        shares = {ids[edge]: share for edge, share in attribution.items()}
        largest = sorted(shares.items(), key=lambda entry: (-entry[1], entry[0]))
        return [
            (self._explainer.edge_step(edge), round(share, 6))
            for edge, share in largest[:_ATTRIBUTED]
            if share > 0
        ]

    @property
    def _parts(self) -> list[_Part]:
        """What makes the score, the heaviest first: the model itself, or an ensemble's members."""
        if not isinstance(self.scorer, Ensemble):
            return [_Part(self.scorer, self.settings, 1.0)]
        parts = [
            _Part(member.scorer, settings["settings"], float(weight))
            for member, settings, weight in zip(
                self.scorer.members, self.settings["members"], self.scorer.weights, strict=True
            )
            if weight
        ]
        return sorted(parts, key=lambda part: -part.weight)

    def _recorded(self, rows: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
        """Status and sources (see `predict`) of pairs, from columns head, tail and known."""
        said = self.graph.evidence.filter(asserts_edge(), relation=self.task.edge_type[1])
        turned = {"subject": "object", "object": "subject"}
        both = [said, said.rename(turned)] if self.task.symmetric else [said]
        source = pl.concat_str(
            pl.when(pl.col("polarity") == "negated")
            .then(pl.lit("denied by "))
            .otherwise(pl.lit("")),
            pl.concat_str("source", "release", "date", separator=" ", ignore_nulls=True),
        )
        columns = ["subject", "object", "polarity", "source", "release", "date"]
        by_pair = (
            pl.concat([frame.select(columns) for frame in both])
            .join(rows.select(subject="head", object="tail"), on=["subject", "object"], how="semi")
            .sort("polarity", "date", "source", "release", nulls_last=True)
            .group_by("subject", "object", maintain_order=True)
            .agg(
                sources=source.unique(maintain_order=True),
                denied=(pl.col("polarity") == "negated").any(),
            )
        )
        found = rows.select(subject="head", object="tail", known="known").join(
            by_pair, on=["subject", "object"], how="left", maintain_order="left"
        )
        denied = pl.col("denied").fill_null(False)
        status = (
            pl.when(pl.col("known") & denied)
            .then(pl.lit("known, contradicted"))
            .when("known")
            .then(pl.lit("known"))
            .when(denied)
            .then(pl.lit("contradicted"))
            .otherwise(pl.lit("new"))
        )
        told = found.select(status=status, sources=pl.col("sources").fill_null([]))
        return told["status"], told["sources"]

    def _is_candidate(self, head: int, tail: int) -> bool:
        """Whether the model, or a member of it, ranks this tail of the head at all."""
        return self._candidates_of([(head, tail)])[0]

    def _candidates_of(self, pairs: list[tuple[int, int]]) -> list[bool]:
        """Which pairs the model, or a member of it, ranks at all."""
        rankers = [_ranker_of(part) for part in self._parts]
        return [any(r is None or r.is_candidate(*pair) for r in rankers) for pair in pairs]

    def _unranked(self, direction: str, query: int) -> list[int]:
        """The answers that the query was trained on with, and that the model doesn't rank."""
        trained = self._left_out(direction)[query].indices.tolist()
        ends = [(query, n) if direction == "tail" else (n, query) for n in trained]
        ranked = self._candidates_of(ends)
        return [n for n, there in zip(trained, ranked, strict=True) if not there]

    def _step_of(self, head: int, tail: int) -> Step:
        """The edge of a known pair."""
        ends = self.task.heads[head], self.task.tails[tail]
        there, back = (
            (pl.col("subject") == subject) & (pl.col("object") == object_)
            for subject, object_ in (ends, ends[::-1])
        )
        found = self.graph.edges.filter(
            pl.col("relation") == self.task.edge_type[1],
            there | back if self.task.symmetric else there,
        )
        return self._explainer.edge_step(found["id"][0])

    def _ranked(self, direction: str, query: int, top: int, include_trained: bool) -> pl.DataFrame:
        """The first candidates for a query, with rank, score, probability and whether known."""
        forward = direction == "tail"
        scores = self._scores(direction, query)
        left_out = self.task.loops()[query] if include_trained else self._left_out(direction)[query]
        scores[left_out.indices] = -np.inf
        unranked = self._unranked(direction, query) if include_trained else []
        scores[unranked] = -np.inf
        order = np.argsort(-scores, kind="stable")[:top]
        order = order[scores[order] > -np.inf]
        ranks = np.arange(1.0, len(order) + 1)
        probabilities = self.calibrations[direction].probability(scores[order], ranks)
        told, nothing = [*order.tolist(), *unranked], [None] * len(unranked)
        known = self._known if forward else self._known.T.tocsr()
        ids = self.task.heads, self.task.tails
        asked, answers = ids if forward else ids[::-1]
        ends = {
            "head" if forward else "tail": [asked[query]] * len(told),
            "tail" if forward else "head": [answers[n] for n in told],
        }
        return pl.DataFrame(
            {
                "head": pl.Series(ends["head"], dtype=pl.String),
                "relation": pl.Series([self.task.edge_type[1]] * len(told), dtype=pl.String),
                "tail": pl.Series(ends["tail"], dtype=pl.String),
                "rank": pl.Series([*range(1, len(order) + 1), *nothing], dtype=pl.UInt32),
                "score": pl.Series([*scores[order].tolist(), *nothing], dtype=pl.Float64),
                "probability": pl.Series([*probabilities.tolist(), *nothing], dtype=pl.Float64),
                "known": np.isin(told, known[query].indices),
            }
        )

    def _standing(self, direction: str, query: int, answer: int) -> tuple[float, int, float]:
        """A candidate's score, and its rank and probability as `_ranked` gives them: with equal
        scores the first in the vocabulary comes first. A pair that was trained on is ranked as if
        it were none."""
        scores = self._scores(direction, query)
        own = scores[answer]
        scores[self._left_out(direction)[query].indices] = -np.inf
        rank = 1 + int((scores > own).sum() + (scores[:answer] == own).sum())
        calibration = self.calibrations[direction]
        probability = calibration.probability(np.array([own]), np.array([float(rank)]))
        return float(own), rank, float(probability[0])

    def _scores(self, direction: str, query: int) -> NDArray[np.float64]:
        """Scores of a query with all nodes at the other end."""
        score = self.scorer.score_tails if direction == "tail" else self.scorer.score_heads
        return np.array(score(torch.tensor([query]))[0].double().numpy())

    def _left_out(self, direction: str) -> sparse.csr_matrix:
        """The pairs that were trained on, (queries, answers)."""
        return self._trained if direction == "tail" else self._trained.T.tocsr()

    def _number(self, text: str, direction: str) -> int:
        """The number of a query's entity: a head where tails are ranked, else a tail."""
        if direction not in DIRECTIONS:
            raise ModelError(f"a direction is tail or head, not {direction!r}")
        forward = direction == "tail"
        kind = self.task.edge_type[0 if forward else 2]
        found = self.graph.resolve(text, kind)
        numbers = self._numbers[0 if forward else 1]
        if found not in numbers:
            raise MissingError(
                f"{self.name} has not seen {found}: it was not in the graph that the model was"
                " trained on; train a model on a graph that holds it"
            )
        return numbers[found]

    @cached_property
    def _numbers(self) -> tuple[dict[str, int], dict[str, int]]:
        heads, tails = self.task.heads, self.task.tails
        return {x: n for n, x in enumerate(heads)}, {x: n for n, x in enumerate(tails)}

    @cached_property
    def _trained(self) -> sparse.csr_matrix:
        return self.task.matrix("train")

    @cached_property
    def _known(self) -> sparse.csr_matrix:
        """The pairs that the graph holds, whether or not the model was trained on them."""
        return self.pairs(self.graph.edges.filter(relation=self.task.edge_type[1]))

    def pairs(self, edges: pl.DataFrame) -> sparse.csr_matrix:
        """Edges (subject, object) between entities that the model knows, as (heads, tails)."""
        heads, tails = self._numbers
        numbered = edges.select(
            pl.col("subject").replace_strict(heads, default=None, return_dtype=pl.Int64),
            pl.col("object").replace_strict(tails, default=None, return_dtype=pl.Int64),
        )
        pairs = numbered.drop_nulls().to_numpy().reshape(-1, 2)
        if self.task.symmetric:
            pairs = np.concatenate([pairs, pairs[:, ::-1]])
        return pair_matrix(pairs, (len(heads), len(tails)))

    @cached_property
    def _explainer(self) -> Explainer:
        return Explainer(self.graph, self.task.edge_type)

    @property
    def _attributed(self) -> _Part | None:
        """The heaviest part whose score can be attributed to edges."""
        return next(
            (
                part
                for part in self._parts
                if part.settings["model"] == "ranker"
                or (isinstance(part.scorer, Vectors) and part.scorer.network)
            ),
            None,
        )

    @cached_property
    def _network(self) -> tuple[LinkNetwork, HeteroData]:
        """The network that scores are attributed by, with its weights, and the graph it was trained
        on."""
        part = self._attributed
        assert part is not None
        assert isinstance(part.scorer, Vectors)
        settings = NetworkSettings.from_dict(part.settings["network"])
        whole = to_hetero_data(self.graph, exclude_edges=self.task.excluded)
        add_features(whole, self.graph, settings.features)
        data = compact(whole, self.task.edge_type, settings.context)
        counts = {kind: data[kind].num_nodes for kind in data.node_types}
        network = LinkNetwork(counts, self.task.edge_type, settings, features_of(data))
        network.load_state_dict(dict(part.scorer.network))
        return network, data

    # Folder

    def save(self, path: Path | str, *, graph_path: Path | str | None = None) -> None:
        """Write the model to a folder; `graph_path` is where its graph is saved, so that
        `load_link_model` finds it.

        Raises:
            DataError: `path` is a file, or a folder that is no model folder.
        """
        record = dict(self.record)
        if graph_path is not None:
            record["path"] = str(Path(graph_path).resolve())
        task = self.task
        save_model(
            path,
            ModelFolder(
                kind=KIND,
                settings={
                    **self.settings,
                    "edge_type": list(task.edge_type),
                    "symmetric": task.symmetric,
                    "calibrations": {d: c.to_dict() for d, c in self.calibrations.items()},
                },
                seed=self.seed,
                metrics=self.metrics,
                split=task.held_back,
                graph=record,
                vocabulary={"heads": task.heads, "tails": task.tails},
                tensors={
                    **named("scorer", self.scorer.tensors()),
                    **{
                        f"pairs.{part}": torch.from_numpy(getattr(task, part))
                        for part in ("train", "valid", "test")
                    },
                },
                card=self.card(),
                plots=link_plots(self),
            ),
        )

    def card(self) -> str:
        """The model card, Markdown."""
        return link_card(self)


def load_link_model(path: Path | str, graph: KnowledgeGraph | None = None) -> LinkModel:
    """Read a link model's folder, and the graph that it records, or read it against `graph`.

    Raises:
        ModelError: no model folder, a damaged one, one of another version; or, without `graph`, the
            recorded graph is not where it was or is no longer the same.
    """
    folder = open_model(path, KIND)
    graph, same_graph = open_training_graph(
        path, folder.graph, graph, other="entities that are new in it have no predictions"
    )
    try:
        settings = dict(folder.settings)
        head_kind, relation, tail_kind = settings.pop("edge_type")
        task = LinkTask(
            edge_type=(head_kind, relation, tail_kind),
            heads=folder.vocabulary["heads"],
            tails=folder.vocabulary["tails"],
            train=folder.tensors["pairs.train"].numpy(),
            valid=folder.tensors["pairs.valid"].numpy(),
            test=folder.tensors["pairs.test"].numpy(),
            held_back=dict(folder.split),
            symmetric=settings.pop("symmetric"),
        )
        calibrations = _calibrations_from(settings.pop("calibrations"))
        scorer = _scorer_from(settings, part_named("scorer", folder.tensors), task)
    except (KeyError, ValueError, TypeError) as error:
        raise ModelError(f"{path}: lacks {error}; train the model anew") from error
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    return LinkModel(
        scorer,
        task,
        settings,
        folder.seed,
        folder.metrics,
        calibrations,
        graph,
        folder.graph,
        same_graph=same_graph,
    )


def _ranker_of(part: _Part) -> LinkRanker | None:
    """The part's scorer, if it is a ranker."""
    if part.settings["model"] != "ranker":
        return None
    from .ranker import LinkRanker  # LightGBM is loaded where it is needed

    assert isinstance(part.scorer, LinkRanker)
    return part.scorer


def _label(settings: Mapping[str, Any]) -> str:
    if settings["model"] != "network":
        return f"links-{settings['model']}"
    return f"links-{settings['network']['encoder']}-{settings['network']['decoder']}"


def _scorer_from(
    settings: Mapping[str, Any], tensors: Mapping[str, torch.Tensor], task: LinkTask
) -> LinkScorer:
    """The scorer that gave these tensors."""
    model = settings["model"]
    if model == "degree":
        return Degree.from_tensors(tensors)
    if model == "neighbours":
        return Neighbours.from_tensors(tensors)
    if model == "ranker":
        from .ranker import LinkRanker

        return LinkRanker.from_tensors(tensors)
    if model == "structure":
        from ..molecules.structure_ranker import StructureScorer

        return StructureScorer.from_tensors(tensors)
    if model == "ensemble":
        members = [
            EnsembleMember(
                _scorer_from(one["settings"], part_named(str(number), tensors), task),
                _calibrations_from(one["calibrations"]),
            )
            for number, one in enumerate(settings["members"])
        ]
        return Ensemble(members, tensors["weights"].numpy(), task.matrix("train"))
    return Vectors.from_tensors(settings["network"]["decoder"], tensors)


def _calibrations_from(values: Mapping[str, Mapping[str, float]]) -> dict[str, Calibration]:
    return {direction: Calibration.from_dict(numbers) for direction, numbers in values.items()}
