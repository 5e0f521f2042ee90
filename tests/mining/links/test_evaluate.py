from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from medkg.core.errors import DataError, MissingError, ModelError
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.links.baselines import Degree
from medkg.mining.links.evaluate import evaluate_model
from medkg.mining.links.load import load_link_model
from medkg.mining.links.model import LinkModel
from medkg.mining.links.split import split_links
from medkg.mining.links.train import train_links
from medkg.reports import link_evaluation
from tests.gnn.graphs import family_graph


@pytest.fixture(scope="module")
def kg() -> KnowledgeGraph:
    """The graph of families, in which every first gene of a family is an enzyme."""
    kg = family_graph()
    enzyme = pl.when(pl.col("id").str.contains(r"^NCBIGene:\d0$")).then(pl.lit('{"adme":"enzyme"}'))
    return kg.with_frames(nodes=kg.nodes.with_columns(properties=enzyme))


@pytest.fixture(scope="module")
def model(kg: KnowledgeGraph) -> LinkModel:
    return train_links(kg, model="neighbours", split=split_links(kg).held_back())


@pytest.fixture(scope="module")
def report(model: LinkModel) -> dict[str, Any]:
    return evaluate_model(model)


def test_figures_beside_the_baselines(model: LinkModel, report: dict[str, Any]) -> None:
    assert json.loads(json.dumps(report)) == report
    for side in ("tail", "head"):
        figures = report["figures"][side]["all"]
        assert set(figures) == {"model", "degree"}
        for name, known in (("model", model.metrics["test"]), ("degree", None)):
            expected = (known or model.metrics["baselines"]["degree"])[side]
            assert {key: figures[name][key] for key in ("n", "mrr", "hits@1", "hits@10")} == {
                key: expected[key] for key in ("n", "mrr", "hits@1", "hits@10")
            }
        assert figures["model"]["auroc@1:1"] > figures["degree"]["auroc@1:1"]
        assert report["paired"][side]["all"]["degree"]["mrr_interval"][0] > 0
    tails, heads = (report["figures"][side]["all"]["model"]["mrr"] for side in ("tail", "head"))
    both = report["figures"]["both"]["all"]["model"]["mrr"]
    assert both == pytest.approx((tails + heads) / 2, abs=1e-4)


def test_scores_are_compared_across_heads(
    kg: KnowledgeGraph, model: LinkModel, report: dict[str, Any]
) -> None:
    """Over all tails of the test's heads together, those that the graph knows left out."""
    task = model.task
    heads = np.unique(task.test[:, 0])
    tested = task.matrix("test")[heads].toarray() > 0
    compared = task.matrix("train", "valid")[heads].toarray() == 0
    true = tested[compared]
    figures = report["pooled"]
    assert set(figures) == {"model", "degree"}
    for scorer, name in ((model.judged, "model"), (Degree.fit(task.matrix("train")), "degree")):
        scores = scorer.score_tails(torch.from_numpy(heads)).numpy()[compared]
        assert (figures[name]["pairs"], figures[name]["true"]) == (true.size, true.sum())
        assert figures[name]["auroc"] == pytest.approx(roc_auc_score(true, scores), abs=1e-4)
        precision = average_precision_score(true, scores)
        assert figures[name]["auprc"] == pytest.approx(precision, abs=1e-4)
    assert figures["model"]["auprc"] > 2 * figures["degree"]["auprc"]
    trained = model.metrics["pooled"]
    assert {name: trained[name] for name in figures} == figures
    row = f"| this model | {figures['model']['auroc']:.3f} | {figures['model']['auprc']:.3f} |"
    assert row in model.card()
    titles = dict(link_evaluation(report))
    shown = titles["Scores compared across heads, known pairs left out"]
    assert shown["auprc"].to_list() == [figures[name]["auprc"] for name in ("model", "degree")]


def test_probabilities_are_held_against_what_is_true(
    kg: KnowledgeGraph, model: LinkModel, report: dict[str, Any], tmp_path: Path
) -> None:
    for side in ("tail", "head"):
        calibration = report["calibration"][side]
        trained = model.metrics["calibration"][side]
        assert {name: calibration[name] for name in trained} == trained
        assert sum(part["n"] for part in calibration["reliability"]) == calibration["n"]
    # Of other edges, of the queries among them alone, and the pair's own place is true there.
    h, t = model.task.test[0]
    one = write_edges(tmp_path / "one.tsv", [(model.task.heads[h], model.task.tails[t])])
    calibration = evaluate_model(model, edges=one)["calibration"]["tail"]
    assert calibration["queries"] == calibration["true"] == 1
    assert calibration["n"] <= len(model.task.tails)


