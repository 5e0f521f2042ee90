"""FHIR's CodeableConcepts as nodes: code systems, preferred codes, names."""

from __future__ import annotations

import re
from typing import NamedTuple

from ..core.errors import SchemaError
from ..graph.identifiers import normalise_curie
from .clinical import local_id, slug
from .fhir_files import Unusable, listed
from .fhir_types import CodeableConcept, Coding

SOURCE_NAME = "fhir"

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


class Concept(NamedTuple):
    """A concept as a node: identifier, name, cross-references, and the prefix it is coded by."""

    id: str
    name: str
    xrefs: list[str]
    prefix: str


class _Code(NamedTuple):
    curie: str
    display: str


def prefix_of(coding: Coding) -> str | None:
    """The prefix of a Coding's code system; None for a system that is not known."""
    return _SYSTEMS.get(str(coding.get("system", "")).rstrip("/"))


def system_of(prefix: str) -> str | None:
    """The address of the code system with a prefix; None where FHIR has none."""
    return next((system for system, known in _SYSTEMS.items() if known == prefix), None)


def concept_of(codeable: CodeableConcept | None, kind: str, *, text_codes: bool = True) -> Concept:
    """The node that a CodeableConcept means.

    Of several codes the one in the preferred system for the kind is the node, else the first in a
    known system, else the first of all; without any code, a short text is.

    Args:
        codeable: the concept.
        kind: what the node is to be, such as Disease.
        text_codes: whether what is named by a short text alone becomes a node.

    Raises:
        Unusable: it has no code that can be read, and no text that may stand for one.
    """
    if not isinstance(codeable, dict):
        raise Unusable("no code")
    standard, local, malformed = _codes_by_prefix(codeable)
    for prefix in _PREFERRED[kind].split():
        if prefix in standard:
            return _preferred(prefix, standard)
    others = [*standard.values(), *local]
    if others:
        curie, name = others[0]
        return Concept(curie, name or curie, [], curie.split(":")[0])
    if malformed:
        raise Unusable("malformed code", malformed)
    return _named_by_text(codeable, kind, text_codes=text_codes)


def _codes_by_prefix(codeable: CodeableConcept) -> tuple[dict[str, _Code], list[_Code], str]:
    """The first code of each known system, those of other systems, and the prefix of a bad one."""
    standard: dict[str, _Code] = {}
    local: list[_Code] = []
    malformed = ""
    for coding in listed(codeable.get("coding")):
        code, name = str(coding.get("code", "")).strip(), str(coding.get("display", "")).strip()
        if not code or re.search(r"\s", code):
            continue
        prefix = prefix_of(coding)
        if prefix is None:
            system = str(coding.get("system", "")).rstrip("/")
            tail = slug(re.split(r"[/:]", system)[-1]) or "code"
            local.append(_Code(f"{SOURCE_NAME}:{tail}_{slug(code)}", name))
        else:
            bare = re.sub(rf"^{prefix}[:_]", "", code, flags=re.IGNORECASE)
            try:
                standard.setdefault(prefix, _Code(normalise_curie(f"{prefix}:{bare}"), name))
            except SchemaError:
                malformed = prefix
    return standard, local, malformed


def _preferred(prefix: str, codes: dict[str, _Code]) -> Concept:
    """The concept by its code in one system, cross-referenced to those in other systems."""
    curie, name = codes[prefix]
    xrefs = sorted(
        code.curie for other, code in codes.items() if other in _NAMING and other != prefix
    )
    name = name or next((code.display for code in codes.values() if code.display), "") or curie
    return Concept(curie, name, xrefs if prefix in _NAMING else [], prefix)


def _named_by_text(codeable: CodeableConcept, kind: str, *, text_codes: bool) -> Concept:
    text = " ".join(str(codeable.get("text", "")).split())
    if not text:
        raise Unusable("no code")
    if not text_codes:
        raise Unusable("named by text alone")
    if len(text) > _LONGEST_NAME:
        raise Unusable("named by a text too long for a name")
    return Concept(local_id(SOURCE_NAME, kind, text), text, [], SOURCE_NAME)
