"""No regular expression of ours takes the square of a text's length."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest

from .adversarial import ROOMS, ROOT, Used, processor_limit, slow

# Patterns that are made from tables in functions (`adversarial.TABLES` has them) or from what a
# caller gives, by their modules.
MADE = (
    "medkg.extract.chinese_laboratory",
    "medkg.extract.context.chinese",
    "medkg.extract.context.context",
    "medkg.extract.context.doses",
    "medkg.extract.deidentify.chinese",
    "medkg.extract.deidentify.dates",
    "medkg.extract.deidentify.patterns",
    "medkg.extract.document_form",
    "medkg.extract.linking.chinese",
    "medkg.extract.linking.forms",
    "medkg.extract.mentions.given",
    "medkg.extract.mentions.neighbours",
    "medkg.extract.relations.chinese",
    "medkg.extract.relations.resumed",
    "medkg.extract.relations.rules",
    "medkg.extract.short_forms",
    "medkg.extract.species",
    "medkg.graph.copies",
    "medkg.graph.forget",
    "medkg.graph.identifiers",
    "medkg.loaders.annotated",
    "medkg.loaders.fhir_concepts",
    "medkg.loaders.mapping_reader",  # polars runs them, in linear time
    "medkg.mining.diagnosis.answered",
)


@pytest.fixture(scope="module")
def reports() -> dict[str, Any]:
    """What `adversarial` says of each room: all of one process, which imports PyTorch once."""
    run = [sys.executable, "-m", "tests.adversarial"]
    result = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, timeout=3600)
    assert result.returncode == 0, result.stderr[-2000:]
    rooms: dict[str, Any] = json.loads(result.stdout)
    return rooms


@pytest.mark.parametrize("room", ROOMS)
def test_every_pattern_is_linear(room: str, reports: dict[str, Any]) -> None:
    report = reports[room]
    assert report["slow"] == {}
    assert [call for call in report["untold"] if not call.startswith(MADE)] == []


@pytest.mark.parametrize(
    "pattern", [r"\s+$", "<!--.*?-->", r"(\w+\s?)*!", r"[ab]*a[ab]*c", r"^[ \t]*(?:[ \t]*-)+$"]
)
def test_a_pattern_that_is_not_linear_is_noticed(pattern: str) -> None:
    assert slow(Used("here", re.compile(pattern, re.S), searched=True)) is not None


def test_a_linear_pattern_is_not() -> None:
    with processor_limit(20):
        assert slow(Used("here", re.compile(r"(?<!\s)\s++$|<(b|i)>"), searched=True)) is None
