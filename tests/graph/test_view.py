"""The interactive view: what is shown, held back and left out, and the page in a browser."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from medkg.access import view
from medkg.core.errors import DataError
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.schema import SHAPES, Schema
from medkg.graph.view import MOST_NODES, SubgraphView, view_around, whole_view
from tests.browser import Page, address_of, browsed, needs_browser

from .graphs import CURATED, small

ASPIRIN, IMATINIB, KIT = "drugbank:DB00945", "drugbank:DB00619", "NCBIGene:3815"
EDEMA = "HP:0000969"
READY = "document.body.dataset.ready"
# By Okabe and Ito, with the grey that is usual beside them.
PALETTE = {
    *("#000000", "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7"),
    "#999999",
}


def predicted(kg: KnowledgeGraph | None = None) -> KnowledgeGraph:
    prediction = {"head": [ASPIRIN], "relation": ["TARGETS"], "tail": [KIT], "model": ["m"]}
    rows = pl.DataFrame({**prediction, "probability": [0.07], "rank": [3]})
    return (kg or small()).with_predictions(rows)


def wheel(spokes: int, rim: int = 3) -> KnowledgeGraph:
    """A drug with many effects, less and less probable, and one target; an effect has others."""
    effects = [f"HP:{i:07}" for i in range(spokes)]
    drugs = [f"medkg:drug-{i}" for i in range(rim)]
    nodes = pl.DataFrame(
        [
            {"id": "medkg:hub", "kind": "Drug", "name": "Hub"},
            {"id": KIT, "kind": "Target", "name": "KIT"},
            *({"id": each, "kind": "Symptom", "name": f"Effect {each[3:]}"} for each in effects),
            *({"id": each, "kind": "Drug", "name": each[6:]} for each in drugs),
        ]
    )
    evidence = pl.DataFrame(
        [
            *(
                ("medkg:hub", "CAUSES", end, 0.9 - 0.8 * i / spokes)
                for i, end in enumerate(effects)
            ),
            ("medkg:hub", "TARGETS", KIT, 0.05),
            *((drug, "CAUSES", effects[0], 0.5) for drug in drugs),
        ],
        schema=["subject", "relation", "object", "probability"],
        orient="row",
    ).with_columns(source=pl.lit("curated"))
    return KnowledgeGraph.build(nodes, evidence, [CURATED])


def data_of(html: str) -> dict[str, list[dict[str, object]]]:
    match = re.search(r'id="data" type="application/json">(.*?)</script>', html, re.DOTALL)
    assert match
    return json.loads(match[1])  # type: ignore[no-any-return]  # the page's own shape


def test_more_hops_never_show_fewer_nodes() -> None:
    kg = wheel(40)
    for limit in (5, 30, 100):
        one, two = (view_around(kg, ["medkg:hub"], hops=hops, limit=limit) for hops in (1, 2))
        assert set(one.choice.shown) <= set(two.choice.shown)
    assert len(two.choice.shown) == len(one.choice.shown) + 3 == kg.nodes.height


def test_hops_below_none_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="at least 0, not -1"):
        view(tmp_path / "no graph", "KIT", hops=-1)


def test_relations_take_turns_and_the_most_probable_come_first() -> None:
    shown = view_around(wheel(40), ["medkg:hub"], limit=4).choice.shown
    assert shown == ("medkg:hub", "HP:0000000", KIT, "HP:0000001")


def test_what_is_held_back_and_left_out_is_said() -> None:
    made = view_around(wheel(40), ["medkg:hub"], limit=5)
    assert (len(made.choice.shown), len(made.choice.held_back)) == (5, 15)
    assert "37 more within 1 hop are not shown at first" in made.summary()
    assert "a higher limit than 5" in made.summary()
    assert made.choice.neighbours["medkg:hub"] == 41
    assert view_around(wheel(2), ["medkg:hub"]).note == ""


def test_limits_that_can_not_be() -> None:
    for limit in (0, 1, MOST_NODES + 1):
        with pytest.raises(DataError, match="nodes at first"):
            view_around(small(), [IMATINIB, ASPIRIN], limit=limit)


def test_the_page_holds_nodes_edges_evidence_and_predictions() -> None:
    data = data_of(view_around(predicted(), [IMATINIB], hops=2).html())
    assert [node["name"] for node in data["nodes"] if node["centre"]] == ["Imatinib"]
    guess = next(edge for edge in data["edges"] if edge["predicted"])
    assert (guess["probability"], guess["rank"], guess["sources"]) == (0.07, 3, ["m"])
    caused = next(edge for edge in data["edges"] if edge["relation"] == "CAUSES")
    sentences = ["".join(part for part, _ in piece["sentence"]) for piece in caused["evidence"]]  # type: ignore[attr-defined]
    assert sentences == ['Edema – 3 µg, "quoted"; naïve ☂.'] * 2


def test_the_ends_of_an_edge_are_marked_in_its_sentences() -> None:
    sentence = "Swelling began a week after imatinib."
    row = {
        "subject": IMATINIB,
        "relation": "CAUSES",
        "object": EDEMA,
        "source": "curated",
        "sentence": sentence,
        "start": 100,
        "end": 137,
        "document": "PMID:1",
        "qualifiers": json.dumps(
            # What is beyond the sentence's end is another sentence's.
            {"object_start": 100, "object_end": 108, "subject_start": 128, "subject_end": 150}
        ),
    }
    kg = KnowledgeGraph.build(small().nodes, pl.DataFrame([row]), [CURATED])
    data = data_of(view_around(kg, [IMATINIB]).html())
    assert data["edges"][0]["evidence"][0]["sentence"] == [  # type: ignore[index]
        ["Swelling", True],
        [" began a week after ", False],
        ["imatinib.", True],
    ]


def test_the_page_reaches_for_nothing_outside_itself() -> None:
    html = view_around(small(), [KIT]).html()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert policy
    assert "default-src 'none'" in policy[1]
    assert "unsafe-eval" not in policy[1]


def test_names_can_not_break_out_of_the_page() -> None:
    nodes = small().nodes.with_columns(name=pl.lit("</script><img src=x onerror=alert(1)>"))
    evidence = small().evidence.drop("id", "edge")
    html = view_around(KnowledgeGraph.build(nodes, evidence, small().sources), [KIT]).html()
    assert "<img" not in html
    assert html.count("</script>") == view_around(small(), [KIT]).html().count("</script>")


def test_a_notebook_shows_small_graphs_and_views() -> None:
    with pytest.raises(DataError, match="this graph has 0"):
        whole_view(small().subgraph([]), "x")
    ids = [f"HP:{i}" for i in range(MOST_NODES + 1)]
    nodes = pl.DataFrame({"id": ids, "kind": "Symptom", "name": ids})
    large = KnowledgeGraph.build(nodes, small().evidence.drop("id", "edge").clear(), [CURATED])
    assert large._repr_html_() is None
    assert "<iframe sandbox" in str(small()._repr_html_())
    assert "<iframe sandbox" in view(small(), "KIT")._repr_html_()


def test_kinds_differ_in_colour_or_shape_and_all_colours_are_told_apart() -> None:
    kinds = Schema.default().kinds.values()
    assert {kind.colour for kind in kinds} <= PALETTE
    assert {kind.shape for kind in kinds} <= set(SHAPES)
    assert len({(kind.colour, kind.shape) for kind in kinds}) == len(kinds)


def test_a_shape_that_can_not_be_drawn_is_refused(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('[kind.Plant]\nbiolink = "x:Plant"\nprefixes = ["X"]\nshape = "leaf"\n')
    with pytest.raises(DataError, match="a shape is one of circle"):
        Schema.default().extended(own)


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    """The view of a small graph: the hub and three others drawn, the rest held back."""
    yield from _opened(view_around(predicted(wheel_of_two()), ["medkg:hub"], limit=8), tmp_path)


def wheel_of_two() -> KnowledgeGraph:
    kg = wheel(12)
    nodes = pl.concat([kg.nodes, small().nodes.filter(id=ASPIRIN)])
    return KnowledgeGraph.build(nodes, kg.evidence.drop("id", "edge"), [CURATED])


def _opened(made: SubgraphView, folder: Path) -> Iterator[Page]:
    with browsed(address_of(made.html(), folder), folder) as open_page:
        open_page.wait(READY)
        yield open_page
        assert open_page.problems == []  # no error, nothing that the policy refused
        assert [address.partition(":")[0] for address in open_page.requests] == ["file"]


def drawn(page: Page) -> dict[str, list[object]]:
    """What Bokeh's source of nodes holds."""
    source = 'Bokeh.documents[0].get_model_by_name("nodes").data'
    return dict(
        page.script(f"Object.fromEntries(Object.entries({source}).map(e => [e[0], [...e[1]]]))")
    )


