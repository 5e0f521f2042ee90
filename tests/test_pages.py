"""Pages with a script in every field, opened in a browser: none of it runs."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest

from medkg.core.calibration import Calibration
from medkg.core.html_page import fill_template, json_block
from medkg.extract.annotated import AnnotatedText, displacy_html
from medkg.extract.deidentify.review import ReviewRow, page_of
from medkg.extract.page import page as text_page
from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.view import view_around
from medkg.mining.diagnosis.explain import EXPLANATION
from medkg.mining.diagnosis.page import page as diagnosis_page
from medkg.mining.molecules.molecule_probability import MoleculeProbability
from medkg.mining.molecules.screen import ScreenedMolecule, ScreeningResult
from medkg.mining.molecules.screen_page import page as screen_page
from tests.browser import needs_browser, opened
from tests.extract.made_texts import asthma_text
from tests.graph.graphs import small

# Sets the page's title, out of a script element, an attribute, an element, or by being loaded.
HOSTILE = (
    "</script><script>document.title='RAN'</script>"
    "\"'><img src=x onerror=\"document.title='RAN'\"><svg onload=\"document.title='RAN'\">"
    "<iframe srcdoc=\"<script>parent.document.title='RAN'</script>\"></iframe>{{DATA}}\u2028"
)


def hostile_graph() -> KnowledgeGraph:
    kg = small()
    nodes = kg.nodes.with_columns(
        name=pl.lit(HOSTILE), synonyms=pl.lit([HOSTILE]), xrefs=pl.lit([HOSTILE])
    )
    evidence = kg.evidence.drop("id", "edge").with_columns(
        pl.lit(HOSTILE).alias(name) for name in ("sentence", "extractor", "release")
    )
    sources = [
        Source(each.name, HOSTILE, HOSTILE, HOSTILE, each.reliability) for each in kg.sources
    ]
    prediction = {
        "head": ["drugbank:DB00945"],
        "relation": ["TARGETS"],
        "tail": ["NCBIGene:3815"],
        "model": [HOSTILE],
        "probability": [0.07],
        "rank": [3],
    }
    return KnowledgeGraph.build(nodes, evidence, sources).with_predictions(pl.DataFrame(prediction))


def hostile_text() -> AnnotatedText:
    text = asthma_text()
    mentions = tuple(
        replace(mention, identifier=HOSTILE, name=HOSTILE) for mention in text.mentions
    )
    return replace(text, id=HOSTILE, text=text.text + HOSTILE, mentions=mentions)


def hostile_diagnosis() -> str:
    row = {
        "rank": 1,
        "disease": HOSTILE,
        "name": HOSTILE,
        "score": 1.0,
        "probability": 0.5,
        **{name: [HOSTILE] for name in ("matching", "missing", "unexpected", "against")},
    }
    lines = [
        {
            name: [HOSTILE] if isinstance(dtype, pl.List) else HOSTILE if dtype == pl.String else 1
            for name, dtype in EXPLANATION.items()
        }
        | {"part": part, "match": match}
        for part in ("matching", "unexpected", "against", "absent", "circumstance", "missing")
        for match in ("exact", "narrower")
    ]
    why = pl.DataFrame(lines, schema=EXPLANATION)
    return diagnosis_page(pl.DataFrame([row]), why, HOSTILE, hostile_graph())


def hostile_screen() -> str:
    row: ScreenedMolecule = {
        "rank": 1,
        "name": HOSTILE,
        "line": 1,
        "smiles": f"CC[*:1] |$;;{HOSTILE.replace(';', '')}$|",
        "score": 1.0,
        "probability": 0.5,
        "series": 2,
        "nearest_id": HOSTILE,
        "nearest_name": HOSTILE,
        "nearest_similarity": 0.9,
        "largest_similarity": 0.2,
        "nearest_sources": [HOSTILE],
        "known": True,
        "qed": 0.5,
        "weight": 100.0,
        "logp": 1.0,
        "polar_area": 1.0,
        "donors": 1,
        "acceptors": 1,
        "rotatable": 1,
        "lipinski": 1,
        "alerts": [HOSTILE],
    }
    counts = {"read": 1, "ranked": 1, "duplicates": 0, "invalid": 0}
    stated = MoleculeProbability(Calibration(0, 1, 0, 0, 1, 0.1), f"that {HOSTILE}")
    result = ScreeningResult(HOSTILE, HOSTILE, [row], counts, stated)  # type: ignore[arg-type]  # a literal
    return screen_page(result, HOSTILE, HOSTILE)


PAGES = {
    "graph": lambda: view_around(hostile_graph(), ["drugbank:DB00945"]).html(),
    "notebook": lambda: f"<title>notebook</title>{hostile_graph()._repr_html_()}",
    "texts": lambda: text_page([hostile_text()]),
    "text in a notebook": lambda: f"<title>notebook</title>{displacy_html(hostile_text())}",
    "replaced identifiers": lambda: page_of([ReviewRow(*[HOSTILE] * 3, 0.5, 1, *[HOSTILE] * 4)]),
    "diagnosis": hostile_diagnosis,
    "screen": hostile_screen,
}


def title(dom: str) -> str:
    match = re.search(r"<title>(.*?)</title>", dom, re.DOTALL)
    assert match is not None
    return match[1]


class _Handlers(HTMLParser):
    """The elements with a script in an attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if any(name.startswith("on") for name, _ in attrs):
            self.tags.append(tag)


@needs_browser
@pytest.mark.parametrize("name", PAGES)
def test_no_script_of_a_field_runs_even_without_the_policy(name: str, tmp_path: Path) -> None:
    html = re.sub(r"<meta http-equiv=.Content-Security-Policy[^>]*>", "", PAGES[name]())
    dom = opened(html, tmp_path)
    assert title(dom) != "RAN"
    handlers = _Handlers()
    handlers.feed(dom)
    assert handlers.tags == []


@needs_browser
@pytest.mark.parametrize("name", ["graph", "texts", "replaced identifiers"])
def test_the_policy_lets_the_page_s_own_script_run_and_no_other(name: str, tmp_path: Path) -> None:
    html = PAGES[name]()
    injected = html.replace("</body>", "<script>document.title='RAN'</script></body>")
    assert injected != html
    dom = opened(injected, tmp_path)
    assert title(dom) not in ("RAN", "")
    without = re.sub(r"<meta http-equiv=.Content-Security-Policy[^>]*>", "", injected)
    assert title(opened(without, tmp_path)) == "RAN"  # so the policy is what kept it from running


def test_a_notebook_s_frame_is_a_sandbox() -> None:
    frame = str(small()._repr_html_())
    assert re.match(r'<iframe sandbox="allow-scripts allow-downloads" srcdoc="', frame)


def test_what_fills_a_template_is_not_looked_through_for_places() -> None:
    html = fill_template("medkg.extract", "page.html", DATA=json_block("{{POLICY}} </script>"))
    assert '"{{POLICY}} \\u003c/script>"' in html
    assert re.search(r"script-src 'sha256-[\w+/]{43}='; base-uri 'none'; form-action 'none'", html)
