"""Train the relation model on BC5CDR, ChemProt and Roam."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ...core.atomic import check_replaceable
from ...core.errors import DataError, ModelError
from ...core.quarantine import Quarantine
from ...core.threads import one_thread
from ..corpora.document import Document
from ..corpora.published import load_corpora
from ..corpora.readers import read_annotated
from ..corpora.roam import read_roam
from ..corpora.splits import split_documents, undivided, without_overlap
from ..fit import FitCheckpoint, Recipe, check_rate, checksum
from ..mentions.names import hpo_definitions
from ..mentions.network import SHIPPED as RECOGNISER
from ..training_overlap import (
    TEXT_HASHES_FIELD,
    documents_trained_on,
    open_sibling,
    text_hashes,
)
from .calibrate import calibrate
from .card import LICENCE, RelationCard
from .evaluate import score_task, task_calibration
from .model import MODEL, RelationModel
from .networks import PairTransformer, recogniser_checksum, sentence_encoder
from .pairs import TASKS
from .train_linear import DocumentFit, fit_documents, fit_linear
from .train_networks import TOWER_EPOCHS, fine_tune, fit_towers, new_towers
from .training_pairs import (
    LabelledPair,
    annotated_pairs,
    cdr_pairs,
    chemprot_pairs,
    roam_pairs,
    with_cdr_labels,
)

_HELD_OUT = 10  # one document in so many, for the epoch, the temperatures and the thresholds
TRANSFORMER = Recipe(6, 32, 3e-5, 1e-3, 0.01, 0.1, 1.0, 2)
LORA = Recipe(12, 32, 5e-4, 1e-3, 0.01, 0.1, 1.0, 3)


@dataclass(frozen=True)
class TrainingData:
    """What to train on, and to measure on.

    Attributes:
        pairs: to train on, of all tasks.
        documents: those that the pairs come from.
        cdr: those of the task "causes".
        development: documents to measure on by task.
        texts: raw text for the word vectors.
    """

    pairs: list[LabelledPair]
    documents: list[Document]
    cdr: list[Document]
    development: dict[str, list[Document]]
    texts: list[str]


def load_training_data(
    folder: Path,
    quarantine: Quarantine,
    corrections: Path | None = None,
    *,
    divided: bool = True,
) -> TrainingData:
    """Read BC5CDR, ChemProt and Roam from the folder of corpora.

    A tenth of Roam's sentences is its development part. Training documents that occur in any
    development part are left out, and so are such documents of `corrections`, which are trained on
    beside them. If not `divided`, everything is to train on and there are no development parts.

    Raises:
        DataError: one of the three, or the corrections, is missing or can't be read.
    """
    published = load_corpora(folder, quarantine)
    corpora = {corpus.name: corpus for corpus in (published if divided else undivided(published))}
    if missing := {"bc5cdr", "chemprot"} - set(corpora):
        raise DataError(f"lacks {' and '.join(sorted(missing))}", path=folder)
    file = folder / "roam" / "training.json"
    sentences = read_roam(file if file.is_file() else file.with_name(file.name + ".xz"), quarantine)
    roam_train, roam_development = split_documents(
        sentences, len(sentences) // 10 if divided else 0
    )
    held_out = [document for corpus in corpora.values() for document in corpus.development]
    roam_train = without_overlap(roam_train, [*held_out, *roam_development])
    corrected = [] if corrections is None else read_annotated(corrections, quarantine, labels={})
    corrected = without_overlap(corrected, [*held_out, *roam_development])
    cdr = [*corpora["bc5cdr"].train, *map(with_cdr_labels, corrected)]
    chemprot = corpora["chemprot"].train
    causes, targets, treats = cdr_pairs(cdr), chemprot_pairs(chemprot), roam_pairs(roam_train)
    pairs = [*causes, *targets, *treats, *annotated_pairs(corrected)]
    return TrainingData(
        [*pairs, *_crossed_negatives(causes, treats)],
        [*cdr, *chemprot, *roam_train],
        cdr,
        {
            "causes": corpora["bc5cdr"].development,
            "targets": corpora["chemprot"].development,
            "treats": roam_development,
        },
        [
            *(document.text for corpus in corpora.values() for document in corpus.train),
            *(document.text for document in roam_train),
        ],
    )


def _crossed_negatives(
    causes: Sequence[LabelledPair], treats: Sequence[LabelledPair]
) -> list[LabelledPair]:
    """Positives of each of the two tasks as negatives of the other, as many of both.

    What a chemical causes it does not treat there, and the other way round; without these pairs
    neither model would ever have seen the other's sentences.
    """
    caused = [replace(x, task="treats", label=0, fine_label=0) for x in causes if x.label]
    treated = [replace(x, task="causes", label=0, fine_label=0) for x in treats if x.label]
    return [*caused, *random.Random(0).sample(treated, min(len(treated), len(caused)))]


def train_relations(
    corpora: Path,
    out: Path,
    *,
    seed: int = 0,
    epochs: int | None = None,
    encoder: str | None = None,
    learning_rate: float | None = None,
    lora: int | None = None,
    device: str | None = None,
    raw_text: Sequence[str] | None = None,
    corrections: Path | None = None,
    recogniser: Path | None = None,
    sibling: Path | None = None,
) -> dict[str, Any]:
    """Train on BC5CDR, ChemProt and Roam and write the model's folder.

    Args:
        corpora: folder of corpora, see `load_training_data`.
        out: the model's folder. Beside it, `OUT.checkpoint` holds the last whole epoch while an
            encoder is fine-tuned; the same call takes it up from there.
        seed: of all chance; the same seed, data and machine give the same model.
        epochs: default 8; with an encoder at most 6, or 12 with LoRA: it stops 2 or 3 epochs after
            the best on the tenth of the documents that are held out.
        encoder: name or folder of a Hugging Face encoder to fine-tune; None: the towers.
        learning_rate: of the encoder; default 3e-5, or 5e-4 with LoRA.
        lora: rank of low-rank additions that are trained in the place of the encoder's own weights,
            and added to them at the end.
        device: "cpu", "cuda", …; None: the GPU if there is one for a transformer, else the CPU.
        raw_text: to train the towers' word vectors on; None: the training texts and HPO's
            definitions.
        corrections: annotated text of the user's own, mentions and relations; see
            `annotated_pairs`.
        recogniser: folder of the BiLSTM that the towers read with; a copy goes into the model's
            folder. None: the one that ships.
        sibling: the folder of a model that was trained the same way on the training parts alone.
            This one is trained on the development parts too, and the figures that it states are
            the sibling's.

    Returns:
        The development figures by relation, or the sibling's.

    Raises:
        DataError: a corpus is missing or can't be read, or `out` holds other things.
        ModelError: the encoder or the recogniser can't be loaded, `learning_rate` or `lora` is
            given without an encoder or `recogniser` with one, the checkpoint belongs to another
            training, or the sibling was trained in another way.
    """
    out = Path(out)
    check_replaceable(out, marker="config.json", kind=MODEL)
    check_rate(learning_rate)
    if encoder is None and (learning_rate is not None or lora is not None):
        raise ModelError("a learning rate and LoRA are for a Hugging Face encoder; name one")
    if encoder is not None and recogniser is not None:
        raise ModelError("an encoder reads in the recogniser's place; give one of the two")
    recogniser = recogniser or RECOGNISER
    if encoder is None:
        sentence_encoder(recogniser, recogniser_checksum(recogniser))  # before an hour's work
    quarantine = Quarantine()
    data = load_training_data(Path(corpora), quarantine, corrections, divided=sibling is None)
    training, held_out = _hold_out(data.pairs, seed)
    recipe = _recipe(lora, epochs, learning_rate)
    settings: dict[str, Any] = {
        "trained_on": ["bc5cdr", "chemprot", "roam", *(["own"] if corrections else [])],
        "seed": seed,
        "epochs": (epochs or TOWER_EPOCHS) if encoder is None else recipe.epochs,
        "base_encoder": encoder,
        "raw_text": None if raw_text is None else checksum(list(raw_text)),
    }
    if encoder is not None:
        settings |= {"learning_rate": recipe.learning_rate, "lora": lora}
    sibling_config: dict[str, Any] = {}
    if sibling is not None:
        sibling_config = open_sibling(sibling, MODEL, settings, data.documents)
    torch.manual_seed(seed)
    if encoder is None:
        texts = [*data.texts, *hpo_definitions()] if raw_text is None else raw_text
        model = RelationModel(new_towers(texts, recogniser, seed)).to(device or "cpu")
        with one_thread():
            documents = _fit_linear_models(model, data, training, seed)
            fit_towers(model, training, epochs=settings["epochs"], seed=seed)
    else:
        # transformers takes seconds to import, and only these models need it.
        from ..mentions.transformer import TransformerEncoder

        checkpoint = _checkpoint(out, settings, training, held_out)
        transformer = TransformerEncoder.from_pretrained(encoder)
        if lora is not None:
            transformer.add_lora(lora)
        model = RelationModel(PairTransformer(transformer))
        model.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        documents = _fit_linear_models(model, data, training, seed)
        fine_tune(model, training, held_out, recipe, seed, checkpoint)
        if lora is not None:
            transformer.merge_lora()
    calibrate(model, held_out, documents)
    figures = _figures(model, data, sibling_config)
    about = {
        "licence": LICENCE,
        **settings,
        "pairs": _pair_counts(data.pairs, training),
        "set_aside": quarantine.counts(),
        "sibling": sibling_config.get("sha256"),
        "reader_seen": 0
        if encoder is not None
        else documents_trained_on([recogniser], data.development["targets"]),
        **figures,
        TEXT_HASHES_FIELD: text_hashes(data.documents),
    }
    model.save(out, about, _card(about).text())
    if encoder is not None:
        shutil.rmtree(checkpoint.folder, ignore_errors=True)
    development: dict[str, Any] = figures["development"]
    return development


def _hold_out(
    pairs: Sequence[LabelledPair], seed: int
) -> tuple[list[LabelledPair], list[LabelledPair]]:
    """(training, held out) pairs, split by document."""
    names = sorted({pair.document for pair in pairs})
    random.Random(seed).shuffle(names)
    held_out = set(names[: len(names) // _HELD_OUT])
    return (
        [pair for pair in pairs if pair.document not in held_out],
        [pair for pair in pairs if pair.document in held_out],
    )


def _recipe(lora: int | None, epochs: int | None, learning_rate: float | None) -> Recipe:
    """How a transformer is fine-tuned."""
    recipe = TRANSFORMER if lora is None else LORA
    return replace(
        recipe,
        epochs=epochs or recipe.epochs,
        learning_rate=learning_rate or recipe.learning_rate,
    )


def _checkpoint(
    out: Path,
    settings: dict[str, Any],
    training: Sequence[LabelledPair],
    held_out: Sequence[LabelledPair],
) -> FitCheckpoint:
    """The checkpoint beside the model's folder, known by settings and data."""
    data = {
        name: [(pair.task, pair.fine_label, pair.pair.marked()) for pair in pairs]
        for name, pairs in (("training", training), ("held out", held_out))
    }
    folder = out.with_name(out.name + ".checkpoint")
    return FitCheckpoint(folder, {**settings, "data": checksum(data)})


