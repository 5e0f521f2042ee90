"""Figures for papers and notebooks, by matplotlib (extra `plots`): each function gives one figure.

Groups have a colour of Okabe and Ito's palette, which people of any colour vision tell apart, and a
marker or a line of their own, so that a figure can be read in grey, too.

Source of the palette: Okabe and Ito, Color Universal Design, 2008.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

import matplotlib.figure
import numpy as np
import polars as pl
from matplotlib.axes import Axes
from numpy.typing import NDArray

from .core.errors import DataError
from .core.statistics import wilson_interval

if TYPE_CHECKING:
    from .core.calibration import ReliabilityBin
    from .graph.kg import KnowledgeGraph
    from .mining.links.model import LinkModel

__all__ = [
    "degree_distribution",
    "embedding_map",
    "precision_recall",
    "reliability",
    "score_against_degree",
]

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_LINES = ("-", "--", "-.", ":")
_INCHES = (5.2, 3.6)


class Figure(matplotlib.figure.Figure):
    """A figure that a notebook shows where it is a cell's last line; pyplot is not needed."""

    def _repr_png_(self) -> bytes:
        buffer = BytesIO()
        self.savefig(buffer, format="png", dpi=80)
        return buffer.getvalue()


def reliability(bins: Sequence[ReliabilityBin]) -> Figure:
    """How often pairs of a stated probability are true, with 95 % intervals (Wilson's).

    Both axes are logarithmic, since most pairs are improbable. A bin without a true pair lies on
    the lower edge, with its interval.

    Args:
        bins: such as `model.metrics["calibration"]["tail"]["reliability"]` of a link model, or
            those of `medkg.core.calibration.quality` of probabilities of one's own.

    Raises:
        DataError: there is no bin.

    Example:
        >>> model = medkg.train_links(medkg.load("starter"), model="degree")
        >>> bins = model.metrics["calibration"]["tail"]["reliability"]
        >>> figure = medkg.plots.reliability(bins)
        >>> figure.savefig("reliability.png")
        >>> figure.axes[0].get_xlabel()
        'stated probability'
    """
    if not bins:
        raise DataError("there is no bin to draw: the calibration had no pairs")
    stated = np.array([part["probability"] for part in bins])
    true = np.array([part["true"] for part in bins])
    low, high = np.array([wilson_interval(part["true"], part["n"]) for part in bins]).T
    least = 0.5 * min(stated[stated > 0].min(initial=1), high[high > 0].min(initial=1))
    figure, axes = _figure("stated probability", "share of pairs that are true")
    axes.plot([least, 1], [least, 1], color="grey", linestyle="--", label="perfectly calibrated")
    shown = np.maximum(true, least)
    bars = np.clip([shown - np.maximum(low, least), high - shown], 0, None)
    axes.errorbar(
        np.maximum(stated, least), shown, yerr=bars, fmt="o", color=_COLOURS[0], capsize=2,
        label=f"{sum(part['n'] for part in bins):,} pairs in {len(bins)} bins, 95 % interval",
        clip_on=False,
    )  # fmt: skip
    axes.set(xscale="log", yscale="log", xlim=(least, 1), ylim=(least, 1))
    axes.legend(fontsize="small", frameon=False)
    return figure


def precision_recall(model: LinkModel) -> Figure:
    """Precision and recall of a link model and the baselines on the edges held out for the test.

    The pairs are all of the test's heads with all tails, known ones left out, over all heads
    together, scored by what was fitted without the test. The area under each line (AUPRC, by steps)
    is in the legend; it is the one that `model.metrics["pooled"]` holds.

    Raises:
        DataError: training held no edge back for the test.

    Example:
        >>> model = medkg.train_links(medkg.load("starter"), model="neighbours")
        >>> figure = medkg.plots.precision_recall(model)
        >>> len(figure.axes[0].lines)  # the model, degree, and what chance has
        3
    """
    from .core.areas import auroc_auprc, precision_recall_curve
    from .mining.links.evaluate import held_back_scores

    figure, axes = _figure("recall (share of the test's edges)", "precision (share that is true)")
    share = 0.0
    for n, (name, (scores, true)) in enumerate(held_back_scores(model).items()):
        recall, precision = precision_recall_curve(scores, true)
        _, area = auroc_auprc(scores, true)
        share = float(true.mean())
        axes.step(
            np.append(0, recall), np.append(precision[0], precision), where="pre",
            color=_COLOURS[n], linestyle=_LINES[n], label=f"{name}: AUPRC {area:.3f}",
        )  # fmt: skip
    axes.axhline(share, color="grey", linestyle=":", label=f"chance: {share:.4f}")
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    axes.legend(fontsize="small", frameon=False)
    return figure


