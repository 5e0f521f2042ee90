"""A trained link model: it ranks tails for a head or heads for a tail, and explains pairs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from ...core.calibration import Calibration
from ...core.errors import MissingError, ModelError
from ...core.json_reading import parse_json
from ...core.model_folder import ModelFolder, save_model
from ...core.progress import track
from ...core.ranking import pair_matrix
from ...core.sparse import entries_at
from ...core.tensors import with_prefix
from ...graph.frames import PREDICTIONS, conform, empty
from ...graph.kg import KnowledgeGraph
from ...graph.training_provenance import GraphRecord
from .candidate_ranks import CandidateRanks
from .card import LinkMetrics, in_one_line, link_card, link_plots
from .explain import Explainer, Explanation
from .explain import Path as GraphPath
from .given_pairs import named_queries, pairs_frame, scored_pairs
from .missing_pairs import meaning
from .modality import modalities
from .recorded_pairs import recorded_status
from .saved_scorers import LinkModelSettings, model_label
from .score_attribution import NO_ATTRIBUTION, Attribution, ScoreAttributor, weighted_scorers
from .scorers import LinkScorer
from .task import LinkTask

KIND = "links"
DIRECTIONS = ("tail", "head")


class LinkModel:
    """A trained model for one relation, with the graph that its answers are read against.

    Attributes:
        name: what predictions are signed with, such as `links-rgcn-distmult-1f3a9c02`.
        scorer: what answers; of a refitted model it knows the edges held back, too.
        judged: what the figures are of; it knows the training edges alone.
        task: the relation, its entities and its split.
        metrics: held-out figures with n and intervals, beside the baselines'.
        calibrations: by direction (`tail`: tails of a head were ranked; `head`: heads of a tail),
            as fitted on the pairs held out.
        stated: these at the number of pairs missing from the graph, where that can be estimated.
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
        stated: Mapping[str, Calibration],
        graph: KnowledgeGraph,
        record: GraphRecord,
        *,
        judged: LinkScorer | None = None,
        same_graph: bool = True,
    ):
        self.judged, self.refitted = judged or scorer, judged is not None
        self.scorer, self.task, self.settings, self.seed = scorer, task, settings, seed
        self.metrics, self.calibrations, self.stated = metrics, calibrations, stated
        self.graph, self.record, self.same_graph = graph, record, same_graph
        signed = json.dumps([settings, seed, task.held_back, record["checksum"]], sort_keys=True)
        self.name = f"{self.label}-{hashlib.sha256(signed.encode()).hexdigest()[:8]}"

    def __repr__(self) -> str:
        return in_one_line(self)

    @property
    def label(self) -> str:
        """What sort of model it is, as its name begins: `links-degree`, `links-rgcn-distmult`, …"""
        return model_label(self.settings)

    @cached_property
    def fitted_task(self) -> LinkTask:
        """The task with the edges that `scorer` was fitted on to train on."""
        return self.task.whole if self.refitted else self.task

    def measured_by(self, pairs: NDArray[np.int64]) -> tuple[LinkScorer, LinkTask]:
        """What is measured on pairs (n, 2), and the task that it was fitted to.

        It is what answers, unless that was refitted to some of these pairs.
        """
        held_back = self.task.matrix("valid", "test") - self.task.loops()
        if self.refitted and entries_at(held_back, *pairs.T).any():
            return self.judged, self.task
        return self.scorer, self.fitted_task

    # Ranking

    @property
    def meaning(self) -> str:
        """What a probability of a new pair says, to follow "probability: "."""
        return meaning(self.metrics.get("missing"))

    def predict(
        self,
        head: str | None = None,
        tail: str | None = None,
        top: int = 20,
        *,
        heads: Sequence[str] | None = None,
        tails: Sequence[str] | None = None,
        known: bool = False,
    ) -> pl.DataFrame:
        """The most probable new tails of a head, or heads of a tail, in their order.

        Args:
            head, tail: one of them, an identifier or a name.
            top: how many of each head (or tail).
            heads, tails: several, in place of one; their rows follow one another.
            known: the pairs that the graph holds, or that the model was fitted on, in place of the
                new ones. Each has the rank that it would have among these; of `ranker` and `paths`
                by the score that it got while it was held back (null where nothing spoke for it
                then), of other models by what they remember of it.

        Returns:
            No new pair that the model doesn't rank: `score` says why. Columns head, head_name,
            tail, tail_name, relation, rank (among the new candidates; of equal scores the first in
            the vocabulary comes first), score, probability (that the sources miss the pair, see
            `medkg.mining.links.missing_pairs`; where their number is unknown, that one records it;
            null of known pairs, which none misses),
            known (whether the graph holds it), status (known, contradicted where evidence in the
            graph denies it, both, or new), sources (that record the pair, oldest date first, then
            those that deny it), explanation (see `medkg.mining.links.likeness`; null where no known
            pair is alike; of others than the ranker the heaviest path, or null), model and graph
            (the checksum of its training's).

        Raises:
            DataError: `top` is less than 1.
            MissingError: no such entity, one that the model has not seen, or none or two are given.

        Example:
            >>> model = medkg.train_links(medkg.load("starter"), model="neighbours")
            >>> rows = model.predict(heads=["imatinib", "aspirin"], top=2)
            >>> rows["head_name"].to_list(), rows["rank"].to_list()
            (['Imatinib', 'Imatinib', 'Aspirin', 'Aspirin'], [1, 2, 1, 2])
        """
        (direction, texts), of = named_queries(head, tail, heads, tails), self.ranks
        answers = of.known if known else of.new
        frames = [answers(direction, self.query_number(text, direction), top) for text in texts]
        rows = pl.concat(frames) if frames else of.new(direction, 0, 1).clear()
        explanations = []
        pairs = list(rows.select("head", "tail").iter_rows())
        for head_id, tail_id in track(pairs, "Explaining") if len(texts) > 1 else pairs:
            because, paths = self._reasons(head_id, tail_id, most=1)
            explanations.append(_in_words(because, map(str, paths)))
        return self._answers(rows, explanations)

    def answers(self, predictions: pl.DataFrame) -> pl.DataFrame:
        """What `predict` would say of the rows of `predictions`, without ranking them again.

        Returns:
            The columns of `predict`.
        """
        reasons = map(parse_json, predictions["explanation"])
        paths = ((each["because"], (path["text"] for path in each["paths"])) for each in reasons)
        return self._answers(predictions, [_in_words(*each) for each in paths])

    def _answers(self, rows: pl.DataFrame, explanations: Sequence[str | None]) -> pl.DataFrame:
        """Ranked pairs with the columns of `predict`."""
        return self._described(rows).select(
            pl.exclude("model", "graph"),
            pl.Series("explanation", explanations, dtype=pl.String),
            pl.col("model", "graph"),
        )

    def score(self, pairs: pl.DataFrame | Iterable[tuple[str | None, str | None]]) -> pl.DataFrame:
        """What the model says of given pairs, such as those of one's own experiment.

        Args:
            pairs: a frame with columns head and tail, or tuples; identifiers or names.

        Returns:
            A row for each pair, in their order, with the columns of `predict` but for the
            explanation, and `note`: why there is no score (an end is empty, or the graph or the
            model has no such entity; head and tail are then as given, all else is null), or no rank
            (the model doesn't rank the pair; the head gets no new pairs, see `modality`). The rank
            is that among the new tails of the head; a known pair has the one that it would have
            there, and no probability.

        Raises:
            DataError: a frame lacks one of the columns, or what is given are no pairs.
        """
        given = pairs_frame(pairs)
        heads, tails = self._ends(given["head"], "tail"), self._ends(given["tail"], "head")
        rows = scored_pairs(given, heads, tails, self.ranks, self.fitted_task)
        there = pl.col("known").is_not_null()
        return self._described(rows).select(
            pl.exclude("status", "sources", "model", "graph"),
            pl.when(there).then(pl.col("status", "sources")),
            rows["note"],
            pl.col("model", "graph"),
        )

    def _ends(self, texts: pl.Series, direction: str) -> list[int | str]:
        """The numbers of nodes, or why the model has no such node (see `query_number`)."""
        numbers: dict[str | None, int | str] = {None: f"{texts.name} is empty"}
        different = texts.drop_nulls().unique(maintain_order=True).to_list()
        for text in track(different, f"Looking up {texts.name}s"):
            try:
                numbers[text] = self.query_number(text, direction)
            except MissingError as error:
                numbers[text] = str(error)
        return [numbers[text] for text in texts]

    def _described(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Ranked pairs with names, what the graph records of them, and who ranked them."""

        def named(column: str) -> pl.Expr:
            name = pl.col(column).replace_strict(self.names, default=None, return_dtype=pl.String)
            return name.alias(f"{column}_name")

        return rows.select(
            "head",
            named("head"),
            "tail",
            named("tail"),
            "relation",
            "rank",
            "score",
            "probability",
            "known",
            *self._recorded(rows),
            model=pl.lit(self.name),
            graph=pl.lit(self.record["checksum"]),
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
        """Predictions to write back to a graph.

        Pairs that are known are left out. `explanation` is JSON: `because`, the known pairs that
        the ranker's features name, or of other models `paths`, each with `weight`, `text` and
        `steps` (`edge`, `subject`, `relation`, `object`); the evidence is found by the edge's id.

        Args:
            queries: heads (or, with direction `head`, tails), identifiers or names.
            date: of the predictions, ISO 8601.
            paths: how many paths explain one, at most.

        Returns:
            Columns head, relation, tail, model, score, probability, base_rate, rank, direction,
            known, date, explanation.
        """
        frames = []
        numbers = [self.query_number(query, direction) for query in queries]
        for query in track(numbers, "Predicting", len(numbers)):
            rows = self.ranks.new(direction, query, top)
            reasons = [
                self._reasons(head, tail, paths)
                for head, tail in rows.select("head", "tail").iter_rows()
            ]
            by_pair = [
                {"because": because, "paths": [path.of_prediction() for path in of_pair]}
                for because, of_pair in reasons
            ]
            explanations = [json.dumps(each, ensure_ascii=False) for each in by_pair]
            frames.append(rows.with_columns(explanation=pl.Series(explanations, dtype=pl.String)))
        if not frames:
            return empty(PREDICTIONS)
        signed = pl.concat(frames).with_columns(
            model=pl.lit(self.name),
            base_rate=pl.lit(self.stated[direction].base_rate),
            direction=pl.lit(direction),
            date=pl.lit(date),
        )
        return conform(signed, PREDICTIONS)

    def explain(self, head: str, tail: str, *, paths: int = 5) -> Explanation:
        """Why the model gives a pair its score: the known pairs that it is like, the edges that the
        score rests on (the ranker's, an R-GCN's, a path network's), and paths with evidence.

        Raises:
            MissingError: no such entity, or one that the model has not seen.
        """
        h, t = self.query_number(head, "tail"), self.query_number(tail, "head")
        head_id, tail_id = self.task.heads[h], self.task.tails[t]
        note, standing, by_tail = self.ranks.why_unranked(h, t), None, None
        if note is None:
            (standing,) = self.ranks.standings("tail", h, [t])
            (by_tail,) = self.ranks.standings("head", t, [h])
        explainer, known, names = self._explainer, self.known_pairs, self.names
        # What a ranker says a node is like is told on its own scale (`because`), and on no other.
        by_graph = not self._names_pairs
        known_heads = [self.task.heads[n] for n in known[:, [t]].nonzero()[0]] if by_graph else []
        known_tails = [self.task.tails[n] for n in known[h].indices] if by_graph else []
        attribution = self._attribution(h, t, standing.rank) if standing else NO_ATTRIBUTION
        pair = {"head": [head_id], "tail": [tail_id], "known": [bool(known[h, t])]}
        status, sources = self._recorded(pl.DataFrame(pair))
        return Explanation(
            head=head_id,
            head_name=names[head_id],
            relation=self.task.edge_type[1],
            tail=tail_id,
            tail_name=names[tail_id],
            score=standing and standing.score,
            probability=standing and standing.probability,
            rank=standing and standing.rank,
            head_probability=by_tail and by_tail.probability,
            head_rank=by_tail and by_tail.rank,
            note=note,
            known=bool(known[h, t]),
            trained=bool(self.training_pairs[h, t]),
            status=status[0],
            sources=tuple(sources[0]),
            paths=tuple(explainer.with_evidence(explainer.paths(head_id, tail_id, paths))),
            because=() if by_graph else tuple(self._attributor.because(h, t)),
            nearest_heads=tuple(explainer.nearest_heads(head_id, known_heads)),
            nearest_tails=tuple(explainer.nearest_tails(tail_id, known_tails)),
            attribution=tuple(attribution.edges),
            attribution_unit=attribution.unit,
            counterfactual=attribution.counterfactual,
        )

    def _reasons(self, head: str, tail: str, most: int) -> tuple[list[str], list[GraphPath]]:
        """The known pairs that a ranker's score rests on, in words; of a model that names none the
        heaviest paths, at most `most`. A ranker's rows have no paths: its score rests on none."""
        if self._names_pairs:
            numbers = self.node_numbers[0][head], self.node_numbers[1][tail]
            return self._attributor.because(*numbers), []
        return [], self._explainer.paths(head, tail, most)

    @property
    def _names_pairs(self) -> bool:
        return self.same_graph and self._attributor.names_pairs

    def _attribution(self, head: int, tail: int, rank: int) -> Attribution:
        """The edges that a score rests on; none where the graph is not the one of the training."""
        is_same = self.same_graph
        return self._attributor.attribute(head, tail, rank) if is_same else NO_ATTRIBUTION

    def _recorded(self, rows: pl.DataFrame) -> list[pl.Series]:
        """Status and sources (see `predict`) of pairs, from columns head, tail and known."""
        relation, symmetric = self.task.edge_type[1], self.task.symmetric
        return recorded_status(self.graph, relation, rows, symmetric=symmetric).get_columns()

    def modality(self, query: int) -> str | None:
        """What a head is that gets no new targets: antibody, siRNA, a class of drugs, a resin, …

        None for small molecules, and of other relations than TARGETS.
        """
        return self._modalities.get(query)

    @cached_property
    def _modalities(self) -> dict[int, str]:
        of_targets = self.task.edge_type[1] == "TARGETS"
        return modalities(self.graph, self.node_numbers[0]) if of_targets else {}

    @cached_property
    def ranks(self) -> CandidateRanks:
        """How the answers to a query are ranked."""
        return CandidateRanks(
            self.scorer,
            [member.chooser for member in weighted_scorers(self.scorer, self.settings)],
            self.fitted_task,
            recorded=self.known_pairs,
            trained=self.training_pairs,
            modalities=self._modalities,
            stated=self.stated,
        )

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
        numbers = self.node_numbers[0 if forward else 1]
        if text in numbers and text in self.names:
            return numbers[text]
        node = self.graph.resolve(text, kind)
        if node not in numbers:
            raise MissingError(
                f"{self.name} has not seen {node}: it was not in the graph that the model was"
                " trained on; train a model on a graph that holds it"
            )
        return numbers[node]

    @cached_property
    def names(self) -> dict[str, str]:
        """The names of the graph's nodes."""
        return dict(self.graph.nodes.select("id", "name").iter_rows())

    @cached_property
    def node_numbers(self) -> tuple[dict[str, int], dict[str, int]]:
        """The numbers of heads, and of tails, by identifier."""
        heads, tails = self.task.heads, self.task.tails
        return {x: n for n, x in enumerate(heads)}, {x: n for n, x in enumerate(tails)}

    @cached_property
    def training_pairs(self) -> sparse.csr_matrix:
        """The pairs that the model was fitted on, (heads, tails)."""
        return self.fitted_task.matrix("train")

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
        return Explainer(self.graph, self.task.edge_type, self.names)

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
                    "stated": {d: c.to_dict() for d, c in self.stated.items()},
                },
                seed=self.seed,
                metrics=self.metrics,
                split=task.held_back,
                graph=record,
                vocabulary={"heads": task.heads, "tails": task.tails},
                tensors={
                    **with_prefix("scorer", self.scorer.tensors()),
                    **(with_prefix("judged", self.judged.tensors()) if self.refitted else {}),
                    **task.pair_tensors(),
                },
                card=self.card(),
                plots=link_plots(self),
            ),
        )

    def card(self) -> str:
        """The model card, Markdown."""
        return link_card(self)


def _in_words(because: Sequence[str], paths: Iterable[str]) -> str | None:
    """The explanation of a row: the known pairs that its score rests on, else the first path."""
    return "; ".join(because) or next(iter(paths), None)
