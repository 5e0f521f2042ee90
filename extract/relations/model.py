"""The relation model: what a text says of pairs of mentions.

A linear model over words for each task of `pairs.TASKS`; beside it, where the default trains them,
towers over the recogniser's states of the sentence (`networks`), or, for all tasks in place of the
linear models, any encoder of transformers with typed markers around the pair (Zhou and Chen 2021).
What the sentences give to concepts is weighed for the whole document (`facts`), by classifiers of
documents (`document_level`). Disease–HAS_SYMPTOM–Symptom has no corpus and is decided by rules
(`rules`).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import exp, log
from pathlib import Path

import torch
from torch import Tensor, nn

from ...core.errors import ModelError
from ...core.json_reading import VOCABULARY_LIMITS, read_json
from ...core.model_folder import COMMON_FIELDS, load_weights, read_config, save_network
from ..mentions.network import SHIPPED as RECOGNISER
from ..tokens import longest_first
from .document_features import CDR, FACTS, Candidates, fact_rows, scores_of
from .document_level import DocumentClassifier, HashedLinear
from .networks import PairRow, PairTowers, PairTransformer
from .pairs import FINE, TASKS, ConceptPair, EntityPair, MarkedPair, has_names
from .passages import Passage

SHIPPED = Path(__file__).parent.parent / "model" / "relations"
MODEL = "medkg_relations"
_RECOGNISER = "recogniser"  # in the folder, where the towers read with another than ships
# Fields of the config that `save` writes itself.
_SAVED_FIELDS = (
    *COMMON_FIELDS,
    "encoder",
    "towers",
    "recogniser",
    "tasks",
    "temperatures",
    "thresholds",
    "linear_thresholds",
)
_BATCH = 4096  # words of a batch when predicting, padding included
# What the towers learn; the linear models do as well for the others.
TOWER_TASKS = ("targets",)


class RelationModel(nn.Module):
    """A linear model of pairs for each task, an encoder with a layer for each of its tasks.

    With towers a task's probabilities are the mean of theirs and the linear model's; a
    transformer's stand alone. `temperatures` divide a task's logits, so that its probabilities are
    calibrated; `thresholds` are the probabilities of some relation from which on a task asserts
    one, `linear_thresholds` those of the linear model alone, the baseline.

    `sentences` and `documents` decide the relations of `FACTS`; `cdr` decides what BC5CDR's
    guideline says that drugs cause.
    """

    LAYER = 96

    def __init__(self, encoder: PairTowers | PairTransformer) -> None:
        super().__init__()
        self.encoder = encoder
        self.mixed = isinstance(encoder, PairTowers)
        copies = len(encoder.towers) if isinstance(encoder, PairTowers) else 1
        self.layers = nn.ModuleDict(
            {
                task: nn.ModuleList(self._layer(encoder.width, task) for _ in range(copies))
                for task in (TOWER_TASKS if self.mixed else TASKS)
            }
        )
        self.linear = nn.ModuleDict({task: HashedLinear(len(FINE[task])) for task in TASKS})
        self.cdr = DocumentClassifier(CDR)
        self.sentences = nn.ModuleDict({relation: HashedLinear(2) for relation in FACTS})
        self.documents = nn.ModuleDict({name: DocumentClassifier(f) for name, f in FACTS.items()})
        self.temperatures = dict.fromkeys((*TASKS, *FACTS), 1.0)
        self.thresholds = dict.fromkeys((*TASKS, *FACTS), 0.5)
        self.linear_thresholds = dict.fromkeys(TASKS, 0.5)
        self.about: dict[str, object] = {}
        self.card = ""

    def _layer(self, width: int, task: str) -> nn.Module:
        return nn.Sequential(
            nn.Linear(width, self.LAYER),
            nn.Tanh(),
            nn.Dropout(0.2),
            nn.Linear(self.LAYER, len(FINE[task])),
        )

    def forward(self, rows: Sequence[PairRow] | Sequence[MarkedPair], task: str) -> Tensor:
        """The encoder's logits, shape (towers, pairs, fine labels of the task).

        `rows` are pairs as the encoder's `prepare` makes them.
        """
        return self._logits(self.encoder(rows), task)

    def _logits(self, features: Tensor, task: str) -> Tensor:
        layers = self.layers[task]
        assert isinstance(layers, nn.ModuleList)
        return torch.stack([layer(rows) for layer, rows in zip(layers, features, strict=True)])

    def predict(
        self, pairs: Sequence[EntityPair], tasks: Sequence[str], *, calibrated: bool = True
    ) -> dict[str, Tensor]:
        """For each task the probabilities of its labels, shape (pairs, labels), on the CPU.

        Of "causes" they are those of one sentence; `predict_causes` is for documents.
        """
        fine = self.predict_fine(pairs, tasks)
        results = {task: merge_fine_labels(fine[task], task) for task in tasks}
        if calibrated:
            for task in tasks:
                if task != "causes":
                    results[task] = scale_logits(results[task], self.temperatures[task])
        return results

    @torch.inference_mode()
    def predict_fine(self, pairs: Sequence[EntityPair], tasks: Sequence[str]) -> dict[str, Tensor]:
        """For each task the probabilities of its `FINE` labels before calibration, on the CPU."""
        self.eval()
        results = {task: torch.zeros(len(pairs), len(FINE[task])) for task in tasks}
        encoded = [task for task in tasks if task in self.layers]
        # Pairs of one sentence together, so that it is encoded once.
        order = sorted(range(len(pairs)), key=lambda n: pairs[n].words)
        for batch in longest_first(order, lambda n: len(pairs[n].words), _BATCH):
            chunk = [pairs[n] for n in batch]
            features = self.encoder(self.encoder.prepare(chunk)) if encoded else torch.empty(0)
            places = _hashed(chunk, tasks) if self.mixed else {}
            for task in tasks:
                outputs = []
                if task in self.layers:
                    outputs.append(self._logits(features, task).float().softmax(2).mean(0).cpu())
                if self.mixed:
                    linear = self.linear[task]
                    assert isinstance(linear, HashedLinear)
                    outputs.append(linear.at(places[task]).float().softmax(1).cpu())
                results[task][batch] = torch.stack(outputs).mean(0)
        return results

    @torch.inference_mode()
    def predict_linear(self, pairs: Sequence[EntityPair], task: str) -> Tensor:
        """The linear model's probabilities alone, shape (pairs, labels)."""
        if not pairs:
            return torch.zeros(0, len(TASKS[task]))
        linear = self.linear[task]
        assert isinstance(linear, HashedLinear)
        logits = linear.at(_hashed(pairs, [task])[task])
        return merge_fine_labels(logits.float().softmax(1).cpu(), task)

    def predict_causes(
        self, passages: Sequence[Passage], pairs: Sequence[Sequence[ConceptPair]]
    ) -> list[dict[tuple[str, str], float]]:
        """For each document, of every drug with every condition, how probably it causes it.

        As BC5CDR's guideline sees it: `facts.predict_facts` is for what a graph holds.

        Args:
            passages: the documents.
            pairs: of each document the pairs that share a sentence.
        """
        self.eval()
        flat = [pair for of_document in pairs for *_, pair in of_document]
        rows = fact_rows(pairs)
        linear = self.predict_linear(flat, "causes")[:, 1:].double().numpy()
        candidates = [Candidates.of(passage, CDR) for passage in passages]
        predictions = self.cdr.predict(candidates, scores_of(rows, linear))
        if "causes" in self.layers:
            encoded = self.predict(flat, ["causes"])["causes"][:, 1:].double().numpy()
            best = [
                {key: max(row[0] for row in scores) for key, scores in of_document.items()}
                for of_document in scores_of(rows, encoded)
            ]
            predictions = list(map(mean_with_best_sentence, predictions, best))
        temperature = self.temperatures["causes"]
        return [
            {key: scale_binary_logit(p, temperature) for key, p in of_document.items()}
            for of_document in predictions
        ]

    @property
    def recogniser(self) -> Path | None:
        """The folder of the recogniser that the towers read with; None: there are none."""
        return self.encoder.recogniser if isinstance(self.encoder, PairTowers) else None

    def save(self, folder: Path, about: Mapping[str, object], card: str) -> None:
        """Write the model's folder: config, card, half-precision weights, the encoder's needs.

        `about` (training data, licence, seed, figures, …) goes into the config as it is.
        """
        towers = len(self.encoder.towers) if isinstance(self.encoder, PairTowers) else 0
        config = {
            "encoder": "towers" if towers else "transformer",
            "towers": towers,
            "recogniser": self.encoder.recogniser_checksum if towers else "",
            "tasks": {task: list(labels) for task, labels in TASKS.items()},
            "temperatures": self.temperatures,
            "thresholds": self.thresholds,
            "linear_thresholds": self.linear_thresholds,
            **about,
        }
        save_network(folder, MODEL, self, config, card, self._write_encoder)

    def _write_encoder(self, draft: Path) -> None:
        if isinstance(self.encoder, PairTowers):
            text = json.dumps(self.encoder.words, ensure_ascii=False)
            (draft / "words.json").write_text(text, encoding="utf-8")
            if self.encoder.recogniser != RECOGNISER:
                shutil.copytree(self.encoder.recogniser, draft / _RECOGNISER)
        else:
            self.encoder.encoder.save_description(draft / "encoder")  # type: ignore[operator]  # to mypy a Module or a Tensor

    @classmethod
    def load(cls, folder: Path | None = None, device: str | None = None) -> RelationModel:
        """Read a model's folder (default: the shipped one); nothing in it is unpickled.

        Raises:
            ModelError: the folder is missing, damaged, or of another kind or schema version.
        """
        folder = SHIPPED if folder is None else Path(folder)
        fields = {
            "encoder": str,
            "temperatures": dict,
            "thresholds": dict,
            "linear_thresholds": dict,
            "towers": int,
        }
        config = read_config(folder, MODEL, fields)
        if config.get("tasks") != {task: list(labels) for task, labels in TASKS.items()}:
            raise ModelError(f"{folder}: is of other relations than this version's; train it again")
        encoder: PairTowers | PairTransformer
        if config["encoder"] == "towers":
            bundled = folder / _RECOGNISER
            recogniser = bundled if bundled.is_dir() else RECOGNISER
            words = read_json(folder / "words.json", limits=VOCABULARY_LIMITS)
            encoder = PairTowers(words, config["towers"], recogniser)
            if config.get("recogniser") != encoder.recogniser_checksum:
                raise ModelError(
                    f"{folder}: learnt from what another recogniser sees than the one that comes"
                    f" with {'it' if bundled.is_dir() else 'this version'}; train it again"
                )
        else:
            # transformers takes seconds to import, and only these models need it.
            from ..mentions.transformer import TransformerEncoder

            encoder = PairTransformer(TransformerEncoder.from_description(folder / "encoder"))
        model = cls(encoder)
        load_weights(folder, model)
        model.temperatures, model.thresholds = config["temperatures"], config["thresholds"]
        model.linear_thresholds = config["linear_thresholds"]
        card = folder / "CARD.md"
        model.card = card.read_text(encoding="utf-8") if card.is_file() else ""
        model.about = {name: value for name, value in config.items() if name not in _SAVED_FIELDS}
        return model.to(device or "cpu").eval()


