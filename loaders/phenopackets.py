"""GA4GH Phenopackets (versions 1 and 2): cases as patients with phenotypes and a diagnosis.

Reads one .json file, a folder of them, or a tar archive (.tar, .tar.gz, .tar.xz, .tar.bz2), whose
members are read where they lie and never unpacked. A file holds a Phenopacket, a Family or a
Cohort; a family's and a cohort's members are patients of their own.

Format: https://phenopacket-schema.readthedocs.io
"""

from __future__ import annotations

import json
import lzma
import re
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..core.errors import DataError, MissingError, SchemaError
from ..core.progress import track
from ..core.quarantine import Quarantine
from ..graph.frames import Source
from ..graph.identifiers import is_curie, normalise_curie
from ..graph.kg import KnowledgeGraph, Part
from .clinical import (
    RELEASE,
    Rows,
    day,
    local_id,
    quantity,
    slug,
)
from .info import Download, SourceInfo

SOURCE = Source(
    "phenopackets",
    "",
    "as stated by the publisher of the phenopackets (Phenopacket Store: CC BY 4.0, CC0-1.0)",
    "https://github.com/monarch-initiative/phenopacket-store",
)
_UNREADABLE = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    SchemaError,
)
_Message = dict[str, Any]


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
    rows = Rows(source, "observed")
    patients: set[str] = set()
    for name, data in track(_documents(path), "phenopackets"):
        where = path if path.name == name else path / name
        try:
            message = json.loads(data)
            if _UNDERSCORED.search(data):
                message = _camel_case(message)
            messages = list(_members(message))
        except _UNREADABLE:
            quarantine.add("no phenopacket", path=where, row=name)
            continue
        for message, group in messages:
            try:
                case = _Case(message, name, group)
            except _UNREADABLE:
                quarantine.add("no phenopacket", path=where, row=name)
                continue
            if case.patient in patients:
                quarantine.add("identifier of an earlier phenopacket", path=where, row=name)
                continue
            patients.add(case.patient)
            case.give(rows)
            for reason in case.problems:
                quarantine.add(reason, path=where, row=name)
        if rows.full:
            yield rows.part()
    if not patients:
        raise DataError("holds no phenopacket", path=path)
    yield rows.part()


def _documents(path: Path) -> Iterator[tuple[str, bytes]]:
    """The JSON files there are, with their names."""
    if not path.exists():
        raise MissingError(f"{path}: there is no such file or folder")
    if path.is_dir():
        for file in sorted(path.rglob("*.json")):
            yield str(file.relative_to(path)), file.read_bytes()
    elif path.suffix == ".json":
        yield path.name, path.read_bytes()
    else:
        try:
            with tarfile.open(path) as archive:
                for member in archive:
                    content = archive.extractfile(member) if member.isfile() else None
                    if content is not None and member.name.endswith(".json"):
                        yield member.name, content.read()
                    # The archive's list of members would grow with it.
                    archive.members = []  # type: ignore[attr-defined]  # typeshed leaves it out
        except (tarfile.TarError, OSError, EOFError, lzma.LZMAError, zlib.error) as error:
            said = " ".join(str(error).split())  # a line for each way that was tried
            raise DataError(
                f"is neither .json nor a readable tar archive: {said}", path=path
            ) from error


def _members(message: _Message) -> Iterator[tuple[_Message, _Message]]:
    """The phenopackets of a message, each with the properties that tell its family or cohort."""
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


def _camel_case(value: Any) -> Any:
    """The message with its fields in the JSON spelling; protobuf's own has underscores."""
    if isinstance(value, dict):
        return {
            re.sub(r"_([a-z])", lambda found: found[1].upper(), key): _camel_case(item)
            for key, item in value.items()
        }
    return [_camel_case(item) for item in value] if isinstance(value, list) else value


_CONTENT = (
    "phenotypicFeatures",
    "diseases",
    "interpretations",
    "measurements",
    "medicalActions",
    "genes",
    "subject",
)


