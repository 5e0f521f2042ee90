"""Train the relation model on BC5CDR, BioRED, ChemProt and Roam."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, TypedDict, Unpack

import torch

from ...core.atomic import check_replaceable
from ...core.checkpoint import remove_checkpoints
from ...core.errors import DataError, ModelError
from ...core.quarantine import Quarantine
from ...core.threads import one_thread
from ..corpora.biored import load_biored
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
from .evaluate import facts_calibration, score_facts, score_task, task_calibration
from .evaluate_facts import annotated_facts
from .model import MODEL, RelationModel
from .networks import PairTransformer, recogniser_checksum, sentence_encoder
from .pairs import TASKS
from .train_documents import DocumentFit, fit_cdr, fit_facts
from .train_linear import fit_linear
from .train_networks import TOWER_EPOCHS, fine_tune, fit_towers, new_towers
from .training_pairs import (
    LabelledPair,
    annotated_pairs,
    cdr_pairs,
    chemprot_pairs,
    roam_pairs,
    with_cdr_labels,
)

# One document in so many is held out, for the epoch, the temperatures and the thresholds.
_HELD_OUT = 10
TRANSFORMER = Recipe(6, 32, 3e-5, 1e-3, 0.01, 0.1, 1.0, 2)
LORA = Recipe(12, 32, 5e-4, 1e-3, 0.01, 0.1, 1.0, 3)


@dataclass(frozen=True)
class TrainingData:
    """What to train on, and to measure on.

    Attributes:
        pairs: to train on, of all tasks.
        documents: those that the pairs come from.
        cdr: those of the task "causes".
        facts: those of the relations of documents, under this project's names.
        development: documents to measure on by task.
        texts: raw text for the word vectors.
    """

    pairs: list[LabelledPair]
    documents: list[Document]
    cdr: list[Document]
    facts: list[Document]
    development: dict[str, list[Document]]
    texts: list[str]


def load_training_data(
    folder: Path,
    quarantine: Quarantine,
    corrections: Path | None = None,
    *,
    divided: bool = True,
) -> TrainingData:
    """Read BC5CDR, BioRED, ChemProt and Roam from the folder of corpora.

    A tenth of Roam's sentences is its development part. Training documents that occur in any
    development part are left out, and so are such documents of `corrections`, which are trained on
    beside them. If not `divided`, everything is to train on and there are no development parts.

    Raises:
        DataError: one of the four, or the corrections, is missing or can't be read.
    """
    published = [*load_corpora(folder, quarantine), load_biored(folder, quarantine)]
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
    facts = corpora["biored"].train
    pairs = [*causes, *targets, *treats, *annotated_pairs(corrected)]
    return TrainingData(
        [*pairs, *_crossed_negatives(causes, treats)],
        [*cdr, *chemprot, *roam_train, *facts],
        cdr,
        facts,
        {
            "causes": corpora["bc5cdr"].development,
            "targets": corpora["chemprot"].development,
            "treats": roam_development,
            "facts": corpora["biored"].development,
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


class _Options(TypedDict, total=False):
    """The fields of `RelationOptions`."""

    seed: int
    epochs: int | None
    encoder: str | None
    learning_rate: float | None
    lora: int | None
    device: str | None
    raw_text: Sequence[str] | None
    corrections: Path | None
    recogniser: Path | None


@dataclass(frozen=True)
class RelationOptions:
    """What is trained, and how.

    Attributes:
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
    """

    seed: int = 0
    epochs: int | None = None
    encoder: str | None = None
    learning_rate: float | None = None
    lora: int | None = None
    device: str | None = None
    raw_text: Sequence[str] | None = None
    corrections: Path | None = None
    recogniser: Path | None = None

    @property
    def tower_recogniser(self) -> Path:
        """The folder of the recogniser that the towers read with."""
        return self.recogniser or RECOGNISER

    @property
    def recipe(self) -> Recipe:
        """How an encoder is fine-tuned."""
        recipe = TRANSFORMER if self.lora is None else LORA
        return replace(
            recipe,
            epochs=self.epochs or recipe.epochs,
            learning_rate=self.learning_rate or recipe.learning_rate,
        )

    def check(self) -> None:
        """Refuse options that don't go together, before an hour's work.

        Raises:
            ModelError: `learning_rate` or `lora` is given without an encoder or `recogniser` with
                one, the rate is no rate, or the recogniser can't be loaded.
        """
        check_rate(self.learning_rate)
        if self.encoder is None and (self.learning_rate is not None or self.lora is not None):
            raise ModelError("a learning rate and LoRA are for a Hugging Face encoder; name one")
        if self.encoder is not None and self.recogniser is not None:
            raise ModelError("an encoder reads in the recogniser's place; give one of the two")
        if self.encoder is None:
            folder = self.tower_recogniser
            sentence_encoder(folder, recogniser_checksum(folder))

    def settings(self) -> dict[str, Any]:
        """What the model's config says of its training; a sibling must have the same."""
        settings: dict[str, Any] = {
            "trained_on": [
                "bc5cdr",
                "biored",
                "chemprot",
                "roam",
                *(["own"] if self.corrections else []),
            ],
            "seed": self.seed,
            "epochs": (self.epochs or TOWER_EPOCHS) if self.encoder is None else self.recipe.epochs,
            "base_encoder": self.encoder,
            "raw_text": None if self.raw_text is None else checksum(list(self.raw_text)),
        }
        if self.encoder is not None:
            settings |= {"learning_rate": self.recipe.learning_rate, "lora": self.lora}
        return settings