def number_of(page: Page, name: str) -> int:
    return int(page.script(f'Bokeh.documents[0].get_model_by_name("{name}").get_length()'))


@needs_browser
def test_a_browser_draws_the_nodes_in_shapes_apart(page: Page) -> None:
    nodes = drawn(page)
    assert sorted(map(str, nodes["shape"])) == ["circle", "diamond", *["triangle"] * 6]
    places = list(
        zip(map(float, map(str, nodes["x"])), map(float, map(str, nodes["y"])), strict=True)
    )
    for i, (x, y) in enumerate(places):
        assert all(abs(x - a) + abs(y - b) > 20 for a, b in places[:i])
    assert page.script("document.title") == "Hub"
    assert "Drawn: 8 nodes, 7 edges" in page.text("footer")
    assert "6 more within 1 hop are not shown at first" in page.text("footer")
    # The canvas has ink, not only the sources rows.
    picture = page.script(
        "(async () => { const layer = Bokeh.index.find_one(Bokeh.documents[0]"
        ".get_model_by_name('plot')).export('svg', false);"
        " return await (await layer.to_blob()).text(); })()"
    )
    assert "Effect 0000000" in picture
    assert picture.count("<path") >= 15


@needs_browser
def test_a_click_selects_and_a_second_click_expands(page: Page) -> None:
    before = number_of(page, "nodes")
    x, y = page.script(
        "(() => { const plot = Bokeh.documents[0].get_model_by_name('plot'),"
        " {x, y} = Bokeh.documents[0].get_model_by_name('nodes').data,"
        " box = document.getElementById('plot').getBoundingClientRect(),"
        " per = plot.inner_width / (plot.x_range.end - plot.x_range.start);"
        " return [box.x + (x[0] - plot.x_range.start) * per,"
        " box.y + (plot.y_range.end - y[0]) * per]; })()"
    )
    page.click_at(x, y)
    assert "7 of 13 neighbours drawn, 6 held back" in page.text("aside")
    assert number_of(page, "nodes") == before
    page.click("aside .buttons button")
    assert number_of(page, "nodes") == before + 6
    assert "13 of 13 neighbours drawn, 0 held back" in page.text("aside")
    page.press("/", *"aspirin", "Enter", "Escape", "n")  # a neighbour of the target is drawn too
    page.click("aside .buttons button:nth-of-type(2)")  # hides what hangs on the hub alone
    assert "1 of 13 neighbours drawn" in page.text("aside")
    page.click("#reset")
    assert number_of(page, "nodes") == before


