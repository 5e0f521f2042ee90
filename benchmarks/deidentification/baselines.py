"""Finders of identifiers to compare with: capital letters and numbers, and presidio's patterns."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .score import Finder
from .spans import Span

_NUMBERS = (
    ("EMAIL", r"\S+@\S+\.\w+"),
    ("URL", r"(?:https?://|www\.)\S+"),
    ("DATE", r"\b\d{1,4}[-/.]\d{1,2}[-/.]\d{2,4}\b"),
    ("PHONE", r"\+?\(?\b\d[\d ().-]{7,}\d\b"),
    ("OTHER_ID", r"\b(?=\w*\d\w*\d\w*\d\w*\d\w*\d)\w+\b"),
)
# Two or more words with a capital letter, or one that begins no sentence.
_CAPITALS = re.compile(r"\b[A-Z][\w'’-]+(?: [A-Z][\w'’-]+)+|(?<![.!?:\n] )(?<=[ (])[A-Z][\w'’-]+")


def capitals(text: str) -> Iterator[Span]:
    """A few regular expressions for numbers, and words with capital letters as names."""
    for kind, pattern in _NUMBERS:
        for match in re.finditer(pattern, text):
            yield Span(match.start(), match.end(), kind)
    for match in _CAPITALS.finditer(text):
        yield Span(match.start(), match.end(), "NAME")


_OF_PRESIDIO = {
    "DateRecognizer": "DATE",
    "EmailRecognizer": "EMAIL",
    "IpRecognizer": "IP",
    "PhoneRecognizer": "PHONE",
    "UrlRecognizer": "URL",
    "UsSsnRecognizer": "SSN",
    "NhsRecognizer": "MRN",
    "UsMbiRecognizer": "HEALTH_PLAN",
    "UsNpiRecognizer": "LICENCE",
    "MedicalLicenseRecognizer": "LICENCE",
    "UsLicenseRecognizer": "LICENCE",
    "UkDrivingLicenceRecognizer": "LICENCE",
    "UkPostcodeRecognizer": "LOCATION",
    "UkVehicleRegistrationRecognizer": "VEHICLE",
    "UsBankRecognizer": "ACCOUNT",
    "CreditCardRecognizer": "ACCOUNT",
    "IbanRecognizer": "ACCOUNT",
    "UkNinoRecognizer": "OTHER_ID",
    "UsItinRecognizer": "OTHER_ID",
    "UsPassportRecognizer": "OTHER_ID",
    "UkPassportRecognizer": "OTHER_ID",
    "MacAddressRecognizer": "DEVICE",
}
_LEAST_SCORE = 0.3  # presidio's own for patterns that aren't weak


def presidio() -> Finder:
    """presidio's own recognisers of patterns, general, American and British, without a model.

    No names of people and places, which presidio leaves to a language model.
    """
    import presidio_analyzer.predefined_recognizers as predefined
    import tldextract.tldextract

    # The list of domains that comes with it: it would fetch a newer one at the first address.
    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=())
    recognisers = [(getattr(predefined, name)(), kind) for name, kind in _OF_PRESIDIO.items()]

    def find(text: str) -> Iterator[Span]:
        for recogniser, kind in recognisers:
            for result in recogniser.analyze(text, recogniser.supported_entities, None) or ():
                if result.score >= _LEAST_SCORE:
                    yield Span(result.start, result.end, kind)

    return find
