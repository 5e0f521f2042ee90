"""A terminology of one's own, from an OBO file to the links of a note, by the documented commands.

OBO: https://owlcollab.github.io/oboformat/doc/GO.format.obo-1_4.html
"""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

import medkg
from medkg.cli import app

OBO = """format-version: 1.2
data-version: 2026-01-01
ontology: mondo

[Term]
id: MONDO:0000001
name: disease

[Term]
id: MONDO:9990001
name: quarry worker's fever
synonym: "stonecutter fever" EXACT []
synonym: "SCF" EXACT []
is_a: MONDO:0000001 ! disease

[Term]
id: MONDO:9990002
name: chronic quarry worker's fever
is_a: MONDO:9990001 ! quarry worker's fever
"""
NOTE = "She has stonecutter fever. Stonecutters' fever (SCF) was treated with aspirin. No asthma.\n"


def run(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_notes_are_linked_to_the_terms_of_an_obo_file(tmp_path: Path) -> None:
    (tmp_path / "mondo.obo").write_text(OBO, encoding="utf-8")
    (tmp_path / "note.txt").write_text(NOTE, encoding="utf-8")
    run("load", "mondo", "--path", tmp_path / "mondo.obo", "--out", tmp_path / "terms")
    run("extract", tmp_path / "note.txt", "--graph", tmp_path / "terms", "--out", tmp_path / "kg")
    kg = medkg.open(tmp_path / "kg")
    mentioned = kg.evidence.filter(relation="MENTIONS", subject="note:note")["object"].to_list()
    assert mentioned.count("MONDO:9990001") >= 2
    assert "MONDO:9990002" not in mentioned
    # What the terms lack is no node of theirs: it stays a text: node, where it is recognised.
    others = set(mentioned) - {"MONDO:9990001", "patient:note"}
    assert all(identifier.startswith("text:") for identifier in others)


def test_an_unknown_linker_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mondo.obo").write_text(OBO, encoding="utf-8")
    (tmp_path / "note.txt").write_text(NOTE, encoding="utf-8")
    run("load", "mondo", "--path", tmp_path / "mondo.obo", "--out", tmp_path / "terms")
    given = [tmp_path / "note.txt", "--graph", tmp_path / "terms", "--out", tmp_path / "kg"]
    arguments = ["extract", *given, "--linker", "quickumls"]
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code != 0
    assert "no linker 'quickumls'" in " ".join(f"{result.output} {result.exception}".split())