@needs_browser
def test_keys_alone_find_expand_and_let_go(page: Page) -> None:
    page.press("/", *"aspirin")
    assert "Aspirin (Drug, held back)" in page.text("#hits")
    page.press("Enter")
    assert page.text("aside h2") == "Aspirin"
    assert "predicted: targets" in page.text("aside")
    page.press("Escape")
    assert page.text("aside h2") == "Select a node or an edge"
    page.press("n")
    assert page.text("aside h2") == "Hub"
    before = number_of(page, "nodes")
    page.press("e")
    assert number_of(page, "nodes") == before + 6
    seen = set()
    for _ in range(60):
        page.press("Tab")
        seen.add(page.script("document.activeElement.id || document.activeElement.type"))
    assert {"search", "in", "png", "svg", "plot", "checkbox", "least"} <= seen


@needs_browser
def test_filters_by_kind_relation_source_and_probability(page: Page) -> None:
    page.press("/", *"aspirin", "Enter", "Escape")
    everything = number_of(page, "nodes")
    assert number_of(page, "predicted") == 1
    labels = page.script("[...document.querySelectorAll('#filters label')].map(e => e.innerText)")
    names = [str(label).splitlines()[0] for label in labels]
    assert {"Symptom", "causes", "predicted: targets", "curated", "m"} <= set(names)

    def tick(name: str) -> None:
        page.script(
            f"document.querySelectorAll('#filters label')[{names.index(name)}].id = 'ticked'"
        )
        page.click("#ticked input")
        page.script("document.getElementById('ticked').id = ''")

    tick("Symptom")
    assert number_of(page, "nodes") == everything - 6
    tick("Symptom")
    tick("m")  # the model, so that aspirin hangs on nothing
    assert (number_of(page, "predicted"), number_of(page, "nodes")) == (0, everything - 1)
    tick("m")
    tick("causes")
    assert set(map(str, drawn(page)["shape"])) == {"circle", "diamond"}
    tick("causes")
    page.script("document.getElementById('least').focus()")
    for _ in range(60):
        page.press("ArrowRight")
    assert page.text("output") == "0.60"
    assert (number_of(page, "edges"), number_of(page, "predicted")) == (5, 0)


