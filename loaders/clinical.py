"""What the readers of patients' data and of annotated documents share.

Patients' data are private: what is set aside is named by file, line, type and identifier, never by
what it says.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from ..core.errors import DataError
from ..graph.frames import Source
from ..graph.identifiers import name_key_of
from ..graph.kg import Part
from ..graph.units import is_unit, normalise_quantity
from .frames import as_json, nodes_frame, rows_frame

_EVIDENCE: dict[str, Any] = {
    "subject": pl.String,
    "relation": pl.String,
    "object": pl.String,
    "date": pl.String,
    "document": pl.String,
    "sentence": pl.String,
    "start": pl.Int64,
    "end": pl.Int64,
    "polarity": pl.String,
    "certainty": pl.String,
    "experiencer": pl.String,
    "temporality": pl.String,
    "probability": pl.Float64,
    "references": pl.List(pl.String),
    "qualifiers": pl.String,
}
_PART_ROWS = 50_000

RELEASE = "the release of the files, as evidence will state it"
PSEUDONYMS = "a secret of 16 to 64 characters, or @FILE with it, to hash patients' identifiers with"


class Rows:
    """Collects nodes and evidence while a source is read, to be given out in parts.

    Kept from part to part is only the kind of each coded entity, of which there are as many as the
    vocabularies have codes, whatever the number of patients and documents.
    """

    def __init__(self, source: Source, level: str):
        self._about = {
            "source": pl.lit(source.name),
            "release": pl.lit(source.release or None, pl.String),
            "level": pl.lit(level),
        }
        self._kinds: dict[str, str] = {}
        self._nodes: dict[str, dict[str, Any]] = {}
        self._evidence: list[dict[str, Any]] = []

    def node(
        self,
        identifier: str,
        kind: str,
        name: str | None = None,
        xrefs: Iterable[str] = (),
        properties: Mapping[str, Any] | None = None,
    ) -> str:
        """Note a node; gives its kind, which is the one that it was first met with."""
        if kind not in ("Patient", "Document"):
            kind = self._kinds.setdefault(identifier, kind)
        given = {key: value for key, value in (properties or {}).items() if value not in (None, "")}
        node = self._nodes.setdefault(
            identifier,
            {"id": identifier, "kind": kind, "name": None, "xrefs": [], "properties": None},
        )
        node["name"] = node["name"] or name
        node["xrefs"] = sorted({*node["xrefs"], *xrefs} - {identifier})
        node["properties"] = node["properties"] or as_json(given)
        return kind

    def evidence(
        self,
        subject: str,
        relation: str,
        object_: str,
        qualifiers: Mapping[str, Any] | None = None,
        **columns: Any,
    ) -> None:
        """Note a piece of evidence; `columns` are others of the evidence frame."""
        self._evidence.append(
            {
                "subject": subject,
                "relation": relation,
                "object": object_,
                "qualifiers": as_json(qualifiers or {}),
                **columns,
            }
        )

    @property
    def full(self) -> bool:
        """Whether there is enough for a part."""
        return len(self._evidence) + len(self._nodes) >= _PART_ROWS

    def part(self) -> Part:
        """What was collected since the last part."""
        evidence = rows_frame(self._evidence, _EVIDENCE).with_columns(**self._about)
        part = Part(nodes_frame(list(self._nodes.values())), evidence)
        self._nodes, self._evidence = {}, []
        return part


class Patients:
    """Identifiers of patients in the graph: the source's own or, with a key, pseudonyms.

    A pseudonym is a keyed hash (BLAKE2b, 96 bits): the same patient gets the same one wherever the
    same key is used, and without the key nobody can compute it from the source's identifier.

    Args:
        key: the secret itself, or @FILE: on a command line others may see it.

    Raises:
        DataError: the file can't be read, or the key is too short or too long.
    """

    def __init__(self, key: str | None = None):
        if key is not None and key.startswith("@"):
            try:
                key = Path(key[1:]).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise DataError(
                    "can't be read as the key of the pseudonyms", path=key[1:]
                ) from error
        self._key = None if key is None else key.encode()
        if self._key is not None and not 16 <= len(self._key) <= 64:
            raise DataError("the key of the pseudonyms must have 16 to 64 characters")

    @property
    def pseudonymous(self) -> bool:
        """Whether the source's own identifiers must not be seen."""
        return self._key is not None

    def identifier(self, own: str) -> str:
        """The CURIE of the patient that the source calls `own`."""
        return f"patient:{slug(self.record(own))}"

    def record(self, own: str) -> str:
        """The source's identifier of a record, hashed where there is a key."""
        if self._key is None:
            return own
        return hashlib.blake2b(own.encode(), digest_size=12, key=self._key).hexdigest()


def yes_or_no(name: str, value: str) -> bool:
    """An option that is yes or no.

    Raises:
        DataError: it is neither.
    """
    if value not in ("yes", "no"):
        raise DataError(f"the option {name} is yes or no, not {value!r}")
    return value == "yes"


def slug(text: str) -> str:
    """The text as the local part of a CURIE."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", text)


def local_id(source: str, kind: str, name: str) -> str:
    """The identifier of what a source only names: `source:kind_name`, spelling aside.

    A name that has no letter or digit, or is long, is told by a hash.
    """
    key = name_key_of(name).replace(" ", "_")
    if not 0 < len(key) <= 60:
        key = hashlib.blake2b(name.encode(), digest_size=8).hexdigest()
    return f"{source}:{kind.lower()}_{key}"


def day(text: object) -> str | None:
    """The date of an ISO 8601 date or time: a year, a month or a day; None where it is none."""
    found = re.match(r"\d{4}(-\d{2}(-\d{2})?)?(?=$|[T ])", str(text or ""))
    if found is None:
        return None
    try:
        date.fromisoformat(f"{found[0]}-01-01"[:10])
    except ValueError:
        return None
    return found[0]


def quantity(
    value: float | None,
    unit: str | None,
    low: float | None = None,
    high: float | None = None,
) -> dict[str, Any]:
    """The qualifiers of a measured value and its reference range, as given and, where the unit is
    known, in the standard unit of its dimension (`standard_value`, `standard_unit`, …)."""
    given: dict[str, Any] = {"value": value, "unit": unit, "range_low": low, "range_high": high}
    if unit and is_unit(unit):
        names = {
            "value": "standard_value",
            "range_low": "standard_low",
            "range_high": "standard_high",
        }
        for name, standard in names.items():
            if given[name] is not None:
                given[standard], given["standard_unit"] = normalise_quantity(
                    float(given[name]), unit
                )
    return given
