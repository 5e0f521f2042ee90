"""Annotated texts for people at a terminal: mentions in colour, relations below."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.style import Style
from rich.table import Table
from rich.text import Text

from medkg.cli import show
from medkg.cli.language import words
from medkg.core.terminal import printable

if TYPE_CHECKING:
    from medkg.extract.annotated import AnnotatedText, End, Mention


def print_annotated(document: AnnotatedText) -> None:
    """Print a text with its mentions in brackets, numbered, then the mentions and the relations.

    Colours show the kinds and symbols the context; the lists below the text say both in words.
    """
    from medkg.extract.annotated import CONTEXT_MARKS

    numbers = {mention.start: n for n, mention in enumerate(document.mentions, start=1)}
    show.out.rule(Text(printable(document.id), "bold"), align="left", style="dim")
    show.out.print(_marked(document))
    show.out.print()
    used = {value for mention in document.mentions for value in mention.context}
    legend = [
        f"{mark} {words(meaning)}"
        for value, (mark, meaning) in CONTEXT_MARKS.items()
        if value in used
    ]
    if legend:
        show.out.print(Text("; ".join(legend), "dim"))
    if document.mentions:
        show.out.print(_mentions(document))
    stated = [triple for triple in document.triples if triple.subject.start is not None]
    if stated:
        table = show.plain_table("p", "relation")
        for triple in stated:
            line = Text()
            line.append(_end(triple.subject, numbers)).append(f" {triple.relation} ", "bold")
            line.append(_end(triple.object, numbers))
            details = [
                *map(words, triple.context),
                *(f"{k} {v}" for k, v in triple.qualifiers.items()),
            ]
            line.append(f" ({', '.join(details)})" if details else "", "dim")
            table.add_row(f"{triple.probability:.2f}", line)
        show.out.print()
        show.out.print(table)
    show.out.print()


def _marked(document: AnnotatedText) -> Text:
    text, last = Text(), 0
    for number, mention in enumerate(document.mentions, start=1):
        if mention.start < last:
            continue
        text.append(printable(document.text[last : mention.start]))
        style = _kind_style(mention.kind) + Style(strike="negated" in mention.context)
        text.append("[", "dim").append(printable(mention.text), style)
        text.append(f"]{number}{mention.marks}", "dim")
        last = mention.end
    return text.append(printable(document.text[last:].rstrip()))


def _mentions(document: AnnotatedText) -> Table:
    """Number, text, kind with context and dose, probability, and what it links to."""
    of_patient = {
        triple.object.start: triple.qualifiers
        for triple in document.triples
        if triple.subject.start is None and triple.qualifiers
    }
    table = show.plain_table("", "mention", "kind", "p", "links to")
    for number, mention in enumerate(document.mentions, start=1):
        kind = Text().append(mention.kind, _kind_style(mention.kind))
        more = [*map(words, mention.context), *of_patient.get(mention.start, {}).values()]
        kind.append(f" {', '.join(more)}" if more else "")
        table.add_row(
            str(number),
            Text(" ".join(printable(mention.text).split())),
            kind,
            f"{mention.probability:.2f}",
            _link(mention),
        )
    return table


def _link(mention: Mention) -> Text:
    if mention.identifier is None:
        return Text("-", "dim")
    # A name that only repeats the text says nothing.
    same = (mention.name or "").casefold() == " ".join(mention.text.casefold().split())
    text = Text(mention.identifier)
    text.append("" if same else f" {printable(mention.name or '')}")
    return text.append(f" {mention.link_score:.2f}", "dim")


def _end(end: End, numbers: Mapping[int, int]) -> Text:
    number = numbers.get(-1 if end.start is None else end.start, "")
    return Text().append(printable(end.name), _kind_style(end.kind)).append(f" {number}", "dim")


def _kind_style(kind: str) -> Style:
    """Black or white, whichever reads better, on the colour of the kind."""
    from medkg.extract.annotated import kind_colour

    colour = kind_colour(kind)
    red, green, blue = (int(colour[n : n + 2], 16) for n in (1, 3, 5))
    bright = 0.299 * red + 0.587 * green + 0.114 * blue > 140
    return Style(color="#000000" if bright else "#ffffff", bgcolor=colour)
