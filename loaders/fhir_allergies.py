"""What a FHIR AllergyIntolerance is an allergy to."""

from __future__ import annotations

import re

from .clinical import local_id
from .fhir_concepts import SOURCE_NAME, Concept, concept_of
from .fhir_files import Unusable, listed
from .fhir_types import AllergyIntolerance, CodeableConcept
from .fhir_values import codes_of, display_of

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
_NAME = r".{1,255}?"  # no published name of a code is longer
_ALLERGY_TO = re.compile(
    r"(?:(?:history of|known|suspected|severe|mild|personal)\s++){0,4}"
    rf"(?:(?:drug |food )?(?:{_ALLERGY}|allergic|allergy status|adverse reaction) to "
    rf"(?P<to>{_NAME})|(?P<of>{_NAME}) {_ALLERGY})"
    r"(?: (?:status|\((?:finding|disorder|situation)\))){0,4}",
    re.IGNORECASE,
)
_UNSPECIFIED = {
    *("drug", "drugs", "medication", "food", "substance", "environmental", "other", "unknown"),
}
DRUG_PREFIXES = {"RXCUI", "ATC", "NDC", "CVX"}  # of code systems that hold nothing but drugs


def states_no_allergy(code: CodeableConcept | None) -> bool:
    """Whether a code says that no allergy is known."""
    text = " ".join(str((code or {}).get("text", "")).split())
    return bool(codes_of(code) & _NO_ALLERGY or _NAMED_NONE.match(display_of(code) or text))


def kind_of_allergen(resource: AllergyIntolerance) -> str:
    """Drug, or Exposure for what is in food or the environment only."""
    categories = {c for c in listed(resource.get("category")) if isinstance(c, str)}
    return "Exposure" if categories and not categories & {"medication", "biologic"} else "Drug"


def allergen(
    code: CodeableConcept | None,
    substance: CodeableConcept | None,
    kind: str,
    *,
    text_codes: bool,
) -> Concept:
    """What a patient is allergic to.

    The code may be that of the allergy itself ("Penicillin allergy"), or have no name: then the
    substance of a reaction is taken where there is one, else what the allergy's name says.

    Args:
        code: of the resource; where it has none, the substance.
        substance: that a reaction names.
        kind: Drug or Exposure.
        text_codes: whether what is named by a short text alone becomes a node.

    Raises:
        Unusable: what the allergy is to is not stated.
    """
    concept = concept_of(code, kind, text_codes=text_codes)
    allergy = _ALLERGY_TO.fullmatch(concept.name)
    unnamed = concept.name == concept.id and concept.prefix not in DRUG_PREFIXES
    if (allergy or unnamed) and substance is not None and substance is not code:
        return concept_of(substance, kind, text_codes=text_codes)
    name = (allergy["to"] or allergy["of"]) if allergy else concept.name
    if name.lower() in _UNSPECIFIED:
        raise Unusable("an allergy to what is not told")
    if allergy:
        return Concept(local_id(SOURCE_NAME, kind, name), name, [], SOURCE_NAME)
    if unnamed:
        raise Unusable("an allergy's code without a name")
    return concept
