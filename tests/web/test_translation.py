"""The site's words in Chinese."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="NOT RUN: the site; install the extra web")

from starlette.testclient import TestClient

from medkg.web import pages
from medkg.web.app import create_app
from medkg.web.site import Site
from medkg.web.translation import ATTRIBUTE, CODE, STRING, translated, words

from .conftest import ADDRESS, FROM_HERE

TEMPLATES = sorted((Path(pages.__file__).parent / "data" / "templates").glob("*.html"))
# What is the same in every language: names, commands, Cypher, examples.
SAME = re.compile(
    r"(?:.*(?:MATCH|RETURN|medkg ).*|--\w+ MODEL|medkg|Cypher|API|(?:Cypher|API|·) (?:· )?medkg"
    r'|\{"name": "imatinib"\}|visitor|reader|writer|of|that|, or name|, characters'
    r"|/api/hypotheses|most)"
)


def pieces_of(source: str) -> set[str]:
    parts = CODE.split(source)
    bare = {" ".join(part.split()) for part in parts if not part.startswith(("{", "<"))}
    labels = {match for part in parts if part.startswith("<") for match in ATTRIBUTE.findall(part)}
    return {piece for piece in bare | labels if re.search("[A-Za-z]{2}", piece)}


@pytest.mark.parametrize("file", TEMPLATES, ids=[file.name for file in TEMPLATES])
def test_every_word_of_a_template_has_one_in_chinese(file: Path) -> None:
    pieces = pieces_of(file.read_text(encoding="utf-8"))
    missing = {each for each in pieces - set(words("zh")["text"]) if not SAME.fullmatch(each)}
    assert not missing


def test_no_translation_is_left_over() -> None:
    sources = [file.read_text(encoding="utf-8") for file in TEMPLATES]
    pieces = set().union(*map(pieces_of, sources))
    strings = {
        match
        for source in sources
        for part in CODE.split(source)
        if part.startswith("{")
        for match in STRING.findall(part)
    }
    assert set(words("zh")["text"]) <= pieces
    assert set(words("zh")["strings"]) <= strings


def test_what_a_template_does_stays() -> None:
    source = '<p class="absent">{% if x == "rank" %}Why{% endif %} {{ f("To treat") }} Ask me</p>'
    assert translated(source, "zh") == (
        '<p class="absent">{% if x == "rank" %}为什么{% endif %} {{ f("要治疗的疾病") }} Ask me</p>'
    )


def test_a_site_speaks_chinese(site: Site) -> None:
    chinese = replace(site, language="zh")
    with TestClient(create_app(chinese), base_url=ADDRESS, follow_redirects=False) as client:
        page = client.get("/login").text
        assert '<html lang="zh">' in page
        assert "登录" in page
        assert "Log in" not in page
        token = {"token": chinese.tokens.by_account["reader"]}
        assert client.post("/login", data=token, headers=FROM_HERE).status_code == 303
        assert "图谱的内容" in client.get("/").text
        form = {"do": "rank", "present": "no such thing"}
        page = client.post("/diagnosis", data=form, headers=FROM_HERE).text
        assert "疾病排序" in page
        assert "no such thing" in page
