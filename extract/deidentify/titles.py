"""Names that a title, a degree or a form's field tells: closed lists, of which any name follows."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

_FILE = Path(__file__).parent / "titles.toml"
_LISTS: dict[str, str] = tomllib.loads(_FILE.read_text(encoding="utf-8"))
_TITLE, _DEGREE, _PARTICLE = (
    "|".join(_LISTS[name].split()) for name in ("titles", "degrees", "particles")
)
GENERAL = frozenset(_LISTS["general"].split())
# After a title any word is a name, but for these.
_NO_NAME = frozenset(_LISTS["no_names"].split())
_PARTICLES = rf"(?:(?:{_PARTICLE})\s|[OD]['’])"
_WORD = r"[A-ZÀ-ÖØ-ÞĀ-Ž][\w'’]{0,30}(?:-[\w'’]{1,30}){0,2}"
_INITIAL = r"[A-Z]\."
_FULL = (
    rf"(?:{_INITIAL}\s?){{0,3}}(?:{_PARTICLES})?{_WORD}"
    rf"(?:[ ](?:{_INITIAL}|(?:{_PARTICLES})?{_WORD})){{0,3}}"
)
_TITLED = re.compile(rf"(?<![\w/-])((?i:{_TITLE}))(\.?\s?)({_FULL}|[a-zà-ÿ][\w'’-]{{1,30}})")
_SURE = frozenset(_LISTS["sure_titles"].split())
_ABBREVIATED = _SURE | frozenset(_LISTS["abbreviated_titles"].split())
_OF_EPONYMS = re.compile(
    rf"(?:['’]s?)?\s(?:{'|'.join(_LISTS['eponym_nouns'].split())})\b", re.IGNORECASE
)
_OF_ANYBODY = re.compile(
    rf"(?:['’]s?)?\s(?:{'|'.join(_LISTS['eponym_nouns_of_anybody'].split())})\b", re.IGNORECASE
)
_TEST = re.compile(r"[A-Z]{2,5}")
_RESULT = re.compile(rf":?\s(?:{'|'.join(_LISTS['results'].split())})\b", re.IGNORECASE)
_BEFORE_DEGREE = re.compile(rf"\b({_FULL}),?\s(?=(?:{_DEGREE})(?!\w))")
_DEGREES_ALONE = re.compile(rf"(?:(?:{_DEGREE}|(?i:{_TITLE}))[.,]?\s*)+")
_NOT_OF_NAME = re.compile(
    r"\s(?:And|The|With|For|On|At|In|Is|Was|Has|To|From|Of|MD|RN|Dr|Mr|Mrs|Ms|Date|Re|Dear|Tel|Phone"
    r"|Fax|DOB|MRN)\b.*$",
    re.DOTALL | re.IGNORECASE,
)

_SIGNED_BY = re.compile(r"^.*\b(?:by|with|from|to)\s", re.IGNORECASE)


def is_degree(words: str) -> bool:
    """Whether words are degrees or titles and nothing else: "MBBS MRCGP", "Dr"."""
    return _DEGREES_ALONE.fullmatch(words) is not None


def is_titled(text: str, start: int) -> bool:
    """Whether a title stands before a place that means nothing else: Dr or Mrs, and no Sister."""
    title = re.search(r"(?<![A-Za-z])([A-Za-z]{1,6})\.?\s?$", text[max(0, start - 8) : start])
    return title is not None and title[1].lower() in _SURE and title[1] != "MS"


def is_before_eponym_noun(text: str, end: int, *, anybody: bool) -> bool:
    """Whether what follows a place is a disease, a sign or a thing that is called after somebody.

    Args:
        anybody: also what a patient may have as well, such as a fracture.
    """
    matches = (_OF_EPONYMS.match(text, end), anybody and _OF_ANYBODY.match(text, end))
    return any(matches)


def is_result(text: str, start: int, end: int) -> bool:
    """Whether a place holds a test's abbreviation, with its result after it: "ANA negative"."""
    return _TEST.fullmatch(text[start:end]) is not None and _RESULT.match(text, end) is not None


def find_titled_names(text: str) -> Iterator[tuple[int, int]]:
    """Names after a title ("Dr. Achebe", "mrs patel") or before a degree ("Li Wen, RN")."""
    for match in _TITLED.finditer(text):
        title, sign, written = match.groups()
        name = _NOT_OF_NAME.sub("", written)
        # Multiple sclerosis is no title, nor is the end of a sentence: "Hello, miss. How are you?"
        is_other = title == "MS" and not written.isupper()
        is_apart = not sign or ("." in sign and title.lower() not in _ABBREVIATED)
        if name.lower() not in _NO_NAME and len(name) > 1 and not (is_other or is_apart):
            yield match.start(3), match.start(3) + len(name)
    for match in _BEFORE_DEGREE.finditer(text):
        name = _SIGNED_BY.sub("", match[1])
        if " " in name and "\n" not in name:
            yield match.end(1) - len(name), match.end(1)
