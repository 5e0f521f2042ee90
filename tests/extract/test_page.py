"""The page of what was read in texts."""

from __future__ import annotations

import json
import re
import stat
from html.parser import HTMLParser
from pathlib import Path

import pytest

from medkg.core.errors import DataError
from medkg.extract.annotated import AnnotatedText
from medkg.extract.page import MOST_DOCUMENTS, page, write_page

from .made_texts import asthma_text

HOSTILE = "</script><script>alert(1)</script> <img src=x onerror=alert(2)> [bold]& {{DATA}}"


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def _data(html: str) -> dict[str, object]:
    match = re.search(r'<script id="data" type="application/json">(.*?)</script>', html, re.DOTALL)
    assert match is not None
    data: dict[str, object] = json.loads(match[1])
    return data


def test_the_page_holds_texts_mentions_and_triples() -> None:
    text = asthma_text()
    data = _data(page([text]))
    assert data["documents"] == [
        {
            "id": text.id,
            "text": text.text,
            "mentions": json.loads(json.dumps(text.as_dict()))["mentions"],
        }
    ]
    (treats, has) = data["triples"]  # type: ignore[misc]  # a list of JSON
    assert (treats["relation"], has["relation"]) == ("TREATS", "LACKS_PHENOTYPE")
    sentence = text.text[treats["start"] : treats["end"]]
    assert sentence == "Budesonide helps in asthma."
    for end in (treats["subject"], treats["object"]):
        assert text.text[end["start"] : end["end"]].lower() == end["name"].lower()
    assert "the whole text of 1 document" in str(data["foot"])


def test_nothing_in_a_text_becomes_mark_up() -> None:
    plain, hostile = (
        page([asthma_text()]),
        page([AnnotatedText(f"note:{HOSTILE}", HOSTILE, (), (), ())]),
    )
    elements = []
    for html in (plain, hostile):
        parser = _Elements()
        parser.feed(html)
        elements.append(parser.tags)
    assert elements[0] == elements[1]
    assert _data(hostile)["documents"] == [
        {"id": f"note:{HOSTILE}", "text": HOSTILE, "mentions": []}
    ]


def test_the_page_loads_nothing() -> None:
    parser = _Elements()
    html = page([asthma_text()])
    parser.feed(html)
    policy = next(a["content"] for t, a in parser.tags if a.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert not {"src", "href"} & {name for _, attributes in parser.tags for name in attributes}
    assert "http" not in html.replace("http-equiv", "")
    # Text gets in as text: never by way of the parser.
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", html)


def test_only_the_owner_may_read_the_file(tmp_path: Path) -> None:
    file = tmp_path / "read.html"
    write_page([asthma_text()], file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text(encoding="utf-8") == page([asthma_text()])


@pytest.mark.parametrize("number", [0, MOST_DOCUMENTS + 1])
def test_a_page_of_no_document_or_too_many_is_refused(number: int, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="1 to 1,000 documents"):
        write_page([asthma_text()] * number, tmp_path / "read.html")
    assert not list(tmp_path.iterdir())
