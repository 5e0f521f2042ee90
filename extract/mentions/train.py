"""Train a recogniser of mentions on annotated corpora: the default, a baseline, an encoder."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ...core.atomic import check_replaceable
from ...core.errors import DataError, ModelError
from ...core.quarantine import Quarantine
from ...core.threads import one_thread
from ...graph.kg import KnowledgeGraph
from ..corpora.document import Corpus, flat_mentions
from ..corpora.roam import read_roam
from ..corpora.splits import undivided
from ..corpora.user_corpora import HELD_OUT, read_corpora
from ..fit import Checkpoint, check_rate, checksum
from ..tokens import token_offsets
from ..training_overlap import TEXT_HASHES_FIELD, open_sibling, text_hashes
from .card import card_of
from .crf import encode
from .evaluate import score
from .fit import (
    BILSTM,
    LORA,
    TRANSFORMER,
    Example,
    fit_heads,
)
from .names import graph_names, hpo_definitions
from .network import NerModel
from .recogniser import MODEL, Recogniser, TrainedRecogniser
from .train_bilstm import train_bilstm

ROAM_LICENCE = "CC BY-SA 4.0"


def train_ner(
    corpora: Path,
    out: Path,
    *,
    model: str = "bilstm",
    teachers: int = 0,
    seed: int = 0,
    epochs: int | None = None,
    learning_rate: float | None = None,
    lora: int | None = None,
    device: str | None = None,
    held_out: float = HELD_OUT,
    labels: Mapping[str, str | None] | None = None,
    raw_text: Sequence[str] | None = None,
    names: Sequence[KnowledgeGraph] = (),
    sibling: Path | None = None,
    quarantine: Quarantine | None = None,
) -> dict[str, Any]:
    """Train on annotated corpora and write the model's folder.

    Args:
        corpora: a folder of corpora, or one corpus of one's own, see `own.read_corpora`.
        out: the model's folder. Beside it, `OUT.checkpoint` holds the last whole epoch while a
            network trains; the same call takes it up from there.
        model: "bilstm", "crf" or "spacy" (a baseline, one model for each corpus), or the name or
            folder of a Hugging Face encoder to fine-tune.
        teachers: for the bilstm: train so many first, with a seed each, and teach the model what
            they say (see `train_bilstm`).
        seed: of all chance; the same seed, data and machine give the same model.
        epochs: default 8 (bilstm), 15 (spacy); with an encoder at most 10, or 20 with LoRA: it
            stops 2 or 3 epochs after the best. For the CRF, iterations; default 100.
        learning_rate: of the encoder; default 3e-3 (bilstm), 5e-5, or 5e-4 with LoRA.
        lora: rank of low-rank additions that are trained in the place of a Hugging Face encoder's
            own weights, and added to them at the end.
        device: "cpu", "cuda", …; None: the GPU if there is one for an encoder, else the CPU.
        held_out: the part of a corpus' documents to hold out where it comes without a split.
        labels: kinds of a corpus of one's own's labels, None to leave one out.
        raw_text: what the BiLSTM reads beside the corpora's text before it is fitted; default HPO's
            definitions, and Roam's sentences where the folder has them.
        names: graphs whose nodes' names and synonyms the BiLSTM looks up in what it reads, by
            hashes that go with the model, and learns to tell by kind while it reads that text.
        sibling: for the BiLSTM, the folder of one that was trained the same way on the training
            parts alone. This one is trained on the development parts too, and the figures that it
            states are the sibling's.
        quarantine: takes the annotations that can't be used.

    Returns:
        Figures on the development parts (the sibling's, if there is one), {corpus: {kind or
        "micro": {precision, recall, f1, low, high, gold, predicted}}}, each corpus by its own head;
        they stand in the config too.

    Raises:
        DataError: there is no corpus, a file can't be read, a label is no kind, the graphs have no
            name that can be learnt, or `out` holds other things.
        ModelError: the encoder can't be loaded, `lora`, `learning_rate`, `teachers`, `names` or
            `sibling` is given for a model that has none, the checkpoint belongs to another
            training, or the sibling was trained in another way.
    """
    check_replaceable(out, marker="config.json", kind=MODEL)
    names_by_kind = graph_names(names)
    if names and not names_by_kind:
        raise DataError(
            "the graphs of names have none that can be learnt (3 to 80 characters; not patients',"
            " documents' or drug classes'); give another graph"
        )
    quarantine = Quarantine() if quarantine is None else quarantine
    read = read_corpora(corpora, quarantine, held_out=held_out, labels=labels or {})
    sources = [
        {"source": source.name, "release": source.release, "licence": source.licence}
        for source in sorted({source for kg in names for source in kg.sources})
    ]
    checkpoint = out.with_name(out.name + ".checkpoint")
    roam: list[str] = []
    if model == "bilstm" and raw_text is None:
        roam = _roam(corpora, quarantine)
        raw_text = [*hpo_definitions(), *roam]
    theirs = None
    if sibling is not None:
        if model != "bilstm":
            raise ModelError(f"{model}: a sibling is for the bilstm")
        read = undivided(read)
        recipe = {
            "model": model,
            "seed": seed,
            "epochs": epochs or BILSTM.epochs,
            "learning_rate": learning_rate or BILSTM.learning_rate,
            "teachers": teachers,
            "raw_text": checksum(list(raw_text or ())),
        }
        theirs = open_sibling(
            sibling,
            MODEL,
            {"heads": _kinds(read), "training": recipe, "names_from": sources},
            [document for corpus in read for document in corpus.train],
        )
    trained, settings = train_on(
        read,
        checkpoint,
        model=model,
        teachers=teachers,
        seed=seed,
        epochs=epochs,
        learning_rate=learning_rate,
        lora=lora,
        device=device,
        raw_text=raw_text,
        names_by_kind=names_by_kind,
    )
    if theirs is None:
        figures = _figures(trained, read, own_head=True)
        joined = _figures(trained, read, own_head=False)
    else:
        figures, joined = theirs["development"], theirs["development_joined"]
    about = {
        "training": settings,
        "documents": {
            c.name: {"train": len(c.train), "development": len(c.development)} for c in read
        },
        # A corpus that comes without a split has one of ours: these documents are held out.
        "held_out": {c.name: [d.id for d in c.development] for c in read if c.split_here},
        "names_from": sources,
        # Roam's licence asks that what is made from it has the same.
        "licence": (ROAM_LICENCE if roam else "that of the corpora")
        + (", and what the names' sources ask" if names else ""),
        "set_aside": quarantine.counts(),
        "sibling": None if theirs is None else theirs["sha256"],
        "development": figures,
        "development_joined": joined,
        TEXT_HASHES_FIELD: text_hashes(d for c in read for d in c.train),
    }
    trained.save(out, about, card_of(about))
    shutil.rmtree(checkpoint, ignore_errors=True)
    return figures


def train_on(
    corpora: Sequence[Corpus],
    checkpoint: Path,
    *,
    model: str = "bilstm",
    teachers: int = 0,
    seed: int = 0,
    epochs: int | None = None,
    learning_rate: float | None = None,
    lora: int | None = None,
    device: str | None = None,
    raw_text: Sequence[str] | None = None,
    names_by_kind: Mapping[str, Sequence[str]] | None = None,
) -> tuple[TrainedRecogniser, dict[str, Any]]:
    """A recogniser trained on the corpora's training parts, and the settings it was trained with.

    Args:
        checkpoint: where a network's last whole epoch is kept; see `train_ner` for the rest.
        names_by_kind: see `names.graph_names`.
    """
    if lora is not None and model in ("bilstm", "crf", "spacy"):
        raise ModelError(f"{model}: LoRA is for Hugging Face encoders")
    if teachers and model != "bilstm":
        raise ModelError(f"{model}: teachers are for the bilstm")
    check_rate(learning_rate)
    if names_by_kind and model != "bilstm":
        raise ModelError(f"{model}: names of graphs are for the bilstm")
    if learning_rate is not None and model in ("crf", "spacy"):
        raise ModelError(f"{model}: has no learning rate to set")
    kinds = _kinds(corpora)
    examples = {c.name: _examples(c, kinds[c.name]) for c in corpora}
    data = {name: [(e.tokens, e.tags) for e in part] for name, part in examples.items()}
    settings: dict[str, Any] = {"model": model, "seed": seed, "data": checksum(data)}
    if model == "crf":
        # scikit-learn and transformers take seconds to import, and only these models need them.
        from .crf_baseline import ITERATIONS, CrfNer

        settings["iterations"] = epochs or ITERATIONS
        return CrfNer.train(data, kinds, iterations=settings["iterations"]), settings
    if model == "spacy":
        from .spacy_ner import EPOCHS, SpacyNer

        settings["epochs"] = epochs or EPOCHS
        spans = {c.name: _spans(c) for c in corpora}
        with one_thread():
            return SpacyNer.train(spans, kinds, epochs=settings["epochs"], seed=seed), settings
    recipe = BILSTM if model == "bilstm" else TRANSFORMER if lora is None else LORA
    settings |= {
        "epochs": epochs or recipe.epochs,
        "learning_rate": learning_rate or recipe.learning_rate,
    }
    if model == "bilstm":
        texts = hpo_definitions() if raw_text is None else raw_text
        names_by_kind = names_by_kind or {}
        settings |= {
            "teachers": teachers,
            "raw_text": checksum(list(texts)),
            "names": {kind: len(part) for kind, part in names_by_kind.items()},
            "names_checksum": checksum(names_by_kind),
        }
        with one_thread():
            trained = train_bilstm(
                examples, kinds, texts, names_by_kind, settings, checkpoint, device
            )
        return trained, settings
    settings["lora"] = lora
    state = Checkpoint(checkpoint, settings)
    torch.manual_seed(seed)
    from .transformer import TransformerEncoder

    encoder = TransformerEncoder.from_pretrained(model)
    if lora is not None:
        encoder.add_lora(lora)
    network = NerModel(encoder, kinds)
    place = device or ("cuda" if torch.cuda.is_available() else "cpu")
    network.to(place)
    fit_heads(network, examples, recipe, settings, state, lambda: _mean_f1(network, corpora))
    if lora is not None:
        encoder.merge_lora()
    return network, settings


def _kinds(corpora: Sequence[Corpus]) -> dict[str, list[str]]:
    """The kinds that each corpus' training part annotates."""
    return {
        c.name: sorted({m.kind for d in c.train for m in flat_mentions(d, c.format)})
        for c in corpora
    }


