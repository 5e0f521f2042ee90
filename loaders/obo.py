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

# OBO (https://owlcollab.github.io/oboformat/doc/GO.format.obo-1_4.html)

_STANZAS = 500  # so many at once: fastobo's cost of a call spreads, a bad one costs few
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
    line: int
    rows: list[str]


def obo_release(path: Path) -> str:
    for _, text in text_lines(path):
        if text.startswith("data-version:"):
            return text.partition(":")[2].strip().removesuffix(".obo")
        if text.startswith("["):
            break
    return ""


def stanzas(path: Path) -> Iterator[_Stanza]:
    """The [Term] stanzas, with empty rows for what is not used."""
    stanza: _Stanza | None = None
    found = False
    for number, text in text_lines(path):
        if text.startswith("["):
            if stanza:
                yield stanza
            stanza = _Stanza(number, [text]) if text.startswith("[Term]") else None
            found = True
        elif stanza is not None:
            # An empty row keeps the count of lines.
            stanza.rows.append(text if _USED.match(text) else "")
    if stanza:
        yield stanza
    if not found:
        raise DataError("is no OBO file: it has no [Term]; fetch it anew", path=path)


def read_obo(path: Path, quarantine: Quarantine) -> Iterator[Term | Link]:
    remaining = stanzas(path)
    while several := list(islice(remaining, _STANZAS)):
        for stanza, clauses in _clauses(several, path, quarantine):
            yield from _obo_term(stanza, clauses, path, quarantine)


def _clauses(
    several: list[_Stanza], path: Path, quarantine: Quarantine
) -> Iterator[tuple[_Stanza, Any]]:
    """The stanzas as fastobo's frames; where one is malformed, without the lines that are."""
    import fastobo

    try:
        frames = list(fastobo.loads("\n".join(row for s in several for row in [*s.rows, ""])))
    except (SyntaxError, ValueError):
        frames = []
    if len(frames) == len(several):
        yield from zip(several, frames, strict=True)
        return
    for stanza in several:
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


def _obo_term(
    stanza: _Stanza, frame: Any, path: Path, quarantine: Quarantine
) -> Iterator[Term | Link]:
    identifier = curie_or_empty(_plain(frame.id))
    if not identifier:
        quarantine.add("term without a CURIE", path=path, line=stanza.line, row=str(frame.id))
        return
    term = Term(identifier, line=stanza.line)
    links = []
    for clause in frame:
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
                term.refer(_plain(clause.xref.id), _scope(str(clause)))
            case "IsAClause":
                links.append(("is_a", _plain(clause.term)))
            case "RelationshipClause":
                # One with a filler holds only in some taxon.
                if "gci_relation=" not in str(clause):
                    links.append((_plain(clause.typedef), _plain(clause.term)))
            case "PropertyValueClause":
                value = clause.property_value
                set_property(term, _plain(value.relation), _plain(value.value))
            case "IsObsoleteClause":
                term.obsolete = clause.obsolete
            case "ReplacedByClause":
                term.replaced_by.append(_plain(clause.term))
            case "ConsiderClause":
                term.consider.append(_plain(clause.term))
            case "AltIdClause":
                term.alternatives.append(_plain(clause.alt_id))
    yield from normalised(term, links)


def _plain(value: Any) -> str:
    """fastobo's identifier as text, without the backslashes that the format needs."""
    if type(value).__name__ == "PrefixedIdent":
        return f"{value.prefix}:{value.local}"
    return str(value)


def _scope(clause: str) -> str:
    """What the qualifiers of a cross-reference say of it; fastobo keeps them in its text only."""
    qualifiers = _QUALIFIERS.search(clause)
    marks = _SOURCES.findall(qualifiers[1]) if qualifiers else []
    return scope_of_marks(marks)
