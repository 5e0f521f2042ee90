"""Names that the rest of a text tells: where else they stand, and what is called after one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from .identifiers import Identifier
from .lexicon import Lexicon
from .titles import is_before_eponym_noun, is_result, is_titled

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_SURE = 0.8  # from this score on a name that is found once is looked for in the whole text
_AGAIN = 0.6  # score of what is found so
_APOSTROPHES = ("'", "’")
_WEAK = 0.6  # below it a name is none if the text has its words in small letters elsewhere
_HARDLY_DEGREE = re.compile(r"\s(?:MD|DO|RN|PA|NP|PT|OT|RD|EMT|SLP)\b(?!,)")
_BEGINS = re.compile(r"(?:^|[.!?:;\n\t|*•\"“(\[]|\s-)\s{0,3}$")


def is_own_name(text: str, find: Identifier, lexicon: Lexicon) -> bool:
    """Whether a name of the model is somebody's, and none of a disease, a sign or a thing."""
    if find.kind != "NAME" or is_titled(text, find.start):
        return True
    words = _words(text, find)
    if not words or is_result(text, find.start, find.end):
        return not words
    if all(lexicon.is_eponym(_bare(word)) for word in words):
        return not is_before_eponym_noun(text, find.end, anybody=True)
    # A drain of somebody's is no Penrose drain.
    is_owner = (
        len(words) > 1
        or words[-1] != _bare(words[-1])
        or text[find.end : find.end + 1] in _APOSTROPHES
    )
    return is_owner or not is_before_eponym_noun(text, find.end, anybody=False)


def is_name_after_title(text: str, find: Identifier, lexicon: Lexicon) -> bool:
    """Whether what stands by a title or degree is a name: "Father died" names nobody."""
    words = _words(text, find)
    if is_titled(text, find.start) or any(len(word) == 1 for word in words):
        return True
    if len(words) == 1:
        return not lexicon.is_no_name(_bare(words[0]))
    # Any words may stand before what is hardly a degree: "Chest Pain MD aware".
    is_phrase = lexicon.is_phrase([_bare(word) for word in words])
    return not (is_phrase and _HARDLY_DEGREE.match(text, find.end))


def without_weak(text: str, finds: Sequence[Identifier], lexicon: Lexicon) -> list[Identifier]:
    """The finds but for words that are hardly names and stand in small letters elsewhere."""
    small = {match[0] for match in _WORD.finditer(text) if match[0].islower()}
    kept = []
    for find in finds:
        words = _words(text, find)
        is_weak = find.kind in ("NAME", "LOCATION") and find.score < _WEAK and len(words) == 1
        is_word = is_weak and words[0][0].isupper() and words[0].lower() in small
        if not (is_word and lexicon.is_no_name(words[0])):
            kept.append(find)
    return kept


def found_again(text: str, finds: Sequence[Identifier], lexicon: Lexicon) -> Iterator[Identifier]:
    """Where else the words of sure names stand: a surname after a title names the patient anywhere.

    Words of the language may mean themselves there: they are names only where they have a capital
    letter and begin no sentence, in a text that has them nowhere in small letters. What a disease,
    a sign or a thing is called after is nobody.
    """
    sure = [f for f in finds if f.kind in ("NAME", "LOCATION") and f.score >= _SURE]
    kinds = {
        word.casefold(): each.kind
        for each in sure
        for word in _words(text, each)
        if len(word) > 2 and (each.kind == "NAME" or word[0].isupper())
    }
    small = {match[0] for match in _WORD.finditer(text) if match[0].islower()}
    taken = [(each.start, each.end) for each in finds]
    for match in _WORD.finditer(text):
        word = _bare(match[0])
        kind = kinds.get(word.casefold())
        start, end = match.start(), match.start() + len(word)
        if kind is None or any(a < end and start < b for a, b in taken):
            continue
        if lexicon.means_itself(word):
            is_capitalised = word[0].isupper() and not word.isupper() and word.lower() not in small
            if kind != "NAME" or not is_capitalised or _begins(text, start):
                continue
        elif kind == "LOCATION" and not word[0].isupper():
            continue
        if not (lexicon.is_eponym(word) and is_before_eponym_noun(text, end, anybody=True)):
            yield Identifier(start, end, kind, _AGAIN)


def _begins(text: str, start: int) -> bool:
    return start == 0 or _BEGINS.search(text, max(0, start - 4), start) is not None


def _words(text: str, find: Identifier) -> list[str]:
    return _WORD.findall(text[find.start : find.end])


def _bare(word: str) -> str:
    """A word without the ending of possession."""
    return re.sub(r"['’]s?$", "", word)
