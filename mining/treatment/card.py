"""The card that lies in a treatment model's folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ...graph.training_provenance import sources_markdown
from ..links.task import LinkTask

CARD_FIGURES = ("mrr", "hits@1", "hits@10", "ndcg@10", "recall@10")


class DescribedModel(Protocol):
    """What a card says of a treatment model; see `model.TreatmentModel`."""

    name: str
    task: LinkTask
    seed: int
    settings: Mapping[str, Any]
    metrics: Mapping[str, Any]
    record: Mapping[str, Any]

    @property
    def weights(self) -> Mapping[str, float]:
        """How much each member counts."""
        ...


def treatment_card(model: DescribedModel) -> str:
    """The model card, Markdown: figures beside each member's and popularity's, what a probability
    says, sources and licences."""
    task, test = model.task, model.metrics["test"]

    def row(name: str, figures: Mapping[str, Any]) -> str:
        cells = [
            f"{figures[key]:.3f} ({figures[f'{key}_interval'][0]:.3f}"
            f"–{figures[f'{key}_interval'][1]:.3f})"
            if figures[key] is not None
            else "–"
            for key in CARD_FIGURES
        ]
        return f"| {name} | {' | '.join(cells)} |"

    weights = ", ".join(f"{name} {weight:.1f}" for name, weight in model.weights.items())
    lines = [
        f"# {model.name}",
        "",
        f"Ranks drugs for a disease by TREATS: {model.settings['model']}, seed {model.seed}."
        f" Weights, chosen on validation: {weights}.",
        "",
        f"Trained on {len(task.train):,} edges; {len(task.valid):,} held back for validation and"
        f" {len(task.test):,} for the test.",
        "",
        f"## Test: {test['edges']:,} edges of {test['diseases']:,} diseases, ranked among"
        f" {len(task.heads):,} drugs",
        "",
        "Known drugs don't compete; 95 % intervals by bootstrap over diseases.",
        "",
        "| | MRR | Hits@1 | Hits@10 | NDCG@10 | Recall@10 |",
        "|---|---|---|---|---|---|",
        *(row(name, figures) for name, figures in test["figures"].items()),
    ]
    over_all = "; ".join(
        f"{name} {figures['auroc']:.3f}, {figures['auprc']:.3f}"
        for name, figures in test["pooled"].items()
    )
    lines += ["", f"Over all pairs of drugs and diseases, AUROC and AUPRC: {over_all}."]
    measured = model.metrics["calibration"]
    lines += [
        "",
        f"Probabilities of the first hypotheses: Brier {measured['brier']:.5f} (a constant:"
        f" {measured['brier_of_base_rate']:.5f}), ECE {measured['ece']:.5f}, base rate"
        f" {measured['base_rate']:.5f}.",
        "",
        "## What it says, and what not",
        "",
        "A probability says that the sources record the pair, or will, at the base rate stated; not"
        " that the drug works. What is rarely studied is rarely recorded. Warnings are what the"
        " graph's sources state; where none is given, none is known to them. Allergies are looked"
        " at as far as they were given or recorded. Doses, severity, and kidney and liver function"
        " are not looked at.",
        "",
        "For research. Not for decisions about patients.",
        "",
        *sources_markdown(model.record["sources"]),
    ]
    return "\n".join(lines) + "\n"
