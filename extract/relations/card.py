"""The model card of a relation model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...core.model_card import score_cells
from ..training_overlap import SIBLING_FIGURES

# Roam's licence asks that what is made from it has the same.
LICENCE = "CC BY-SA 4.0"


@dataclass(frozen=True)
class RelationCard:
    """What the card of a relation model states.

    Attributes:
        encoder: the Hugging Face encoder that was fine-tuned; None: towers.
        lora: the rank of its low-rank additions, if it was trained by them.
        pairs: by task how many pairs it was trained on.
        documents: how many documents of BioRED it was trained on.
        reader_seen: how many documents of TARGETS' development part the towers' recogniser was
            trained on.
        has_sibling: whether the figures are a sibling's (`training_overlap.open_sibling`).
        development: by task and method the score on the development part.
        calibration: by task the expected calibration error.
    """

    encoder: str | None
    lora: int | None
    epochs: int
    seed: int
    pairs: Mapping[str, int]
    documents: int
    reader_seen: int | None
    has_sibling: bool
    development: Mapping[str, Mapping[str, Mapping[str, float]]]
    calibration: Mapping[str, float]

    def text(self) -> str:
        """The card as Markdown."""
        return "\n".join(
            [
                *self._header(),
                *self._training_data(),
                *self._figures(),
                *_LIMITS,
            ]
        )

    def _header(self) -> list[str]:
        if self.encoder is None:
            encoder = (
                "linear models, and for TARGETS LSTMs over what a recogniser sees of a sentence"
                " (the one that ships, or that of the folder `recogniser`); the weights are bound"
                " to its"
            )
        else:
            encoder = self.encoder
            encoder += "" if self.lora is None else f", LoRA of rank {self.lora}"
        epochs = f"{'' if self.encoder is None else 'At most '}{self.epochs} epochs"
        return [
            "# Relations between mentions (`medkg_relations`)",
            "",
            f"Encoder: {encoder}. {epochs}, seed {self.seed}. Made by `medkg train relations`.",
            "",
            f"**Licence of the weights: {LICENCE}**, because they are trained on Roam, which has"
            " it. Attribution: Tao, Godefroy, Genthial and Potts 2018 (Roam drug–disease dataset).",
            "",
        ]

    def _training_data(self) -> list[str]:
        trained_on = "The training parts only"
        if self.has_sibling:
            trained_on = "The training and the development parts"
        chosen = "" if self.encoder is None else "the epoch, "
        recogniser = ""
        if self.encoder is None:
            recogniser = (
                " The recogniser has learnt from that tenth too, so that what it sees there is"
                " clearer than elsewhere."
            )
        return [
            "## Trained on",
            "",
            f"{trained_on}; a tenth of their documents chose {chosen}the temperatures and the"
            " thresholds (of what is decided for documents five folds over all of them did)."
            " Training texts that occur in any development part were left out there. What a"
            " chemical causes is no treatment, and the other way round: such pairs teach the other"
            " model what is none."
            f"{recogniser}",
            "",
            "| relation | corpus | licence | pairs trained on |",
            "| --- | --- | --- | --- |",
            "| CAUSES, TREATS, TARGETS, ASSOCIATED_WITH of documents | BioRED, relations of"
            f" documents | public domain | {self.documents} documents |",
            f"| Drug–TARGETS–Target | ChemProt, groups 3, 4, 5, 6, 9 | public domain | "
            f"{self.pairs['targets']} |",
            f"| Drug–CAUSES–Disease or Symptom | BC5CDR, relations of documents seen as of their "
            f"sentences, then documents as a whole | public domain | {self.pairs['causes']} |",
            "| Drug–TREATS–Disease | Roam, "
            f"{'all' if self.has_sibling else 'nine tenths'} of its sentences | CC BY-SA 4.0 | "
            f"{self.pairs['treats']} |",
            "",
        ]

    def _figures(self) -> list[str]:
        sibling = f" {SIBLING_FIGURES}" if self.has_sibling else ""
        known = ""
        if self.reader_seen:
            known = (
                " **The recogniser that TARGETS is read with was trained on"
                f" {self.reader_seen} of the documents that it is measured on: its figure is too"
                " good.**"
            )
        errors = ", ".join(f"{task} {error:.3f}" for task, error in self.calibration.items())
        return [
            "## Figures on the development parts",
            "",
            "Gold mentions, micro, in per cent, F1 with a 95 % bootstrap interval over documents."
            " ChemProt counts mentions, BC5CDR concepts of a document, in one sentence or not, Roam"
            " afflictions, of a tenth of its sentences; BioRED, in capitals, concepts of a document"
            " (TARGETS there is any relation of a chemical and a gene). One training, one seed."
            f"{sibling}{known}",
            "",
            "| relation | method | precision | recall | F1 | interval | true |",
            "| --- | --- | --- | --- | --- | --- | --- |",
            *(
                f"| {task} | {method} | {score_cells(row)} | {row['true']} |"
                for task, rows in self.development.items()
                for method, row in rows.items()
            ),
            "",
            "Expected calibration error of the probability of some relation (ten bins of equal "
            f"numbers): {errors}.",
            "",
            "Disease–HAS_SYMPTOM–Symptom is decided by rules, not by these weights; "
            "`benchmarks/relations.py` measures them.",
            "",
        ]


_LIMITS = (
    "## Limits",
    "",
    "- English abstracts and drug labels; notes have other sentences, and no corpus of theirs "
    "was at hand.",
    "- What is decided for documents is learnt from abstracts, of which the first sentence is the "
    "title, and read in parts of 20 sentences.",
    "- Roam does not say where the drug stands; its sentences teach what the disease's side "
    "looks like. Its pairs are mostly treatments, so TREATS leans to yes.",
    "- ChemProt's group 9 joins substrates and products: the action `substrate` may be either.",
    "- Not a medical device.",
    "",
)
