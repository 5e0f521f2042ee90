from __future__ import annotations

import json
import re
from pathlib import Path

import polars as pl
import pytest

from medkg.core.errors import DataError
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.page import MOST_NODES, page
from tests.browser import needs_browser, opened

from .graphs import CURATED, small


def predicted() -> KnowledgeGraph:
    return small().with_predictions(
        pl.DataFrame(
            {
                "head": ["drugbank:DB00945"],
                "relation": ["TARGETS"],
                "tail": ["NCBIGene:3815"],
                "model": ["m"],
                "probability": [0.07],
                "rank": [3],
            }
        )
    )


def data_of(text: str) -> dict[str, list[dict[str, object]]]:
    match = re.search(r'type="application/json">(.*?)</script>', text, re.DOTALL)
    assert match
    return json.loads(match[1])  # type: ignore[no-any-return]  # the page's own shape


def test_the_page_holds_nodes_edges_evidence_and_predictions() -> None:
    data = data_of(page(predicted(), "KIT", centre=["NCBIGene:3815"]))
    assert {node["name"] for node in data["nodes"]} == set(small().nodes["name"])
    assert [node["name"] for node in data["nodes"] if node["centre"]] == ["KIT"]
    assert sum(bool(edge["predicted"]) for edge in data["edges"]) == 1
    caused = next(edge for edge in data["edges"] if edge["relation"] == "CAUSES")
    assert [piece["sentence"] for piece in caused["evidence"]] == [  # type: ignore[attr-defined]
        'Edema – 3 µg, "quoted"; naïve ☂.'
    ] * 2


def test_the_page_reaches_for_nothing_outside_itself() -> None:
    text = page(small(), "offline")
    outside = set(re.findall(r"https?://[^\s\"'<]+", text)) - {"http://www.w3.org/2000/svg"}
    assert outside == set()
    assert "default-src 'none'" in text


def test_names_can_not_break_out_of_the_page() -> None:
    nodes = small().nodes.with_columns(name=pl.lit("</script><img src=x onerror=alert(1)>"))
    text = page(
        KnowledgeGraph.build(nodes, small().evidence.drop("id", "edge"), small().sources), "x"
    )
    assert "<img" not in text
    assert text.count("</script>") == page(small(), "x").count("</script>")


def test_labels_do_not_overlap() -> None:
    nodes = data_of(page(small(), "x"))["nodes"]
    for i, one in enumerate(nodes):
        for other in nodes[:i]:
            wide = 3.6 * (min(len(str(one["name"])), 30) + min(len(str(other["name"])), 30))
            dx, dy = (abs(float(str(one[k])) - float(str(other[k]))) for k in "xy")
            assert dx >= wide - 1 or dy >= 41, (one["name"], other["name"])


def test_the_same_graph_gives_the_same_page() -> None:
    assert page(predicted(), "x") == page(predicted(), "x")


def test_too_large_or_empty_graphs_say_so() -> None:
    with pytest.raises(DataError, match="this graph has 0"):
        page(small().subgraph([]), "x")
    ids = [f"HP:{i}" for i in range(MOST_NODES + 1)]
    nodes = pl.DataFrame({"id": ids, "kind": "Symptom", "name": ids})
    large = KnowledgeGraph.build(nodes, small().evidence.drop("id", "edge").clear(), [CURATED])
    with pytest.raises(DataError, match="take fewer"):
        page(large, "x")
    assert large._repr_html_() is None
    assert "<iframe" in str(small()._repr_html_())


@needs_browser
def test_the_page_draws_in_a_browser(tmp_path: Path) -> None:
    dom = opened(page(predicted(), "KIT & co"), tmp_path)
    assert len(re.findall(r'<g class="node', dom)) == 8
    assert len(re.findall(r'<g class="edge', dom)) == 7
    assert "<title>KIT &amp; co</title>" in dom
    assert "Point at an edge for its evidence" in dom
