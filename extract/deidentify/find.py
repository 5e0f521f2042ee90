"""What identifies somebody in a text: the recognisers' finds, brought together."""

from __future__ import annotations

import re
from collections.abc import Sequence

from presidio_analyzer import RecognizerResult

from ...core.han import has_han, is_chinese
from .chinese import find_chinese
from .identifiers import Identifier
from .names import found_again, is_name_after_title, is_own_name, without_weak
from .network import shipped
from .recognisers import LANGUAGE, OF_MODEL, OF_TITLES, UNSPECIFIC, engine


def find_identifiers(text: str) -> list[Identifier]:
    """Find the identifiers of HIPAA's Safe Harbor in a note.

    Returns:
        In the order of the text; none overlaps another, and each is one line of text.
    """
    lexicon = shipped().lexicon
    patterns: list[Identifier] = []
    model: list[Identifier] = []
    # The model has learnt from English alone.
    for result in engine(model=not is_chinese(text)).analyze(text, LANGUAGE):
        find = Identifier(result.start, result.end, result.entity_type, result.score)
        name = result.recognition_metadata[RecognizerResult.RECOGNIZER_NAME_KEY]
        if name == OF_MODEL:
            if is_own_name(text, find, lexicon):
                model.append(find)
        elif name != OF_TITLES or is_name_after_title(text, find, lexicon):
            patterns.append(find)
    if has_han(text):
        patterns += find_chinese(text)
    finds = without_weak(text, merged(text, patterns, model), lexicon)
    return sorted([*finds, *found_again(text, finds, lexicon)])


def merged(
    text: str, patterns: Sequence[Identifier], model: Sequence[Identifier] = ()
) -> list[Identifier]:
    """One identifier of all that overlap: from where the first begins to where the last ends.

    Its kind is that of the surest: a pattern tells the kind of a number better than the model, but
    for the patterns of what may be any number. What is cut off is blanks and signs at the ends.
    """
    finds = [(find, find.score > UNSPECIFIC) for find in patterns]
    groups: list[list[tuple[Identifier, bool]]] = []
    end = -1
    for find, is_specific in sorted([*finds, *((find, False) for find in model)]):
        if find.start < end:
            groups[-1].append((find, is_specific))
        else:
            groups.append([(find, is_specific)])
        end = max(end, find.end)
    identifiers = []
    for group in groups:
        best, _ = max(group, key=lambda f: (f[1], f[0].score, f[0].end - f[0].start))
        start, last = group[0][0].start, max(find.end for find, _ in group)
        while last > start and not text[last - 1].isalnum() and text[last - 1] not in ").":
            last -= 1
        while start < last and not text[start].isalnum() and text[start] not in "(+@":
            start += 1
        if best.kind == "SSN":
            start += len(re.match(r"[xX*#\s-]*", text[start:last])[0])  # type: ignore[index]
        if start < last:
            identifiers.append(Identifier(start, last, best.kind, max(f.score for f, _ in group)))
    return identifiers
