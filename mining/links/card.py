"""The model card of a link model, and its plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, Protocol, TypedDict

from ...core.areas import PooledFigures
from ...core.calibration import CALIBRATED_CANDIDATES
from ...core.ranking import RankFigures
from ...core.reliability import reliability_svg
from ...graph.training_provenance import GraphRecord, sources_markdown
from .metrics import MeasuredCalibration
from .missing_pairs import MissingPairs, meaning
from .task import LinkTask

_PLOTTED = {
    "tail": "Reliability of the probabilities of tails",
    "head": "Reliability of the probabilities of heads",
}


class AblationRow(TypedDict):
    """A variant of the ranker, and how much worse it ranks than what it is compared with.

    Attributes:
        variant: what was left out, or is alone.
        compared_with: another variant; empty of the model itself.
        mrr, hits_at_10: of the validation pairs.
        lost: of `compared_with`'s MRR, on the same pairs; above 0 where what was left out helps.
        lost_interval: at 95 %, by bootstrap over heads.
    """

    variant: str
    compared_with: str
    mrr: float
    hits_at_10: float
    lost: NotRequired[float]
    lost_interval: NotRequired[list[float]]


class LinkMetrics(TypedDict):
    """The figures of a link model on the edges held back, by direction (`tail`, `head`).

    Attributes:
        training: the course of training, where there is one.
        valid: of tails, on the validation edges.
        baselines: by name, then by direction.
        calibration: of the directions with test edges.
        pooled: of the model (`model`) and the baselines, of all tails of the test's heads together.
        unranked: how many test edges the model doesn't rank, as nothing that it knows speaks for
            them, so that they come last.
        missing: how many pairs the graph's sources miss, where they tell.
    """

    training: NotRequired[Mapping[str, Any]]
    valid: RankFigures
    test: dict[str, RankFigures]
    baselines: dict[str, dict[str, RankFigures]]
    calibration: dict[str, MeasuredCalibration]
    pooled: NotRequired[dict[str, PooledFigures]]
    unranked: int
    missing: NotRequired[MissingPairs]


class MeasuredModel(Protocol):
    """The part of a link model that its card shows; see `LinkModel`."""

    @property
    def name(self) -> str: ...

    @property
    def label(self) -> str: ...

    @property
    def seed(self) -> int: ...

    @property
    def task(self) -> LinkTask: ...

    @property
    def refitted(self) -> bool: ...

    @property
    def metrics(self) -> LinkMetrics: ...

    @property
    def record(self) -> GraphRecord: ...


def link_plots(model: MeasuredModel) -> dict[str, str]:
    """The plots that the card shows, by file name: reliability on the test edges."""
    return {
        _plot(direction): reliability_svg(measured["reliability"], _PLOTTED[direction])
        for direction, measured in model.metrics["calibration"].items()
    }


def _plot(direction: str) -> str:
    return f"reliability-{direction}.svg"


def in_one_line(model: MeasuredModel) -> str:
    """What a link model ranks, among how many, and how well: how Python shows it."""
    head_kind, relation, tail_kind = model.task.edge_type
    tested = model.metrics["test"]["tail"]
    mrr = f"{tested['mrr']:.3f}" if tested["n"] else "–"
    return (
        f"LinkModel({model.name}: {relation}, {len(model.task.heads):,} {head_kind} ×"
        f" {len(model.task.tails):,} {tail_kind} nodes, test MRR {mrr})"
    )


def link_card(model: MeasuredModel) -> str:
    """Write the model card of a link model, Markdown.

    It shows figures beside the baselines', what a probability means, sources and licences.
    """
    head_kind, relation, tail_kind = model.task.edge_type
    task = model.task
    lines = [
        f"# {model.name}",
        "",
        f"Ranks {tail_kind} nodes for a {head_kind} (and the other way) by {relation}:"
        f" {model.label.removeprefix('links-')}, seed {model.seed}.",
        "",
        f"Trained on {len(task.train):,} edges; {len(task.valid):,} held back for validation and"
        f" {len(task.test):,} for the test.",
    ]
    if model.refitted:
        lines += [
            "",
            "The figures are of the model that knew the training edges alone. What answers was then"
            f" refitted: it knows all {len(task.whole.train):,} edges"
            + (", but for members that are networks." if model.label == "links-ensemble" else "."),
        ]
    for direction, kind, nodes in (
        ("tail", tail_kind, task.tails),
        ("head", head_kind, task.heads),
    ):
        title = f"## Test, {direction}s ranked among {len(nodes):,} {kind} nodes"
        lines += ["", title, *_test_lines(model, direction)]
        if measured := model.metrics["calibration"].get(direction):
            lines += _calibration_lines(measured, direction)
    if sentence := unranked_edges(model):
        lines += ["", f"{sentence}."]
    if pooled := model.metrics.get("pooled"):
        lines += _pooled_lines(pooled, head_kind)
    if ablation := model.metrics.get("training", {}).get("ablation"):
        lines += _ablation_lines(ablation)
    lines += [
        "",
        "## What a probability means",
        "",
        f"Of a new pair: {meaning(model.metrics.get('missing'))}; not that it is true. Of a known"
        " pair: that a source records it. What is rarely studied is rarely recorded, and gets a low"
        " probability whatever the truth.",
        "Not for decisions about patients.",
        "",
        *sources_markdown(model.record["sources"]),
    ]
    return "\n".join(lines) + "\n"


def _test_lines(model: MeasuredModel, direction: str) -> list[str]:
    """The test figures of the model and the baselines, as a table."""
    baselines = model.metrics["baselines"].items()
    return [
        "",
        "Filtered; ties count half; 95 % intervals by bootstrap over queries"
        f" (n = {len(model.task.test):,} edges).",
        "",
        "| | MRR | Hits@1 | Hits@3 | Hits@10 |",
        "|---|---|---|---|---|",
        _figures_row("this model", model.metrics["test"][direction]),
        *(_figures_row(name, figures[direction]) for name, figures in baselines),
    ]


def unranked_edges(model: MeasuredModel) -> str:
    """How many test edges a model doesn't rank, in words; nothing where it ranks all."""
    if not (unranked := model.metrics["unranked"]):
        return ""
    why = (
        "their heads have no structure"
        if model.label == "links-structure"
        else "nothing that it knows speaks for them"
    )
    return (
        f"Of the {len(model.task.test):,} test edges {unranked:,} are not ranked by the model"
        f" ({why}); in its figures they come last"
    )