@needs_browser
def test_what_the_view_is_around_keeps_its_name_at_any_scale(tmp_path: Path) -> None:
    for page in _opened(view_around(predicted(), [ASPIRIN, IMATINIB]), tmp_path):
        bold = (
            "(labels => [...labels.text].filter((_, i) => labels.weight[i] === 'bold').sort())"
            "(Bokeh.documents[0].get_model_by_name('labels').data)"
        )
        shown = page.script(bold)
        page.press(*["-"] * 12)
        page.wait("Bokeh.documents[0].get_model_by_name('labels').get_length() < 4")
        assert page.script(bold) == shown
        assert len(shown) == 2


@needs_browser
def test_an_edge_shows_its_sentences_and_a_prediction_its_probability(tmp_path: Path) -> None:
    for page in _opened(view_around(predicted(), [ASPIRIN, IMATINIB]), tmp_path):
        page.press("n")
        rows = page.script("[...document.querySelectorAll('aside .row')].map(e => e.innerText)")
        assert "→ KIT (0.070)" in rows
        page.script(
            "[...document.querySelectorAll('aside .row')]"
            ".find(e => e.innerText.includes('0.070')).id = 'guess'"
        )
        page.click("#guess")
        assert "Predicted by m: probability 0.070, rank 3. A prediction is no fact." in page.text(
            "aside"
        )
        labels = page.script("[...Bokeh.documents[0].get_model_by_name('relations').data.text]")
        assert labels == ["targets? 0.070"]
        page.press("Escape", "n", "n")
        page.script(
            "[...document.querySelectorAll('aside .row')]"
            ".find(e => e.innerText.includes('Edema')).id = 'caused'"
        )
        page.click("#caused")
        assert 'Edema – 3 µg, "quoted"; naïve ☂.' in page.text("blockquote")


@needs_browser
def test_the_drawing_is_saved_as_a_picture_with_its_legend(page: Page, tmp_path: Path) -> None:
    page.downloads(tmp_path)
    page.click("#svg")
    page.click("#png")
    written = [tmp_path / "Hub.svg", tmp_path / "Hub.png"]
    for _ in range(100):
        page.script("new Promise(done => setTimeout(done, 50))")
        if all(file.exists() for file in written):
            break
    vector = written[0].read_text(encoding="utf-8")
    assert "contraindicated for" not in vector
    assert "causes" in vector  # from the legend: the drawing itself tells no relation here
    assert written[1].read_bytes().startswith(b"\x89PNG")