@lru_cache(maxsize=8192)
def hashed_words(pair: EntityPair) -> list[int]:
    """Where the features of a pair's words lie; kept for some, since several models ask for it."""
    return HashedLinear.hashed(pair.word_features())


def _hashed(pairs: Sequence[EntityPair], tasks: Sequence[str]) -> dict[str, list[list[int]]]:
    """Of each task where the pairs' features lie; the words, which all tasks share, once."""
    words = [hashed_words(pair) for pair in pairs]
    named = words
    if any(map(has_names, tasks)):
        names = [HashedLinear.hashed(pair.name_features()) for pair in pairs]
        named = [sorted({*one, *other}) for one, other in zip(words, names, strict=True)]
    return {task: named if has_names(task) else words for task in tasks}


def merge_fine_labels(probabilities: Tensor, task: str) -> Tensor:
    """From `FINE` labels to those of `TASKS`: what is only of `FINE` counts as none."""
    kept = probabilities[:, : len(TASKS[task])].clone()
    kept[:, 0] += probabilities[:, len(TASKS[task]) :].sum(1)
    return kept


def scale_logits(probabilities: Tensor, temperature: float) -> Tensor:
    """Probabilities, shape (rows, labels), with their logits divided by a temperature."""
    return (probabilities.clamp_min(1e-9).log() / temperature).softmax(1)


def scale_binary_logit(probability: float, temperature: float) -> float:
    """The same as `scale_logits` for the probability of one of two labels."""
    logit = log(max(probability, 1e-9) / max(1 - probability, 1e-9))
    return 1 / (1 + exp(-logit / temperature))


def mean_with_best_sentence(
    rows: Mapping[tuple[str, str], float], best: Mapping[tuple[str, str], float]
) -> dict[tuple[str, str], float]:
    """A document's probabilities, each the mean with that of its likeliest sentence, if any."""
    return {key: (p + best[key]) / 2 if key in best else p for key, p in rows.items()}