class _Case:
    """What one phenopacket says. Making one fails where it is none."""

    def __init__(self, case: _Message, name: str, group: _Message):
        if not any(field in case for field in _CONTENT):
            raise ValueError("none of a phenopacket's fields")
        identifier = str(case.get("id") or Path(name).stem)
        self.patient = f"patient:{slug(identifier)}"
        self.problems: list[str] = []
        self._nodes: list[tuple[str, str, str]] = []
        self._evidence: list[tuple[str, str, _Message, _Message]] = []
        self._name = identifier
        self._references = _publications(case, identifier)
        subject = case.get("subject", {})
        facts = {
            "sex": str(subject.get("sex", "")).lower().replace("_sex", ""),
            "age": _when(subject.get("timeAtLastEncounter") or subject.get("ageAtCollection")),
            "vital_status": subject.get("vitalStatus", {}).get("status", "").lower(),
            "publication": self._references[0] if self._references else "",
            **group,
        }
        self._facts = {key: value for key, value in facts.items() if value not in ("", "unknown")}
        for feature in case.get("phenotypicFeatures", []):
            self._feature(feature)
        for disease in _diagnoses(case):
            self._disease(disease)
        self._each(case, "measurements", self._measurement)
        self._each(case, "interpretations", self._interpretation)
        self._each(case, "genes", self._gene_alone)
        self._each(case, "medicalActions", self._action)
        version = str(case.get("metaData", {}).get("phenopacketSchemaVersion") or "2")
        if version.partition(".")[0] not in ("1", "2"):
            self.problems.append("schema version is neither 1 nor 2; kept, read as 2")

    def give(self, rows: Rows) -> None:
        """Hand the nodes and the evidence over."""
        rows.node(self.patient, "Patient", self._name, properties=self._facts)
        for identifier, kind, name in self._nodes:
            rows.node(identifier, kind, name)
        for relation, tail, qualifiers, columns in self._evidence:
            rows.evidence(
                self.patient, relation, tail, qualifiers, references=self._references, **columns
            )

    def _each(self, case: _Message, field: str, read: Callable[[_Message], None]) -> None:
        """Read each item of a field; one that can't be read costs no other."""
        for item in case.get(field, []):
            try:
                read(item)
            except _UNREADABLE:
                self.problems.append(f"one of {field} can't be read")

    def _add(
        self, relation: str, term: _Message, kind: str, qualifiers: _Message, **columns: Any
    ) -> None:
        identifier, label = str(term.get("id", "")), str(term.get("label") or "")
        if not is_curie(identifier) and kind in ("Procedure", "Drug") and label:
            identifier = local_id(SOURCE.name, kind, label)
        identifier = normalise_curie(identifier)
        self._nodes.append((identifier, kind, label or identifier))
        self._evidence.append((relation, identifier, qualifiers, columns))

    def _feature(self, feature: _Message) -> None:
        excluded = feature.get("excluded") or feature.get("negated")
        qualifiers = {
            "onset": _onset(feature),
            "severity": _label(feature.get("severity")),
            "modifiers": [_label(modifier) for modifier in feature.get("modifiers", [])],
            "resolution": _when(feature.get("resolution")),
        }
        relation = "LACKS_PHENOTYPE" if excluded else "HAS_PHENOTYPE"
        self._add(relation, _term(feature["type"]), "Symptom", qualifiers)

    def _disease(self, disease: _Message) -> None:
        stages = disease.get("diseaseStage") or disease.get("tumorStage") or []
        qualifiers = {
            "onset": _onset(disease),
            "stage": "; ".join(_label(stage) for stage in stages),
        }
        polarity = "negated" if disease.get("excluded") else "asserted"
        self._add("HAS_DISEASE", _term(disease["term"]), "Disease", qualifiers, polarity=polarity)

    def _measurement(self, measurement: _Message) -> None:
        assay, value = measurement["assay"], measurement.get("value", {})
        observed = measurement.get("timeObserved") or {}
        columns = {"date": day(observed.get("timestamp"))}
        said = {"age": _when(observed)}
        # An assay may be what it found: "Increased antibody level", with the level.
        relation, kind = "UNDERWENT", "Procedure"
        if str(assay["id"]).startswith("HP:"):
            relation, kind = "HAS_PHENOTYPE", "Symptom"
        complex_value = measurement.get("complexValue", {}).get("typedQuantities", [])
        # What the assay is of, such as the systolic part of a blood pressure, where it has parts.
        for part in complex_value:
            qualifiers = {**said, **_quantity(part["quantity"]), "part": _label(part["type"])}
            self._add(relation, assay, kind, qualifiers, **columns)
        if complex_value:
            return
        if "ontologyClass" in value:
            said["value"] = _label(value["ontologyClass"])
        else:
            said.update(_quantity(value["quantity"]))
        self._add(relation, assay, kind, said, **columns)

    def _interpretation(self, interpretation: _Message) -> None:
        diagnosis = interpretation.get("diagnosis", {})
        for genomic in diagnosis.get("genomicInterpretations", []):
            variant = genomic.get("variantInterpretation", {})
            descriptor = variant.get("variationDescriptor", {})
            gene = genomic.get("gene") or descriptor.get("geneContext")
            if gene is None:
                continue  # a structural variant that names no gene
            status = str(genomic.get("interpretationStatus", "UNKNOWN_STATUS"))
            expressed = {e["syntax"]: e["value"] for e in descriptor.get("expressions", [])}
            classified = str(variant.get("acmgPathogenicityClassification", ""))
            qualifiers = {
                "variant": expressed.get("hgvs.c") or next(iter(expressed.values()), ""),
                "allelic_state": _label(descriptor.get("allelicState")),
                "pathogenicity": classified.lower().replace("_", " "),
                "status": status.lower().replace("_status", ""),
                "disease": diagnosis.get("disease", {}).get("id"),
            }
            certain = status in ("CAUSATIVE", "CONTRIBUTORY", "REJECTED")
            self._gene(
                {"id": gene["valueId"], "label": gene.get("symbol")},
                qualifiers,
                polarity="negated" if status == "REJECTED" else "asserted",
                certainty="certain" if certain else "possible",
            )

    def _gene_alone(self, gene: _Message) -> None:
        """A gene of version 1, which says of it only that it is thought to matter."""
        self._gene({"id": gene["id"], "label": gene.get("symbol")}, {}, certainty="possible")

    def _gene(self, term: _Message, qualifiers: _Message, **columns: Any) -> None:
        self._add("HAS_VARIANT_IN", term, "Target", qualifiers, **columns)

    def _action(self, action: _Message) -> None:
        said = {
            "for": action.get("treatmentTarget", {}).get("id"),
            "intent": _label(action.get("treatmentIntent")),
            "response": _label(action.get("responseToTreatment")),
            "stopped_for": _label(action.get("treatmentTerminationReason")),
            "adverse_events": [_term(event)["id"] for event in action.get("adverseEvents", [])],
        }
        held = action.get("chemoTherapy") or action.get("hormoneTherapy") or action
        if "treatment" in held:
            self._treatment(held["treatment"], said)
        elif "procedure" in action:
            procedure = action["procedure"]
            said["site"] = _label(procedure.get("bodySite"))
            said["age"] = _when(procedure.get("performed"))
            self._add("UNDERWENT", procedure["code"], "Procedure", said)
        elif "radiationTherapy" in action:
            radiation = action["radiationTherapy"]
            said["site"] = _label(radiation.get("bodySite"))
            said |= {"dose": radiation.get("dosage"), "fractions": radiation.get("fractions")}
            self._add("UNDERWENT", radiation["modality"], "Procedure", said)
        else:
            regimen = action["therapeuticRegimen"]
            said["status"] = str(regimen.get("regimenStatus", "")).lower()
            term = regimen.get("ontologyClass") or regimen["externalReference"]
            named = {"id": term.get("id"), "label": term.get("label") or term.get("description")}
            self._add("UNDERWENT", named, "Procedure", said)

    def _treatment(self, treatment: _Message, said: _Message) -> None:
        """The agent, with each of its doses."""
        said = {**said, "route": _label(treatment.get("routeOfAdministration"))}
        for dose in treatment.get("doseIntervals") or [{}]:
            qualifiers = dict(said)
            if "quantity" in dose:
                given = _quantity(dose["quantity"])
                qualifiers["dose"] = f"{given.pop('value'):g} {given.pop('unit') or ''}".strip()
                qualifiers |= given
            qualifiers["frequency"] = _label(dose.get("scheduleFrequency"))
            interval = dose.get("interval", {})
            qualifiers["start"], qualifiers["end"] = (
                day(interval.get("start")),
                day(interval.get("end")),
            )
            self._add("TAKES", treatment["agent"], "Drug", qualifiers)


