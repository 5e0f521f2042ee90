"""Diagnoses for people at a terminal: findings, lists, explanations and questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from rich.text import Text

from medkg.cli import show
from medkg.cli.language import message, words
from medkg.core.terminal import printable


def print_findings(findings: pl.DataFrame) -> None:
    """Print what was read in files, with where it is: what counts, and what was dropped."""
    table = show.plain_table("", "phenotype", "text", "in the sentence, or the file")
    for row in findings.iter_rows(named=True):
        term = Text(printable(row["name"] or words("no term")), "" if row["name"] else "dim")
        term.append(f" {row['phenotype']}", "dim")
        quote = Text(printable(row["text"]))
        quote.append(_in_brackets(row["context"]), "dim")
        sentence = Text(f"{row['start']}-{row['end']} " if row["end"] else "", "dim")
        sentence.append(printable(row["sentence"]), "")
        keep = row["keep"]
        if row["probability"] is not None:
            keep += f" {row['probability']:.2f}"
        table.add_row(keep, term, quote, sentence)
    show.out.print(table)


def _in_brackets(context: str) -> str:
    """The context of a finding, behind it; nothing where it has none."""
    return f" ({', '.join(map(words, context.split(', ')))})" if context else ""


MOST_NOTES = 20  # printed for several patients
_MATCHES = {
    "broader": "broader than {name}",
    "narrower": "narrower than {name}",
    "near": "both are {name}",
}


def print_cases(cases: Sequence[Mapping[str, Any]]) -> None:
    """Print the first diagnosis of each of several patients, and the notes on them."""
    rows = [
        {
            "patient": case["patient"],
            "phenotypes": len(case["present"]),
            "first": case["diagnoses"][0]["name"],
            "probability": case["diagnoses"][0]["probability"],
            **_open_set_columns(case["open_set"]),
            "known": case["known"],
            "its_rank": case["known_rank"],
            "notes": len(case["notes"]),
            **({"written_as": case["written_as"]} if case["written_as"] else {}),
        }
        for case in cases
    ]
    show.frame(
        pl.DataFrame(rows, infer_schema_length=None),
        words("First diagnoses (for research, not for care)"),
    )
    notes = [f"{case['patient']}: {message(note)}" for case in cases for note in case["notes"]]
    for line in notes[:MOST_NOTES]:
        show.out.print(words("note: {note}", note=line))
    if len(notes) > MOST_NOTES:
        more = len(notes) - MOST_NOTES
        show.out.print(words("note: {more:,} more, all of them with --json", more=more))


def _open_set_columns(open_set: Mapping[str, Any] | None) -> dict[str, Any]:
    if open_set is None:
        return {}
    return {"none_of_these": open_set["none_of_these"], "in_set": open_set["size"]}


def print_diagnosis(case: Mapping[str, Any], names: Mapping[str, str]) -> None:
    """Print the list of one patient (of `diagnose_all`), and what it is of."""
    from medkg.mining.diagnosis.model import diagnoses_frame

    for note in case["notes"]:
        show.out.print(words("note: {note}", note=message(note)))
    for what, line in (("present", "present: {names}"), ("excluded", "excluded: {names}")):
        if case[what]:
            show.out.print(words(line, names=", ".join(names[id_] for id_ in case[what])))
    if case["uncertain"]:
        uncertain = [f"{names[id_]} {value:.2f}" for id_, value in case["uncertain"].items()]
        line = words("counted with a probability: {names}", names=", ".join(uncertain))
        show.out.print(line)
    rows = diagnoses_frame(case["diagnoses"]).drop("score")
    show.frame(rows, words("Diagnoses (for research, not for care)"))
    for series in case["series"]:
        ranks = ", ".join(map(str, series["ranks"]))
        line = "{name}: {probability:.3f} together (ranks {ranks})"
        show.out.print(printable(words(line, **{**series, "ranks": ranks})))
    if case["open_set"] is not None:
        _print_open_set(case["open_set"])
    if case["known_rank"] is not None:
        show.out.print(words("known diagnosis: rank {rank:,}", rank=case["known_rank"]))
    if case["written_as"] is not None:
        show.out.print(words("written as {written_as}: {patient}", **case))


def _print_open_set(open_set: Mapping[str, Any]) -> None:
    """Print whether the disease is any candidate, and which are in the set."""
    show.out.print(
        words(
            "none of these: {none_of_these:.0%} ({base_rate:.0%} before anything was known of the"
            " patient)",
            **open_set,
        )
    )
    beside = words(", and none of these") if open_set["with_none"] else ""
    if "ask" in open_set:
        questions = "; ".join(printable(each["name"]) for each in open_set["ask"])
        show.out.print(
            words(
                "set for {coverage:.0%}: {size:,} diseases{beside}. Too little is known: ask for"
                " {questions} (--ask); --coverage with --json lists the diseases",
                beside=beside,
                questions=questions,
                **open_set,
            )
        )
        return
    names = [each["name"] for each in open_set["set"]]
    shown = "; ".join(names[:10]) + ("; …" if len(names) > 10 else "")
    show.out.print(
        words(
            "set for {coverage:.0%}: {size:,}{beside}: {shown}",
            beside=beside,
            shown=shown,
            **open_set,
        )
    )


def ask_about_finding(row: Mapping[str, Any], problem: str) -> str:
    """Show a finding of a note at the terminal, and read whether to keep, change or drop it."""
    if problem:
        show.out.print(message(problem), style="red")
    else:
        show.out.print()
        show.out.print(printable(row["sentence"]))
    term = f"{row['name']} {row['phenotype']}" if row["phenotype"] else words("no term")
    context = _in_brackets(row["context"])
    show.out.print(f"  {printable(row['text'])}{context}: {term}, {row['keep']}")
    question = words("enter: leave; y, n, m(aybe), d(rop), another term, or q(uit):")
    return show.out.input(f"  [dim]{question} [/dim]")


# What a person may answer to a question; anything else is asked for again.
_ANSWERS = {
    **dict.fromkeys(("y", "yes"), "yes"),
    **dict.fromkeys(("n", "no"), "no"),
    **dict.fromkeys(("?", "d", "not known", "unknown", "don't know"), "?"),
    **dict.fromkeys(("s", "stop", "q", "quit"), "stop"),
}


def ask_question(rows: pl.DataFrame, question: Mapping[str, Any]) -> str:
    """Show a list of diagnoses and a question at the terminal, and read the answer."""
    table = show.plain_table("", "p", "disease")
    for row in rows.head(5).iter_rows(named=True):
        name = Text(printable(row["name"])).append(f" {row['disease']}", "dim")
        table.add_row(str(row["rank"]), f"{row['probability']:.3f}", name)
    show.out.print(table)
    show.out.print()
    text = Text(f"{printable(question['name'])}?", "bold")
    show.out.print(text.append(f" {question['phenotype']}", "dim"))
    for line in (
        printable(question["definition"] or ""),
        words("speaks for {names}", names="; ".join(question["speaks_for"]))
        if question["speaks_for"]
        else "",
        words(
            "{gain:.2f} bits; yes is {probability:.0%} likely",
            gain=question["gain"],
            probability=question["probability"],
        ),
    ):
        if line:
            show.out.print(f"  {line}", style="dim")
    prompt = words("y(es), n(o), ? (not known), q(uit):")
    while True:
        answer = show.out.input(f"  {prompt} ").strip().lower()
        if answer in _ANSWERS:
            return _ANSWERS[answer]


def print_explanation(rows: pl.DataFrame) -> None:
    """Print what each phenotype weighs for each disease, with frequency and sources."""
    from medkg.mining.diagnosis.page import signed

    for (rank, name), own in rows.partition_by(
        "rank", "disease_name", as_dict=True, maintain_order=True
    ).items():
        show.out.print()
        show.out.print(Text(f"{rank} {printable(str(name))}", "bold"))
        table = show.plain_table("support", "weight", "", "phenotype", "frequency", "source")
        for row in own.iter_rows(named=True):
            term = Text(printable(row["phenotype_name"]))
            if row["match"] in _MATCHES:
                joined = words(_MATCHES[row["match"]], name=printable(row["by_name"]))
                term.append(f" {joined}", "dim")
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
        show.out.print(table)
    show.out.print(
        words(
            "support: for the disease (above 0) or against it, set against the mean of all"
            " diseases; weight: set against the diseases that are probable by the rest"
        ),
        style="dim",
    )