def _figures_row(name: str, figures: RankFigures) -> str:
    if not figures["n"]:
        return f"| {name} | – | – | – | – |"
    cells = [
        f"{figures[key]:.3f} ({figures[f'{key}_interval'][0]:.3f}"
        f"–{figures[f'{key}_interval'][1]:.3f})"
        for key in ("mrr", "hits@1", "hits@3", "hits@10")
    ]
    return f"| {name} | {' | '.join(cells)} |"


def _pooled_lines(pooled: Mapping[str, PooledFigures], head_kind: str) -> list[str]:
    """How well scores compare across heads, as a table."""
    of_model = pooled["model"]
    return [
        "",
        f"## Scores compared across {head_kind} nodes",
        "",
        f"Of {of_model['pairs']:,} pairs of the test's heads with all tails, known ones left out,"
        f" {of_model['true']:,} are the test's:",
        "",
        "| | AUROC | AUPRC |",
        "|---|---|---|",
        *(
            f"| {'this model' if name == 'model' else name} | {figures['auroc']:.3f} |"
            f" {figures['auprc']:.3f} |"
            for name, figures in pooled.items()
        ),
    ]


def _ablation_lines(rows: Sequence[AblationRow]) -> list[str]:
    """What each part of a ranker adds, as a table."""
    return [
        "",
        "## What each part adds",
        "",
        "On the validation edges, which the networks' weight was chosen on, too. What is lost is of"
        " the MRR of what a row is compared with, on the same edges, with its 95 % interval by"
        " bootstrap over heads. What is left without a part was trained anew.",
        "",
        "| | MRR | Hits@10 | compared with | lost |",
        "|---|---|---|---|---|",
        *(
            f"| {row['variant']} | {row['mrr']:.3f} | {row['hits_at_10']:.3f} |"
            f" {row['compared_with']} | {_lost(row)} |"
            for row in rows
        ),
    ]


def _lost(row: AblationRow) -> str:
    if "lost" not in row:
        return ""
    low, high = row["lost_interval"]
    return f"{row['lost']:.3f} ({low:.3f} to {high:.3f})"


def _calibration_lines(measured: MeasuredCalibration, direction: str) -> list[str]:
    """The quality of the probabilities, and a table of predicted beside observed ones."""
    return [
        "",
        f"Probabilities of the first {CALIBRATED_CANDIDATES} candidates: Brier"
        f" {measured['brier']:.5f} (a constant: {measured['brier_of_base_rate']:.5f}), ECE"
        f" {measured['ece']:.5f}, base rate {measured['base_rate']:.5f}. In ten parts of"
        " equally many, from the least probable on:",
        "",
        "| stated probability | share of true pairs |",
        "|---|---|",
        *(
            f"| {part['probability']:.4f} | {part['true']:.4f} |"
            for part in measured["reliability"]
        ),
        "",
        f"![{_PLOTTED[direction]}]({_plot(direction)})",
    ]
