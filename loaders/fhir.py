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
import re
from collections import ChainMap, Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from ..core.errors import DataError, MissingError, SchemaError
from ..core.progress import track
from ..core.quarantine import Quarantine
from ..graph.frames import Source
from ..graph.identifiers import normalise_curie
from ..graph.kg import KnowledgeGraph, Part
from .clinical import (
    PSEUDONYMS,
    RELEASE,
    Patients,
    Rows,
    day,
    local_id,
    quantity,
    slug,
    yes_or_no,
)
from .fhir_files import (
    Found,
    References,
    Resource,
    Unusable,
    check,
    fhir_files,
    is_bundle,
    is_type,
    listed,
    resources,
)
from .info import SourceInfo

SOURCE = Source(
    "fhir",
    "",
    "that of the institution whose patients they are; personal data",
    "https://hl7.org/fhir/",
)

# The prefix of each code system, by its URI (https://terminology.hl7.org/external_terminologies.html)
# or its OID, as older systems give it.
_SYSTEMS = {
    "http://hl7.org/fhir/sid/icd-10-cm": "ICD10CM",
    "urn:oid:2.16.840.1.113883.6.90": "ICD10CM",
    "http://hl7.org/fhir/sid/icd-10": "ICD10",
    "urn:oid:2.16.840.1.113883.6.3": "ICD10",
    "http://id.who.int/icd/release/11/mms": "ICD11",
    "http://hl7.org/fhir/sid/icd-9-cm": "ICD9CM",
    "urn:oid:2.16.840.1.113883.6.103": "ICD9CM",
    "http://snomed.info/sct": "SNOMEDCT",
    "urn:oid:2.16.840.1.113883.6.96": "SNOMEDCT",
    "http://loinc.org": "LOINC",
    "urn:oid:2.16.840.1.113883.6.1": "LOINC",
    "http://www.nlm.nih.gov/research/umls/rxnorm": "RXCUI",
    "urn:oid:2.16.840.1.113883.6.88": "RXCUI",
    "http://www.nlm.nih.gov/research/umls": "UMLS",
    "http://human-phenotype-ontology.org": "HP",
    "http://purl.obolibrary.org/obo/hp.owl": "HP",
    "http://purl.obolibrary.org/obo/mondo.owl": "MONDO",
    "http://www.omim.org": "OMIM",
    "http://www.orpha.net": "ORPHA",
    "http://id.nlm.nih.gov/mesh": "MESH",
    "http://www.nlm.nih.gov/mesh": "MESH",
    "urn:oid:2.16.840.1.113883.6.177": "MESH",
    "http://www.whocc.no/atc": "ATC",
    "http://hl7.org/fhir/sid/ndc": "NDC",
    "http://hl7.org/fhir/sid/cvx": "CVX",
    "http://www.ama-assn.org/go/cpt": "CPT",
    "http://www.cms.gov/Medicare/Coding/ICD10": "ICD10PCS",
}
_UCUM = "http://unitsofmeasure.org"

# Where a concept has several codes, the node is the one whose prefix comes first here.
_PREFERRED = {
    "Disease": "MONDO OMIM ORPHA HP SNOMEDCT ICD10CM ICD10 ICD11 UMLS MESH ICD9CM",
    "Drug": "RXCUI MESH UMLS SNOMEDCT ATC NDC CVX",
    "Procedure": "HP LOINC SNOMEDCT CPT ICD10PCS MESH UMLS",
    "Exposure": "SNOMEDCT MESH UMLS",
}
# These name what they stand for; classifications (ICD, ATC) put a thing among others, so such a
# code beside one of these is no cross-reference to the same thing.
_NAMING = {"MONDO", "OMIM", "ORPHA", "HP", "SNOMEDCT", "UMLS", "MESH", "RXCUI", "LOINC"}
_LONGEST_NAME = 80  # characters of a text that stands for a code; a longer one is a note