def score_against_degree(
    rows: pl.DataFrame, kg: KnowledgeGraph, *, of: str = "probability"
) -> Figure:
    """Scores of pairs against how many edges of the relation their tails have in the graph.

    A model that only repeats what is well studied has a rising line here. The rank correlation
    (Spearman's ρ) of new pairs is in the legend.

    Args:
        rows: of `model.predict` or `model.score` of one relation; rows without a score are left
            out.
        kg: the graph that counts edges.
        of: the column: probability, or score, which known pairs have, too.

    Raises:
        DataError: no row has a score.

    Example:
        >>> kg = medkg.load("starter")
        >>> model = medkg.train_links(kg, model="neighbours")
        >>> rows = model.predict(heads=["imatinib", "metoprolol"], top=50)
        >>> figure = medkg.plots.score_against_degree(rows, kg)
        >>> figure.axes[0].get_xlabel()
        'edges TARGETS of the tail in the graph (number)'
    """
    scored = rows.drop_nulls(["relation", of])
    if scored.is_empty():
        no_known = " (known pairs have none)" if of == "probability" else ""
        raise DataError(
            f"no row has a {of}{no_known}: the pairs are not ranked, see the column note"
        )
    relation = scored["relation"][0]
    degrees = kg.edges.filter(relation=relation).group_by(tail="object").agg(degree=pl.len())
    joined = scored.join(degrees, on="tail", how="left").with_columns(pl.col("degree").fill_null(0))
    figure, axes = _figure(f"edges {relation} of the tail in the graph (number)", of)
    for n, (known, name) in enumerate(((False, "new"), (True, "known"))):
        part = joined.filter(known=known)
        if part.is_empty():
            continue
        rho = part.select(pl.corr("degree", of, method="spearman")).item()
        axes.scatter(
            part["degree"], part[of], s=14, alpha=0.6, linewidths=0, **_style(n),
            label=f"{part.height:,} {name} pairs, ρ = {rho:.2f}",
        )  # fmt: skip
    axes.set_xscale("symlog", linthresh=1)
    if of == "probability":
        axes.set_yscale("log")
    axes.legend(fontsize="small", frameon=False)
    return figure


def degree_distribution(kg: KnowledgeGraph, relation: str | None = None) -> Figure:
    """Which share of the nodes of each kind has at least so many edges; both axes logarithmic.

    A straight line is a heavy tail: a few nodes have most edges. Nodes without an edge are left
    out of the shares.

    Args:
        relation: count edges of this relation alone.

    Raises:
        DataError: the graph has no such edge.
        SchemaError: no such relation.

    Example:
        >>> figure = medkg.plots.degree_distribution(medkg.load("starter"), "TARGETS")
        >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
        ['Drug (677)', 'Target (449)']
    """
    edges = kg.edges
    if relation is not None:
        kg.schema.relation(relation)
        edges = edges.filter(relation=relation)
    if edges.is_empty():
        raise DataError(f"the graph has no edge {relation or ''}".rstrip())
    ends = pl.concat([edges.select(id="subject"), edges.select(id="object")])
    degrees = ends.group_by("id").agg(degree=pl.len()).join(kg.nodes.select("id", "kind"), on="id")
    figure, axes = _figure(
        f"edges {relation or 'of a node'} (number)", "share of nodes with at least as many"
    )
    for n, kind in enumerate(degrees["kind"].unique().sort()):
        of_kind = degrees.filter(kind=kind)["degree"]
        values = np.sort(of_kind.to_numpy())
        different, first = np.unique(values, return_index=True)
        axes.plot(
            different, 1 - first / len(values), linestyle=_LINES[n % 4], markersize=3, **_style(n),
            label=f"{kind} ({len(values):,})",
        )  # fmt: skip
    axes.set(xscale="log", yscale="log", ylim=(None, 1.3))
    axes.legend(fontsize="small", frameon=False)
    return figure


def embedding_map(groups: Mapping[str, NDArray[Any]]) -> Figure:
    """Vectors of nodes in the plane in which they differ most (their first two principal
    components), coloured by group.

    The axes say how much of the variance they show; where that is little, distances in the map say
    little about distances between the vectors.

    Args:
        groups: by name, vectors (nodes, dim) of one length, such as those that
            `EmbeddingModel.vectors` gives of the nodes of a kind, or of the drugs of a class.

    Raises:
        DataError: fewer than three vectors, or of several lengths, or of less than two numbers.

    Example:
        >>> import numpy as np
        >>> random = np.random.default_rng(0)
        >>> groups = {"A": random.normal(0, 1, (30, 8)), "B": random.normal(3, 1, (30, 8))}
        >>> figure = medkg.plots.embedding_map(groups)
        >>> len(figure.axes[0].collections)
        2
    """
    vectors = [np.asarray(part, dtype=float) for part in groups.values()]
    lengths = {part.shape[1:] for part in vectors}
    if sum(map(len, vectors)) < 3 or len(lengths) != 1 or min(lengths) < (2,):
        raise DataError("a map needs three vectors or more, all of one length that is two or more")
    whole = np.concatenate(vectors)
    centred = whole - whole.mean(axis=0)
    _, values, directions = np.linalg.svd(centred, full_matrices=False)
    places = centred @ directions[:2].T
    shares = values**2 / (values**2).sum()
    first, second = (
        f"{name} component ({share:.0%} of variance)"
        for name, share in zip(("first", "second"), shares, strict=False)
    )
    figure, axes = _figure(first, second)
    ends = np.cumsum([len(part) for part in vectors])[:-1]
    for n, (name, part) in enumerate(zip(groups, np.split(places, ends), strict=True)):
        axes.scatter(
            part[:, 0], part[:, 1], s=14, alpha=0.7, linewidths=0, **_style(n),
            label=f"{name} ({len(part):,})",
        )  # fmt: skip
    figure.legend(loc="outside right upper", fontsize="small", frameon=False)
    return figure


def _figure(x: str, y: str) -> tuple[Figure, Axes]:
    """An empty figure with the labels of its two axes."""
    figure = Figure(figsize=_INCHES, layout="constrained")
    axes = figure.add_subplot()
    axes.set(xlabel=x, ylabel=y)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _style(n: int) -> dict[str, Any]:
    """The colour and marker of a group; beyond the palette colours come again, with others."""
    again = n // len(_COLOURS)
    return {"color": _COLOURS[n % len(_COLOURS)], "marker": _MARKERS[(n + again) % len(_MARKERS)]}
