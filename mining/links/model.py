"""A trained link model: it ranks tails for a head or heads for a tail, and explains pairs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import cast

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from scipy import sparse

from ...core.calibration import Calibration
from ...core.errors import MissingError, ModelError
from ...core.model_folder import ModelFolder, open_model, save_model
from ...core.ranking import pair_matrix
from ...core.tensors import with_prefix, without_prefix
from ...graph.frames import (
    PREDICTIONS,
    conform,
    empty,
)
from ...graph.kg import KnowledgeGraph
from ...graph.training_provenance import GraphRecord, open_training_graph
from .card import LinkMetrics, link_card, link_plots
from .explain import Explainer, Explanation
from .recorded_pairs import recorded_status
from .saved_scorers import (
    LinkModelSettings,
    calibrations_from_settings,
    model_label,
    scorer_from_tensors,
)
from .score_attribution import Attribution, ScoreAttributor, weighted_scorers
from .scorers import LinkScorer
from .task import LinkTask, pairs_from_tensors

KIND = "links"
DIRECTIONS = ("tail", "head")


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
        settings: LinkModelSettings,
        seed: int,
        metrics: LinkMetrics,
        calibrations: Mapping[str, Calibration],
        graph: KnowledgeGraph,
        record: GraphRecord,
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
        return model_label(self.settings)

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
            direction, query = "tail", self.query_number(head, "tail")
        elif tail is not None and head is None:
            direction, query = "head", self.query_number(tail, "head")
        else:
            raise MissingError("give a head, or a tail, to predict for")
        rows = self._ranked(direction, query, top, include_trained)
        names = dict(self.graph.nodes.select("id", "name").iter_rows())
        recorded = self._recorded(rows)
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
            *recorded,
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
            rows = self._ranked(direction, self.query_number(query, direction), top, False)
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
        h, t = self.query_number(head, "tail"), self.query_number(tail, "head")
        head_id, tail_id = self.task.heads[h], self.task.tails[t]
        score, rank, probability = self._standing("tail", h, t)
        _, head_rank, head_probability = self._standing("head", t, h)
        explainer, known = self._explainer, self.known_pairs
        names = dict(self.graph.nodes.select("id", "name").iter_rows())
        attribution = self._attribution(h, t, rank)
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
            trained=bool(self.training_pairs[h, t]),
            status=status[0],
            sources=tuple(sources[0]),
            candidate=self._are_candidates([(h, t)])[0],
            paths=tuple(explainer.with_evidence(explainer.paths(head_id, tail_id, paths))),
            nearest_heads=tuple(
                explainer.nearest_heads(
                    head_id, [self.task.heads[n] for n in known[:, [t]].nonzero()[0]]
                )
            ),
            nearest_tails=tuple(
                explainer.nearest_tails(tail_id, [self.task.tails[n] for n in known[h].indices])
            ),
            attribution=tuple(attribution.edges),
            attribution_unit=attribution.unit,
            counterfactual=attribution.counterfactual,
        )

    def _attribution(self, head: int, tail: int, rank: int) -> Attribution:
        """The edges that a score rests on; none where the graph is not the one of the training."""
        if not self.same_graph:
            return Attribution([], "", None)
        return self._attributor.attribute(head, tail, rank)

    def _recorded(self, rows: pl.DataFrame) -> list[pl.Series]:
        """Status and sources (see `predict`) of pairs, from columns head, tail and known."""
        relation, symmetric = self.task.edge_type[1], self.task.symmetric
        return recorded_status(self.graph, relation, rows, symmetric=symmetric).get_columns()

    def _are_candidates(self, pairs: list[tuple[int, int]]) -> list[bool]:
        """Which pairs the model, or a member of it, ranks at all."""
        rankers = [member.ranker for member in weighted_scorers(self.scorer, self.settings)]
        return [any(r is None or r.is_candidate(*pair) for r in rankers) for pair in pairs]

    def _unranked(self, direction: str, query: int) -> list[int]:
        """The answers that the query was trained on with, and that the model doesn't rank."""
        trained = self._left_out(direction)[query].indices.tolist()
        ends = [(query, n) if direction == "tail" else (n, query) for n in trained]
        ranked = self._are_candidates(ends)
        return [n for n, there in zip(trained, ranked, strict=True) if not there]

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
        numbers, nothing = [*order.tolist(), *unranked], [None] * len(unranked)
        known = self.known_pairs if forward else self.known_pairs.T.tocsr()
        ids = self.task.heads, self.task.tails
        queries, answers = ids if forward else ids[::-1]
        ends = {
            "head" if forward else "tail": [queries[query]] * len(numbers),
            "tail" if forward else "head": [answers[n] for n in numbers],
        }
        return pl.DataFrame(
            {
                "head": pl.Series(ends["head"], dtype=pl.String),
                "relation": pl.Series([self.task.edge_type[1]] * len(numbers), dtype=pl.String),
                "tail": pl.Series(ends["tail"], dtype=pl.String),
                "rank": pl.Series([*range(1, len(order) + 1), *nothing], dtype=pl.UInt32),
                "score": pl.Series([*scores[order].tolist(), *nothing], dtype=pl.Float64),
                "probability": pl.Series([*probabilities.tolist(), *nothing], dtype=pl.Float64),
                "known": np.isin(numbers, known[query].indices),
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
        return self.training_pairs if direction == "tail" else self.training_pairs.T.tocsr()

    def query_number(self, text: str, direction: str) -> int:
        """The number of a query's entity: a head where tails are ranked, else a tail.

        Args:
            text: its identifier or name.
            direction: what is ranked, `tail` or `head`.

        Raises:
            MissingError: no such entity, or one that the model has not seen.
            ModelError: no such direction.
        """
        if direction not in DIRECTIONS:
            raise ModelError(f"a direction is tail or head, not {direction!r}")
        forward = direction == "tail"
        kind = self.task.edge_type[0 if forward else 2]
        node = self.graph.resolve(text, kind)
        numbers = self.node_numbers[0 if forward else 1]
        if node not in numbers:
            raise MissingError(
                f"{self.name} has not seen {node}: it was not in the graph that the model was"
                " trained on; train a model on a graph that holds it"
            )
        return numbers[node]

    @cached_property
    def node_numbers(self) -> tuple[dict[str, int], dict[str, int]]:
        """The numbers of heads, and of tails, by identifier."""
        heads, tails = self.task.heads, self.task.tails
        return {x: n for n, x in enumerate(heads)}, {x: n for n, x in enumerate(tails)}

    @cached_property
    def training_pairs(self) -> sparse.csr_matrix:
        """The pairs that the model was trained on, (heads, tails)."""
        return self.task.matrix("train")

    @cached_property
    def known_pairs(self) -> sparse.csr_matrix:
        """The pairs that the graph holds, trained on or not, (heads, tails)."""
        return self.pairs(self.graph.edges.filter(relation=self.task.edge_type[1]))

    def pairs(self, edges: pl.DataFrame) -> sparse.csr_matrix:
        """Edges (subject, object) between entities that the model knows, as (heads, tails)."""
        heads, tails = self.node_numbers
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

    @cached_property
    def _attributor(self) -> ScoreAttributor:
        return ScoreAttributor(self.scorer, self.settings, self.task, self.graph, self._explainer)

    # Folder

    def save(self, path: Path | str, *, graph_path: Path | str | None = None) -> None:
        """Write the model to a folder; `graph_path` is where its graph is saved, so that
        `load_link_model` finds it.

        Raises:
            DataError: `path` is a file, or a folder that is no model folder.
        """
        record = self.record
        if graph_path is not None:
            record = {**record, "path": str(Path(graph_path).resolve())}
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
                    **with_prefix("scorer", self.scorer.tensors()),
                    **task.pair_tensors(),
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
        saved = dict(folder.settings)
        head_kind, relation, tail_kind = saved.pop("edge_type")
        task = LinkTask(
            edge_type=(head_kind, relation, tail_kind),
            heads=folder.vocabulary["heads"],
            tails=folder.vocabulary["tails"],
            **pairs_from_tensors(folder.tensors),
            held_back=dict(folder.split),
            symmetric=saved.pop("symmetric"),
        )
        calibrations = calibrations_from_settings(saved.pop("calibrations"))
        settings = cast(LinkModelSettings, saved)
        scorer = scorer_from_tensors(settings, without_prefix("scorer", folder.tensors), task)
    except (KeyError, ValueError, TypeError) as error:
        raise ModelError(f"{path}: lacks {error}; train the model anew") from error
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    return LinkModel(
        scorer,
        task,
        settings,
        folder.seed,
        cast(LinkMetrics, folder.metrics),
        calibrations,
        graph,
        cast(GraphRecord, folder.graph),
        same_graph=same_graph,
    )