def _diagnoses(case: _Message) -> list[_Message]:
    """The diseases listed; where none is but excluded ones, those of the solved interpretations."""
    listed: list[_Message] = list(case.get("diseases", []))
    if any(not disease.get("excluded") for disease in listed):
        return listed
    return listed + [
        {"term": interpretation["diagnosis"]["disease"]}
        for interpretation in case.get("interpretations", [])
        if interpretation.get("progressStatus") in ("SOLVED", "COMPLETED")
    ]


def _publications(case: _Message, identifier: str) -> list[str]:
    external = case.get("metaData", {}).get("externalReferences", [])
    stated = [str(r["id"]) for r in external if str(r.get("id", "")).startswith("PMID:")]
    named = re.match(r"PMID_(\d+)", identifier)
    return sorted(set(stated)) or ([f"PMID:{named[1]}"] if named else [])


def _term(term: _Message) -> _Message:
    """The term, whose identifier is sure to be a CURIE."""
    return {**term, "id": normalise_curie(term["id"])}


def _label(term: _Message | None) -> str:
    return str((term or {}).get("label") or (term or {}).get("id") or "")


def _quantity(given: _Message) -> _Message:
    """A Quantity's qualifiers. Units are terms: UCUM's code is the unit, others' label is."""
    unit, span = given.get("unit", {}), given.get("referenceRange", {})
    code = str(unit.get("id", ""))
    named = code.removeprefix("UCUM:") if code.startswith("UCUM:") else _label(unit)
    # JSON of protobuf leaves out what is 0.
    return quantity(
        float(given.get("value", 0)),
        named or None,
        float(span.get("low", 0)) if span else None,
        float(span["high"]) if "high" in span else None,
    )


def _onset(said: _Message) -> str:
    """The onset of a feature or disease: version 2's `onset`, or one of version 1's three."""
    onset = said.get("onset") or said.get("ageOfOnset") or said.get("classOfOnset")
    if onset is None and "ageRangeOfOnset" in said:
        onset = {"ageRange": said["ageRangeOfOnset"]}
    return _when(onset)


def _when(time: _Message | None) -> str:
    """An age as ISO 8601 duration, weeks of gestation, or the name of a stage of life."""
    time = time or {}
    if "ageRange" in time:
        ends = (_when({"age": time["ageRange"].get(end)}) for end in ("start", "end"))
        return "/".join(ends).strip("/")
    if "age" in time:
        age = time["age"] or {}
        if isinstance(age, dict):
            return str(age.get("iso8601duration") or age.get("age") or "")
        return str(age)
    if "gestationalAge" in time:
        return f"gestational week {time['gestationalAge'].get('weeks', '')}".strip()
    if "iso8601duration" in time:
        return str(time["iso8601duration"])
    return str(time.get("ontologyClass", time).get("label", ""))


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
