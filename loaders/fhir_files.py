"""The resources in FHIR's files, one at a time: read, unpacked from Bundles, checked."""

from __future__ import annotations

import json
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, NamedTuple

from ..core.errors import DataError, MissingError
from .stream import plain_suffix, stream, text_lines

Resource = dict[str, Any]


class Found(NamedTuple):
    """A resource, None where it can't be parsed; where it stood; its address in a Bundle."""

    resource: Resource | None
    place: str
    line: int | None
    address: str = ""


def fhir_files(path: Path) -> list[Path]:
    """The path itself, or the .json and .ndjson files in a folder and its folders, in order.

    Raises:
        MissingError: there is none.
    """
    if not path.exists():
        raise MissingError(f"{path}: there is no such file or folder")
    given = sorted(path.rglob("*")) if path.is_dir() else [path]
    files = [file for file in given if plain_suffix(file) in (".json", ".ndjson", ".jsonl")]
    if not files:
        raise MissingError(f"{path}: is or holds no .json or .ndjson file")
    return files


def is_bundle(file: Path) -> bool:
    """Whether a file is a JSON document that is a Bundle."""
    if plain_suffix(file) != ".json":
        return False
    import ijson

    with _json(file) as opened:
        return next(ijson.items(opened, "resourceType"), None) == "Bundle"


@contextmanager
def _json(path: Path) -> Iterator[IO[bytes]]:
    """A file's bytes without a byte-order mark; a JSON error in it is a DataError.

    The parser's message is left out, for it quotes the file.
    """
    import ijson

    with stream(path) as file:
        if file.read(3) != b"\xef\xbb\xbf":
            file.seek(0)
        try:
            yield file
        except (ijson.JSONError, ValueError, RecursionError):
            raise DataError("is not whole, valid JSON", path=path) from None


# The types that others refer to, as JSON has them.
_REFERRED = ('"Medication"', '"Bundle"')


def resources(file: Path, *, referred: bool = False) -> Iterator[Found]:
    """The resources of a file, one at a time; those of Bundles in a Bundle too.

    With `referred`, a bulk export's lines are left out that can't be what others refer to.
    """
    import ijson

    if plain_suffix(file) != ".json":
        for number, text in text_lines(file):
            if text.strip() and (not referred or any(name in text for name in _REFERRED)):
                try:
                    yield from _unpacked(Found(json.loads(text), "", number))
                except (ValueError, RecursionError):
                    yield Found(None, "", number)
    elif is_bundle(file):
        with _json(file) as opened:
            entries = ijson.items(opened, "entry.item", use_float=True)
            for number, entry in enumerate(entries, start=1):
                if isinstance(entry, dict) and "resource" in entry:
                    address = str(entry.get("fullUrl", ""))
                    yield from _unpacked(Found(entry["resource"], f"entry {number}", None, address))
    else:
        with _json(file) as opened:
            whole = json.loads(opened.read())
        for found in whole if isinstance(whole, list) else [whole]:
            yield from _unpacked(Found(found, "", None))


def _unpacked(found: Found) -> Iterator[Found]:
    if not isinstance(found.resource, dict):
        yield found._replace(resource=None)
    elif found.resource.get("resourceType") == "Bundle":
        for entry in listed(found.resource.get("entry")):
            if isinstance(entry, dict) and "resource" in entry:
                address = str(entry.get("fullUrl", ""))
                yield from _unpacked(found._replace(resource=entry["resource"], address=address))
    else:
        yield found


def listed(value: Any) -> list[Any]:
    """The value if it is a list; else none: files have anything anywhere."""
    return value if isinstance(value, list) else []


@dataclass
class References:
    """What references lead to: codes of Medications, and ids of resources by their address."""

    medications: MutableMapping[str, Resource] = field(default_factory=dict)
    ids: MutableMapping[str, str] = field(default_factory=dict)

    def note(self, found: Found) -> None:
        """Remember a resource that others may refer to."""
        resource = found.resource
        if resource is None:
            return
        identifier = str(resource.get("id") or found.address)
        if resource.get("resourceType") == "Medication":
            kept: Resource = {
                key: resource[key] for key in ("code", "ingredient") if key in resource
            }
            for name in (f"Medication/{identifier}", found.address):
                if name:
                    self.medications[name] = kept
        if resource.get("resourceType") == "Patient" and found.address:
            self.ids[found.address] = identifier


_FIELDS_NOT_CHECKED = ("text", "note", "contained")


class Unusable(Exception):
    """Why a resource can't be used, in a fixed phrase, and the field in question."""

    def __init__(self, reason: str, where: str = ""):
        super().__init__(reason)
        self.reason = reason
        self.where = where


@cache
def is_type(kind: str) -> bool:
    """Whether FHIR has a type of resource of that name."""
    return kind.isalpha() and find_spec(f"fhir.resources.{kind.lower()}") is not None


@cache
def _models(resource_type: str) -> list[Any]:
    modules = (f"fhir.resources.{release}{resource_type.lower()}" for release in ("R4B.", ""))
    return [getattr(import_module(module), resource_type) for module in modules]


def check(resource: Resource) -> None:
    """Check a resource against R4B's model (which R4's resources fit), else against R5's."""
    from pydantic import ValidationError

    given = {key: value for key, value in resource.items() if key not in _FIELDS_NOT_CHECKED}
    problems: list[list[Any]] = []
    for model in _models(resource["resourceType"]):
        try:
            model.model_validate(given)
        except ValidationError as error:
            problems.append(
                error.errors(include_url=False, include_context=False, include_input=False)
            )
        except (ValueError, TypeError, AttributeError, RecursionError):
            problems.append([])
        else:
            return
    first = min(problems, key=len)
    places = []
    for problem in first[:3]:
        # The name of a field that the model lacks may be anything, a person's name too.
        known = [str(part) for part in problem["loc"]]
        if problem["type"] == "extra_forbidden":
            known[-1] = "(unknown field)"
        places.append(f"{'.'.join(known)}: {problem['type']}")
    raise Unusable("no valid FHIR resource", "; ".join(places))
