"""Splits, leaks and evaluations for people at a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from medkg.cli import show


def print_split(report: Mapping[str, Any], where: str) -> None:
    """Print how a relation's edges were split: the parts, what was taken out, and what is known."""
    rows = [
        {"part": part, "edges": report["counts"][part], **report["ends"][part]}
        for part in report["ends"]
    ]
    head, relation, tail = report["edge_type"]
    title = f"{where}: {head} {relation} {tail}, {report['how']}, seed {report['seed']}"
    show.frame(pl.DataFrame(rows), title)
    if "dates" in report:
        dates = report["dates"]
        show.out.print(
            f"test: dated {dates['since']} or later ({dates['earliest']} to {dates['latest']});"
            f" {dates['rows_without_date']:,} of {dates['rows']:,} rows of evidence have no date,"
            f" and {dates['edges_without_date']:,} edges with such a row are none of the test's"
        )
    compounds = report["kept_together"]
    without_structure = compounds["compounds"] - compounds["with_structure"]
    if n_compounds := compounds["compounds"]:
        line = (
            f"compounds: {compounds['alike']:,} in {compounds['groups']:,} groups count as one"
            f" (same skeleton, or similarity {report['similarity']} and more)"
        )
        if without_structure:
            line += f"; {without_structure:,} of {n_compounds:,} have no structure to compare"
        show.out.print(line)
    for reason, count in report["removed"].items():
        show.out.print(f"removed: {count:,} × {reason}")
    for relation, note in report["noted"].items():
        line = f"left, and good to know: {note['pairs']:,} test pairs × {relation}"
        show.out.print(line)


def print_leaks(report: Mapping[str, Any]) -> None:
    """Print which of an evaluation's pairs training held, directly or in another form."""
    leaks = report["leaks"]
    if not report["training_graph"]:
        show.out.print(
            "the graph that the model was trained on is not at hand: beside its own training pairs"
            " the graph given was looked through, and nearest neighbours are left out"
        )
    sorts = ", ".join(f"{count:,} × {sort}" for sort, count in leaks["by_sort"].items())
    listed = f": {sorts}" if sorts else ""
    show.out.print(f"leaks: {leaks['leaked']:,} of {leaks['pairs']:,} pairs{listed}")
    for what, noted in leaks["noted"].items():
        example = f" (as {noted['example']})"
        show.out.print(f"no leak, but a help: {noted['pairs']:,} × {what}{example}")


def print_case_split(report: Mapping[str, Any], where: str) -> None:
    """Print how cases were split, and what was left out of the knowledge."""
    rows = [{"part": part, **counts} for part, counts in report["counts"].items()]
    since = "" if report["since"] is None else f", tested from PMID:{report['since']} on"
    show.frame(pl.DataFrame(rows), f"{where}: cases {report['how']}{since}")
    for name, relations in report["dropped"].items():
        counts = ", ".join(f"{count:,} × {relation}" for relation, count in relations.items())
        show.out.print(
            f"{name}/knowledge: without {counts or 'nothing'} of evidence that cites what is asked",
        )
    if report["cites_later"]:
        show.out.print(
            f"test/knowledge still cites {report['cites_later']:,} other publications as late as"
            " the test's"
        )
    if report["undiagnosed"]:
        show.out.print(f"{report['undiagnosed']:,} patients without a diagnosis are left out")


def print_case_evaluation(report: Mapping[str, Any]) -> None:
    """Print what limits an evaluation of diagnoses, what is known of its cases, and warnings."""
    known, n = report["known"], report["n"]
    show.out.print(
        f"of {n:,} cases of {report['publications']:,} publications {known:,} have a disease that"
        f" is one of the {report['candidates']:,} candidates, so that no figure can be above"
        f" {known / n:.3f} over cases, {report['known_publications']:.3f} over publications"
    )
    phenotypes = report["phenotypes"]
    show.out.print(
        f"phenotypes: {report['unknown_phenotypes']:,} of {phenotypes:,} are unknown to the model;"
        f" {report['without_phenotype']:,} cases have no other, and count as missed"
        + ("; excluded ones were used" if report["use_excluded"] else "")
    )
    if report["undiagnosed"]:
        show.out.print(f"{report['undiagnosed']:,} patients without a diagnosis are left out")
    leaks = report["leaks"]
    sorts = ", ".join(f"{count:,} × {sort}" for sort, count in leaks["by_sort"].items())
    show.out.print(f"leaks: {leaks['leaked']:,} cases{': ' if sorts else ''}{sorts}")
    for sort, count in leaks["noted"].items():
        show.out.print(f"no leak, but a help: {count:,} × {sort}")
    if opened := report["open_set"]:
        show.out.print(
            f"none of these: AUROC {show.cell(opened['auroc']) or 'unknown'} on these cases,"
            f" {opened['fitted']['auroc']:.3f} where it was fitted; ECE {opened['none']['ece']:.3f}"
        )
        show.out.print(
            "of sets: covered, over all cases, publications, and cases whose disease is a"
            " candidate; size, in diseases; with none, the share of sets that hold none of these"
        )
    below: dict[str, list[Mapping[str, Any]]] = {}
    for row in report["below_resnik"]:
        below.setdefault(row["stratum"], []).append(row)
    show.out.print(
        "of equal scores, top-k goes by their mean place, accuracy and what follows from it by one"
        " drawn at random"
    )
    for stratum, rows in below.items():
        differences = "; ".join(
            "{} {:+.3f} ({:.3f} to {:.3f})".format(
                row["figure"].replace("macro_", "over publications "),
                row["difference"],
                *row["interval"],
            )
            for row in rows
        )
        show.out.print(
            f"warning: below Resnik in {stratum} ({rows[0]['n']:,} cases,"
            f" {rows[0]['publications']:,} publications): {differences}",
        )


def print_case_comparison(report: Mapping[str, Any]) -> None:
    """Print which models were compared, what limits each, and how sure each is."""
    first, *_ = report["models"]
    cases = report["parts"]["all"]["cases"]
    for name, model in report["models"].items():
        leaked = model["leaks"]["leaked"]
        show.out.print(
            f"{name}: {report['folders'][name]} ({model['model']}), with"
            f" {model['candidates']:,} candidates, which have the diseases of {model['known']:,}"
            f" of {cases:,} cases; {leaked:,} cases leaked"
        )
        calibration, opened = model["calibration"], model["open_set"]
        if calibration:
            none = show.cell(opened["auroc"]) or "unknown" if opened else "not told"
            show.out.print(
                f"{name}: ECE of the first rank {calibration['first']['ece']:.3f}; AUROC of none of"
                f" these {none}"
            )
    show.out.print(
        f"baselines have the knowledge of {first}; a patient or an annotation of a disease counts,"
        " for parts and strata, that any of the models knows; differences are paired by case, with"
        " 95 % intervals by bootstrap over publications"
    )
