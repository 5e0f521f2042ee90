"""Train a recogniser of mentions on annotated corpora: the default, a baseline, an encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypedDict, Unpack

import torch

from ...core.atomic import check_replaceable
from ...core.checkpoint import remove_checkpoints
from ...core.errors import DataError, ModelError
from ...core.han import is_chinese
from ...core.model_folder import read_config
from ...core.quarantine import Quarantine
from ...core.threads import one_thread
from ...graph.kg import KnowledgeGraph
from ..corpora.document import Corpus, flat_mentions
from ..corpora.roam import read_roam
from ..corpora.splits import undivided
from ..corpora.user_corpora import HELD_OUT, read_corpora
from ..fit import FitCheckpoint, Recipe, check_rate, checksum
from ..tokens import token_offsets
from ..training_overlap import documents_trained_on, open_sibling, text_hashes
from .added_heads import own_recogniser, train_heads, with_added_heads
from .card import Description, FiguresByCorpus, Settings, card_of
from .crf import encode
from .evaluate import score
from .fit import (
    ADDED_HEAD,
    BILSTM,
    LORA,
    TRANSFORMER,
    Example,
    fit_heads,
    fit_likeness,
)
from .names import graph_names, hpo_definitions
from .network import NerModel
from .recogniser import MODEL, Recogniser, TrainedRecogniser
from .train_bilstm import BilstmData, train_bilstm

ROAM_LICENCE = "CC BY-SA 4.0"
# What the config of a recogniser says that gets further heads, see `Description`.
_DESCRIBED: dict[str, type] = {
    "training": dict, "added": dict, "documents": dict, "held_out": dict, "names_from": list,
    "licence": str, "development": dict, "trained_on_texts": str,
}  # fmt: skip


class _Options(TypedDict, total=False):
    """The fields of `NerOptions`."""

    model: str
    teachers: int
    taught_by: Sequence[Path]
    seed: int
    epochs: int | None
    learning_rate: float | None
    lora: int | None
    device: str | None
    raw_text: Sequence[str] | None
    names: Sequence[KnowledgeGraph]


@dataclass(frozen=True)
class NerOptions:
    """What is trained, and how.

    Attributes:
        model: "bilstm", "crf" or "spacy" (a baseline, one model for each corpus), the name or
            folder of a Hugging Face encoder to fine-tune, or a recogniser that was trained here,
            by its folder or "default" (the one that ships): that gets a head for each corpus beside
            its own, and its encoder stays as it is.
        teachers: for the bilstm: train so many first, with a seed each, and distil them into one
            (see `train_bilstm`).
        taught_by: for the bilstm: folders of networks that were trained here on corpora with the
            same kinds, such as a fine-tuned encoder, to learn from too.
        seed: of all chance; the same seed, data and machine give the same model.
        epochs: default 8 (bilstm), 15 (spacy), 20 (added heads); with an encoder at most 10, or
            20 with LoRA: it stops 2 or 3 epochs after the best. For the CRF, iterations; default
            100.
        learning_rate: of the encoder; default 3e-3 (bilstm), 5e-5, or 5e-4 with LoRA.
        lora: rank of low-rank additions that are trained in the place of a Hugging Face encoder's
            own weights, and added to them at the end.
        device: "cpu", "cuda", …; None: the GPU if there is one for an encoder, else the CPU.
        raw_text: what the BiLSTM is pre-trained on beside the corpora's text; default HPO's
            definitions, and Roam's sentences where the folder has them; for Chinese ones nothing.
        names: graphs whose nodes' names and synonyms the BiLSTM looks up in what it reads, by
            hashes that go with the model, and learns to classify by kind in its pre-training.
    """

    model: str = "bilstm"
    teachers: int = 0
    taught_by: Sequence[Path] = ()
    seed: int = 0
    epochs: int | None = None
    learning_rate: float | None = None
    lora: int | None = None
    device: str | None = None
    raw_text: Sequence[str] | None = None
    names: Sequence[KnowledgeGraph] = ()

    def check(self) -> None:
        """Refuse what the model has not.

        Raises:
            ModelError: `lora`, `learning_rate`, `teachers`, `taught_by` or `names` is given for a
                model that has none, or the rate is no rate.
        """
        is_trained = own_recogniser(self.model) is not None
        is_encoder = self.model not in ("bilstm", "crf", "spacy") and not is_trained
        if self.lora is not None and not is_encoder:
            raise ModelError(f"{self.model}: LoRA is for Hugging Face encoders")
        if (self.teachers or self.taught_by) and self.model != "bilstm":
            raise ModelError(f"{self.model}: teachers are for the bilstm")
        check_rate(self.learning_rate)
        if self.names and self.model != "bilstm":
            raise ModelError(f"{self.model}: names of graphs are for the bilstm")
        if self.learning_rate is not None and (is_trained or self.model in ("crf", "spacy")):
            raise ModelError(f"{self.model}: has no learning rate to set")


def train_ner(
    corpora: Path,
    out: Path,
    *,
    held_out: float = HELD_OUT,
    labels: Mapping[str, str | None] | None = None,
    sibling: Path | None = None,
    quarantine: Quarantine | None = None,
    **options: Unpack[_Options],
) -> FiguresByCorpus:
    """Train on annotated corpora and write the model's folder.

    Args:
        corpora: a folder of corpora, or one corpus of one's own, see `user_corpora.read_corpora`.
        out: the model's folder. Beside it, `OUT.checkpoint` holds the last whole epoch while a
            network trains; the same call takes it up from there.
        held_out: the part of a corpus' documents to hold out where it comes without a split.
        labels: kinds of a corpus of one's own's labels, None to leave one out.
        sibling: for the BiLSTM, the folder of one that was trained the same way on the training
            parts alone. This one is trained on the development parts too, and the figures that it
            states are the sibling's.
        quarantine: takes the annotations that can't be used.
        options: those of `NerOptions`.

    Returns:
        Figures on the development parts (the sibling's, if there is one), {corpus: {kind or
        "micro": {precision, recall, f1, low, high, gold, predicted}}}, each corpus by its own head;
        they stand in the config too.

    Raises:
        DataError: there is no corpus, a file can't be read, a label is no kind, the graphs have no
            name that can be learnt, or `out` holds other things.
        ModelError: the encoder can't be loaded, an option is given for a model that has none, the
            checkpoint belongs to another training, or the sibling was trained in another way.
    """
    check_replaceable(out, marker="config.json", kind=MODEL)
    chosen = NerOptions(**options)
    names = _names_by_kind(chosen.names)
    quarantine = Quarantine() if quarantine is None else quarantine
    read = read_corpora(corpora, quarantine, held_out=held_out, labels=labels or {})
    has_own_text = chosen.model != "bilstm" or chosen.raw_text is not None
    roam = [] if has_own_text or _are_chinese(read) else _roam(corpora, quarantine)
    if not has_own_text:
        chosen = replace(chosen, raw_text=_english_text(read, roam))
    siblings = None
    if sibling is not None:
        read = undivided(read)
        siblings = _open_sibling(sibling, read, chosen)
    checkpoint = out.with_name(out.name + ".checkpoint")
    trained, settings = train_on(read, checkpoint, chosen, names)
    about = _about(trained, settings, read, chosen, siblings)
    licence = _licence(has_roam=bool(roam), has_names=bool(chosen.names))
    figures = about["development"]
    about |= {"licence": licence, "set_aside": quarantine.counts()}
    if (folder := own_recogniser(chosen.model)) is not None:
        documents = [document for corpus in read for document in corpus.train]
        about = with_added_heads(read_config(folder, MODEL, _DESCRIBED), about, documents)
    trained.save(out, about, card_of(about))
    remove_checkpoints(checkpoint)
    return figures


def _english_text(corpora: Sequence[Corpus], roam: Sequence[str]) -> list[str]:
    """What the network reads before it learns, beside the corpora; there is no Chinese text."""
    return [] if _are_chinese(corpora) else [*hpo_definitions(), *roam]


def _licence(*, has_roam: bool, has_names: bool) -> str:
    """Of the weights: Roam's licence asks that what is made from it has the same."""
    corpora = ROAM_LICENCE if has_roam else "that of the corpora"
    return corpora + (", and what the names' sources ask" if has_names else "")


