"""The resources in FHIR's files, one at a time: read, unpacked from Bundles, checked."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar, cast

from ..core.errors import MissingError
from ..core.input_files import opened
from ..core.json_reading import JsonError, json_items, parse_json, read_json
from .fhir_types import Bundle, Medication, Resource
from .stream import plain_suffix, text_lines

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

_Item = TypeVar("_Item")


class FoundResource(NamedTuple):
    """A resource of a file, and where it stands.

    Attributes:
        resource: None where it can't be parsed.
        place: its entry in a Bundle; empty outside one.
        line: of a file of lines.
        address: in a Bundle; empty outside one.
    """

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
    candidates = sorted(path.rglob("*")) if path.is_dir() else [path]
    files = [file for file in candidates if plain_suffix(file) in (".json", ".ndjson", ".jsonl")]
    if not files:
        raise MissingError(f"{path}: is or holds no .json or .ndjson file")
    return files


def is_bundle(file: Path) -> bool:
    """Whether a file is a JSON document that is a Bundle."""
    if plain_suffix(file) != ".json":
        return False
    with opened(file) as stream:
        return next(json_items(stream, "resourceType"), None) == "Bundle"


# The types that others refer to, as JSON has them.
_REFERRED = ('"Medication"', '"Bundle"')


def resources(file: Path, *, referred: bool = False) -> Iterator[FoundResource]:
    """The resources of a file, one at a time; those of Bundles in a Bundle too.

    With `referred`, a bulk export's lines are left out that can't be what others refer to.
    """
    if plain_suffix(file) != ".json":
        for number, text in text_lines(file):
            if text.strip() and (not referred or any(name in text for name in _REFERRED)):
                try:
                    yield from _unpacked(FoundResource(parse_json(text), "", number))
                except JsonError:
                    yield FoundResource(None, "", number)
    elif is_bundle(file):
        with opened(file) as stream:
            entries = json_items(stream, "entry.item")
            for number, entry in enumerate(entries, start=1):
                if isinstance(entry, dict) and "resource" in entry:
                    address = str(entry.get("fullUrl", ""))
                    yield from _unpacked(
                        FoundResource(entry["resource"], f"entry {number}", None, address)
                    )
    else:
        whole = read_json(file)
        for item in whole if isinstance(whole, list) else [whole]:
            yield from _unpacked(FoundResource(item, "", None))


def _unpacked(item: FoundResource) -> Iterator[FoundResource]:
    """The resource; of a Bundle, those in its entries."""
    if not isinstance(item.resource, dict):
        yield item._replace(resource=None)
    elif item.resource.get("resourceType") == "Bundle":
        for entry in listed(cast(Bundle, item.resource).get("entry")):
            if isinstance(entry, dict) and "resource" in entry:
                address = str(entry.get("fullUrl", ""))
                yield from _unpacked(item._replace(resource=entry["resource"], address=address))
    else:
        yield item


def listed(value: list[_Item] | None) -> list[_Item]:
    """The value if it is a list, else an empty one: files have anything anywhere."""
    return value if isinstance(value, list) else []


@dataclass
class References:
    """What references lead to: codes of Medications, and ids of resources by their address."""

    medications: MutableMapping[str, Medication] = field(default_factory=dict)
    ids: MutableMapping[str, str] = field(default_factory=dict)

    def note(self, item: FoundResource) -> None:
        """Remember a resource that others may refer to."""
        resource = item.resource
        if resource is None:
            return
        identifier = str(resource.get("id") or item.address)
        if resource.get("resourceType") == "Medication":
            medication = cast(Medication, resource)
            kept: Medication = {}
            if "code" in medication:
                kept["code"] = medication["code"]
            if "ingredient" in medication:
                kept["ingredient"] = medication["ingredient"]
            for name in (f"Medication/{identifier}", item.address):
                if name:
                    self.medications[name] = kept
        if resource.get("resourceType") == "Patient" and item.address:
            self.ids[item.address] = identifier


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
def _models(resource_type: str) -> list[type[BaseModel]]:
    """The models of a type of resource: R4B's and R5's."""
    modules = (f"fhir.resources.{release}{resource_type.lower()}" for release in ("R4B.", ""))
    return [getattr(import_module(module), resource_type) for module in modules]


def check(resource: Resource) -> None:
    """Check a resource against R4B's model (which R4's resources fit), else against R5's.

    Raises:
        Unusable: it fits neither; the message names fields, but no values.
    """
    from pydantic import ValidationError

    fields = {key: value for key, value in resource.items() if key not in _FIELDS_NOT_CHECKED}
    problems: list[list[ErrorDetails]] = []
    for model in _models(resource["resourceType"]):
        try:
            model.model_validate(fields)
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
        path = [str(step) for step in problem["loc"]]
        if problem["type"] == "extra_forbidden":
            path[-1] = "(unknown field)"
        places.append(f"{'.'.join(path)}: {problem['type']}")
    raise Unusable("no valid FHIR resource", "; ".join(places))
