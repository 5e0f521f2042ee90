"""Embeddings of a whole graph: one vector a node, trained on the triples of all relations.

They rank tails and heads for every relation of the graph at once; `medkg.mining.links.train` trains
for one relation, with the graph's neighbourhoods and features, and is better there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...core.atomic import check_replaceable
from ...core.checkpoint import remove_checkpoints
from ...core.errors import DataError, MissingError, ModelError
from ...core.model_folder import (
    CONFIG,
    ModelFolder,
    open_model,
    save_model,
)
from ...core.progress import progress
from ...graph.kg import KnowledgeGraph
from ...graph.training_provenance import GraphRecord, training_graph_record
from .. import parallel
from ..data import EdgeType, vocabulary
from ..options import with_options
from ..settings import EmbeddingSettings
from ..training import device_of
from ..triple_answers import best_answers
from ..triple_task import (
    TripleMetrics,
    TripleTask,
    end_of_card,
    figures_in_markdown,
    held_back_edges,
)
from .ranking import triple_ranks
from .training import Embeddings, train

KIND = "embeddings"
_VALIDATED = 2_000  # the most validation triples that are ranked during training


class EmbeddingModel:
    """Embeddings of a graph with what is needed to ask them.

    Attributes:
        embeddings: the vectors.
        types: edge types in the order of their numbers.
        vocabulary: the nodes' identifiers by kind.
        metrics: held-out figures, with the degree baseline's beside them.
    """

    def __init__(
        self,
        embeddings: Embeddings,
        types: list[EdgeType],
        vocabulary: Mapping[str, list[str]],
        settings: EmbeddingSettings,
        seed: int,
        metrics: TripleMetrics,
        held_back: list[str],
        record: GraphRecord,
    ):
        self.embeddings, self.types, self.vocabulary = embeddings, types, vocabulary
        self.settings, self.seed, self.metrics = settings, seed, metrics
        self.held_back, self.record = held_back, record

    def vectors(self, nodes: Sequence[str]) -> NDArray[np.float32]:
        """The vectors of these nodes, (nodes, dim), by identifier.

        Raises:
            MissingError: a node that the model has not seen.
        """
        ordered = (node for kind in sorted(self.vocabulary) for node in self.vocabulary[kind])
        numbers = {node: n for n, node in enumerate(ordered)}
        if unseen := [node for node in nodes if node not in numbers]:
            raise MissingError(f"the model has not seen {len(unseen)} nodes, as {unseen[0]}")
        rows = [numbers[node] for node in nodes]
        return np.asarray(self.embeddings.nodes.cpu()[rows], dtype=np.float32)

    def predict(
        self,
        kg: KnowledgeGraph,
        relation: str,
        *,
        head: str | None = None,
        tail: str | None = None,
        top: int = 20,
    ) -> pl.DataFrame:
        """The tails of a head, or the heads of a tail, that score best and that the graph does not
        hold.

        Args:
            kg: the graph that says what is known.
            relation: a relation that the model was trained on.
            head, tail: one of them, an identifier or a name.

        Returns:
            Columns head, relation, tail, name (of the answer), score (not a probability; higher is
            better) and rank. Where a relation joins several pairs of kinds, the answers are those
            of the pairs that the given node's kind is in, each with ranks of its own.

        Raises:
            DataError: `top` is less than 1.
            MissingError: no such relation or entity, or one that the model has not seen.
        """
        return best_answers(
            kg, self.types, self.vocabulary, self._scores, relation, head=head, tail=tail, top=top
        )

    def _scores(self, edge_type: EdgeType, side: int, node: str) -> Tensor:
        """See `triple_answers.Scores`."""
        kinds = sorted(self.vocabulary)
        starts = np.cumsum([0, *(len(self.vocabulary[kind]) for kind in kinds)])
        own, other = kinds.index(edge_type[2 * side]), kinds.index(edge_type[2 - 2 * side])
        try:
            number = int(starts[own]) + self.vocabulary[kinds[own]].index(node)
        except ValueError as error:
            raise MissingError(
                f"the model has not seen {node}: it was not in the graph that it was trained on"
            ) from error
        score = self.embeddings.score_heads if side else self.embeddings.score_tails
        first, last = int(starts[other]), int(starts[other + 1])
        return score(torch.tensor([number]), self.types.index(edge_type), first, last)[0]

    def save(self, path: Path | str) -> None:
        """Write the model to a folder.

        Raises:
            DataError: `path` is a file, or a folder that is no model folder.
        """
        save_model(
            path,
            ModelFolder(
                kind=KIND,
                settings={
                    "embeddings": self.settings.to_dict(),
                    "types": [list(edge_type) for edge_type in self.types],
                },
                seed=self.seed,
                metrics=self.metrics,
                split={"valid": self.held_back},
                graph=self.record,
                vocabulary=self.vocabulary,
                tensors={"nodes": self.embeddings.nodes, "relations": self.embeddings.relations},
                card=self.card(),
            ),
        )

    def card(self) -> str:
        """The model card, Markdown."""
        course = self.metrics["training"]
        lines = [
            f"# Embeddings: {self.settings.decoder}",
            "",
            f"{len(self.embeddings.nodes):,} nodes, {len(self.types)} edge types; dimension"
            f" {self.settings.dim}, seed {self.seed}; loss {self.settings.loss}, negatives"
            f" {self.settings.sampler}, learning rate {self.settings.learning_rate}. Vectors of"
            f" epoch {course['best_epoch']} of {course['epochs']}.",
            "",
            *figures_in_markdown(self.metrics, "Training was stopped by these triples."),
            *end_of_card(self.record),
        ]
        return "\n".join(lines) + "\n"


def load_embeddings(path: Path | str) -> EmbeddingModel:
    """Read the folder of a model that `train_embeddings` saved.

    Raises:
        ModelError: no model folder, a damaged one, or one of another version or kind.
    """
    folder = open_model(path, KIND)
    try:
        settings = with_options(EmbeddingSettings(), folder.settings["embeddings"])
        types = [(head, relation, tail) for head, relation, tail in folder.settings["types"]]
        embeddings = Embeddings(
            settings.decoder,
            folder.tensors["nodes"],
            folder.tensors["relations"],
            settings.reciprocal,
        )
        held_back = folder.split["valid"]
    except (KeyError, ValueError, TypeError) as error:
        raise ModelError(f"{path}: lacks {error}; train the model anew") from error
    except DataError as error:
        raise ModelError(f"{path}: {error}; train the model anew") from error
    return EmbeddingModel(
        embeddings,
        types,
        folder.vocabulary,
        settings,
        folder.seed,
        cast(TripleMetrics, folder.metrics),
        held_back,
        cast(GraphRecord, folder.graph),
    )


def train_embeddings(
    kg: KnowledgeGraph,
    settings: EmbeddingSettings | None = None,
    *,
    held_back: Iterable[str] | float = 0.01,
    seed: int = 0,
    out: Path | str | None = None,
    graph_path: Path | str | None = None,
    device: str = "cpu",
) -> EmbeddingModel:
    """Train embeddings of all relations of a graph, and rank the triples held back.

    Under torchrun the processes share each batch, and the first writes the model.

    Args:
        held_back: ids of the edges to hold back for validation, or a random share of all edges.
        out: a folder to save the model in. State is kept beside it while training, so that the same
            call goes on after a kill.
        graph_path: where the graph is saved, recorded in the model's folder.

    Raises:
        DataError: too few edges, ids that are no edges, or `out` holds something else.
        ModelError: the device can't be used here.
    """
    settings = settings or EmbeddingSettings()
    if out is not None:
        check_replaceable(Path(out), marker=CONFIG, kind=KIND)
    task = TripleTask.of(kg, held_back_edges(kg, held_back, seed))
    some = np.random.default_rng(seed).permutation(len(task.valid))[:_VALIDATED]

    def validate(embeddings: Embeddings) -> float:
        return float((1 / triple_ranks(embeddings, task.valid[some], task.known)).mean())

    checkpoint = None if out is None else Path(f"{out}.checkpoint")
    embeddings, course = train(
        task.training,
        settings,
        validate,
        seed=seed,
        device=device_of(device),
        checkpoint=checkpoint,
    )
    writes = out is not None and parallel.rank() == 0
    with progress("Ranking", 2 * len(task.valid)) as step:
        keep = Path(f"{out}.ranks") if writes else None
        ranks = triple_ranks(embeddings, task.valid, task.known, keep=keep, step=step)
    model = EmbeddingModel(
        embeddings,
        task.types,
        vocabulary(kg),
        settings,
        seed,
        task.metrics(ranks, course),
        task.held_back,
        training_graph_record(kg, graph_path),
    )
    if out is not None and parallel.rank() == 0:
        model.save(out)
        remove_checkpoints(checkpoint)
    return model