def _names_by_kind(graphs: Sequence[KnowledgeGraph]) -> dict[str, list[str]]:
    names = graph_names(graphs)
    if graphs and not names:
        raise DataError(
            "the graphs of names have none that can be learnt (3 to 80 characters; not patients',"
            " documents' or drug classes'); give another graph"
        )
    return names


def _open_sibling(folder: Path, corpora: Sequence[Corpus], options: NerOptions) -> dict[str, Any]:
    """The config of a sibling that was trained with these options on some of the documents."""
    if options.model != "bilstm":
        raise ModelError(f"{options.model}: a sibling is for the bilstm")
    training = {
        "model": options.model,
        "seed": options.seed,
        "epochs": options.epochs or BILSTM.epochs,
        "learning_rate": options.learning_rate or BILSTM.learning_rate,
        **_teaching(options),
        "raw_text": checksum(list(options.raw_text or ())),
    }
    return open_sibling(
        folder,
        MODEL,
        {"heads": _kinds(corpora), "training": training, "names_from": _sources(options.names)},
        [document for corpus in corpora for document in corpus.train],
    )


def _sources(graphs: Sequence[KnowledgeGraph]) -> list[dict[str, str | None]]:
    return [
        {"source": source.name, "release": source.release, "licence": source.licence}
        for source in sorted({source for kg in graphs for source in kg.sources})
    ]


