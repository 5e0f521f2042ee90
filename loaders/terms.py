"""The terms of an ontology in OBO, OWL (RDF/XML) or OBO Graphs JSON, read as a stream.

Each format has a module of its own: `obo`, `owl`, `obographs`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ..core.quarantine import Quarantine
from .obo import obo_release, read_obo, stanzas
from .obographs import json_release, read_obographs
from .owl import owl_release, read_owl
from .stream import (
    plain_suffix,
)
from .term import Link, Term, curie_or_empty, normalised

# A date, a year and month, or the numbers at the end, looked for from their first one on alone.
_RELEASE = re.compile(r"\d{4}-\d{2}-\d{2}|\d{4}_\d{2}|(?<!\d)(?<!\d\.)\d++(?:\.\d++)*+$")


def read_terms(path: Path, quarantine: Quarantine) -> Iterator[Term | Link]:
    """The terms of an ontology, obsolete ones too, and the links between them, in file order.

    Raises:
        DataError: the file is no OBO, OWL (RDF/XML) or OBO Graphs JSON.
    """
    reader = {".obo": read_obo, ".json": read_obographs}.get(plain_suffix(path), read_owl)
    return reader(path, quarantine)


def release_of(path: Path) -> str:
    """The release that an ontology states of itself, mostly a date; empty where it states none."""
    suffix = plain_suffix(path)
    if suffix == ".obo":
        version = obo_release(path)
    elif suffix == ".json":
        version = json_release(path)
    else:
        version = owl_release(path)
    match = _RELEASE.search(version)
    return match[0] if match else version


def scan_terms(path: Path) -> Iterator[Term | Link]:
    """Obsolete terms and is_a links: as `read_terms`, but much quicker for OBO, without parsing."""
    if plain_suffix(path) != ".obo":
        yield from read_terms(path, Quarantine())
        return
    for stanza in stanzas(path):
        term = Term("", line=stanza.line)
        links = []
        for row in stanza.rows:
            tag, _, value = row.partition(": ")
            value = value.strip()
            match tag:
                case "id":
                    term.id = curie_or_empty(value)
                case "is_obsolete":
                    term.obsolete = value.startswith("true")
                case "is_a":
                    links.append(("is_a", value.split(" ")[0]))
                case "replaced_by":
                    term.replaced_by.append(value.split(" ")[0])
                case "consider":
                    term.consider.append(value.split(" ")[0])
        if term.id:
            yield from normalised(term, links)
