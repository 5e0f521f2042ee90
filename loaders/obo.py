"""Ontologies in OBO (https://owlcollab.github.io/oboformat/doc/GO.format.obo-1_4.html).

Parsed by fastobo, some hundred terms at a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from ..core.errors import DataError
from ..core.quarantine import Quarantine
from .stream import (
    text_lines,
)
from .term import (
    PREDICATES,
    STRUCTURES,
    Link,
    Term,
    curie_or_empty,
    normalised,
    scope_of_marks,
    set_property,
)

_STANZA_BATCH = 500  # parsed at once: spreads the cost of a call; a malformed one costs few
# What is taken from a term. Leaving out the rest saves half of fastobo's time.
_USED = re.compile(
    r"\[Term\]"
    r"|(?:id|alt_id|name|namespace|def|synonym|xref|is_a|is_obsolete|replaced_by|consider):"
    rf"|relationship: (?:{'|'.join(PREDICATES)})\s"
    rf"|property_value: \S*(?:[a-z]Match|{'|'.join(STRUCTURES)})\s"
)
_QUALIFIERS = re.compile(r"\{((?:[^{}\"]|\"(?:[^\"\\]|\\.)*\")*)\}\s*(?:!.*)?$")
_SOURCES = re.compile(r'source="((?:[^"\\]|\\.)*)"')


class _Stanza(NamedTuple):
    """A [Term] stanza: the line it starts in, and its rows."""

    line: int
    rows: list[str]


def obo_release(path: Path) -> str:
    """The version that the header states; empty where it states none."""
    for _, text in text_lines(path):
        if text.startswith("data-version:"):
            return text.partition(":")[2].strip().removesuffix(".obo")
        if text.startswith("["):
            break
    return ""


def stanzas(path: Path) -> Iterator[_Stanza]:
    """The [Term] stanzas, with empty rows for what is not used."""
    stanza: _Stanza | None = None
    has_terms = False
    for number, text in text_lines(path):
        if text.startswith("["):
            if stanza:
                yield stanza
            stanza = _Stanza(number, [text]) if text.startswith("[Term]") else None
            has_terms = True
        elif stanza is not None:
            # An empty row keeps the count of lines.
            stanza.rows.append(text if _USED.match(text) else "")
    if stanza:
        yield stanza
    if not has_terms:
        raise DataError("is no OBO file: it has no [Term]; fetch it anew", path=path)


def read_obo(path: Path, quarantine: Quarantine) -> Iterator[Term | Link]:
    """The terms and links of an ontology; malformed lines are set aside."""
    remaining = stanzas(path)
    while batch := list(islice(remaining, _STANZA_BATCH)):
        for stanza, frame in _parsed(batch, path, quarantine):
            yield from _term_and_links(stanza, frame, path, quarantine)


def _parsed(
    batch: list[_Stanza], path: Path, quarantine: Quarantine
) -> Iterator[tuple[_Stanza, Any]]:
    """The stanzas as fastobo's frames; where one is malformed, without the lines that are."""
    import fastobo

    try:
        frames = list(fastobo.loads("\n".join(row for s in batch for row in [*s.rows, ""])))
    except (SyntaxError, ValueError):
        frames = []
    if len(frames) == len(batch):
        yield from zip(batch, frames, strict=True)
        return
    for stanza in batch:
        rows = list(stanza.rows)
        while rows:
            try:
                yield stanza, fastobo.loads("\n".join([*rows, ""]))[0]
                break
            except (SyntaxError, ValueError) as error:
                bad = min(max((getattr(error, "lineno", 1) or 1) - 1, 0), len(rows) - 1)
                # Without its identifier, or where no line is to blame, nothing can be kept.
                named = any(row.startswith("id:") for row in rows)
                whole = not named or not rows[bad] or rows[bad].startswith(("[", "id:"))
                reason = "malformed term" if whole else "malformed line of a term"
                quarantine.add(reason, path=path, line=stanza.line + bad, row=rows[bad][:200])
                if whole:
                    break
                rows[bad] = ""


def _term_and_links(
    stanza: _Stanza, frame: Any, path: Path, quarantine: Quarantine
) -> Iterator[Term | Link]:
    identifier = curie_or_empty(_identifier(frame.id))
    if not identifier:
        quarantine.add("term without a CURIE", path=path, line=stanza.line, row=str(frame.id))
        return
    term = Term(identifier, line=stanza.line)
    links: list[tuple[str, str]] = []
    for clause in frame:
        if not _read_status(clause, term) and not _read_link(clause, links):
            _read_description(clause, term)
    yield from normalised(term, links)


def _read_status(clause: Any, term: Term) -> bool:
    """Take whether a term is obsolete, and what replaces it; false for any other clause."""
    match type(clause).__name__:
        case "IsObsoleteClause":
            term.obsolete = clause.obsolete
        case "ReplacedByClause":
            term.replaced_by.append(_identifier(clause.term))
        case "ConsiderClause":
            term.consider.append(_identifier(clause.term))
        case "AltIdClause":
            term.alternatives.append(_identifier(clause.alt_id))
        case _:
            return False
    return True


def _read_link(clause: Any, links: list[tuple[str, str]]) -> bool:
    """Take the predicate and object of a link; false for any other clause."""
    match type(clause).__name__:
        case "IsAClause":
            links.append(("is_a", _identifier(clause.term)))
        case "RelationshipClause":
            # One with a filler holds only in some taxon.
            if "gci_relation=" not in str(clause):
                links.append((_identifier(clause.typedef), _identifier(clause.term)))
        case _:
            return False
    return True


def _read_description(clause: Any, term: Term) -> None:
    """Take names, definition, cross-references and properties of a term."""
    match type(clause).__name__:
        case "NameClause":
            term.name = term.name or clause.name.strip()
        case "NamespaceClause":
            term.namespace = str(clause.namespace)
        case "DefClause":
            term.definition = clause.definition
        case "SynonymClause":
            term.synonyms.append((clause.synonym.scope, clause.synonym.desc.strip()))
        case "XrefClause":
            term.refer(_identifier(clause.xref.id), _scope(str(clause)))
        case "PropertyValueClause":
            value = clause.property_value
            set_property(term, _identifier(value.relation), _identifier(value.value))


def _identifier(value: Any) -> str:
    """fastobo's identifier as text, without the backslashes that the format needs."""
    if type(value).__name__ == "PrefixedIdent":
        return f"{value.prefix}:{value.local}"
    return str(value)


def _scope(clause: str) -> str:
    """What the qualifiers of a cross-reference say of it; fastobo keeps them in its text only."""
    qualifiers = _QUALIFIERS.search(clause)
    marks = _SOURCES.findall(qualifiers[1]) if qualifiers else []
    return scope_of_marks(marks)
