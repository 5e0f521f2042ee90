"""How well identifiers are found in made-up notes, and in passages that were marked by hand.

    python benchmarks/deidentify.py DIALOGUES [--finder capitals] [--part held-out] [--json FILE]

DIALOGUES is the folder with PriMock57 and ACI-Bench (`patients/dialogue` of the data). What counts
is in `deidentification/README.md`, and how it is counted in `deidentification/score.py`. `--misses`
prints, of the development part alone, what was missed and what was wrongly found.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import polars as pl
from deidentification import baselines
from deidentification.generate import notes
from deidentification.passages import passages
from deidentification.score import Finder, JudgedNote, figures, judge
from deidentification.spans import PARTS, MarkedNote, Part

FINDERS = ("medkg", "presidio", "capitals")


def finder_named(name: str) -> Finder:
    """A finder of `FINDERS`."""
    if name == "presidio":
        return baselines.presidio()
    if name == "capitals":
        return baselines.capitals
    try:
        from medkg.extract.deidentify import find_identifiers
    except ImportError as error:
        raise SystemExit(
            "medkg.extract.deidentify.find_identifiers cannot be imported; "
            "name another finder with --finder"
        ) from error
    finder: Finder = find_identifiers
    return finder


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("dialogues", type=Path)
    parser.add_argument("--finder", choices=FINDERS, default=FINDERS[0])
    parser.add_argument("--part", choices=PARTS, default=PARTS[0])
    parser.add_argument("--seed", type=int, default=0, help="of the notes and the bootstrap")
    parser.add_argument("--json", type=Path, help="write all figures there")
    parser.add_argument("--misses", action="store_true", help="development only")
    arguments = parser.parse_args()
    part: Part = arguments.part
    if arguments.misses and part != "development":
        parser.error("--misses is for the development part; the held-out one stays unread")
    find = finder_named(arguments.finder)
    scored: dict[str, Any] = {}
    for name, texts in (
        ("notes", notes(part, arguments.seed)),
        ("passages", passages(arguments.dialogues, part)),
    ):
        judged = [judge(note, find(note.text)) for note in texts]
        scored[name] = figures(judged, arguments.seed)
        show(f"{arguments.finder}, {part} {name}", scored[name])
        if arguments.misses:
            show_misses(judged)
    if arguments.json:
        report = {"finder": arguments.finder, "part": part, "seed": arguments.seed, **scored}
        arguments.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def show(title: str, scored: dict[str, Any]) -> None:
    """Print the figures together, and a table of those by kind."""
    print(f"\n{title}: {scored['notes']} in {scored['groups']} groups")
    print(f"{scored['identifiers']:,} identifiers, {scored['finds']:,} finds")
    for name in ("recall", "precision", "recall_of_characters", "precision_of_characters",
                 "kind_accuracy"):  # fmt: skip
        if name in scored:
            print(f"{name:24} {_written(scored, name)}")
    rows = [
        {
            "kind": kind,
            **{name: _written(of_kind, name) for name in
               ("identifiers", "recall", "recall_with_kind", "finds", "precision")},
        }
        for kind, of_kind in scored["kinds"].items()
        if of_kind["identifiers"] or of_kind["finds"]
    ]  # fmt: skip
    with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_width_chars=160, tbl_hide_dataframe_shape=True):
        print(pl.DataFrame(rows))


def _written(figures_of_kind: dict[str, Any], name: str) -> str:
    value = figures_of_kind.get(name)
    if not isinstance(value, float):
        return "" if value is None else f"{value:,}"
    if f"{name}_interval" not in figures_of_kind:
        return f"{value:.3f}"
    low, high = figures_of_kind[f"{name}_interval"]
    return f"{value:.3f} ({low:.3f}–{high:.3f})"


def show_misses(judged: list[JudgedNote]) -> None:
    """Print what was missed and what was wrongly found, with what stands around it."""
    for note in judged:
        for identifier in note.identifiers:
            if not identifier.covered:
                span = identifier.span
                print(_line("missed", identifier.note, span.start, span.end, span.kind))
        for find in note.finds:
            if not find.right:
                print(_line("wrong", find.note, find.start, find.end, find.kind))


def _line(what: str, note: MarkedNote, start: int, end: int, kind: str) -> str:
    before, after = note.text[max(0, start - 30) : start], note.text[end : end + 30]
    text = " ".join(f"{before}[{note.text[start:end]}]{after}".split())
    return f"{what:6} {kind:11} {note.name}: {text}"


if __name__ == "__main__":
    main()
