"""GA4GH Phenopackets (versions 1 and 2): cases as patients with phenotypes and a diagnosis.

Reads one .json file, a folder of them, or a tar archive (.tar, .tar.gz, .tar.xz, .tar.bz2), whose
members are read where they lie and never unpacked. A file holds a Phenopacket, a Family or a
Cohort; a family's and a cohort's members are patients of their own.

Format: https://phenopacket-schema.readthedocs.io
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ..core.errors import DataError, MissingError
from ..core.input_files import archived_files, read_at_most, read_whole
from ..core.json_reading import JsonError, parse_json
from ..core.progress import track
from ..core.quarantine import Quarantine
from ..graph.frames import Source
from ..graph.kg import KnowledgeGraph, Part
from .clinical import (
    RELEASE,
    PartBuffer,
)
from .frames import JsonValue
from .info import Download, SourceInfo
from .phenopacket_cases import SOURCE_NAME, UNREADABLE, Case
from .phenopacket_types import Message, Phenopacket
from .stream import setting_aside

SOURCE = Source(
    SOURCE_NAME,
    "",
    "as stated by the publisher of the phenopackets (Phenopacket Store: CC BY 4.0, CC0-1.0)",
    "https://github.com/monarch-initiative/phenopacket-store",
)


def load(path: Path | None, quarantine: Quarantine, release: str = "") -> KnowledgeGraph:
    """Cases as a graph.

    - HAS_PHENOTYPE, and LACKS_PHENOTYPE of excluded ones (onset, severity, modifiers);
    - HAS_DISEASE (onset, stage); an excluded disease is negated evidence;
    - HAS_VARIANT_IN a gene, of interpretations: possible where it is a candidate, negated where it
      was rejected;
    - UNDERWENT: measurements (value, unit, reference range, and the value in standard units) and
      procedures;
    - TAKES: the agents of treatments (dose, route, frequency).

    The evidence's references hold the case's publication. A case that can't be read as a whole is
    set aside by name; so is a measurement, an interpretation or a medical action alone.

    Args:
        path: a .json file, a folder of them, or a tar archive.
        quarantine: gets the names of the files that can't be used.
        release: of the files, as evidence will state it.

    Raises:
        MissingError: no path, or nothing is there.
        DataError: no case can be read.
    """
    if path is None:
        raise MissingError(
            "phenopackets needs a path (--path): a .json file, a folder or a tar archive"
        )
    source = replace(SOURCE, release=release)
    return KnowledgeGraph.from_parts(
        _parts(path, source, quarantine), [source], quarantine=quarantine, origin=str(path)
    )


def _parts(path: Path, source: Source, quarantine: Quarantine) -> Iterator[Part]:
    buffer = PartBuffer(source, "observed")
    patients: set[str] = set()
    for name, data in track(_documents(path, quarantine), "phenopackets"):
        where = path if path.name == name else path / name
        try:
            message = parse_json(data)
            if _UNDERSCORED.search(data):
                message = _camel_case(message)
            packets = list(_members(message))
        except JsonError as error:
            quarantine.add(f"file {error.reason}", path=where, row=name)
            continue
        except UNREADABLE:
            quarantine.add("no phenopacket", path=where, row=name)
            continue
        for packet, group in packets:
            try:
                case = Case(packet, name, group)
            except UNREADABLE:
                quarantine.add("no phenopacket", path=where, row=name)
                continue
            if case.patient in patients:
                quarantine.add("identifier of an earlier phenopacket", path=where, row=name)
                continue
            patients.add(case.patient)
            case.add_to(buffer)
            for reason in case.problems:
                quarantine.add(reason, path=where, row=name)
        if buffer.is_full:
            yield buffer.take_part()
    if not patients:
        raise DataError("holds no phenopacket", path=path)
    yield buffer.take_part()


def _documents(path: Path, quarantine: Quarantine) -> Iterator[tuple[str, bytes]]:
    """The JSON files there are, with their names."""
    if not path.exists():
        raise MissingError(f"{path}: there is no such file or folder")
    if path.is_dir():
        for file in sorted(path.rglob("*.json")):
            with setting_aside(file, path, quarantine):
                yield str(file.relative_to(path)), read_whole(file)
    elif path.suffix == ".json":
        yield path.name, read_whole(path)
    else:
        for name, content in archived_files(path):
            if name.endswith(".json"):
                yield name, read_at_most(content, path / name)


def _members(message: Message) -> Iterator[tuple[Phenopacket, dict[str, str]]]:
    """The phenopackets of a message, each with properties that name its family or cohort."""
    if "proband" in message:
        family = {"family": str(message.get("id", ""))}
        yield message["proband"], family
        for relative in message.get("relatives", []):
            yield relative, family
    elif "members" in message:
        for member in message["members"]:
            yield member, {"cohort": str(message.get("id", ""))}
    else:
        yield message, {}


# A field in protobuf's own spelling.
_UNDERSCORED = re.compile(rb'"[a-z]+_[a-z_]+"\s*:')


def _camel_case(value: JsonValue) -> JsonValue:
    """The message with its fields in the JSON spelling; protobuf's own has underscores."""
    if isinstance(value, dict):
        return {
            re.sub(r"_([a-z])", lambda match: match[1].upper(), key): _camel_case(item)
            for key, item in value.items()
        }
    return [_camel_case(item) for item in value] if isinstance(value, list) else value


INFO = SourceInfo(
    "phenopackets",
    "Cases as GA4GH Phenopackets, such as those of the Phenopacket Store",
    SOURCE.licence,
    SOURCE.home_page,
    "that of the files given",
    "Phenopacket, Family or Cohort messages (versions 1 and 2): .json file, folder of them, or tar"
    " archive (plain, .gz, .xz, .bz2)",
    "Patient HAS_PHENOTYPE and LACKS_PHENOTYPE Symptom, HAS_DISEASE Disease, HAS_VARIANT_IN"
    " Target, UNDERWENT Procedure (measurements with value and unit), TAKES Drug (with dose)",
    False,
    load,
    options={"release": RELEASE},
    downloads=(
        Download(
            "https://github.com/monarch-initiative/phenopacket-store/releases/latest/download"
            "/all_phenopackets.zip",
            "all_phenopackets.zip",
            members=("*.json",),
        ),
    ),
)