@needs_browser
def test_two_thousand_nodes_are_drawn(tmp_path: Path) -> None:
    made = view_around(wheel(MOST_NODES - 5), ["medkg:hub"], hops=2, limit=MOST_NODES)
    for page in _opened(made, tmp_path):
        assert number_of(page, "nodes") == MOST_NODES
        page.press("+")
        assert number_of(page, "nodes") == MOST_NODES


_DRAWN_RANGE = (
    "(p => [p.x_range.start, p.x_range.end, p.y_range.start, p.y_range.end])"
    "(Bokeh.documents[0].get_model_by_name('plot'))"
)
_MOVED = (
    "Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name('plot'))"
    ".canvas_view.primary.canvas.style.transform"
)


def at_rest(page: Page) -> list[float]:
    """What is drawn, once nothing is moved any more: left, right, bottom, top."""
    page.script("new Promise(done => setTimeout(done, 300))")
    page.wait(f"{_MOVED} === ''")
    return list(map(float, page.script(_DRAWN_RANGE)))


def drag(page: Page, across: float) -> None:
    page.mouse("mouseMoved", 600, 450)
    page.mouse("mousePressed", 600, 450, buttons=1, button="left", clickCount=1)
    page.mouse("mouseMoved", 600 + across, 450, buttons=1, button="left")


@needs_browser
@pytest.mark.parametrize("nodes", [20, MOST_NODES - 5], ids=["few edges", "many edges"])
def test_a_drag_moves_the_drawing_and_the_wheel_zooms_about_the_mouse(
    nodes: int, tmp_path: Path
) -> None:
    made = view_around(wheel(nodes), ["medkg:hub"], hops=2, limit=MOST_NODES)
    for page in _opened(made, tmp_path):
        left, right, bottom, top = at_rest(page)
        box = page.script("document.getElementById('plot').getBoundingClientRect().toJSON()")
        unit = (right - left) / (box["width"] + 2)
        drag(page, 60)
        # The picture of many edges is moved at once, and drawn anew only at rest.
        is_moved = nodes > 1500
        assert bool(page.script(_MOVED)) is is_moved
        page.mouse("mouseReleased", 660, 450, button="left", clickCount=1)
        assert page.text("aside h2") == "Select a node or an edge"  # it was no click
        expected = [left - 60 * unit, right - 60 * unit, bottom, top]
        assert at_rest(page) == pytest.approx(expected, abs=unit / 100)
        page.mouse("mouseWheel", 700, 300, deltaX=0, deltaY=-120)
        closer = at_rest(page)
        assert (closer[1] - closer[0]) == pytest.approx((right - left) * math.exp(-0.2))
        share = (700 - box["x"] + 1) / (box["width"] + 2)
        still = expected[0] + share * (right - left)
        assert closer[0] + share * (closer[1] - closer[0]) == pytest.approx(still, abs=unit / 100)


@needs_browser
def test_a_picture_that_leaves_much_blank_is_drawn_anew_before_rest(tmp_path: Path) -> None:
    made = view_around(wheel(MOST_NODES - 5), ["medkg:hub"], hops=2, limit=MOST_NODES)
    for page in _opened(made, tmp_path):
        before = at_rest(page)
        drag(page, 30)
        # Never at rest: one event a frame, by the page itself, as fast as frames come.
        redrawn = page.script(
            "(async () => { const box = document.getElementById('plot');"
            " for (let i = 0; i < 200; i++) {"
            "  box.dispatchEvent(new PointerEvent('pointermove',"
            "   {pointerId: 1, buttons: 1, clientX: 1300 + i % 2, clientY: 450}));"
            "  await new Promise(done => requestAnimationFrame(done));"
            f"  if ({_DRAWN_RANGE}[0] < {before[0]} - 1000) return true; }}"
            " return false; })()"
        )
        assert redrawn
        page.mouse("mouseReleased", 1300, 450, button="left", clickCount=1)