# "No known allergy", "no known drug allergy", "… food allergy", "… environmental allergy".
_NO_ALLERGY = {"716186003", "409137002", "429625007", "428607008"}
_NAMED_NONE = re.compile(
    r"(?:(?:patient|pt) (?:has )?|denies )?(?:no (?:known|drug|food|medication|allerg)|nk[dfm]?a\b"
    r"|none\b|nil\b|(?:any )?allerg(?:y|ies)$)",
    re.IGNORECASE,
)
# What the code of an allergy is called where it names the condition: "Allergy to penicillin
# (finding)", "History of severe penicillin allergy", "Allergy status to penicillin".
_ALLERGY = r"(?:allergy|hypersensitivity|intolerance)"
_ALLERGY_TO = re.compile(
    r"(?:(?:history of|known|suspected|severe|mild|personal)\s+)*"
    rf"(?:(?:drug |food )?(?:{_ALLERGY}|allergic|allergy status|adverse reaction) to (?P<to>.+?)"
    rf"|(?P<of>.+?) {_ALLERGY})(?: (?:status|\((?:finding|disorder|situation)\)))*",
    re.IGNORECASE,
)
_UNTOLD = {"drug", "drugs", "food", "substance", "medication", "unknown", "other", "environmental"}
_OF_DRUGS = {"RXCUI", "ATC", "NDC", "CVX"}  # prefixes of what codes nothing but drugs
_SEVERITIES = ("mild", "moderate", "severe")

_ABSENT = {"2667000", "LA9634-2", "260385009", "373067005", "NEG", "ND", "absent"}