class _SplitPairs(NamedTuple):
    """The labelled pairs of the documents to train on, and of those that are held out."""

    training: list[LabelledPair]
    held_out: list[LabelledPair]


def train_relations(
    corpora: Path,
    out: Path,
    *,
    sibling: Path | None = None,
    **options: Unpack[_Options],
) -> dict[str, Any]:
    """Train on BC5CDR, BioRED, ChemProt and Roam and write the model's folder.

    Args:
        corpora: folder of corpora, see `load_training_data`.
        out: the model's folder. Beside it, `OUT.checkpoint` holds the last whole epoch while an
            encoder is fine-tuned; the same call takes it up from there.
        sibling: the folder of a model that was trained the same way on the training parts alone.
            This one learns from the development parts too, and states the sibling's figures.
        options: those of `RelationOptions`.

    Returns:
        The development figures by relation, or the sibling's.

    Raises:
        DataError: a corpus is missing or can't be read, or `out` holds other things.
        ModelError: the encoder can't be loaded, `RelationOptions.check` refuses the options, the
            checkpoint belongs to another training, or the sibling was trained in another way.
    """
    out = Path(out)
    check_replaceable(out, marker="config.json", kind=MODEL)
    chosen = RelationOptions(**options)
    chosen.check()
    quarantine = Quarantine()
    data = load_training_data(
        Path(corpora), quarantine, chosen.corrections, divided=sibling is None
    )
    settings = chosen.settings()
    sibling_config = open_sibling(sibling, MODEL, settings, data.documents) if sibling else {}
    split = _hold_out(data.pairs, chosen.seed)
    torch.manual_seed(chosen.seed)
    if chosen.encoder is None:
        model, cdr = _train_towers(data, split.training, chosen)
    else:
        checkpoint = _checkpoint(out, settings, split)
        model, cdr = _fine_tune_encoder(chosen.encoder, data, split, chosen, checkpoint)
    _fit_documents(model, data.facts, split.held_out, cdr, chosen.seed)
    development, calibration = _figures(model, data, sibling_config)
    about = {
        "licence": LICENCE,
        **settings,
        "pairs": _pair_counts(data.pairs, split.training),
        "documents": len(data.facts),
        "set_aside": quarantine.counts(),
        "sibling": sibling_config.get("sha256"),
        "reader_seen": _texts_seen_by_recogniser(data, chosen),
        "development": development,
        "calibration": calibration,
        TEXT_HASHES_FIELD: text_hashes(data.documents),
    }
    model.save(out, about, card(about).text())
    if chosen.encoder is not None:
        remove_checkpoints(checkpoint.folder)
    return development


def _train_towers(
    data: TrainingData, training: Sequence[LabelledPair], options: RelationOptions
) -> tuple[RelationModel, DocumentFit]:
    """Train the linear models and the towers, which read with a recogniser of mentions."""
    texts = options.raw_text
    if texts is None:
        texts = [*data.texts, *hpo_definitions()]
    towers = new_towers(texts, options.tower_recogniser, options.seed)
    model = RelationModel(towers).to(options.device or "cpu")
    with one_thread():
        document_fit = _fit_linear_models(model, data, training, options.seed)
        fit_towers(model, training, epochs=options.epochs or TOWER_EPOCHS, seed=options.seed)
    return model, document_fit


