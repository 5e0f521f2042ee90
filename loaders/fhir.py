"""HL7 FHIR (R4, R4B, R5): patients with conditions, findings, measurements, medicines, allergies.

Reads Bundles and single resources as JSON, and bulk exports as NDJSON (Patient.ndjson, …): one
file or a folder of them, plain or compressed. XML is not read.

Format: https://hl7.org/fhir/R4/, https://hl7.org/fhir/R5/, and for the bulk export
https://hl7.org/fhir/uv/bulkdata/. Each resource that is read is checked against the model of its
release (package fhir.resources).

What of a patient comes into the graph: sex, year of birth, whether deceased, and what is coded.
Names, addresses, contacts, business identifiers, narrative, notes, and values that are text do not.
"""

from __future__ import annotations

import logging
from collections import ChainMap, Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from ..core.errors import DataError, MissingError, SchemaError
from ..core.progress import track
from ..core.quarantine import Quarantine
from ..graph.frames import Source
from ..graph.kg import KnowledgeGraph, Part
from .clinical import PSEUDONYMS, RELEASE, PartBuffer, Patients, slug, yes_or_no
from .fhir_concepts import SOURCE_NAME
from .fhir_files import (
    FoundResource,
    References,
    Unusable,
    check,
    fhir_files,
    is_bundle,
    is_type,
    resources,
)
from .fhir_resources import ResourceReader
from .info import SourceInfo
from .stream import setting_aside

SOURCE = Source(
    SOURCE_NAME,
    "",
    "that of the institution whose patients they are; personal data",
    "https://hl7.org/fhir/",
)


def load(
    path: Path | None,
    quarantine: Quarantine,
    pseudonyms: str | None = None,
    birth_year: str = "yes",
    text_codes: str = "yes",
    release: str = "",
) -> KnowledgeGraph:
    """Patients as a graph.

    - Condition: HAS_DISEASE, or HAS_PHENOTYPE of HPO's terms and SNOMED CT's findings (recognised
      by the "(finding)" of their name). Refuted: negated; provisional, differential, unconfirmed:
      possible; inactive, resolved, in remission: historical.
    - FamilyMemberHistory: the same, of the family.
    - Observation and its components: UNDERWENT with value, unit, reference range, interpretation
      and the value in standard units; of a term of HPO HAS_PHENOTYPE or LACKS_PHENOTYPE.
    - MedicationStatement, MedicationRequest, MedicationAdministration: TAKES with dose, route and
      frequency. Ended or completed: historical; intended, draft, cancelled: hypothetical; not taken
      or not to be taken: negated.
    - Procedure: UNDERWENT.
    - AllergyIntolerance: ALLERGIC_TO a Drug, or of food and of the environment an Exposure, with
      reaction, severity and type. Refuted: negated; unconfirmed: possible; inactive, resolved:
      historical. That none is known gives nothing.

    A warning counts the resources of other types, such as Immunization, for which the schema
    has no relation. The date of evidence is the day of the event.

    Args:
        path: a file or a folder.
        quarantine: gets, by type and place, the resources that can't be used.
        pseudonyms: a secret of 16 to 64 characters, or @FILE that holds it. With it, patients' and
            resources' identifiers are keyed hashes; without, they are the resources' ids.
        birth_year: yes or no, whether the year of birth is kept.
        text_codes: yes or no, whether what is named by a short text alone becomes a node.
        release: of the files, as evidence will state it.

    Raises:
        MissingError: no path, or nothing is there.
        DataError: a file can't be read, or there is no resource of the types above.
    """
    if path is None:
        raise MissingError(
            "fhir needs a path (--path): a Bundle (.json), a bulk export's .ndjson, or a folder"
        )
    source = replace(SOURCE, release=release)
    buffer = PartBuffer(source, "observed")
    patients = Patients(pseudonyms)
    reader = ResourceReader(
        buffer,
        patients,
        birth_year=yes_or_no("birth_year", birth_year),
        text_codes=yes_or_no("text_codes", text_codes),
    )
    return KnowledgeGraph.from_parts(
        _parts(path, buffer, reader, _Problems(quarantine, reader, patients)),
        [source],
        quarantine=quarantine,
        origin=str(path),
    )