def _about(
    trained: Recogniser,
    settings: Settings,
    corpora: Sequence[Corpus],
    options: NerOptions,
    sibling: Mapping[str, Any] | None,
) -> Description:
    """What the model's config says of it, but for licence and what was set aside."""
    if sibling is None:
        figures = _figures(trained, corpora, own_head=True)
        joined = _figures(trained, corpora, own_head=False)
    else:
        figures, joined = sibling["development"], sibling["development_joined"]
    return {
        "training": settings,
        "added": {},
        "documents": {
            c.name: {"train": len(c.train), "development": len(c.development)} for c in corpora
        },
        # A corpus that comes without a split has one of ours: these documents are held out.
        "held_out": {c.name: [d.id for d in c.development] for c in corpora if c.split_here},
        "names_from": _sources(options.names),
        "licence": "",
        "set_aside": {},
        "sibling": None if sibling is None else sibling["sha256"],
        "development": figures,
        "development_joined": joined,
        "trained_on_texts": text_hashes(d for c in corpora for d in c.train),
    }


def train_on(
    corpora: Sequence[Corpus],
    checkpoint: Path,
    options: NerOptions,
    names_by_kind: Mapping[str, Sequence[str]] | None = None,
) -> tuple[TrainedRecogniser, Settings]:
    """A recogniser trained on the corpora's training parts, and the settings it was trained with.

    Args:
        corpora: to train on.
        checkpoint: where a network's last whole epoch is kept.
        options: see `NerOptions`.
        names_by_kind: those of the options' graphs, see `names.graph_names`.

    Raises:
        ModelError: as `train_ner`.
    """
    options.check()
    kinds = _kinds(corpora)
    examples = {c.name: _examples(c, kinds[c.name]) for c in corpora}
    tagged = {name: [(e.tokens, e.tags) for e in part] for name, part in examples.items()}
    settings: Settings = {
        "model": options.model,
        "seed": options.seed,
        "data": checksum(tagged),
    }
    if options.model == "crf":
        # scikit-learn and transformers take seconds to import, and only these models need them.
        from .crf_baseline import ITERATIONS, CrfNer

        iterations = options.epochs or ITERATIONS
        crf = CrfNer.train(tagged, kinds, iterations=iterations)
        return crf, {**settings, "iterations": iterations}
    if options.model == "spacy":
        from .spacy_ner import EPOCHS, SpacyNer

        epochs = options.epochs or EPOCHS
        spans = {c.name: _spans(c) for c in corpora}
        with one_thread():
            cnn = SpacyNer.train(spans, kinds, epochs=epochs, seed=options.seed)
        return cnn, {**settings, "epochs": epochs}
    return _train_network(
        corpora, examples, kinds, settings, checkpoint, options, names_by_kind or {}
    )


def _train_network(
    corpora: Sequence[Corpus],
    examples: Mapping[str, Sequence[Example]],
    kinds: Mapping[str, Sequence[str]],
    settings: Settings,
    checkpoint: Path,
    options: NerOptions,
    names_by_kind: Mapping[str, Sequence[str]],
) -> tuple[NerModel, Settings]:
    """The BiLSTM, a recogniser that gets heads, or a Hugging Face encoder."""
    if options.model == "bilstm":
        settings |= _bilstm_settings(options, names_by_kind)
        teachers = _teachers(options, kinds, corpora)
        with one_thread():
            bilstm = train_bilstm(
                BilstmData(examples, kinds, _raw_text(options), names_by_kind, teachers),
                settings,
                checkpoint,
                options.device,
            )
            fit_likeness(bilstm, examples)
        return bilstm, settings
    if (folder := own_recogniser(options.model)) is not None:
        settings |= {
            "base": read_config(folder, MODEL, {})["sha256"],
            "epochs": options.epochs or ADDED_HEAD.epochs,
            "learning_rate": ADDED_HEAD.learning_rate,
        }
        with one_thread():
            model = train_heads(folder, examples, kinds, settings, checkpoint, options.device)
        return model, settings
    recipe = TRANSFORMER if options.lora is None else LORA
    settings |= {**_rates(recipe, options), "lora": options.lora}
    tuned = _fine_tune(corpora, examples, kinds, settings, checkpoint, options)
    fit_likeness(tuned, examples)
    return tuned, settings