def _fine_tune_encoder(
    encoder: str,
    data: TrainingData,
    split: _SplitPairs,
    options: RelationOptions,
    checkpoint: FitCheckpoint,
) -> tuple[RelationModel, DocumentFit]:
    """Train the linear models, and fine-tune a Hugging Face encoder up to the best epoch."""
    # transformers takes seconds to import, and only these models need it.
    from ..mentions.transformer import TransformerEncoder

    transformer = TransformerEncoder.from_pretrained(encoder)
    if options.lora is not None:
        transformer.add_lora(options.lora)
    model = RelationModel(PairTransformer(transformer))
    model.to(options.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    document_fit = _fit_linear_models(model, data, split.training, options.seed)
    fine_tune(model, split.training, split.held_out, options.recipe, options.seed, checkpoint)
    if options.lora is not None:
        transformer.merge_lora()
    return model, document_fit


def _texts_seen_by_recogniser(data: TrainingData, options: RelationOptions) -> int | None:
    """How many of ChemProt's development texts the towers' recogniser was trained on."""
    if options.encoder is not None:
        return 0
    return documents_trained_on([options.tower_recogniser], data.development["targets"])


def _hold_out(pairs: Sequence[LabelledPair], seed: int) -> _SplitPairs:
    """Hold out the pairs of a tenth of the documents."""
    names = sorted({pair.document for pair in pairs})
    random.Random(seed).shuffle(names)
    held_out = set(names[: len(names) // _HELD_OUT])
    return _SplitPairs(
        [pair for pair in pairs if pair.document not in held_out],
        [pair for pair in pairs if pair.document in held_out],
    )


def _checkpoint(out: Path, settings: dict[str, Any], split: _SplitPairs) -> FitCheckpoint:
    """The checkpoint beside the model's folder, taken up with the same settings and data."""
    data = {
        name: [(pair.task, pair.fine_label, pair.pair.marked()) for pair in pairs]
        for name, pairs in (("training", split.training), ("held out", split.held_out))
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
    return fit_cdr(model, causes, data.cdr, seed)


def _fit_documents(
    model: RelationModel,
    documents: Sequence[Document],
    held_out: Sequence[LabelledPair],
    cdr: DocumentFit,
    seed: int,
) -> None:
    """Fit the classifiers of documents; then all temperatures and thresholds."""
    with one_thread():
        facts = fit_facts(model, documents, cdr, seed)
    calibrate(model, held_out, cdr, facts)


def _figures(
    model: RelationModel, data: TrainingData, sibling: Mapping[str, Any]
) -> tuple[dict[str, dict[str, Any]], dict[str, float]]:
    """Scores and calibration errors on the development parts, or the sibling's."""
    if sibling.get("development"):
        return sibling["development"], sibling["calibration"]
    scores = {task: score_task(model, task, data.development[task]) for task in TASKS}
    calibration = {task: task_calibration(model, task, data.development[task]) for task in TASKS}
    documents = data.development["facts"]
    gold = annotated_facts(documents, Quarantine(), Path("biored"))
    scores |= score_facts(model, documents, gold)
    calibration |= facts_calibration(model, documents, gold)
    development = {
        name: {method: asdict(score) for method, score in methods.items()}
        for name, methods in scores.items()
    }
    return development, calibration


def _pair_counts(pairs: Sequence[LabelledPair], training: Sequence[LabelledPair]) -> dict[str, int]:
    """How many pairs each task was trained on: "causes", by cross-fitting, on all."""
    return {
        task: sum(pair.task == task for pair in (pairs if task == "causes" else training))
        for task in TASKS
    }


def card(about: Mapping[str, Any]) -> RelationCard:
    """The card of a model, by what its config says of its training."""
    return RelationCard(
        encoder=about["base_encoder"],
        lora=about.get("lora"),
        epochs=about["epochs"],
        seed=about["seed"],
        pairs=about["pairs"],
        documents=about["documents"],
        reader_seen=about["reader_seen"],
        has_sibling=bool(about["sibling"]),
        development=about["development"],
        calibration=about["calibration"],
    )