def _fit_linear_models(
    model: RelationModel, data: TrainingData, training: Sequence[LabelledPair], seed: int
) -> DocumentFit:
    """Fit the linear models, and the classifier of documents; see `train_linear`."""
    for task in ("targets", "treats"):
        fit_linear(model.linear[task], [pair for pair in training if pair.task == task])
    causes = [pair for pair in data.pairs if pair.task == "causes"]
    return fit_documents(model, causes, data.cdr, seed)


def _figures(
    model: RelationModel, data: TrainingData, sibling: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    """Scores and calibration errors on the development parts, or the sibling's."""
    return {
        "development": sibling.get("development")
        or {
            task: {
                method: asdict(score)
                for method, score in score_task(model, task, data.development[task]).items()
            }
            for task in TASKS
        },
        "calibration": sibling.get("calibration")
        or {task: task_calibration(model, task, data.development[task]) for task in TASKS},
    }


def _pair_counts(pairs: Sequence[LabelledPair], training: Sequence[LabelledPair]) -> dict[str, int]:
    """How many pairs each task was trained on: "causes", by cross-fitting, on all."""
    return {
        task: sum(pair.task == task for pair in (pairs if task == "causes" else training))
        for task in TASKS
    }


def _card(about: dict[str, Any]) -> RelationCard:
    return RelationCard(
        encoder=about["base_encoder"],
        lora=about.get("lora"),
        epochs=about["epochs"],
        seed=about["seed"],
        pairs=about["pairs"],
        reader_seen=about["reader_seen"],
        has_sibling=bool(about["sibling"]),
        development=about["development"],
        calibration=about["calibration"],
    )
