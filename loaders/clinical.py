"""What the loaders of patients' data and of annotated documents share.

Patients' data are private: what is set aside is named by file, line, type and identifier, never by
what it says.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, Unpack

import polars as pl

from ..core.errors import DataError
from ..graph.frames import STRING_LIST, Columns, Source
from ..graph.identifiers import name_key_of
from ..graph.kg import Part
from ..graph.units import is_unit, normalise_quantity
from .frames import JsonValue, NodeRow, as_json, nodes_frame, rows_frame

_EVIDENCE_COLUMNS: Columns = {
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
    "references": STRING_LIST,
    "qualifiers": pl.String,
}
_PART_ROWS = 50_000

RELEASE = "the release of the files, as evidence will state it"
PSEUDONYMS = "a secret of 16 to 64 characters, or @FILE with it, to hash patients' identifiers with"

# Further facts of a piece of evidence, beside the columns of its frame.
Qualifiers = dict[str, JsonValue]


class EvidenceColumns(TypedDict, total=False):
    """Further columns of a piece of evidence; `medkg.graph.frames.EVIDENCE` says what they hold."""

    date: str | None
    document: str | None
    sentence: str | None
    start: int | None
    end: int | None
    polarity: str
    certainty: str
    experiencer: str
    temporality: str
    probability: float | None
    references: list[str]


class _EvidenceRow(EvidenceColumns):
    subject: str
    relation: str
    object: str
    qualifiers: str | None


class PartBuffer:
    """Collects nodes and evidence while a source is read, to be given out in parts.

    Kept from part to part is only the kind of each coded entity, of which there are as many as the
    vocabularies have codes, whatever the number of patients and documents.

    Args:
        source: whose evidence it is.
        level: of the evidence: curated, text-mined or observed.
    """

    def __init__(self, source: Source, level: str):
        self._provenance = {
            "source": pl.lit(source.name),
            "release": pl.lit(source.release or None, pl.String),
            "level": pl.lit(level),
        }
        self._kinds: dict[str, str] = {}
        self._nodes: dict[str, NodeRow] = {}
        self._evidence: list[_EvidenceRow] = []

    def add_node(
        self,
        identifier: str,
        kind: str,
        name: str | None = None,
        xrefs: Iterable[str] = (),
        properties: Mapping[str, JsonValue] | None = None,
    ) -> str:
        """Add a node, or what it lacks so far.

        Returns:
            Its kind, which is the one that it was first added with.
        """
        if kind not in ("Patient", "Document"):
            kind = self._kinds.setdefault(identifier, kind)
        node = self._nodes.setdefault(
            identifier,
            {"id": identifier, "kind": kind, "name": None, "xrefs": [], "properties": None},
        )
        node["name"] = node["name"] or name
        node["xrefs"] = sorted({*node["xrefs"], *xrefs} - {identifier})
        node["properties"] = node["properties"] or as_json(properties or {})
        return kind

    def add_evidence(
        self,
        subject: str,
        relation: str,
        object_: str,
        qualifiers: Mapping[str, JsonValue] | None = None,
        **columns: Unpack[EvidenceColumns],
    ) -> None:
        """Add a piece of evidence; `columns` are others of the evidence frame."""
        self._evidence.append(
            {
                **columns,
                "subject": subject,
                "relation": relation,
                "object": object_,
                "qualifiers": as_json(qualifiers or {}),
            }
        )

    @property
    def is_full(self) -> bool:
        """Whether there is enough for a part."""
        return len(self._evidence) + len(self._nodes) >= _PART_ROWS

    def take_part(self) -> Part:
        """What was collected since the last part."""
        evidence = rows_frame(self._evidence, _EVIDENCE_COLUMNS).with_columns(**self._provenance)
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

    A name without a letter or digit, or a long one, is replaced by its hash.
    """
    key = name_key_of(name).replace(" ", "_")
    if not 0 < len(key) <= 60:
        key = hashlib.blake2b(name.encode(), digest_size=8).hexdigest()
    return f"{source}:{kind.lower()}_{key}"


@dataclass(frozen=True)
class MeasuredValue:
    """A measured value with its unit and, where there is one, its reference range."""

    value: float | None
    unit: str | None
    low: float | None = None
    high: float | None = None

    def qualifiers(self) -> Qualifiers:
        """The value as the source has it and in the standard unit of its dimension.

        Returns:
            `value`, `unit`, `range_low`, `range_high` and, where the unit is known,
            `standard_value`, `standard_unit`, `standard_low` and `standard_high`.
        """
        as_stated = {
            "value": self.value,
            "unit": self.unit,
            "range_low": self.low,
            "range_high": self.high,
        }
        return {**as_stated, **self._in_standard_unit()}

    def as_dose(self) -> Qualifiers:
        """The qualifiers of a dose: `dose` as text in place of `value` and `unit`."""
        return {
            "dose": f"{self.value:g} {self.unit or ''}".strip(),
            "range_low": self.low,
            "range_high": self.high,
            **self._in_standard_unit(),
        }

    def _in_standard_unit(self) -> Qualifiers:
        qualifiers: Qualifiers = {}
        if self.unit and is_unit(self.unit):
            for name, number in (
                ("standard_value", self.value),
                ("standard_low", self.low),
                ("standard_high", self.high),
            ):
                if number is not None:
                    qualifiers[name], qualifiers["standard_unit"] = normalise_quantity(
                        float(number), self.unit
                    )
        return qualifiers