# What a resource that passes the check may still fail with: files have anything anywhere.
_UNREADABLE = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    SchemaError,
)


def _parts(
    path: Path, buffer: PartBuffer, reader: ResourceReader, problems: _Problems
) -> Iterator[Part]:
    """The graph of the files, in parts."""
    files = fhir_files(path)
    shared = References()
    for file in files:
        with setting_aside(file, path, Quarantine()):  # the second reading will set it aside
            if not is_bundle(file):
                for item in resources(file, referred=True):
                    shared.note(item)
    used, unread_types = 0, Counter[str]()
    for file in track(files, "fhir"):
        with setting_aside(file, path, problems.quarantine):
            reader.references = _references_of(file, shared)
            for item in resources(file):
                resource_type = str((item.resource or {}).get("resourceType", ""))
                if reader.reads(resource_type) or not is_type(resource_type):
                    used += _read(item, resource_type, reader, problems, file)
                else:
                    unread_types[resource_type] += 1
                if buffer.is_full:
                    yield buffer.take_part()
    if unread_types:
        counts = ", ".join(f"{name}: {count}" for name, count in sorted(unread_types.items()))
        logging.getLogger(__name__).warning("fhir: resources that are not read: %s", counts)
    if not used:
        raise DataError("holds no FHIR resource that can be read", path=path)
    yield buffer.take_part()


def _read(
    item: FoundResource, resource_type: str, reader: ResourceReader, problems: _Problems, file: Path
) -> bool:
    """Whether a resource could be read; if not, it is set aside."""
    try:
        if item.resource is None or not reader.reads(resource_type):
            raise Unusable("no FHIR resource")
        check(item.resource)
        reader.read(item.resource, item.address)
    except Unusable as problem:
        problems.set_aside(file, item, problem)
    except _UNREADABLE:
        problems.set_aside(file, item, Unusable("resource can't be read"))
    else:
        return True
    return False


def _references_of(file: Path, shared: References) -> References:
    """What references of a file lead to; a Bundle's addresses mean something within it only."""
    references = References(ChainMap({}, shared.medications), ChainMap({}, shared.ids))
    if is_bundle(file):
        for item in resources(file):
            references.note(item)
    return references


class _Problems(NamedTuple):
    """Sets aside what can't be used, by type and place, without a word of what it says."""

    quarantine: Quarantine
    reader: ResourceReader
    patients: Patients

    def set_aside(self, file: Path, item: FoundResource, problem: Unusable) -> None:
        """Note a resource that can't be used."""
        resource = item.resource or {}
        resource_type = str(resource.get("resourceType", ""))
        name = resource_type if self.reader.reads(resource_type) else ""
        if name and not self.patients.pseudonymous and "id" in resource:
            name += f"/{slug(str(resource['id']))}"
        row = " ".join(text for text in (item.place, name, problem.where) if text)
        self.quarantine.add(problem.reason, path=file, line=item.line, row=row)


INFO = SourceInfo(
    SOURCE_NAME,
    "Patients' records as HL7 FHIR resources (R4, R4B, R5)",
    SOURCE.licence,
    SOURCE.home_page,
    "that of the files given",
    "Bundles and resources in .json, bulk exports in .ndjson; a file or a folder, plain or .gz,"
    " .xz, .bz2, .zip",
    "Patient HAS_DISEASE Disease, HAS_PHENOTYPE and LACKS_PHENOTYPE Symptom, UNDERWENT Procedure"
    " (with value and unit), TAKES Drug (with dose), ALLERGIC_TO Drug and Exposure",
    True,
    load,
    options={
        "pseudonyms": PSEUDONYMS,
        "birth_year": "yes (the default) or no: whether the year of birth is kept",
        "text_codes": "yes (the default) or no: whether what only a short text names is kept",
        "release": RELEASE,
    },
)
