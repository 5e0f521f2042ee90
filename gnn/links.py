"""Link prediction: train a model, rank tails for a head or heads for a tail, and write it back."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor
from torch_geometric.data import HeteroData

from ..graph.errors import DataError, MissingError, ModelError
from ..graph.frames import PREDICTIONS, conform, empty
from ..graph.kg import KnowledgeGraph
from . import calibration
from .baselines import Degree, Neighbours
from .calibration import Calibration
from .data import to_hetero_data, vocabulary
from .decoders import DECODERS
from .explain import Explainer, Explanation, Step, attribute_to_edges
from .folder import ModelFolder, graph_record, open_model, save_model
from .ranking import by_degree, filtered_ranks, pair_matrix, summarise
from .training import EdgeType, LinkNetwork, NetworkSettings, compact, train_network

KIND = "links"
DIRECTIONS = ("tail", "head")
_HELD_BACK = 0.1  # of the relation's edges, for validation and for the test each
_CONTEXT_EDGES = 500_000  # the most edges of other relations that are taken by default


class Scorer(Protocol):
    """What ranks: a trained network's vectors, or a baseline."""

    def score_tails(self, heads: Tensor) -> Tensor:
        """Scores of these heads with all tails, (n,) → (n, tails)."""
        ...

    def score_heads(self, tails: Tensor) -> Tensor:
        """Scores of these tails with all heads, (n,) → (n, heads)."""
        ...

    def tensors(self) -> dict[str, Tensor]:
        """What to save."""
        ...


class Vectors:
    """Scores by a decoder over one vector a head, one a tail, and one for the relation.

    `network`, where there is one, holds the weights that the vectors were computed with.
    """

    def __init__(
        self,
        decoder: str,
        heads: Tensor,
        tails: Tensor,
        relation: Tensor,
        network: Mapping[str, Tensor],
    ):
        self._decoder = DECODERS[decoder]
        self._heads, self._tails, self._relation = heads, tails, relation
        self.network = network

    def score_tails(self, heads: Tensor) -> Tensor:
        """Scores of these heads with all tails, (n, tails)."""
        return self._decoder.tail_query(self._heads[heads], self._relation) @ self._tails.T

    def score_heads(self, tails: Tensor) -> Tensor:
        """Scores of these tails with all heads, (n, heads)."""
        return self._decoder.head_query(self._tails[tails], self._relation) @ self._heads.T

    def tensors(self) -> dict[str, Tensor]:
        """What `from_tensors` needs."""
        own = {"heads": self._heads, "tails": self._tails, "relation": self._relation}
        return {**own, **{f"network.{name}": w for name, w in self.network.items()}}

    @classmethod
    def from_tensors(cls, decoder: str, tensors: Mapping[str, Tensor]) -> Vectors:
        """The scorer that gave these `tensors`."""
        network = {
            name.removeprefix("network."): tensor
            for name, tensor in tensors.items()
            if name.startswith("network.")
        }
        return cls(decoder, tensors["heads"], tensors["tails"], tensors["relation"], network)


@dataclass(frozen=True)
class LinkTask:
    """One relation of a graph, its edges split.

    Attributes:
        heads, tails: identifiers in the order of their numbers.
        train, valid, test: pairs of numbers, (edges, 2).
        held_back: edge ids of `valid` and `test`.
        symmetric: whether (a, b) is true when (b, a) is.
    """

    edge_type: EdgeType
    heads: list[str]
    tails: list[str]
    train: NDArray[np.int64]
    valid: NDArray[np.int64]
    test: NDArray[np.int64]
    held_back: dict[str, list[str]]
    symmetric: bool

    def matrix(self, *parts: str) -> sparse.csr_matrix:
        """The pairs of these parts as a sparse matrix, (heads, tails).

        For a relation within a kind it holds the pairs of a node with itself, too, since these are
        never candidates.
        """
        pairs = np.concatenate([getattr(self, part) for part in parts])
        if self.edge_type[0] == self.edge_type[2]:
            own = np.arange(len(self.heads))
            turned = pairs[:, ::-1] if self.symmetric else pairs[:0]
            pairs = np.concatenate([pairs, turned, np.stack([own, own], axis=1)])
        return pair_matrix(pairs, (len(self.heads), len(self.tails)))