def load(
    path: Path | None,
    quarantine: Quarantine,
    pseudonyms: str | None = None,
    birth_year: str = "yes",
    text_codes: str = "yes",
    release: str = "",
) -> KnowledgeGraph:
    """Patients as a graph.

    - Condition: HAS_DISEASE, or HAS_PHENOTYPE of HPO's terms and SNOMED CT's findings (told by the
      "(finding)" of their name). Refuted: negated; provisional, differential, unconfirmed:
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
    reader = _Reader(
        source,
        Patients(pseudonyms),
        quarantine,
        birth_year=yes_or_no("birth_year", birth_year),
        text_codes=yes_or_no("text_codes", text_codes),
    )
    return KnowledgeGraph.from_parts(
        reader.parts(path), [source], quarantine=quarantine, origin=str(path)
    )


class _Concept(NamedTuple):
    """A concept as a node: identifier, name, cross-references, and the prefix it is coded by."""

    id: str
    name: str
    xrefs: list[str]
    prefix: str


class _Reader:
    """Turns resources into nodes and evidence."""

    def __init__(
        self,
        source: Source,
        patients: Patients,
        quarantine: Quarantine,
        *,
        birth_year: bool,
        text_codes: bool,
    ):
        self._patients = patients
        self._quarantine = quarantine
        self._birth_year = birth_year
        self._text_codes = text_codes
        self._rows = Rows(source, "observed")
        self._read = {
            "Patient": self._patient,
            "Condition": self._condition,
            "FamilyMemberHistory": self._family,
            "Observation": self._observation,
            "MedicationStatement": self._medication,
            "MedicationRequest": self._medication,
            "MedicationAdministration": self._medication,
            "Procedure": self._procedure,
            "AllergyIntolerance": self._allergy,
        }
        self._references = References()

    def parts(self, path: Path) -> Iterator[Part]:
        """The graph of the files, in parts."""
        files = fhir_files(path)
        shared = References()
        for file in files:
            if not is_bundle(file):
                for found in resources(file, referred=True):
                    shared.note(found)
        used, other = 0, Counter[str]()
        for file in track(files, "fhir"):
            # The addresses of a Bundle mean something within it only.
            self._references = References(
                ChainMap({}, shared.medications), ChainMap({}, shared.ids)
            )
            if is_bundle(file):
                for found in resources(file):
                    self._references.note(found)
            for found in resources(file):
                resource = found.resource
                kind = str((resource or {}).get("resourceType", ""))
                if kind not in self._read and is_type(kind):
                    other[kind] += 1
                    continue
                try:
                    if resource is None or kind not in self._read:
                        raise Unusable("no FHIR resource")
                    check(resource)
                    self._read[kind](resource, found.address)
                    used += 1
                except Unusable as problem:
                    self._set_aside(file, found, problem)
                except (
                    ValueError,
                    LookupError,
                    TypeError,
                    AttributeError,
                    ArithmeticError,
                    SchemaError,
                ):
                    self._set_aside(file, found, Unusable("resource can't be read"))
                if self._rows.full:
                    yield self._rows.part()
        if other:
            counts = ", ".join(f"{kind}: {count}" for kind, count in sorted(other.items()))
            logging.getLogger(__name__).warning("fhir: resources that are not read: %s", counts)
        if not used:
            raise DataError("holds no FHIR resource that can be read", path=path)
        yield self._rows.part()

    def _set_aside(self, file: Path, found: Found, problem: Unusable) -> None:
        resource = found.resource or {}
        kind = str(resource.get("resourceType", ""))
        name = kind if kind in self._read else ""
        if name and not self._patients.pseudonymous and "id" in resource:
            name += f"/{slug(str(resource['id']))}"
        row = " ".join(text for text in (found.place, name, problem.where) if text)
        self._quarantine.add(problem.reason, path=file, line=found.line, row=row)

    # Patients

    def _patient(self, resource: Resource, address: str) -> None:
        identifier = self._patients.identifier(str(resource.get("id") or _tail(address)))
        deceased = resource.get("deceasedBoolean")
        if "deceasedDateTime" in resource:
            deceased = True
        born = day(resource.get("birthDate"))
        facts = {
            "sex": resource.get("gender"),
            "birth_year": int(born[:4]) if born and self._birth_year else None,
            "deceased": deceased,
        }
        self._rows.node(identifier, "Patient", identifier, properties=facts)

    def _subject(self, resource: Resource) -> str:
        """The node of the patient that a resource is about."""
        reference = resource.get("subject") or resource.get("patient") or {}
        told = str(reference.get("reference", ""))
        if told.startswith("urn:") or told in self._references.ids:
            own = self._references.ids.get(told, _tail(told))
        elif found := re.search(r"(?:^|/)Patient/([A-Za-z0-9.-]{1,64})(?:/_history/|$)", told):
            own = found[1]
        else:
            raise Unusable("subject is no patient that can be told")
        identifier = self._patients.identifier(own)
        self._rows.node(identifier, "Patient", identifier)
        return identifier

    def _say(
        self,
        resource: Resource,
        relation: str,
        concept: _Concept,
        kind: str,
        qualifiers: Resource,
        **columns: Any,
    ) -> None:
        """Evidence that the patient of a resource has a relation to a concept."""
        patient = self._subject(resource)
        self._rows.node(concept.id, kind, concept.name, concept.xrefs)
        if "id" in resource:
            record = f"{resource['resourceType']}/{resource['id']}"
            qualifiers = {"record": self._patients.record(record), **qualifiers}
        self._rows.evidence(patient, relation, concept.id, qualifiers, **columns)

    # Concepts

    def _concept(self, codeable: Any, kind: str) -> _Concept:
        """The node that a CodeableConcept means."""
        if not isinstance(codeable, dict):
            raise Unusable("no code")
        coded: dict[str, tuple[str, str]] = {}
        local: list[tuple[str, str]] = []
        malformed = ""
        for coding in listed(codeable.get("coding")):
            code, name = str(coding.get("code", "")).strip(), str(coding.get("display", "")).strip()
            system = str(coding.get("system", ""))
            prefix = _SYSTEMS.get(system.rstrip("/"))
            if not code or re.search(r"\s", code):
                continue
            if prefix is None:
                tail = slug(re.split(r"[/:]", system.rstrip("/"))[-1]) or "code"
                local.append((f"{SOURCE.name}:{tail}_{slug(code)}", name))
            else:
                bare = re.sub(rf"^{prefix}[:_]", "", code, flags=re.IGNORECASE)
                try:
                    coded.setdefault(prefix, (normalise_curie(f"{prefix}:{bare}"), name))
                except SchemaError:
                    malformed = prefix
        for prefix in _PREFERRED[kind].split():
            if prefix in coded:
                identifier, name = coded[prefix]
                others = {p: c for p, (c, _) in coded.items() if p in _NAMING and p != prefix}
                named = name or next((n for _, n in coded.values() if n), "") or identifier
                return _Concept(
                    identifier, named, sorted(others.values()) if prefix in _NAMING else [], prefix
                )
        others_coded = list(coded.values()) + local
        if others_coded:
            identifier, name = others_coded[0]
            return _Concept(identifier, name or identifier, [], identifier.split(":")[0])
        if malformed:
            raise Unusable("malformed code", malformed)
        text = " ".join(str(codeable.get("text", "")).split())
        if not text:
            raise Unusable("no code")
        if not self._text_codes:
            raise Unusable("named by text alone")
        if len(text) > _LONGEST_NAME:
            raise Unusable("named by a text too long for a name")
        return _Concept(local_id(SOURCE.name, kind, text), text, [], SOURCE.name)

    def _finding(
        self, resource: Resource, codeable: Any, qualifiers: Resource, **columns: Any
    ) -> None:
        """HAS_DISEASE, or for a phenotype HAS_PHENOTYPE or LACKS_PHENOTYPE."""
        concept = self._concept(codeable, "Disease")
        phenotype = concept.prefix == "HP" or concept.name.endswith("(finding)")
        kind = self._rows.node(concept.id, "Symptom" if phenotype else "Disease")
        relation = "HAS_DISEASE"
        if kind == "Symptom":
            denied = columns.get("polarity") == "negated"
            relation = "LACKS_PHENOTYPE" if denied else "HAS_PHENOTYPE"
            columns["polarity"] = "asserted"
        self._say(resource, relation, concept, kind, qualifiers, **columns)

    # Resources

    def _condition(self, resource: Resource, _: str) -> None:
        verified = _codes(resource.get("verificationStatus"))
        clinical = _codes(resource.get("clinicalStatus"))
        if "entered-in-error" in verified:
            raise Unusable("entered in error")
        over = clinical & {"inactive", "resolved", "remission"}
        possible = verified & {"unconfirmed", "provisional", "differential"}
        stages = [_display(stage.get("summary")) for stage in listed(resource.get("stage"))]
        qualifiers = {
            "onset": _age(resource.get("onsetAge")) or _start(resource, "onset"),
            "end": _age(resource.get("abatementAge")) or _start(resource, "abatement"),
            "severity": _display(resource.get("severity")),
            "stage": "; ".join(stage for stage in stages if stage),
            "site": [_display(site) for site in listed(resource.get("bodySite"))],
        }
        self._finding(
            resource,
            resource.get("code"),
            qualifiers,
            polarity="negated" if "refuted" in verified else "asserted",
            certainty="possible" if possible else "certain",
            temporality="historical" if over or qualifiers["end"] else "current",
            date=_start(resource, "onset") or day(resource.get("recordedDate")),
        )

    def _family(self, resource: Resource, _: str) -> None:
        if resource.get("status") == "entered-in-error":
            raise Unusable("entered in error")
        for condition in listed(resource.get("condition")):
            qualifiers = {
                "relative": _display(resource.get("relationship")),
                "onset": _age(condition.get("onsetAge")),
            }
            self._finding(
                resource,
                condition.get("code"),
                qualifiers,
                experiencer="family",
                date=day(resource.get("date")),
            )

    def _observation(self, resource: Resource, _: str) -> None:
        status = resource.get("status")
        if status in ("entered-in-error", "cancelled"):
            raise Unusable("entered in error" if status == "entered-in-error" else "cancelled")
        columns = {
            "date": _start(resource, "effective") or day(resource.get("issued")),
            "certainty": "possible" if status in ("preliminary", "registered") else "certain",
        }
        components = listed(resource.get("component"))
        valued = any(key.startswith("value") for key in resource)
        if valued or not components:
            self._observed(resource, resource, {}, columns)
        for component in components:
            panel = {"panel": self._concept(resource.get("code"), "Procedure").id}
            self._observed(resource, component, panel, columns)

    def _observed(
        self, resource: Resource, said: Resource, more: Resource, columns: Resource
    ) -> None:
        """One value: an observation's own, or a component's."""
        concept = self._concept(said.get("code"), "Procedure")
        interpreted = sorted(
            set().union(*(_codes(given) for given in listed(said.get("interpretation"))))
        )
        value = said.get("valueCodeableConcept")
        answers = _codes(value) | set(interpreted)
        if concept.prefix == "HP":
            denied = bool(answers & _ABSENT) or said.get("valueBoolean") is False
            relation = "LACKS_PHENOTYPE" if denied else "HAS_PHENOTYPE"
            self._say(resource, relation, concept, "Symptom", more, **columns)
            return
        missing = _codes(said.get("dataAbsentReason"))
        qualifiers = {
            **more,
            **_value(said),
            "interpretation": ", ".join(interpreted),
            "absent_because": ", ".join(sorted(missing)),
        }
        polarity = "negated" if "not-performed" in missing else "asserted"
        self._say(
            resource, "UNDERWENT", concept, "Procedure", qualifiers, polarity=polarity, **columns
        )
        # A phenotype may be the answer, as to LOINC 8693-8 or to a list of problems.
        if value is not None and not set(interpreted) & _ABSENT:
            systems = {str(c.get("system", "")).rstrip("/") for c in listed(value.get("coding"))}
            if any(_SYSTEMS.get(system) == "HP" for system in systems):
                self._finding(resource, value, more, **columns)

    def _medication(self, resource: Resource, _: str) -> None:
        status = str(resource.get("status", ""))
        if status == "entered-in-error":
            raise Unusable("entered in error")
        intent = str(resource.get("intent", ""))
        administered = resource["resourceType"] == "MedicationAdministration"
        ended = {"stopped", "on-hold", "ended"} | (set() if administered else {"completed"})
        planned = {"intended", "draft", "cancelled"}
        adherence = _codes((resource.get("adherence") or {}).get("code"))
        not_taken = (
            status in ("not-taken", "not-done")
            or resource.get("doNotPerform") is True
            or "not-taking" in adherence
        )
        columns = {
            "polarity": "negated" if not_taken else "asserted",
            "certainty": (
                "hypothetical"
                if status in planned or intent in ("proposal", "plan", "option")
                else "certain"
            ),
            "temporality": "historical" if status in ended else "current",
            "date": _start(resource, "effective")
            or _start(resource, "occurence")
            or day(resource.get("authoredOn"))
            or day(resource.get("dateAsserted")),
        }
        dosages = resource.get("dosage") or resource.get("dosageInstruction") or [{}]
        for concept in self._medicines(resource):
            for dosage in dosages if isinstance(dosages, list) else [dosages]:
                self._say(resource, "TAKES", concept, "Drug", _dosage(dosage), **columns)

    def _medicines(self, resource: Resource) -> Iterable[_Concept]:
        """The medicine of a resource; of a medicine without a code, its ingredients."""
        told = resource.get("medication") or {}
        codeable = resource.get("medicationCodeableConcept") or told.get("concept")
        if codeable is not None:
            return [self._concept(codeable, "Drug")]
        reference = resource.get("medicationReference") or told.get("reference") or {}
        address = str(reference.get("reference", ""))
        if address.startswith("#"):
            held = [r for r in listed(resource.get("contained")) if r.get("id") == address[1:]]
            medication = held[0] if held else None
        else:
            known = self._references.medications
            relative = "/".join(address.split("/_history/")[0].split("/")[-2:])
            medication = known.get(address) or known.get(relative)
        if medication is None:
            raise Unusable("medication that is not there", "medicationReference")
        if "code" in medication:
            return [self._concept(medication["code"], "Drug")]
        ingredients = listed(medication.get("ingredient"))
        codes = [
            part.get("itemCodeableConcept") or part.get("item", {}).get("concept")
            for part in ingredients
        ]
        return [self._concept(code, "Drug") for code in codes or [None]]

    def _procedure(self, resource: Resource, _: str) -> None:
        status = resource.get("status")
        if status == "entered-in-error":
            raise Unusable("entered in error")
        qualifiers = {
            "site": [_display(site) for site in listed(resource.get("bodySite"))],
            "outcome": _display(resource.get("outcome")),
        }
        self._say(
            resource,
            "UNDERWENT",
            self._concept(resource.get("code"), "Procedure"),
            "Procedure",
            qualifiers,
            polarity="negated" if status == "not-done" else "asserted",
            certainty="hypothetical" if status == "preparation" else "certain",
            date=_start(resource, "performed") or _start(resource, "occurrence"),
        )

    def _allergy(self, resource: Resource, _: str) -> None:
        verified = _codes(resource.get("verificationStatus"))
        if "entered-in-error" in verified:
            raise Unusable("entered in error")
        over = _codes(resource.get("clinicalStatus")) & {"inactive", "resolved"}
        reactions = listed(resource.get("reaction"))
        substance = next((r["substance"] for r in reactions if r.get("substance")), None)
        code = resource.get("code") or substance
        text = " ".join(str((code or {}).get("text", "")).split())
        if _codes(code) & _NO_ALLERGY or _NAMED_NONE.match(_display(code) or text):
            self._subject(resource)
            return
        categories = {c for c in listed(resource.get("category")) if isinstance(c, str)}
        thing = categories and not categories & {"medication", "biologic"}
        kind = "Exposure" if thing else "Drug"
        concept = self._allergen(code, substance, kind)
        # A drug stays one, whatever the category.
        kind = self._rows.node(concept.id, "Drug" if concept.prefix in _OF_DRUGS else kind)
        given = resource.get("type")
        did = [m.get("concept", m) for r in reactions for m in listed(r.get("manifestation"))]
        severities = [r["severity"] for r in reactions if r.get("severity") in _SEVERITIES]
        qualifiers = {
            "reaction": ", ".join(dict.fromkeys(filter(None, map(_display, did)))),
            "severity": max(severities, key=_SEVERITIES.index, default=""),
            "type": given if isinstance(given, str) else ", ".join(sorted(_codes(given))),
            "criticality": resource.get("criticality"),
            "onset": _age(resource.get("onsetAge")) or _start(resource, "onset"),
        }
        self._say(
            resource,
            "ALLERGIC_TO",
            concept,
            kind,
            qualifiers,
            polarity="negated" if "refuted" in verified else "asserted",
            certainty="possible" if "unconfirmed" in verified else "certain",
            temporality="historical" if over else "current",
            date=day(resource.get("recordedDate")) or _start(resource, "onset"),
        )

    def _allergen(self, code: Any, substance: Any, kind: str) -> _Concept:
        """What is allergic to, where the code may be of the allergy: "Penicillin allergy"."""
        concept = self._concept(code, kind)
        if concept.name.lower() in _UNTOLD:
            raise Unusable("an allergy to what is not told")
        condition = _ALLERGY_TO.fullmatch(concept.name)
        unnamed = concept.name == concept.id and concept.prefix not in _OF_DRUGS
        if condition is None and not unnamed:
            return concept
        if substance is not None and substance is not code:
            return self._concept(substance, kind)
        if condition is None:
            raise Unusable("an allergy's code without a name")
        name = condition["to"] or condition["of"]
        if name.lower() in _UNTOLD:
            raise Unusable("an allergy to what is not told")
        return _Concept(local_id(SOURCE.name, kind, name), name, [], SOURCE.name)


def _tail(address: str) -> str:
    """The last part of an address: the id in `urn:uuid:…` and in `https://…/Patient/…`."""
    tail = re.split(r"[/:]", address)[-1]
    if not tail:
        raise Unusable("no id")
    return tail


def _codes(codeable: Any) -> set[str]:
    """All codes of a CodeableConcept, whatever their system."""
    codings = listed((codeable or {}).get("coding"))
    return {str(coding["code"]) for coding in codings if coding.get("code")}


def _display(codeable: Any) -> str:
    """What a CodeableConcept's codes are called; its own text is not read."""
    codings = listed((codeable or {}).get("coding"))
    named = (str(coding.get("display") or coding.get("code") or "") for coding in codings)
    return next((name for name in named if name), "")


