"""Train the relation model on BC5CDR, ChemProt and Roam."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from torch import nn
from torch.nn import functional

from ..graph.errors import DataError
from ..graph.progress import progress
from ..graph.quarantine import Quarantine
from ..graph.threads import one_thread
from .corpora import Document, load_corpora, read_roam, split_documents, without_overlap
from .evaluate_relations import score_task
from .names import hpo_definitions
from .pairs import TASKS, Labelled, cdr_pairs, chemprot_pairs, roam_pairs
from .relations import PLACEHOLDERS, Linear, PairBiLSTM, PairTransformer, RelationModel
from .tokens import token_offsets
from .vectors import count_words, skip_gram, word_form

# Roam's licence asks that what is made from it has the same.
LICENCE = "CC BY-SA 4.0"
_WORDS = 8000  # with a vector of their own
_HELD_OUT = 10  # one document in so many, for the epoch, the temperatures and the thresholds


@dataclass(frozen=True)
class Parts:
    """Labelled pairs to train on, documents to measure on by task, text for the word vectors."""

    train: list[Labelled]
    development: dict[str, list[Document]]
    raw: list[str]


def load_parts(folder: Path, quarantine: Quarantine) -> Parts:
    """Read BC5CDR, ChemProt and Roam from the folder of corpora.

    A tenth of Roam's sentences is its development part. Training documents that occur in any
    development part are left out.

    Raises:
        DataError: one of the three is missing or can't be read.
    """
    corpora = {corpus.name: corpus for corpus in load_corpora(folder, quarantine)}
    if missing := {"bc5cdr", "chemprot"} - set(corpora):
        raise DataError(f"lacks {' and '.join(sorted(missing))}", path=folder)
    file = folder / "roam" / "training.json"
    sentences = read_roam(file if file.is_file() else file.with_name(file.name + ".xz"), quarantine)
    roam_train, roam_development = split_documents(sentences, len(sentences) // 10)
    held_out = [document for corpus in corpora.values() for document in corpus.development]
    roam_train = without_overlap(roam_train, [*held_out, *roam_development])
    parts = [
        cdr_pairs(corpora["bc5cdr"].train),
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
    caused = [replace(x, task="treats", label=0) for x in parts[0] if x.label]
    treated = [replace(x, task="causes", label=0) for x in parts[2] if x.label]
    parts += [caused, random.Random(0).sample(treated, min(len(treated), len(caused)))]
    raw = [document.text for corpus in corpora.values() for document in corpus.train]
    return Parts(
        [labelled for part in parts for labelled in part],
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
    device: str | None = None,
    raw_text: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Train on BC5CDR, ChemProt and Roam and write the model's folder.

    Args:
        corpora: folder of corpora, see `load_parts`.
        out: the model's folder.
        seed: of all chance; the same seed, data and machine give the same model.
        epochs: default 5, or 3 with a transformer.
        encoder: name or folder of a Hugging Face encoder to fine-tune; None: the BiLSTM.
        device: "cpu", "cuda", …; None: the GPU if there is one for a transformer, else the CPU.
        raw_text: to train the BiLSTM's word vectors on; None: the training texts and HPO's
            definitions.

    Returns:
        The development figures by relation.

    Raises:
        DataError: a corpus is missing or can't be read.
        ModelError: the encoder can't be loaded.
    """
    quarantine = Quarantine()
    parts = load_parts(Path(corpora), quarantine)
    torch.manual_seed(seed)
    if encoder is None:
        vectors, words = _vectors(
            [*parts.raw, *hpo_definitions()] if raw_text is None else raw_text, seed
        )
        pair_encoder = PairBiLSTM([*PLACEHOLDERS, *words])
        start = 1 + len(PLACEHOLDERS)
        pair_encoder.embedding.weight.data[start : start + len(words)] = vectors
        model = RelationModel(pair_encoder)
        rates = {"encoder": 1e-3, "layers": 1e-3}
        device = device or "cpu"
    else:
        # transformers takes seconds to import, and only these models need it.
        from .transformer_ner import TransformerEncoder

        model = RelationModel(PairTransformer(TransformerEncoder.from_pretrained(encoder)))
        rates = {"encoder": 3e-5, "layers": 1e-3}
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    model.to(device)
    epochs = epochs or (5 if encoder is None else 3)
    names = sorted({labelled.about[0] for labelled in parts.train})
    random.Random(seed).shuffle(names)
    held = set(names[: len(names) // _HELD_OUT])
    tuning = [labelled for labelled in parts.train if labelled.about[0] in held]
    training = [labelled for labelled in parts.train if labelled.about[0] not in held]
    for task in model.linear:
        _fit_linear(model, [labelled for labelled in training if labelled.task == task], task)
    with one_thread(encoder is None):
        _fit(model, training, tuning, rates=rates, epochs=epochs, seed=seed)
    _calibrate(model, tuning)
    figures = {
        task: {
            method: asdict(score)
            for method, score in score_task(model, task, parts.development[task]).items()
        }
        for task in TASKS
    }
    about = {
        "trained_on": ["bc5cdr", "chemprot", "roam"],
        "licence": LICENCE,
        "seed": seed,
        "epochs": epochs,
        "base_encoder": encoder,
        "pairs": {task: sum(x.task == task for x in training) for task in TASKS},
        "set_aside": quarantine.counts(),
        "development": figures,
    }
    model.save(Path(out), about, _card(about))
    return figures


def _card(about: dict[str, Any]) -> str:
    """The model card: data, licences, figures on the development parts, limits."""
    encoder = about["base_encoder"] or "BiLSTM beside a linear model"
    lines = [
        "# Relations between mentions (`medkg_relations`)",
        "",
        f"Encoder: {encoder}. {about['epochs']} epochs, seed {about['seed']}. Made by "
        "`medkg.extract.train_relations.train_relations`.",
        "",
        f"**Licence of the weights: {LICENCE}**, because they are trained on Roam, which has it. "
        "Attribution: Tao, Godefroy, Genthial and Potts 2018 (Roam drug–disease dataset).",
        "",
        "## Trained on",
        "",
        "The training parts only; a tenth of their documents chose the epoch, the temperatures and "
        "the thresholds. Training texts that occur in any development part were left out. What a "
        "chemical causes is no treatment, and the other way round: such pairs teach the other head "
        "what is none.",
        "",
        "| relation | corpus | licence | pairs trained on |",
        "| --- | --- | --- | --- |",
        f"| Drug–TARGETS–Target | ChemProt, groups 3, 4, 5, 6, 9 | public domain | "
        f"{about['pairs']['targets']} |",
        f"| Drug–CAUSES–Disease or Symptom | BC5CDR, relations of documents seen as of their "
        f"sentences | public domain | {about['pairs']['causes']} |",
        f"| Drug–TREATS–Disease | Roam, nine tenths of its sentences | CC BY-SA 4.0 | "
        f"{about['pairs']['treats']} |",
        "",
        "## Figures on the development parts",
        "",
        "Gold mentions, micro, in per cent, F1 with a 95 % bootstrap interval over documents. "
        "ChemProt counts mentions, BC5CDR concepts of a document, Roam afflictions, of a tenth of "
        "its sentences. One training, one seed.",
        "",
        "| relation | method | precision | recall | F1 | interval | true |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for task, rows in about["development"].items():
        for method, row in rows.items():
            p, r, f1, low, high = (
                f"{100 * row[part]:.1f}" for part in ("precision", "recall", "f1", "low", "high")
            )
            lines.append(f"| {task} | {method} | {p} | {r} | {f1} | {low}–{high} | {row['true']} |")
    lines += [
        "",
        "Disease–HAS_SYMPTOM–Symptom is decided by rules, not by these weights; "
        "`benchmarks/relations.py` measures them.",
        "",
        "## Limits",
        "",
        "- English abstracts and drug labels; notes have other sentences, and no corpus of theirs "
        "was at hand.",
        "- One sentence at a time: what two sentences say together is not found.",
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
    # Longer than the model's own words start, as the LSTM expects inputs of about this size.
    vectors = skip_gram(tokens, counts, seed=seed)
    return vectors / vectors.std() * 0.3, list(counts)


def _fit_linear(model: RelationModel, training: list[Labelled], task: str) -> None:
    """The weights of the linear model, by logistic regression."""
    places = [Linear.places(labelled.pair) for labelled in training]
    starts = np.cumsum([0, *(len(row) for row in places)])
    values = np.array([len(row) ** -0.5 for row in places for _ in row])
    columns = np.array([place for row in places for place in row])
    inputs = csr_matrix((values, columns, starts), shape=(len(places), Linear.SIZE))
    regression = LogisticRegression(C=10, max_iter=200)
    regression.fit(inputs, [labelled.label for labelled in training])
    linear = model.linear[task]
    assert isinstance(linear, Linear)  # as RelationModel made it
    with torch.no_grad():
        # Labels that the training part lacks keep weights that never win.
        linear.bias.fill_(-30.0)
        classes = regression.classes_.tolist()
        if len(classes) == 2:
            linear.bias[classes[0]] = 0.0
            classes = classes[1:]
        for label, weights, bias in zip(
            classes, regression.coef_, regression.intercept_, strict=True
        ):
            linear.weights.weight[:, label] = torch.from_numpy(weights).float()
            linear.bias[label] = float(bias)


def _fit(
    model: RelationModel,
    training: list[Labelled],
    tuning: list[Labelled],
    *,
    rates: dict[str, float],
    epochs: int,
    seed: int,
) -> None:
    """Adam over batches of one task each; the (last) epoch of best mean F1 on `tuning` stays."""
    optimizer = torch.optim.Adam(
        [
            {"params": model.encoder.parameters(), "lr": rates["encoder"]},
            {"params": model.layers.parameters(), "lr": rates["layers"]},
        ]
    )
    size = 32
    chance = random.Random(seed)
    steps = epochs * len(_batches(training, size, random.Random(0)))
    warm_up = max(1, steps // 20)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min((step + 1) / warm_up, max(0.02, (steps - step) / (steps - warm_up + 1))),
    )
    best, kept = -1.0, {}
    with progress("Relations", steps) as advance:
        for _ in range(epochs):
            model.train()
            for batch in _batches(training, size, chance):
                logits = model([labelled.pair for labelled in batch], batch[0].task)
                labels = torch.tensor([b.label for b in batch], device=logits.device)
                loss = functional.cross_entropy(logits, labels)
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
                nn.utils.clip_grad_norm_(model.parameters(), 5.0)
                optimizer.step()
                schedule.step()
                advance()
            mean = sum(_f1(model, tuning, task) for task in TASKS) / len(TASKS)
            if mean >= best:
                best = mean
                kept = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(kept)


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


def _f1(model: RelationModel, rows: list[Labelled], task: str) -> float:
    probabilities, labels = _probabilities(model, rows, task, calibrated=False)
    chosen = probabilities.argmax(1)
    right = int(((chosen == labels) & (labels > 0)).sum())
    return 2 * right / max(1, int((chosen > 0).sum()) + int((labels > 0).sum()))


def _calibrate(model: RelationModel, rows: list[Labelled]) -> None:
    """For each task the temperature of least log loss, then the threshold of best F1."""
    for task in TASKS:
        raw, labels = _probabilities(model, rows, task, calibrated=False)
        if not len(labels):
            continue
        logits = raw.clamp_min(1e-9).log()
        grid = [0.5 + 0.1 * step for step in range(36)]
        losses = [float(functional.cross_entropy(logits / t, labels)) for t in grid]
        model.temperatures[task] = round(grid[losses.index(min(losses))], 2)
        probabilities = (logits / model.temperatures[task]).softmax(1)
        some, which = probabilities[:, 1:].sum(1), probabilities[:, 1:].argmax(1) + 1
        mine = [labelled.about for labelled in rows if labelled.task == task]
        true = {(*about, int(n)) for about, n in zip(mine, labels, strict=True) if n}
        found = []
        for threshold in [0.2 + 0.05 * step for step in range(13)]:
            chosen = torch.where(some >= threshold, which, 0).tolist()
            # What several sentences of a document say counts once, as when it is scored.
            said = {(*about, n) for about, n in zip(mine, chosen, strict=True) if n}
            f1 = 2 * len(said & true) / max(1, len(said) + len(true))
            # Of equal ones the nearest to a half.
            found.append((f1, -abs(threshold - 0.5), threshold))
        model.thresholds[task] = round(max(found)[2], 2)
