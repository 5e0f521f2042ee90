"""The figures show the numbers of what they are of, and say what their axes are."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

import medkg
from medkg import plots
from medkg.core.areas import auroc_auprc, precision_recall_curve
from medkg.gnn.embeddings.model import train_embeddings
from medkg.gnn.settings import EmbeddingSettings
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.links.model import LinkModel


@pytest.fixture(scope="module")
def kg() -> KnowledgeGraph:
    return medkg.load("starter")


@pytest.fixture(scope="module")
def model(kg: KnowledgeGraph) -> LinkModel:
    return medkg.train_links(kg, model="neighbours")


def check(figure: plots.Figure) -> None:
    """That it can be drawn, that both axes have a name, and that groups have one of their own."""
    assert figure._repr_png_().startswith(b"\x89PNG")
    axes = figure.axes[0]
    assert axes.get_xlabel()
    assert axes.get_ylabel()
    groups = [each.get_label() for each in [*axes.lines, *axes.collections]]
    named = [label for label in groups if not str(label).startswith("_")]
    assert len(named) == len(set(named))


def test_importing_medkg_imports_no_matplotlib() -> None:
    code = "import medkg, sys; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_reliability_has_a_dot_for_each_bin(model: LinkModel) -> None:
    bins = model.metrics["calibration"]["tail"]["reliability"]
    figure = plots.reliability(bins)
    check(figure)
    dots = figure.axes[0].containers[0].lines[0]  # type: ignore[attr-defined]  # of error bars
    assert list(dots.get_xdata()) == [part["probability"] for part in bins]
    drawn = zip(dots.get_ydata(), bins, strict=True)
    assert all(y == part["true"] or part["true"] == 0 for y, part in drawn)
    with pytest.raises(medkg.MedkgError, match="no bin"):
        plots.reliability([])


def test_the_precision_recall_curve_has_the_area_of_the_metrics(
    kg: KnowledgeGraph, model: LinkModel
) -> None:
    figure = plots.precision_recall(model)
    check(figure)
    labels = [str(line.get_label()) for line in figure.axes[0].lines]
    pooled = model.metrics["pooled"]
    names, areas = zip(*(label.split(": AUPRC ") for label in labels[:2]), strict=True)
    assert names == ("links-neighbours", "degree")
    of_metrics = [pooled[name]["auprc"] for name in ("model", "degree")]
    # The metrics are rounded, too, so that the last digit may differ by one.
    assert [float(area) for area in areas] == pytest.approx(of_metrics, abs=6e-4)
    for line, name in zip(figure.axes[0].lines, ("model", "degree"), strict=False):
        recall, precision = np.array(line.get_xdata()), np.array(line.get_ydata())
        area = (np.diff(recall) * precision[1:]).sum()
        assert area == pytest.approx(pooled[name]["auprc"], abs=1e-4)


def test_a_curve_joins_equal_scores() -> None:
    scores, true = np.array([3.0, 2.0, 2.0, 1.0]), np.array([True, True, False, False])
    recall, precision = precision_recall_curve(scores, true)
    assert recall.tolist() == [0.5, 1.0, 1.0]
    assert precision.tolist() == [1.0, 2 / 3, 0.5]
    area = sum((b - a) * p for (a, b), p in zip(pairwise([0, *recall]), precision, strict=True))
    assert area == pytest.approx(auroc_auprc(scores, true)[1])


def test_scores_are_drawn_at_the_degree_of_their_tail(kg: KnowledgeGraph, model: LinkModel) -> None:
    rows = pl.concat([model.predict("imatinib", top=20, known=known) for known in (False, True)])
    (new,) = plots.score_against_degree(rows, kg).axes[0].collections  # by probability
    assert len(new.get_offsets()) == 20  # type: ignore[arg-type]  # an array
    figure = plots.score_against_degree(rows, kg, of="score")
    check(figure)
    new, known = figure.axes[0].collections
    targets = kg.edges.filter(relation="TARGETS")
    degrees = [targets.filter(object=tail).height for tail in rows.filter(known=False)["tail"]]
    assert new.get_offsets()[:, 0].tolist() == degrees  # type: ignore[index, union-attr]  # an array
    assert len(known.get_offsets()) == rows.filter("known").height  # type: ignore[arg-type]  # an array
    with pytest.raises(medkg.MedkgError, match="not ranked"):
        plots.score_against_degree(rows.head(0), kg)


def test_degrees_are_counted_by_kind(kg: KnowledgeGraph) -> None:
    figure = plots.degree_distribution(kg, "TARGETS")
    check(figure)
    drugs, targets = figure.axes[0].lines
    counts = kg.edges.filter(relation="TARGETS")["object"].value_counts()["count"]
    assert max(np.array(targets.get_xdata())) == counts.max()
    assert min(np.array(targets.get_ydata())) == pytest.approx(
        (counts == counts.max()).sum() / len(counts)
    )
    assert np.array(drugs.get_ydata())[0] == 1
    with pytest.raises(medkg.MedkgError, match="HAS_SYMPTOM"):
        plots.degree_distribution(kg, "HAS_SYMPTOM")


def test_a_map_shows_the_components_that_differ_most(kg: KnowledgeGraph) -> None:
    trained = train_embeddings(kg, EmbeddingSettings(dim=16, epochs=5))
    groups = {
        kind: trained.vectors(kg.nodes.filter(kind=kind)["id"].to_list())
        for kind in ("Drug", "Disease", "Target")
    }
    figure = plots.embedding_map(groups)
    check(figure)
    places = np.concatenate([np.array(each.get_offsets()) for each in figure.axes[0].collections])
    whole = np.concatenate(list(groups.values())).astype(float)
    largest = np.linalg.eigvalsh(np.cov(whole.T, ddof=0))[::-1]
    assert places.var(axis=0).tolist() == pytest.approx(largest[:2].tolist(), rel=1e-3)
    assert f"({largest[0] / largest.sum():.0%}" in figure.axes[0].get_xlabel()
    with pytest.raises(medkg.MedkgError, match="has not seen"):
        trained.vectors(["drugbank:none"])
    with pytest.raises(medkg.MedkgError, match="three vectors"):
        plots.embedding_map({"one": whole[:2]})
    with pytest.raises(medkg.MedkgError, match="one length"):
        plots.embedding_map({"one": whole, "two": whole[:, :3]})