def _start(resource: Resource, name: str) -> str | None:
    """The day of `nameDateTime`, or on which `namePeriod` starts."""
    period = resource.get(f"{name}Period") or {}
    return day(resource.get(f"{name}DateTime") or period.get("start"))


def _age(age: Any) -> str:
    """An Age as ISO 8601 duration."""
    units = {"a": "Y", "mo": "M", "wk": "W", "d": "D"}
    if not isinstance(age, dict) or age.get("code") not in units or "value" not in age:
        return ""
    return f"P{age['value']:g}{units[age['code']]}"


def _unit(quantity_: Resource) -> str | None:
    """A Quantity's unit: its UCUM code, else what it is called."""
    if quantity_.get("system") == _UCUM and quantity_.get("code"):
        return str(quantity_["code"])
    return quantity_.get("unit") or quantity_.get("code")


def _value(said: Resource) -> Resource:
    """The qualifiers of a value that is a number or coded; text is not read."""
    ranges = listed(said.get("referenceRange"))
    span = ranges[0] if ranges else {}
    low, high = ((span.get(end) or {}).get("value") for end in ("low", "high"))
    if "valueQuantity" in said:
        given = said["valueQuantity"]
        measured = quantity(given.get("value"), _unit(given), low, high)
        return {**measured, "comparator": given.get("comparator")}
    if "valueInteger" in said:
        return quantity(said["valueInteger"], None, low, high)
    if "valueRange" in said:
        ends = [said["valueRange"].get(end) or {} for end in ("low", "high")]
        text = "-".join(str(end.get("value", "")) for end in ends)
        return {"value": text, "unit": _unit(ends[0]) or _unit(ends[1])}
    if "valueRatio" in said:
        ends = [said["valueRatio"].get(end) or {} for end in ("numerator", "denominator")]
        text = ":".join(str(end.get("value", "")) for end in ends)
        return {"value": text, "unit": _unit(ends[0])}
    if "valueBoolean" in said:
        return {"value": "true" if said["valueBoolean"] else "false"}
    if "valueCodeableConcept" in said:
        return {"value": _display(said["valueCodeableConcept"])}
    return {}


