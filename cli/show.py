"""Results for people at a terminal, or, with --json, for programs."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table
from rich.text import Text

_PIPED = 200  # characters of a line that goes to a file or another program

# Results go to standard output, everything else to standard error.
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)
for console in (out, err):
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _PIPED


def as_json(value: Any) -> None:
    """Print a value as JSON."""
    if isinstance(value, pl.DataFrame):
        value = value.to_dicts()
    print(json.dumps(value, ensure_ascii=False, indent=1, default=str))


def frame(rows: pl.DataFrame, title: str = "", *, most: int = 50) -> None:
    """Print a frame as a table, or, where it is wider than the terminal, as one block a row."""
    wanted = sum(
        min(24, max(len(name), *(len(cell(value)) for value in rows[name].head(most)), 0)) + 3
        for name in rows.columns
    )
    if wanted > out.width:
        _blocks(rows.head(most), title)
    else:
        _table(rows.head(most), title)
    if rows.height > most:
        out.print(f"… and {rows.height - most} more; --json shows all")
    if rows.is_empty():
        out.print("nothing found")


def loads(loads: list[dict[str, Any]]) -> None:
    """Print what was loaded into a server: when, of which sources, and what it did."""
    rows = [
        {
            **{name: load[name] for name in ("id", "name", "time", "state")},
            "sources": load["sources"],
            "graph": (load["graph"] or "")[:12],
            **{
                did: sum(
                    counts.get(did, 0)
                    for counts in (load["counts"] or {}).values()
                    if isinstance(counts, Mapping)
                )
                for did in ("added", "changed", "removed")
            },
        }
        for load in loads
    ]
    frame(pl.DataFrame(rows, infer_schema_length=None), "Loads", most=len(rows))


def split(report: Mapping[str, Any], where: str) -> None:
    """Print how a relation's edges were split: the parts, what was taken out, and what is known."""
    rows = [
        {"part": part, "edges": report["counts"][part], **report["ends"][part]}
        for part in report["ends"]
    ]
    head, relation, tail = report["edge_type"]
    title = f"{where}: {head} {relation} {tail}, {report['how']}, seed {report['seed']}"
    frame(pl.DataFrame(rows), title)
    if "dates" in report:
        dates = report["dates"]
        out.print(
            f"test: dated {dates['since']} or later ({dates['earliest']} to {dates['latest']});"
            f" {dates['rows_without_date']:,} of {dates['rows']:,} rows of evidence have no date,"
            f" and {dates['edges_without_date']:,} edges with such a row are none of the test's"
        )
    alike = report["kept_together"]
    bare = alike["compounds"] - alike["with_structure"]
    if alike["compounds"]:
        out.print(
            f"compounds: {alike['alike']:,} in {alike['groups']:,} groups count as one (same"
            f" skeleton, or similarity {report['similarity']} and more)"
            + (f"; {bare:,} of {alike['compounds']:,} have no structure to compare" if bare else "")
        )
    for reason, count in report["removed"].items():
        out.print(f"removed: {count:,} × {reason}", markup=False)
    for what, found in report["noted"].items():
        out.print(f"left, and good to know: {found['pairs']:,} test pairs × {what}", markup=False)


def leaks(report: Mapping[str, Any]) -> None:
    """Print what was found of an evaluation's pairs in training."""
    found = report["leaks"]
    if not report["training_graph"]:
        out.print(
            "the graph that the model was trained on is not at hand: beside its own training pairs"
            " the graph given was looked through, and nearest neighbours are left out"
        )
    sorts = ", ".join(f"{count:,} × {sort}" for sort, count in found["by_sort"].items())
    told = f": {sorts}" if sorts else ""
    out.print(f"leaks: {found['leaked']:,} of {found['pairs']:,} pairs{told}", markup=False)
    for what, noted in found["noted"].items():
        example = f" (as {noted['example']})"
        out.print(f"no leak, but a help: {noted['pairs']:,} × {what}{example}", markup=False)


