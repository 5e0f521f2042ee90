"""Train the relation model on BC5CDR, ChemProt and Roam."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from ...core.atomic import check_replaceable
from ...core.errors import DataError, ModelError
from ...core.model_card import score_cells
from ...core.progress import progress
from ...core.quarantine import Quarantine
from ...core.threads import one_thread
from ..corpora.document import Document
from ..corpora.published import load_corpora
from ..corpora.readers import read_annotated
from ..corpora.roam import read_roam
from ..corpora.splits import split_documents, undivided, without_overlap
from ..fit import (
    Checkpoint,
    Recipe,
    check_rate,
    checksum,
    fit,
)
from ..mentions.names import hpo_definitions
from ..mentions.network import SHIPPED as RECOGNISER
from ..mentions.vectors import count_words, skip_gram, word_form
from ..tokens import token_offsets
from ..training_overlap import (
    SIBLING_FIGURES,
    TEXT_HASHES_FIELD,
    documents_trained_on,
    open_sibling,
    text_hashes,
)
from .evaluate import score_task, task_calibration
from .model import (
    MODEL,
    RelationModel,
    mean_with,
    soften,
)
from .networks import (
    PLACEHOLDERS,
    PairTowers,
    PairTransformer,
    reader,
    recogniser_checksum,
)
from .own import like_cdr, own_pairs
from .pairs import (
    TASKS,
    Labelled,
    cdr_pairs,
    chemprot_pairs,
    roam_pairs,
)
from .train_linear import DocumentFit, fit_documents, fit_linear

# Roam's licence asks that what is made from it has the same.
LICENCE = "CC BY-SA 4.0"
_WORDS = 8000  # with a vector of their own
_TOWERS = 2
_EPOCHS = 8
_HELD_OUT = 10  # one document in so many, for the epoch, the temperatures and the thresholds
TRANSFORMER = Recipe(6, 32, 3e-5, 1e-3, 0.01, 0.1, 1.0, 2)
LORA = Recipe(12, 32, 5e-4, 1e-3, 0.01, 0.1, 1.0, 3)


@dataclass(frozen=True)
class Parts:
    """What to train on, documents to measure on by task, text for the word vectors.

    `documents` are those that the pairs of `train` come from, `cdr` those of the task "causes".
    """

    train: list[Labelled]
    documents: list[Document]
    cdr: list[Document]
    development: dict[str, list[Document]]
    raw: list[str]


def load_parts(
    folder: Path,
    quarantine: Quarantine,
    corrections: Path | None = None,
    *,
    divided: bool = True,
) -> Parts:
    """Read BC5CDR, ChemProt and Roam from the folder of corpora.

    A tenth of Roam's sentences is its development part. Training documents that occur in any
    development part are left out, and so are such documents of `corrections`, which are trained on
    beside them. If not `divided`, everything is to train on and there are no development parts.

    Raises:
        DataError: one of the three, or the corrections, is missing or can't be read.
    """
    read = load_corpora(folder, quarantine)
    corpora = {corpus.name: corpus for corpus in (read if divided else undivided(read))}
    if missing := {"bc5cdr", "chemprot"} - set(corpora):
        raise DataError(f"lacks {' and '.join(sorted(missing))}", path=folder)
    file = folder / "roam" / "training.json"
    sentences = read_roam(file if file.is_file() else file.with_name(file.name + ".xz"), quarantine)
    roam_train, roam_development = split_documents(
        sentences, len(sentences) // 10 if divided else 0
    )
    held_out = [document for corpus in corpora.values() for document in corpus.development]
    roam_train = without_overlap(roam_train, [*held_out, *roam_development])
    own = [] if corrections is None else read_annotated(corrections, quarantine, labels={})
    own = without_overlap(own, [*held_out, *roam_development])
    cdr = [*corpora["bc5cdr"].train, *map(like_cdr, own)]
    parts = [
        cdr_pairs(cdr),
        chemprot_pairs(corpora["chemprot"].train),
        roam_pairs(roam_train),
    ]
    development = {
        "causes": corpora["bc5cdr"].development,
        "targets": corpora["chemprot"].development,
        "treats": roam_development,
    }
    # What a chemical causes it does not treat there, and the other way round; without these pairs
    # neither head would ever have seen the other's sentences.
    caused = [replace(x, task="treats", label=0, fine=0) for x in parts[0] if x.label]
    treated = [replace(x, task="causes", label=0, fine=0) for x in parts[2] if x.label]
    parts.append(own_pairs(own))
    parts += [caused, random.Random(0).sample(treated, min(len(treated), len(caused)))]
    raw = [document.text for corpus in corpora.values() for document in corpus.train]
    documents = [*cdr, *corpora["chemprot"].train, *roam_train]
    return Parts(
        [labelled for part in parts for labelled in part],
        documents,
        cdr,
        development,
        [*raw, *(document.text for document in roam_train)],
    )


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
        corpora: folder of corpora, see `load_parts`.
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
        corrections: annotated text of one's own, mentions and relations, see `own_relations`.
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
        reader(recogniser, recogniser_checksum(recogniser))  # before an hour's work
    quarantine = Quarantine()
    parts = load_parts(Path(corpora), quarantine, corrections, divided=sibling is None)
    names = sorted({labelled.about[0] for labelled in parts.train})
    random.Random(seed).shuffle(names)
    held = set(names[: len(names) // _HELD_OUT])
    tuning = [labelled for labelled in parts.train if labelled.about[0] in held]
    training = [labelled for labelled in parts.train if labelled.about[0] not in held]
    settings: dict[str, Any] = {
        "trained_on": ["bc5cdr", "chemprot", "roam", *(["own"] if corrections else [])],
        "seed": seed,
        "epochs": epochs or _EPOCHS,
        "base_encoder": encoder,
        "raw_text": None if raw_text is None else checksum(list(raw_text)),
    }
    checkpoint = out.with_name(out.name + ".checkpoint")
    if encoder is not None:
        recipe = TRANSFORMER if lora is None else LORA
        settings |= {
            "epochs": epochs or recipe.epochs,
            "learning_rate": learning_rate or recipe.learning_rate,
            "lora": lora,
        }
    theirs: dict[str, Any] = {}
    if sibling is not None:
        theirs = open_sibling(sibling, MODEL, settings, parts.documents)
    torch.manual_seed(seed)
    if encoder is None:
        vectors, words = _vectors(
            [*parts.raw, *hpo_definitions()] if raw_text is None else raw_text, seed
        )
        towers = PairTowers([*PLACEHOLDERS, *words], _TOWERS, recogniser)
        start = 1 + len(PLACEHOLDERS)
        towers.embedding.weight.data[start : start + len(words)] = vectors
        model = RelationModel(towers).to(device or "cpu")
    else:
        # transformers takes seconds to import, and only these models need it.
        from ..mentions.transformer import TransformerEncoder

        data = {"training": _rows(training), "held out": _rows(tuning)}
        state = Checkpoint(checkpoint, {**settings, "data": checksum(data)})
        transformer = TransformerEncoder.from_pretrained(encoder)
        if lora is not None:
            transformer.add_lora(lora)
        model = RelationModel(PairTransformer(transformer))
        model.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    with one_thread(encoder is None):
        for task in ("targets", "treats"):
            fit_linear(model.linear[task], [x for x in training if x.task == task])
        causes = [x for x in parts.train if x.task == "causes"]
        documents = fit_documents(model, causes, parts.cdr, seed)
        if encoder is None:
            _fit_towers(model, training, epochs=settings["epochs"], seed=seed)
        else:
            _fine_tune(model, training, tuning, recipe, settings, state)
            if lora is not None:
                transformer.merge_lora()
    _calibrate(model, tuning)
    _calibrate_causes(model, tuning, documents)
    figures = theirs.get("development") or {
        task: {
            method: asdict(score)
            for method, score in score_task(model, task, parts.development[task]).items()
        }
        for task in TASKS
    }
    about = {
        "licence": LICENCE,
        **settings,
        "pairs": {
            task: sum(x.task == task for x in (causes if task == "causes" else training))
            for task in TASKS
        },
        "set_aside": quarantine.counts(),
        "sibling": theirs.get("sha256"),
        "reader_seen": documents_trained_on([recogniser], parts.development["targets"])
        if encoder is None
        else 0,
        "development": figures,
        "calibration": theirs.get("calibration")
        or {task: task_calibration(model, task, parts.development[task]) for task in TASKS},
        TEXT_HASHES_FIELD: text_hashes(parts.documents),
    }
    model.save(out, about, _card(about))
    if encoder is not None:
        shutil.rmtree(checkpoint, ignore_errors=True)
    return figures


def _card(about: dict[str, Any]) -> str:
    """The model card: data, licences, figures on the development parts, limits."""
    encoder, epochs, chosen, seen = about["base_encoder"], f"{about['epochs']} epochs", "", ""
    known = ""
    if about["reader_seen"]:
        known = (
            f" **The recogniser that TARGETS is read with was trained on {about['reader_seen']} of"
            " the documents that it is measured on: its figure is too good.**"
        )
    parts, sibling = "The training parts only", ""
    if about["sibling"]:
        parts = "The training and the development parts"
        sibling = f" {SIBLING_FIGURES}"
    if encoder is None:
        seen = (
            " The recogniser has learnt from that tenth too, so that what it sees there is clearer"
            " than elsewhere."
        )
        encoder = (
            "linear models, and for TARGETS LSTMs over what a recogniser sees of a sentence (the"
            " one that ships, or that of the folder `recogniser`); the weights are bound to its"
        )
    else:
        encoder += "" if about["lora"] is None else f", LoRA of rank {about['lora']}"
        epochs, chosen = f"At most {epochs}", "the epoch, "
    lines = [
        "# Relations between mentions (`medkg_relations`)",
        "",
        f"Encoder: {encoder}. {epochs}, seed {about['seed']}. Made by `medkg train relations`.",
        "",
        f"**Licence of the weights: {LICENCE}**, because they are trained on Roam, which has it. "
        "Attribution: Tao, Godefroy, Genthial and Potts 2018 (Roam drug–disease dataset).",
        "",
        "## Trained on",
        "",
        f"{parts}; a tenth of their documents chose {chosen}the temperatures and the thresholds "
        "(of CAUSES five folds over all of them did). Training texts that occur in any development "
        "part were left out there. What a chemical causes is no treatment, and the other way "
        f"round: such pairs teach the other model what is none.{seen}",
        "",
        "| relation | corpus | licence | pairs trained on |",
        "| --- | --- | --- | --- |",
        f"| Drug–TARGETS–Target | ChemProt, groups 3, 4, 5, 6, 9 | public domain | "
        f"{about['pairs']['targets']} |",
        f"| Drug–CAUSES–Disease or Symptom | BC5CDR, relations of documents seen as of their "
        f"sentences, then documents as a whole | public domain | {about['pairs']['causes']} |",
        f"| Drug–TREATS–Disease | Roam, {'all' if sibling else 'nine tenths'} of its sentences | "
        "CC BY-SA 4.0 | "
        f"{about['pairs']['treats']} |",
        "",
        "## Figures on the development parts",
        "",
        "Gold mentions, micro, in per cent, F1 with a 95 % bootstrap interval over documents. "
        "ChemProt counts mentions, BC5CDR concepts of a document, in one sentence or not, Roam "
        f"afflictions, of a tenth of its sentences. One training, one seed.{sibling}{known}",
        "",
        "| relation | method | precision | recall | F1 | interval | true |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for task, rows in about["development"].items():
        for method, row in rows.items():
            lines.append(f"| {task} | {method} | {score_cells(row)} | {row['true']} |")
    errors = ", ".join(f"{task} {error:.3f}" for task, error in about["calibration"].items())
    lines += [
        "",
        "Expected calibration error of the probability of some relation (ten bins of equal "
        f"numbers): {errors}.",
        "",
        "Disease–HAS_SYMPTOM–Symptom is decided by rules, not by these weights; "
        "`benchmarks/relations.py` measures them.",
        "",
        "## Limits",
        "",
        "- English abstracts and drug labels; notes have other sentences, and no corpus of theirs "
        "was at hand.",
        "- Only CAUSES is found across sentences; it is learnt from abstracts, of which the first "
        "sentence is the title, and read in parts of 20 sentences.",
        "- Roam does not say where the drug stands; its sentences teach what the disease's side "
        "looks like. Its pairs are mostly treatments, so TREATS leans to yes.",
        "- ChemProt's group 9 joins substrates and products: the action `substrate` may be either.",
        "- Not a medical device.",
        "",
    ]
    return "\n".join(lines)


def _vectors(texts: Sequence[str], seed: int) -> tuple[torch.Tensor, list[str]]:
    tokens = [[word_form(text[a:b]) for a, b in token_offsets(text)] for text in texts]
    counts = dict(list(count_words(tokens).items())[:_WORDS])
    # Longer than skip-gram leaves them: as the other embeddings start.
    vectors = skip_gram(tokens, counts, seed=seed)
    return vectors / vectors.std() * 0.3, list(counts)


def _rows(pairs: list[Labelled]) -> list[Any]:
    """What a transformer learns from, as JSON takes it."""
    return [(labelled.task, labelled.fine, labelled.pair.marked()) for labelled in pairs]


def _fine_tune(
    model: RelationModel,
    training: list[Labelled],
    held_out: list[Labelled],
    recipe: Recipe,
    settings: dict[str, Any],
    checkpoint: Checkpoint,
) -> None:
    """Train a transformer and its layers; what is held out says when to stop."""

    def loss_of(batch: list[Labelled]) -> torch.Tensor:
        (logits,) = model(model.encoder.prepare([x.pair for x in batch]), batch[0].task)
        labels = torch.tensor([x.fine for x in batch], device=logits.device)
        return functional.cross_entropy(logits, labels)

    fit(
        model,
        model.layers.parameters(),
        lambda seed: _batches(training, recipe.batch, random.Random(seed)),
        loss_of,
        recipe,
        settings,
        checkpoint,
        (lambda: _mean_f1(model, held_out)) if held_out else None,
    )


def _mean_f1(model: RelationModel, rows: list[Labelled]) -> float:
    """F1 of the likeliest labels of pairs, the mean over the tasks that they are of."""
    f1s = []
    for task in sorted({labelled.task for labelled in rows}):
        probabilities, labels = _probabilities(model, rows, task, calibrated=False)
        said = probabilities.argmax(1)
        right = int(((said == labels) & (labels > 0)).sum())
        f1s.append(2 * right / max(1, int((said > 0).sum() + (labels > 0).sum())))
    return sum(f1s) / len(f1s)


def _fit_towers(model: RelationModel, training: list[Labelled], *, epochs: int, seed: int) -> None:
    """Adam over batches of one task each, the rate warmed up and then falling to nearly zero."""
    training = [labelled for labelled in training if labelled.task in model.layers]
    prepared = dict(
        zip(map(id, training), model.encoder.prepare([x.pair for x in training]), strict=True)
    )
    optimizer = torch.optim.Adam([*model.encoder.parameters(), *model.layers.parameters()], lr=2e-3)
    size = 64
    chance = random.Random(seed)
    steps = epochs * len(_batches(training, size, random.Random(0)))
    warm_up = max(1, steps // 20)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min((step + 1) / warm_up, max(0.02, (steps - step) / (steps - warm_up + 1))),
    )
    model.train()
    with progress("Relations", steps) as advance:
        for _ in range(epochs):
            for batch in _batches(training, size, chance):
                logits = model([prepared[id(labelled)] for labelled in batch], batch[0].task)
                labels = torch.tensor([b.fine for b in batch], device=logits.device)
                # Each tower learns as if it were alone.
                loss = functional.cross_entropy(logits.flatten(0, 1), labels.repeat(len(logits)))
                loss = loss * len(logits)
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
                nn.utils.clip_grad_norm_(model.parameters(), 5.0)
                optimizer.step()
                schedule.step()
                advance()


def _batches(training: list[Labelled], size: int, chance: random.Random) -> list[list[Labelled]]:
    """Batches of one task and of like lengths, in random order."""
    batches = []
    for task in TASKS:
        rows = [labelled for labelled in training if labelled.task == task]
        chance.shuffle(rows)
        for first in range(0, len(rows), 50 * size):
            near = sorted(rows[first : first + 50 * size], key=lambda x: len(x.pair.words))
            batches += [near[n : n + size] for n in range(0, len(near), size)]
    chance.shuffle(batches)
    return batches


def _probabilities(
    model: RelationModel, rows: list[Labelled], task: str, *, calibrated: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    mine = [labelled for labelled in rows if labelled.task == task]
    labels = torch.tensor([labelled.label for labelled in mine], dtype=torch.long)
    pairs = [labelled.pair for labelled in mine]
    return model.predict(pairs, [task], calibrated=calibrated)[task], labels


def _calibrate(model: RelationModel, rows: list[Labelled]) -> None:
    """For each task the temperature of least log loss, then the threshold of best F1.

    That is the F1 to be expected if the probabilities are right: a tenth of the documents has too
    few relations for the best threshold on their labels to be more than luck.
    """
    for task in ("targets", "treats"):
        mine = [labelled for labelled in rows if labelled.task == task]
        if not mine:
            continue
        raw, labels = _probabilities(model, rows, task, calibrated=False)
        about = [x.about for x in mine]
        model.temperatures[task] = _temperature(raw, labels)
        calibrated = soften(raw, model.temperatures[task])
        model.thresholds[task] = _expected_threshold(calibrated)
        linear = model.predict_linear([x.pair for x in mine], task)
        model.linear_thresholds[task] = _threshold(linear, labels, about)


def _calibrate_causes(model: RelationModel, rows: list[Labelled], documents: DocumentFit) -> None:
    """The same for causes, on what models said of documents that they were not trained on."""
    found = dict(documents.found)
    if "causes" in model.layers:
        mine = [x for x in rows if x.task == "causes" and x.about[0] in found]
        probabilities, _ = _probabilities(model, mine, "causes", calibrated=False)
        said: dict[str, dict[tuple[str, str], list[float]]] = {x.about[0]: {} for x in mine}
        for x, probability in zip(mine, probabilities[:, 1].tolist(), strict=True):
            said[x.about[0]].setdefault(x.about[1:], []).append(probability)
        found = {name: mean_with(found[name], those) for name, those in said.items()}
    if not found:
        return
    keys = [(name, *key) for name, those in found.items() for key in those]
    some = torch.tensor([p for those in found.values() for p in those.values()])
    labels = torch.tensor([int(key in documents.true) for key in keys])
    raw = torch.stack([1 - some, some], dim=1)
    model.temperatures["causes"] = _temperature(raw, labels)
    calibrated = soften(raw, model.temperatures["causes"])
    model.thresholds["causes"] = _threshold(calibrated, labels, keys)
    said_alone = torch.tensor([max(documents.sentences.get(key, [0.0])) for key in keys])
    linear = torch.stack([1 - said_alone, said_alone], dim=1)
    model.linear_thresholds["causes"] = _threshold(linear, labels, keys)


def _temperature(raw: torch.Tensor, labels: torch.Tensor) -> float:
    logits = raw.clamp_min(1e-9).log()
    grid = [0.5 + 0.1 * step for step in range(36)]
    losses = [float(functional.cross_entropy(logits / t, labels)) for t in grid]
    return round(grid[losses.index(min(losses))], 2)


def _expected_threshold(probabilities: torch.Tensor) -> float:
    some, top = probabilities[:, 1:].sum(1), probabilities[:, 1:].max(1).values
    grid = [0.2 + 0.025 * step for step in range(25)]
    f1s = [
        2 * float(top[some >= t].sum()) / (int((some >= t).sum()) + float(some.sum())) for t in grid
    ]
    return round(grid[f1s.index(max(f1s))], 3)


def _threshold(
    probabilities: torch.Tensor, labels: torch.Tensor, about: Sequence[tuple[str, ...]]
) -> float:
    """The probability of some relation from which on F1 is best, between .2 and .8."""
    some, which = probabilities[:, 1:].sum(1), probabilities[:, 1:].argmax(1) + 1
    true = {(*what, int(n)) for what, n in zip(about, labels, strict=True) if n}
    f1s = []
    grid = [0.2 + 0.025 * step for step in range(25)]
    for threshold in grid:
        chosen = torch.where(some >= threshold, which, 0).tolist()
        # What several sentences of a document say counts once, as when it is scored.
        said = {(*what, n) for what, n in zip(about, chosen, strict=True) if n}
        f1s.append(2 * len(said & true) / max(1, len(said) + len(true)))
    # The mean of three neighbours, since the best of few documents is mostly luck.
    smooth = [sum(f1s[max(0, n - 1) : n + 2]) / len(f1s[max(0, n - 1) : n + 2]) for n in range(25)]
    best = max(range(25), key=lambda n: (smooth[n], -abs(grid[n] - 0.5)))
    return round(grid[best], 3)