# A dose within a line of text; nothing else of the line is kept.
_DOSE = re.compile(
    r"(?<![\w.])(\d+(?:\.\d+)?)\s?(mg|mcg|ug|µg|g|ml|mL|units?|IU|mmol|mEq|tablets?|puffs?)\b"
)


def _dosage(dosage: Resource) -> Resource:
    """Dose, route and frequency of a Dosage; from its text only what has the form of a dose."""
    rates = listed(dosage.get("doseAndRate"))
    dose = (rates[0] if rates else {}).get("doseQuantity") or dosage.get("dose") or {}
    given: Resource = {}
    if "value" in dose:
        given = quantity(dose["value"], _unit(dose))
        given["dose"] = f"{given.pop('value'):g} {given.pop('unit') or ''}".strip()
    elif found := _DOSE.search(str(dosage.get("text", ""))):
        given["dose"] = f"{found[1]} {found[2]}"
    timing = dosage.get("timing") or {}
    repeat = timing.get("repeat") or {}
    frequency = _display(timing.get("code"))
    if not frequency and "period" in repeat:
        times = repeat.get("frequency", 1)
        frequency = f"{times} per {repeat['period']:g} {repeat.get('periodUnit', '')}".strip()
    needed = dosage.get("asNeededBoolean") or dosage.get("asNeeded") or None
    return {
        **given,
        "route": _display(dosage.get("route")),
        "frequency": frequency,
        "as_needed": needed,
    }


INFO = SourceInfo(
    "fhir",
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