def _figures(
    model: Recogniser, corpora: list[Corpus], *, own_head: bool
) -> dict[str, dict[str, dict[str, Any]]]:
    """Scores by corpus and kind, of each corpus' own head or of all heads joined."""
    return {
        c.name: {
            row.kind: row.as_dict()
            for row in score(model, c.development, c.format, c.name if own_head else None)
        }
        for c in corpora
    }


def _mean_f1(model: Recogniser, corpora: Sequence[Corpus]) -> float:
    micro = [score(model, c.development, c.format, c.name)[-1].f1 for c in corpora]
    return sum(micro) / len(micro)


def _examples(corpus: Corpus, kinds: list[str]) -> list[Example]:
    examples = []
    for document in corpus.train:
        offsets = token_offsets(document.text)
        spans = [
            (m.start, m.end, kinds.index(m.kind)) for m in flat_mentions(document, corpus.format)
        ]
        if offsets:
            tokens = [document.text[a:b] for a, b in offsets]
            examples.append(Example(corpus.name, tokens, encode(offsets, spans)))
    return examples


def _spans(corpus: Corpus) -> list[tuple[str, list[tuple[int, int, str]]]]:
    """The training texts with their mentions (start, end, kind)."""
    return [
        (d.text, [(m.start, m.end, m.kind) for m in flat_mentions(d, corpus.format)])
        for d in corpus.train
        if d.text.strip()
    ]


def _roam(corpora: Path, quarantine: Quarantine) -> list[str]:
    """The sentences of drug labels, where Roam is among the corpora."""
    files = [corpora / "roam" / name for name in ("training.json", "training.json.xz")]
    return [d.text for file in files if file.is_file() for d in read_roam(file, quarantine)]