def case_split(report: Mapping[str, Any], where: str) -> None:
    """Print how cases were split, and what was left out of the knowledge."""
    rows = [{"part": part, **found} for part, found in report["counts"].items()]
    since = "" if report["since"] is None else f", tested from PMID:{report['since']} on"
    frame(pl.DataFrame(rows), f"{where}: cases {report['how']}{since}")
    for name, relations in report["dropped"].items():
        told = ", ".join(f"{count:,} × {relation}" for relation, count in relations.items())
        out.print(
            f"{name}/knowledge: without {told or 'nothing'} of evidence that cites what is asked",
            markup=False,
        )
    if report["cites_later"]:
        out.print(
            f"test/knowledge still cites {report['cites_later']:,} other publications as late as"
            " the test's"
        )
    if report["undiagnosed"]:
        out.print(f"{report['undiagnosed']:,} patients without a diagnosis are left out")


def case_evaluation(report: Mapping[str, Any]) -> None:
    """Print what limits an evaluation of diagnoses, what is known of its cases, and warnings."""
    known, n = report["known"], report["n"]
    out.print(
        f"of {n:,} cases of {report['publications']:,} publications {known:,} have a disease that"
        f" is one of the {report['candidates']:,} candidates, so that no figure can be above"
        f" {known / n:.3f} over cases, {report['known_publications']:.3f} over publications"
    )
    phenotypes = report["phenotypes"]
    out.print(
        f"phenotypes: {report['unknown_phenotypes']:,} of {phenotypes:,} are unknown to the model;"
        f" {report['without_phenotype']:,} cases have no other, and count as missed"
        + ("; excluded ones were used" if report["use_excluded"] else "")
    )
    if report["undiagnosed"]:
        out.print(f"{report['undiagnosed']:,} patients without a diagnosis are left out")
    found = report["leaks"]
    sorts = ", ".join(f"{count:,} × {sort}" for sort, count in found["by_sort"].items())
    out.print(f"leaks: {found['leaked']:,} cases{': ' if sorts else ''}{sorts}", markup=False)
    for sort, count in found["noted"].items():
        out.print(f"no leak, but a help: {count:,} × {sort}", markup=False)
    if opened := report["open_set"]:
        out.print(
            f"none of these: AUROC {cell(opened['auroc']) or 'unknown'} on these cases,"
            f" {opened['fitted']['auroc']:.3f} where it was fitted; ECE {opened['none']['ece']:.3f}"
        )
        out.print(
            "of sets: covered, over all cases, publications, and cases whose disease is a"
            " candidate; size, in diseases; with none, the share of sets that hold none of these"
        )
    below: dict[str, list[Mapping[str, Any]]] = {}
    for row in report["below_resnik"]:
        below.setdefault(row["stratum"], []).append(row)
    out.print(
        "of equal scores, top-k goes by their mean place, accuracy and what follows from it by one"
        " drawn at random"
    )
    for stratum, rows in below.items():
        told = "; ".join(
            "{} {:+.3f} ({:.3f} to {:.3f})".format(
                row["figure"].replace("macro_", "over publications "),
                row["difference"],
                *row["interval"],
            )
            for row in rows
        )
        out.print(
            f"warning: below Resnik in {stratum} ({rows[0]['n']:,} cases,"
            f" {rows[0]['publications']:,} publications): {told}",
            markup=False,
        )


def _blocks(rows: pl.DataFrame, title: str) -> None:
    if title:
        out.print(f"[bold]{title.replace('[', chr(92) + '[')}")
    for number, row in enumerate(rows.iter_rows(named=True), start=1):
        block = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        block.add_column(style="dim", no_wrap=True)
        block.add_column(overflow="fold")
        for name, value in row.items():
            if text := cell(value):
                block.add_row(_label(name), text)
        out.print(f"[dim]{number}[/dim]")
        out.print(block)


def _table(rows: pl.DataFrame, title: str) -> None:
    table = Table(title=title or None, title_justify="left", title_style="bold", expand=False)
    for name, dtype in rows.schema.items():
        numeric = dtype.is_numeric()
        table.add_column(_label(name), justify="right" if numeric else "left", overflow="fold")
    for row in rows.iter_rows():
        table.add_row(*(cell(value) for value in row))
    out.print(table)