def link_task(
    kg: KnowledgeGraph,
    relation: str,
    split: Mapping[str, Iterable[str]] | None = None,
    seed: int = 0,
) -> LinkTask:
    """The edges of a relation, split into training, validation and test.

    Where the relation joins several pairs of kinds, the pair with the most edges is taken.

    Args:
        split: ids of the edges to hold back, under `valid` and `test`; a tenth each, by chance, if
            not given.

    Raises:
        DataError: too few edges, or a split with ids that are no edges of the relation.
    """
    schema_relation = kg.schema.relation(relation)
    kinds = kg.nodes.select("id", "kind")
    edges = (
        kg.edges.filter(relation=relation)
        .select("id", "subject", "object")
        .join(kinds.rename({"id": "subject", "kind": "head_kind"}), on="subject")
        .join(kinds.rename({"id": "object", "kind": "tail_kind"}), on="object")
    )
    if edges.height < 10:
        raise DataError(
            f"the graph has {edges.height} edges {relation}, and at least 10 are needed to train"
            " and test on; load a source that has more"
        )
    pairs = edges.group_by("head_kind", "tail_kind").len().sort("len", "head_kind", "tail_kind")
    head_kind, tail_kind, _ = pairs.row(-1)
    edges = edges.filter(head_kind=head_kind, tail_kind=tail_kind).sort("id")

    if split is None:
        order = np.random.default_rng(seed).permutation(edges.height)
        n = max(1, round(edges.height * _HELD_BACK))
        ids = edges["id"].gather(order).to_list()
        held_back = {"valid": sorted(ids[:n]), "test": sorted(ids[n : 2 * n])}
    else:
        if unknown := sorted(set(split) - {"valid", "test"}):
            raise DataError(f"a split has the parts valid and test, not {unknown}")
        held_back = {part: sorted(split.get(part, ())) for part in ("valid", "test")}
        for part, ids in held_back.items():
            if strange := sorted(set(ids) - set(edges["id"])):
                raise DataError(
                    f"the {part} part of the split has {len(strange)} ids that are no edges"
                    f" {head_kind} {relation} {tail_kind} of the graph, as {strange[0]!r}"
                )
        if not held_back["valid"]:
            raise DataError("the split holds no validation edges back; training needs some")
        if set(held_back["valid"]) & set(held_back["test"]):
            raise DataError("the split has the same edge in validation and in test")

    nodes = vocabulary(kg)
    number = {kind: pl.DataFrame({"id": nodes[kind]}).with_row_index("n") for kind in nodes}
    numbered = edges.join(number[head_kind], left_on="subject", right_on="id").join(
        number[tail_kind], left_on="object", right_on="id", suffix="_tail"
    )

    def part_of(chosen: pl.Expr) -> NDArray[np.int64]:
        rows = numbered.filter(chosen).select("n", "n_tail").sort("n", "n_tail")
        return rows.to_numpy().astype(np.int64)

    in_part = {part: pl.col("id").is_in(ids) for part, ids in held_back.items()}
    return LinkTask(
        edge_type=(head_kind, relation, tail_kind),
        heads=nodes[head_kind],
        tails=nodes[tail_kind],
        train=part_of(~(in_part["valid"] | in_part["test"])),
        valid=part_of(in_part["valid"]),
        test=part_of(in_part["test"]),
        held_back=held_back,
        symmetric=schema_relation.symmetric,
    )