def test_parts_and_strata_add_up(report: dict[str, Any]) -> None:
    whole = report["figures"]["tail"]["all"]["model"]
    part = report["figures"]["tail"]["without adme"]["model"]
    assert 0 < part["n"] < whole["n"] == report["tested"] == 24
    strata = report["strata"]["tail"]
    assert set(strata) == {"by_adme", "by_tail_degree", "by_head_degree"}
    for models in strata.values():
        rows = models["model"]
        assert sum(row["n"] for row in rows) == whole["n"]
        mean = sum(row["n"] * row["mrr"] for row in rows) / whole["n"]
        assert mean == pytest.approx(whole["mrr"], abs=1e-3)
    by_role = {row["label"]: row for row in strata["by_adme"]["model"]}
    assert by_role["none"]["n"] == part["n"]
    assert by_role["none"]["mrr"] == part["mrr"]


def write_edges(path: Path, pairs: list[tuple[str, str]]) -> Path:
    path.write_text("head\ttail\n" + "".join(f"{h}\t{t}\n" for h, t in pairs))
    return path


def test_leaks_are_refused_or_told_apart(model: LinkModel, tmp_path: Path) -> None:
    task = model.task
    train, test = (
        [(task.heads[h], task.tails[t]) for h, t in pairs.tolist()]
        for pairs in (task.train[:7], task.test)
    )
    edges = write_edges(tmp_path / "edges.tsv", [*test, *train])
    with pytest.raises(ModelError) as refused:
        evaluate_model(model, edges=edges)
    message = str(refused.value)
    assert "7 of 31 test pairs are in the graph" in message
    assert "7 × same pair" in message
    assert message.count("\n  drugbank:") == 5
    report = evaluate_model(model, edges=edges, allow_leaks=True)
    assert report["leaks"]["leaked"] == 7
    with_leaks, without = (
        report["figures"]["tail"][part]["model"] for part in ("all", "without leaks")
    )
    assert (with_leaks["n"], without["n"]) == (31, 24)
    assert without["mrr"] == model.metrics["test"]["tail"]["mrr"]
    assert with_leaks["mrr"] != without["mrr"]


def test_edges_by_other_identifiers(kg: KnowledgeGraph, tmp_path: Path) -> None:
    """A gene by its cross-reference means the gene."""
    named = kg.nodes.with_columns(
        xrefs=pl.when(id="NCBIGene:21").then(pl.lit(["HGNC:21"])).otherwise("xrefs")
    )
    referring = kg.with_frames(nodes=named)
    split = split_links(kg).held_back()
    model = train_links(referring, model="degree", split=split)
    test = [(model.task.heads[h], model.task.tails[t]) for h, t in model.task.test.tolist()]
    assert "NCBIGene:21" in {tail for _, tail in test}
    turned = [(head, tail.replace("NCBIGene:21", "HGNC:21")) for head, tail in test]
    report = evaluate_model(model, edges=write_edges(tmp_path / "edges.tsv", turned))
    assert report["figures"] == evaluate_model(model)["figures"]
    with pytest.raises(MissingError, match="has not seen 1 ends, as HGNC:99"):
        evaluate_model(model, edges=write_edges(tmp_path / "other.tsv", [(test[0][0], "HGNC:99")]))


def test_split_folder_and_wrong_files(
    kg: KnowledgeGraph, model: LinkModel, report: dict[str, Any], tmp_path: Path
) -> None:
    split_links(kg).save(tmp_path / "split")
    assert evaluate_model(model, split=tmp_path / "split")["figures"] == report["figures"]
    with pytest.raises(DataError, match="is no split"):
        evaluate_model(model, split=tmp_path)
    with pytest.raises(DataError, match="not both"):
        evaluate_model(model, split=tmp_path / "split", edges=tmp_path / "split" / "test.tsv")
    for text, says in (
        ("a\tb\n", "lacks the columns"),
        ("head\ttail\n", "no edge to test"),
        ("subject\tobject\nx\t\n", "line 2: lacks an end"),
    ):
        (tmp_path / "bad.tsv").write_text(text)
        with pytest.raises(DataError, match=says):
            evaluate_model(model, edges=tmp_path / "bad.tsv")


def test_another_graph_than_trained_on(
    kg: KnowledgeGraph, model: LinkModel, report: dict[str, Any], tmp_path: Path
) -> None:
    kg.save(tmp_path / "graph")
    model.save(tmp_path / "model", graph_path=tmp_path / "graph")
    smaller = kg.without_edges(kg.edges.filter(relation="TREATS")["id"].head(1))
    with pytest.warns(UserWarning, match="not the one"):
        elsewhere = load_link_model(tmp_path / "model", smaller)
    evaluated = evaluate_model(elsewhere)
    assert evaluated["training_graph"]
    assert evaluated["figures"] == report["figures"]
    smaller.save(tmp_path / "graph")
    evaluated = evaluate_model(elsewhere)
    assert not evaluated["training_graph"]
    assert evaluated["figures"]["tail"]["all"]["model"] == report["figures"]["tail"]["all"]["model"]