def _label(name: str) -> str:
    """A column's name with spaces; a relation, or what a query returns, as it is written."""
    return name.replace("_", " ") if name.islower() and not set("(.") & set(name) else name


def cell(value: Any) -> str:
    """A value as a cell's text, without rich's mark-up."""
    if value is None:
        return ""
    if isinstance(value, bool):
        text = "yes" if value else "no"
    elif isinstance(value, float):
        text = f"{value:.3f}" if abs(value) >= 0.001 or value == 0 else f"{value:.1e}"
    elif isinstance(value, int):
        text = f"{value:,}"
    elif isinstance(value, Mapping):
        text = ", ".join(f"{key} {cell(item)}" for key, item in value.items() if cell(item))
    elif isinstance(value, list | tuple | pl.Series):
        text = "; ".join(cell(item) for item in value)
    else:
        text = str(value)
    return text.replace("[", "\\[")


def pairs(values: Mapping[str, Any], title: str = "") -> None:
    """Print names and values, two columns."""
    table = Table(title=title or None, title_justify="left", title_style="bold", show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in values.items():
        table.add_row(_label(name), cell(value))
    out.print(table)


def findings(found: pl.DataFrame) -> None:
    """Print what was read in a note, with the sentences: what counts, and what was dropped."""
    table = plain_table("", "phenotype", "said", "in the sentence")
    for row in found.iter_rows(named=True):
        term = Text(printable(row["name"] or "no term"), "" if row["name"] else "dim")
        term.append(f" {row['phenotype']}", "dim")
        said = Text(printable(row["said"]))
        said.append(f" ({row['context']})" if row["context"] else "", "dim")
        sentence = Text(f"{row['start']}-{row['end']} ", "dim")
        sentence.append(printable(row["sentence"]), "")
        table.add_row(row["keep"], term, said, sentence)
    out.print(table)


_NOTES = 20  # that are printed of several patients


def cases(found: Sequence[Mapping[str, Any]]) -> None:
    """Print the first diagnosis of each of several patients, and what is to be said of them."""
    rows = [
        {
            "patient": case["patient"],
            "phenotypes": len(case["present"]),
            "first": case["diagnoses"][0]["name"],
            "probability": case["diagnoses"][0]["probability"],
            **_of_open_set(case["open_set"]),
            "known": case["known"],
            "its_rank": case["known_rank"],
            "notes": len(case["notes"]),
            **({"written_as": case["written_as"]} if case["written_as"] else {}),
        }
        for case in found
    ]
    frame(
        pl.DataFrame(rows, infer_schema_length=None), "First diagnoses (for research, not for care)"
    )
    told = [f"{case['patient']}: {note}" for case in found for note in case["notes"]]
    for line in told[:_NOTES]:
        out.print(f"note: {line}", markup=False)
    if len(told) > _NOTES:
        out.print(f"note: {len(told) - _NOTES:,} more, all of them with --json")


def _of_open_set(found: Mapping[str, Any] | None) -> dict[str, Any]:
    if found is None:
        return {}
    return {"none_of_these": found["none_of_these"], "in_set": found["size"]}


def diagnosis(case: Mapping[str, Any], names: Mapping[str, str]) -> None:
    """Print the list of one patient (of `diagnose_all`), and what it is of."""
    from medkg.mining.diagnosis.model import diagnoses_frame

    for said in case["notes"]:
        out.print(f"note: {said}", markup=False)
    for what in ("present", "excluded"):
        if case[what]:
            out.print(f"{what}: {', '.join(names[id_] for id_ in case[what])}", markup=False)
    rows = diagnoses_frame(case["diagnoses"]).drop("score")
    frame(rows, "Diagnoses (for research, not for care)")
    if case["open_set"] is not None:
        open_set(case["open_set"])
    if case["known_rank"] is not None:
        out.print(f"known diagnosis: rank {case['known_rank']:,}")
    if case["written_as"] is not None:
        out.print(f"written as {case['written_as']}: {case['patient']}", markup=False)


def open_set(found: Mapping[str, Any]) -> None:
    """Print whether the disease is any candidate, and which are in the set."""
    out.print(
        f"none of these: {found['none_of_these']:.0%}, by the phenotypes seen (of the cases that it"
        f" was fitted on {found['base_rate']:.0%})"
    )
    names = [each["name"] for each in found["set"]]
    shown = "; ".join(names[:10]) + ("; …" if len(names) > 10 else "")
    beside = ", and none of these" if found["with_none"] else ""
    out.print(f"set for {found['coverage']:.0%}: {found['size']:,}{beside}: {shown}", markup=False)


def ask_of_finding(row: Mapping[str, Any], problem: str) -> str:
    """Show a finding at the terminal and read what is to become of it."""
    if problem:
        out.print(problem, markup=False, style="red")
    else:
        out.print()
        out.print(printable(row["sentence"]), markup=False)
    term = f"{row['name']} {row['phenotype']}" if row["phenotype"] else "no term"
    context = f" ({row['context']})" if row["context"] else ""
    out.print(f"  {printable(row['said'])}{context}: {term}, {row['keep']}", markup=False)
    return out.input("  [dim]enter: leave; y, n, d(rop), another term, or stop: [/dim]")


def ask_for(rows: pl.DataFrame, question: Mapping[str, Any]) -> str:
    """Show a list of diagnoses and a question at the terminal, and read the answer."""
    table = plain_table("", "p", "disease")
    for row in rows.head(5).iter_rows(named=True):
        name = Text(printable(row["name"])).append(f" {row['disease']}", "dim")
        table.add_row(str(row["rank"]), f"{row['probability']:.3f}", name)
    out.print(table)
    out.print()
    asked = Text(f"{printable(question['name'])}?", "bold").append(
        f" {question['phenotype']}", "dim"
    )
    out.print(asked)
    for line in (
        printable(question["definition"] or ""),
        "speaks for " + "; ".join(question["speaks_for"]) if question["speaks_for"] else "",
        f"{question['gain']:.2f} bits; yes is {question['probability']:.0%} likely",
    ):
        if line:
            out.print(f"  {line}", style="dim", markup=False)
    answers = {"y": "yes", "n": "no", "?": "?", "d": "?", "s": "stop", "q": "stop"}
    while True:
        said = out.input("  y(es), n(o), ? (not known), s(top): ").strip().lower()
        if said[:1] in answers:
            return answers[said[:1]]


def explanation(rows: pl.DataFrame) -> None:
    """Print what each phenotype weighs for each disease, with frequency and sources."""
    from medkg.mining.diagnosis.page import signed

    for (rank, name), own in rows.partition_by(
        "rank", "disease_name", as_dict=True, maintain_order=True
    ).items():
        out.print()
        out.print(Text(f"{rank} {printable(str(name))}", "bold"))
        table = plain_table("support", "weight", "", "phenotype", "frequency", "source")
        for row in own.iter_rows(named=True):
            term = Text(printable(row["phenotype_name"]))
            if row["match"] in ("broader", "narrower", "near"):
                joined = {"near": "both are"}.get(row["match"], f"{row['match']} than")
                term.append(f" {joined} {printable(row['by_name'])}", "dim")
            often = "" if row["frequency"] is None else f"{row['frequency']:.0%}"
            often += f" ({row['patients']})" if row["patients"] else ""
            for more in ("onset", "sex"):
                often += f" {row[more]}" if row[more] else ""
            cited = ", ".join(row["references"] or row["sources"] or ())
            support, weight = (
                "" if row[figure] is None else signed(row[figure])
                for figure in ("support", "weight")
            )
            table.add_row(support, weight, row["part"], term, often, cited)
        out.print(table)
    out.print(
        "support: for the disease (above 0) or against it, set against the mean of all diseases;"
        " weight: set against the diseases that are probable by the rest",
        style="dim",
    )


def plain_table(*columns: str) -> Table:
    """A table without lines; the columns named "" and "p" are aligned to the right."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1, 0, 0))
    for name in columns:
        table.add_column(name, justify="right" if name in ("", "p") else "left", overflow="fold")
    return table


def printable(text: str) -> str:
    """A text without the control characters that would steer the terminal."""
    plain = text.replace("\r\n", "\n").expandtabs(4)
    return "".join(
        c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in plain
    )