class LinkModel:
    """A trained model for one relation, with the graph that its answers are read against.

    Attributes:
        name: what predictions are signed with, such as `links-rgcn-distmult-1f3a9c02`.
        task: the relation, its entities and its split.
        metrics: held-out figures with n and intervals, beside the baselines'.
        calibrations: by direction (`tail`: tails of a head were ranked; `head`: heads of a tail).
        graph: the graph; `record` is what the model's folder keeps of the one it was trained on.
    """

    def __init__(
        self,
        scorer: Scorer,
        task: LinkTask,
        settings: Mapping[str, Any],
        seed: int,
        metrics: Mapping[str, Any],
        calibrations: Mapping[str, Calibration],
        graph: KnowledgeGraph,
        record: Mapping[str, Any],
    ):
        self.scorer, self.task, self.settings, self.seed = scorer, task, settings, seed
        self.metrics, self.calibrations = metrics, calibrations
        self.graph, self.record = graph, record
        signed = json.dumps([settings, seed, task.held_back, record["checksum"]], sort_keys=True)
        self.name = f"{model_label(settings)}-{hashlib.sha256(signed.encode()).hexdigest()[:8]}"

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
                otherwise, since they would take the first ranks and tell nothing new.

        Returns:
            Columns head, head_name, tail, tail_name, relation, rank (among the candidates ranked),
            score, probability (that the source records the pair; see `medkg.gnn.calibration`),
            known (whether the graph holds the pair) and explanation (the heaviest path, or null).

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
        an R-GCN the edges that the score rests on.

        Raises:
            MissingError: no such entity, or one that the model has not seen.
        """
        h, t = self._number(head, "tail"), self._number(tail, "head")
        head_id, tail_id = self.task.heads[h], self.task.tails[t]
        scores = self.scorer.score_tails(torch.tensor([h]))[0].double().numpy()
        others = scores.copy()
        others[self._trained[h].indices] = -np.inf
        rank = 1 + int((others > scores[t]).sum())
        probability = self.calibrations["tail"].probability(scores[t : t + 1], np.array([rank]))
        explainer, known = self._explainer, self._known
        names = dict(self.graph.nodes.select("id", "name").iter_rows())
        return Explanation(
            head=head_id,
            head_name=names[head_id],
            relation=self.task.edge_type[1],
            tail=tail_id,
            tail_name=names[tail_id],
            score=float(scores[t]),
            probability=float(probability[0]),
            rank=rank,
            known=bool(known[h, t]),
            paths=tuple(explainer.with_evidence(explainer.paths(head_id, tail_id, paths))),
            nearest_heads=tuple(
                explainer.nearest_heads(
                    head_id, [self.task.heads[n] for n in known[:, [t]].nonzero()[0]]
                )
            ),
            nearest_tails=tuple(
                explainer.nearest_tails(tail_id, [self.task.tails[n] for n in known[h].indices])
            ),
            attribution=tuple(self._attribution(h, t)),
        )

    def _attribution(self, head: int, tail: int, most: int = 5) -> list[tuple[Step, float]]:
        if not (isinstance(self.scorer, Vectors) and self.scorer.network):
            return []
        network, data = self._network
        attribution = attribute_to_edges(network, data, head, tail)
        largest = sorted(attribution.items(), key=lambda entry: (-entry[1], entry[0]))[:most]
        return [
            (self._explainer.edge_step(edge), round(share, 6))
            for edge, share in largest
            if share > 0
        ]

    def _ranked(
        self, direction: str, query: int, top: int, include_trained: bool
    ) -> pl.DataFrame:
        """The first candidates for a query, with rank, score, probability and whether known."""
        forward = direction == "tail"
        score = self.scorer.score_tails if forward else self.scorer.score_heads
        scores = score(torch.tensor([query]))[0].double().numpy().copy()
        trained = self._trained if forward else self._trained.T.tocsr()
        left_out = _loops(self.task)[query] if include_trained else trained[query]
        scores[left_out.indices] = -np.inf
        order = np.argsort(-scores, kind="stable")[:top]
        order = order[scores[order] > -np.inf]
        ranks = np.arange(1.0, len(order) + 1)
        known = self._known if forward else self._known.T.tocsr()
        ids = self.task.heads, self.task.tails
        asked, answers = ids if forward else ids[::-1]
        ends = {
            "head" if forward else "tail": [asked[query]] * len(order),
            "tail" if forward else "head": [answers[n] for n in order],
        }
        return pl.DataFrame(
            {
                "head": pl.Series(ends["head"], dtype=pl.String),
                "relation": pl.Series([self.task.edge_type[1]] * len(order), dtype=pl.String),
                "tail": pl.Series(ends["tail"], dtype=pl.String),
                "rank": pl.Series(ranks, dtype=pl.UInt32),
                "score": scores[order],
                "probability": self.calibrations[direction].probability(scores[order], ranks),
                "known": np.isin(order, known[query].indices),
            }
        )

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
        rows = [
            (heads[subject], tails[object_])
            for subject, object_ in edges.select("subject", "object").iter_rows()
            if subject in heads and object_ in tails
        ]
        pairs = np.array(rows, dtype=np.int64).reshape(-1, 2)
        if self.task.symmetric:
            pairs = np.concatenate([pairs, pairs[:, ::-1]])
        return pair_matrix(pairs, (len(heads), len(tails)))

    @cached_property
    def _explainer(self) -> Explainer:
        return Explainer(self.graph, self.task.edge_type)

    @cached_property
    def _network(self) -> tuple[LinkNetwork, HeteroData]:
        """The network with its weights, and the graph it was trained on."""
        assert isinstance(self.scorer, Vectors)
        settings = NetworkSettings.from_dict(self.settings["network"])
        held_back = [edge for ids in self.task.held_back.values() for edge in ids]
        whole = to_hetero_data(self.graph, exclude_edges=held_back)
        data = compact(whole, self.task.edge_type, settings.context)
        counts = {kind: data[kind].num_nodes for kind in data.node_types}
        network = LinkNetwork(counts, self.task.edge_type, settings)
        network.load_state_dict(dict(self.scorer.network))
        return network, data

    # Folder

    def save(self, path: Path | str, *, graph_path: Path | str | None = None) -> None:
        """Write the model to a folder; `graph_path` is where its graph is saved, so that
        `load_model` finds it.

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
                    **{f"scorer.{n}": t for n, t in self.scorer.tensors().items()},
                    **{
                        f"pairs.{part}": torch.from_numpy(getattr(task, part))
                        for part in ("train", "valid", "test")
                    },
                },
                card=self.card(),
            ),
        )

    def card(self) -> str:
        """The model card, Markdown."""
        return _card(self)