def _rates(recipe: Recipe, options: NerOptions) -> Settings:
    return {
        "epochs": options.epochs or recipe.epochs,
        "learning_rate": options.learning_rate or recipe.learning_rate,
    }


def _raw_text(options: NerOptions) -> Sequence[str]:
    return hpo_definitions() if options.raw_text is None else options.raw_text


def _bilstm_settings(options: NerOptions, names_by_kind: Mapping[str, Sequence[str]]) -> Settings:
    return {
        **_rates(BILSTM, options),
        **_teaching(options),
        "raw_text": checksum(list(_raw_text(options))),
        "names": {kind: len(part) for kind, part in names_by_kind.items()},
        "names_checksum": checksum(names_by_kind),
    }


def _teaching(options: NerOptions) -> Settings:
    """How many teachers are trained first, and which were before."""
    checksums = [read_config(each, MODEL, {})["sha256"] for each in options.taught_by]
    return {"teachers": options.teachers, **({"taught_by": checksums} if checksums else {})}


def _teachers(
    options: NerOptions, kinds: Mapping[str, Sequence[str]], corpora: Sequence[Corpus]
) -> list[NerModel]:
    """The trained teachers.

    Raises:
        ModelError: one can't be loaded, has no network, has other heads than the corpora give, or
            was trained on what the student is to be measured on.
    """
    teachers = []
    for folder in options.taught_by:
        teacher = NerModel.load(folder, options.device)
        heads = [(name, list(of_head)) for name, of_head in teacher.kinds.items()]
        if heads != list(kinds.items()):
            raise ModelError(
                f"{folder}: a teacher has to be trained on the same corpora: it knows"
                f" {', '.join(teacher.kinds) or 'none'}, and {', '.join(kinds)} are to be learnt"
            )
        teachers.append(teacher)
    measured_on = [document for corpus in corpora for document in corpus.development]
    if seen := documents_trained_on(options.taught_by, measured_on):
        raise ModelError(
            f"a teacher was trained on {seen} of the documents that this model is to be measured on"
        )
    return teachers


def _fine_tune(
    corpora: Sequence[Corpus],
    examples: Mapping[str, Sequence[Example]],
    kinds: Mapping[str, Sequence[str]],
    settings: Settings,
    checkpoint: Path,
    options: NerOptions,
) -> NerModel:
    """A Hugging Face encoder with a head for each corpus, trained up to the best epoch."""
    state = FitCheckpoint(checkpoint, settings)
    torch.manual_seed(options.seed)
    from .transformer import TransformerEncoder

    encoder = TransformerEncoder.from_pretrained(options.model)
    if options.lora is not None:
        encoder.add_lora(options.lora)
    network = NerModel(encoder, kinds)
    network.to(options.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    recipe = TRANSFORMER if options.lora is None else LORA
    fit_heads(network, examples, recipe, settings, state, lambda: _mean_f1(network, corpora))
    if options.lora is not None:
        encoder.merge_lora()
    return network


def _kinds(corpora: Sequence[Corpus]) -> dict[str, list[str]]:
    """The kinds that each corpus' training part annotates."""
    return {
        c.name: sorted({m.kind for d in c.train for m in flat_mentions(d, c.format)})
        for c in corpora
    }


def _figures(model: Recogniser, corpora: Sequence[Corpus], *, own_head: bool) -> FiguresByCorpus:
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


def _are_chinese(corpora: Sequence[Corpus]) -> bool:
    """Whether most texts to train on are Chinese, which English ones would not help to read."""
    texts = [is_chinese(document.text) for corpus in corpora for document in corpus.train]
    return 2 * sum(texts) > len(texts)


def _roam(corpora: Path, quarantine: Quarantine) -> list[str]:
    """The sentences of drug labels, where Roam is among the corpora."""
    files = [corpora / "roam" / name for name in ("training.json", "training.json.xz")]
    return [d.text for file in files if file.is_file() for d in read_roam(file, quarantine)]