def load_model(path: Path | str, graph: KnowledgeGraph | None = None) -> LinkModel:
    """Read a link model's folder, and the graph that it records, or read it against `graph`.

    Raises:
        ModelError: no model folder, a damaged one, one of another version; or, without `graph`, the
            recorded graph is not where it was or is no longer the same.
    """
    folder = open_model(path, KIND)
    if graph is None:
        place = folder.graph["path"]
        if place is None or not Path(place).is_dir():
            raise ModelError(
                f"{path}: the graph that the model was trained on is not at {place}; name the graph"
                " to use"
            )
        graph = KnowledgeGraph.open(place)
        if graph.checksum() != folder.graph["checksum"]:
            raise ModelError(
                f"{path}: the graph at {place} is no longer the one that the model was trained on;"
                " train the model anew, or name that graph to use it all the same"
            )
    elif graph.checksum() != folder.graph["checksum"]:
        warnings.warn(
            f"{path}: the graph given is not the one that the model was trained on; entities that"
            " are new in it have no predictions",
            stacklevel=2,
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
        calibrations = {
            direction: Calibration.from_dict(values)
            for direction, values in settings.pop("calibrations").items()
        }
        tensors = {
            name.removeprefix("scorer."): tensor
            for name, tensor in folder.tensors.items()
            if name.startswith("scorer.")
        }
        scorer: Scorer
        if settings["model"] == "degree":
            scorer = Degree.from_tensors(tensors)
        elif settings["model"] == "neighbours":
            scorer = Neighbours.from_tensors(tensors)
        else:
            scorer = Vectors.from_tensors(settings["network"]["decoder"], tensors)
    except (KeyError, ValueError, TypeError) as error:
        raise ModelError(f"{path}: lacks {error}; train the model anew") from error
    return LinkModel(
        scorer, task, settings, folder.seed, folder.metrics, calibrations, graph, folder.graph
    )


def evaluate_links(
    model: LinkModel,
    edges: pl.DataFrame,
    kg: KnowledgeGraph,
    *,
    direction: str = "tail",
    candidates: Sequence[str] | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Where the model ranks true edges among all candidates that no known edge joins to the query.

    Args:
        edges: the true edges: frame with subject and object.
        kg: its edges of the relation are the known ones, left out of the rankings.
        direction: `tail` ranks tails for each head, `head` heads for each tail.
        candidates: identifiers to rank among; all nodes of the kind if not given.

    Returns:
        `direction`, `n`, `groups` (queries), `candidates`, `mrr`, `hits@1`, `hits@3`, `hits@10`,
        their 95 % intervals (bootstrap over queries) and `by_degree`: figures by the number of
        training edges that the answer has.

    Raises:
        MissingError: an end of an edge, or a candidate, that the model has not seen.
    """
    heads, tails = model._numbers
    for column, numbers in (("subject", heads), ("object", tails)):
        if unseen := sorted(set(edges[column]) - set(numbers)):
            raise MissingError(f"{model.name} has not seen {len(unseen)} ends, as {unseen[0]}")
    pairs = np.array(
        [(heads[s], tails[o]) for s, o in edges.select("subject", "object").iter_rows()],
        dtype=np.int64,
    ).reshape(-1, 2)
    numbers = tails if direction == "tail" else heads
    if candidates is not None and (unseen := sorted(set(candidates) - set(numbers))):
        raise MissingError(f"{model.name} has not seen {len(unseen)} candidates, as {unseen[0]}")
    known = (
        model.pairs(kg.edges.filter(relation=model.task.edge_type[1]))
        + model.pairs(edges)
        + model.task.matrix("train")
    )
    chosen = None if candidates is None else np.array([numbers[c] for c in candidates])
    return _evaluate(model.scorer, model.task, pairs, known, direction, chosen, seed)


def _evaluate(
    scorer: Scorer,
    task: LinkTask,
    pairs: NDArray[np.int64],
    known: sparse.csr_matrix,
    direction: str,
    candidates: NDArray[np.int64] | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    forward = direction == "tail"
    queries, answers = (pairs if forward else pairs[:, ::-1]).T
    known = (known if forward else known.T).tocsr()
    score = scorer.score_tails if forward else scorer.score_heads
    ranks = filtered_ranks(score, queries, answers, known, candidates)
    degrees = np.bincount(task.train[:, 1 if forward else 0], minlength=known.shape[1])
    return {
        "direction": direction,
        "candidates": known.shape[1] if candidates is None else len(candidates),
        **summarise(ranks, queries, seed=seed),
        "by_degree": by_degree(ranks, degrees[answers]),
    }


def train_links(
    kg: KnowledgeGraph,
    relation: str = "TARGETS",
    *,
    model: str = "network",
    encoder: str = "rgcn",
    decoder: str = "distmult",
    dim: int = 64,
    layers: int = 2,
    dropout: float = 0.5,
    learning_rate: float = 0.02,
    n3: float = 0.0,
    epochs: int | None = None,
    seed: int = 0,
    split: Mapping[str, Iterable[str]] | None = None,
    context_relations: Sequence[str] | None = None,
    out: Path | str | None = None,
    graph_path: Path | str | None = None,
    device: str | None = None,
) -> LinkModel:
    """Train a model that predicts edges of a relation, and measure it beside the baselines.

    Args:
        model: `network` (encoder × decoder), or a baseline: `degree` or `neighbours`.
        encoder: `rgcn` or `lookup`.
        decoder: `distmult` or `complex`.
        dim: numbers in a vector (even for `complex`).
        layers: of the R-GCN.
        n3: weight of the N3 regulariser.
        epochs: the most; training ends earlier where validation no longer improves.
        split: edge ids to hold back, under `valid` and `test`; a tenth each by chance if not given.
        context_relations: the other relations to learn from; by default those that have the
            relation's kinds at an end, the smallest first, up to 500,000 edges.
        out: a folder to save the model in. State is kept beside it while training, so that the same
            call goes on after a kill.
        graph_path: where the graph is saved, recorded in the model's folder.
        device: `cpu`, `cuda`, …; a GPU where there is one, if not given.

    Raises:
        DataError: too few edges, or a split that doesn't fit the graph.
        ModelError: no such model, encoder, decoder or device.
    """
    _check_choice("model", model, ("network", "degree", "neighbours"))
    _check_choice("encoder", encoder, ("rgcn", "lookup"))
    _check_choice("decoder", decoder, tuple(DECODERS))
    if decoder == "complex" and dim % 2:
        raise ModelError(f"complex vectors have an even dim, not {dim}")
    task = link_task(kg, relation, split, seed)
    held_back = [edge for ids in task.held_back.values() for edge in ids]
    data = to_hetero_data(kg, exclude_edges=held_back)
    trained = task.matrix("train")
    until_valid = task.matrix("train", "valid")

    settings: dict[str, Any] = {"model": model}
    course: dict[str, Any] = {}
    scorer: Scorer
    if model == "degree":
        scorer = Degree.fit(trained)
    elif model == "neighbours":
        scorer = Neighbours.fit(data, task.edge_type, trained)
    else:
        network_settings = NetworkSettings(
            encoder=encoder,
            decoder=decoder,
            context=_context(data, task.edge_type, context_relations),
            dim=dim,
            layers=layers,
            bases=8,
            dropout=dropout,
            learning_rate=learning_rate,
            n3=n3,
            parts=3,
            head_weight=0.3,
            epochs=epochs or 200,
            patience=6,
        )
        settings["network"] = network_settings.to_dict()

        def validate(network: LinkNetwork, vectors: Mapping[str, Tensor]) -> float:
            part = _vectors(network, vectors, task.edge_type)
            queries, answers = task.valid.T
            ranks = filtered_ranks(part.score_tails, queries, answers, until_valid)
            return float((1 / ranks).mean())

        network, vectors, course = train_network(
            data,
            task.edge_type,
            trained,
            network_settings,
            validate,
            seed=seed,
            device=_device(device),
            checkpoint=None if out is None else Path(f"{out}.checkpoint"),
        )
        scorer = _vectors(network, vectors, task.edge_type)

    known = task.matrix("train", "valid", "test")
    metrics: dict[str, Any] = {"training": course} if course else {}
    metrics["valid"] = _evaluate(scorer, task, task.valid, known, "tail")
    metrics["test"] = {d: _evaluate(scorer, task, task.test, known, d) for d in DIRECTIONS}
    baselines: dict[str, Scorer] = {
        "degree": Degree.fit(trained),
        "neighbours": Neighbours.fit(data, task.edge_type, trained),
    }
    metrics["baselines"] = {
        name: {d: _evaluate(baseline, task, task.test, known, d) for d in DIRECTIONS}
        for name, baseline in baselines.items()
    }
    calibrations, metrics["calibration"] = _calibrate(scorer, task)
    fitted = LinkModel(
        scorer, task, settings, seed, metrics, calibrations, kg, graph_record(kg, graph_path)
    )
    if out is not None:
        fitted.save(out)
    return fitted


def model_label(settings: Mapping[str, Any]) -> str:
    """What sort of model, as its name begins: `links-degree`, `links-rgcn-distmult`, …"""
    if settings["model"] != "network":
        return f"links-{settings['model']}"
    return f"links-{settings['network']['encoder']}-{settings['network']['decoder']}"


def _vectors(
    network: LinkNetwork, vectors: Mapping[str, Tensor], edge_type: EdgeType
) -> Vectors:
    head_kind, _, tail_kind = edge_type
    weights = {n: w.detach().cpu() for n, w in network.state_dict().items()}
    return Vectors(
        network.decoder.name,
        vectors[head_kind].detach().cpu(),
        vectors[tail_kind].detach().cpu(),
        network.relation().detach().cpu(),
        weights if network.depth else {},
    )


def _context(
    data: HeteroData, edge_type: EdgeType, relations: Sequence[str] | None
) -> tuple[EdgeType, ...]:
    others = [t for t in data.edge_types if t != edge_type]
    if relations is not None:
        if missing := sorted(set(relations) - {t[1] for t in others} - {edge_type[1]}):
            raise DataError(f"the graph has no edges {', '.join(missing)} to learn from")
        return tuple(t for t in others if t[1] in relations)
    kinds, outside = {edge_type[0], edge_type[2]}, {"Document", "Patient"}
    near = [t for t in others if kinds & {t[0], t[2]} and not outside & {t[0], t[2]}]
    chosen, total = [], 0
    for t in sorted(near, key=lambda t: (data[t].num_edges, t)):
        total += data[t].num_edges
        if total > _CONTEXT_EDGES:
            break
        chosen.append(t)
    return tuple(sorted(chosen))


def _device(name: str | None) -> torch.device:
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.empty(0, device=name)
        return torch.device(name)
    except (RuntimeError, AssertionError) as error:
        raise ModelError(f"device {name!r} can't be used here: {error}") from error


def _check_choice(what: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ModelError(f"unknown {what} {value!r}; there are {', '.join(allowed)}")


def _loops(task: LinkTask) -> sparse.csr_matrix:
    """The pairs of a node with itself, where the relation is within a kind."""
    n = len(task.heads) if task.edge_type[0] == task.edge_type[2] else 0
    own = np.arange(n)
    return pair_matrix(np.stack([own, own], axis=1), (len(task.heads), len(task.tails)))


def _calibrate(
    scorer: Scorer, task: LinkTask
) -> tuple[dict[str, Calibration], dict[str, Any]]:
    """Fitted on the validation edges, measured on the test edges, for both directions."""
    calibrations, measured = {}, {}
    for direction in DIRECTIONS:
        calibrations[direction] = calibration.fit(
            *_first_candidates(scorer, task, direction, "valid", "test")
        )
        if len(task.test):
            scores, ranks, true = _first_candidates(scorer, task, direction, "test", "valid")
            probabilities = calibrations[direction].probability(scores, ranks)
            measured[direction] = {
                "base_rate": round(calibrations[direction].base_rate, 6),
                **calibration.quality(probabilities, true),
            }
    return calibrations, measured


def _first_candidates(
    scorer: Scorer, task: LinkTask, direction: str, part: str, other: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Of every query with an edge, the first candidates that are neither trained on nor in the
    other part: their scores, ranks, and whether they are in this part."""
    left_out, true = task.matrix("train", other), task.matrix(part) - _loops(task)
    if direction == "head":
        left_out, true = left_out.T.tocsr(), true.T.tocsr()
    score = scorer.score_tails if direction == "tail" else scorer.score_heads
    degrees = np.asarray(task.matrix("train", "valid", "test").sum(1 if direction == "tail" else 0))
    loops = _loops(task).diagonal().any()
    queries = np.flatnonzero(degrees.ravel() > (1 if loops else 0))
    n_first = min(calibration.FIRST, left_out.shape[1])
    all_scores, all_ranks, all_true = [], [], []
    for start in range(0, len(queries), 256):
        rows = queries[start : start + 256]
        scores = score(torch.from_numpy(rows)).double().numpy().copy()
        scores[left_out[rows].nonzero()] = -np.inf
        first = np.argsort(-scores, axis=1, kind="stable")[:, :n_first]
        found = np.take_along_axis(scores, first, 1)
        kept = found > -np.inf
        all_scores.append(found[kept])
        all_ranks.append(np.broadcast_to(np.arange(1.0, n_first + 1), found.shape)[kept])
        all_true.append(np.take_along_axis(true[rows].toarray() > 0, first, 1)[kept])
    return np.concatenate(all_scores), np.concatenate(all_ranks), np.concatenate(all_true)


def _card(model: LinkModel) -> str:
    head_kind, relation, tail_kind = model.task.edge_type
    task = model.task

    def row(name: str, figures: Mapping[str, Any]) -> str:
        if not figures["n"]:
            return f"| {name} | – | – | – | – |"
        cells = [
            f"{figures[key]:.3f} ({figures[f'{key}_interval'][0]:.3f}"
            f"–{figures[f'{key}_interval'][1]:.3f})"
            for key in ("mrr", "hits@1", "hits@3", "hits@10")
        ]
        return f"| {name} | {' | '.join(cells)} |"

    lines = [
        f"# {model.name}",
        "",
        f"Ranks {tail_kind} nodes for a {head_kind} (and the other way) by {relation}:"
        f" {model_label(model.settings).removeprefix('links-')}, seed {model.seed}.",
        "",
        f"Trained on {len(task.train):,} edges; {len(task.valid):,} held back for validation and"
        f" {len(task.test):,} for the test.",
    ]
    ranked = {"tail": (tail_kind, task.tails), "head": (head_kind, task.heads)}
    for direction, (kind, nodes) in ranked.items():
        lines += [
            "",
            f"## Test, {direction}s ranked among {len(nodes):,} {kind} nodes",
            "",
            "Filtered; ties count half; 95 % intervals by bootstrap over queries"
            f" (n = {len(task.test):,} edges).",
            "",
            "| | MRR | Hits@1 | Hits@3 | Hits@10 |",
            "|---|---|---|---|---|",
            row("this model", model.metrics["test"][direction]),
            *(
                row(name, figures[direction])
                for name, figures in model.metrics["baselines"].items()
            ),
        ]
        if measured := model.metrics["calibration"].get(direction):
            lines += [
                "",
                f"Probabilities of the first {calibration.FIRST} candidates: Brier"
                f" {measured['brier']:.5f} (a constant: {measured['brier_of_base_rate']:.5f}), ECE"
                f" {measured['ece']:.5f}, base rate {measured['base_rate']:.5f}.",
            ]
    lines += [
        "",
        "## What a probability says",
        "",
        "That the sources record the pair, or will, at the base rate stated; not that it is true."
        " What is rarely studied is rarely recorded, and gets a low probability whatever the"
        " truth.",
        "Not for decisions about patients.",
        "",
        "## Sources of the graph",
        "",
        *(
            f"- {source['name']} {source['release']}: {source['licence']}"
            for source in model.record["sources"]
        ),
    ]
    return "\n".join(lines) + "\n"
