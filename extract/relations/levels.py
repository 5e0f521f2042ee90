"""Whether a drug acts on a target itself, or raises or lowers how much of it there is."""

from __future__ import annotations

import re

from .pairs import EntityPair

# What is measured where a target's amount is, and where it is not.
_AMOUNT = re.compile(
    r"(m?rnas?|transcripts?|transcription|expressions?|levels?|concentrations?|contents?|amounts?"
    r"|abundance|secretion|production|release|synthesis|biosynthesis|accumulation|degradation"
    r"|ratios?|immunoreactivity|immunostaining|staining|overexpression|depletion|positive|titers?)",
    re.IGNORECASE,
)
_ACTIVITY = re.compile(
    r"(activit(y|ies)|activation|phosphorylation|binding|signal(l)?ing|inhibition|affinity"
    r"|inhibitors?|antagonists?|agonists?|currents?|function)",
    re.IGNORECASE,
)
# Words of a list, and of what a name stands in.
_BETWEEN = re.compile(
    r"the|an?|of|in|and|or|both|as|well|proteins?|genes?|serum|plasma|tissue|total|[-,/()]",
    re.IGNORECASE,
)
_OTHER_WORDS = 2  # so many others may stand between a target and what is measured of it
_RAISES = re.compile(
    r"(increas|elevat|up-?regulat|induc|enhanc|stimulat|promot|restor|augment|rais|higher|rise"
    r"|overexpress)\w*",
    re.IGNORECASE,
)
_LOWERS = re.compile(
    r"(decreas|reduc|suppress|down-?regulat|inhibit|attenuat|block|lower|diminish|abolish|prevent"
    r"|deplet|revers|abrogat|impair|declin|fall|fell)\w*",
    re.IGNORECASE,
)
_AROUND = 3  # words before and after the two in which a change may be named


def level_change(pair: EntityPair) -> str | None:
    """UPREGULATES or DOWNREGULATES, where a sentence says how a drug changes a target's level.

    What it says is the product of its words: to attenuate an increase is to lower.

    Args:
        pair: the drug and the target.

    Returns:
        "" where it speaks of a level and not of how that is changed; None where it speaks of the
        target itself, its activity or binding.
    """
    amount = _amount(pair)
    if amount is None:
        return None
    if amount.lower().startswith("ratio"):
        return ""  # a higher ratio of two is more of the one, or less of the other
    first, last = sorted((pair.head, pair.tail))
    words = pair.words[max(0, first.start - _AROUND) : last.end + _AROUND]
    raising = [bool(_RAISES.fullmatch(word)) for word in words if _is_change(word)]
    if not raising:
        return ""
    return "DOWNREGULATES" if raising.count(False) % 2 else "UPREGULATES"


def _is_change(word: str) -> bool:
    return bool(_RAISES.fullmatch(word) or _LOWERS.fullmatch(word))


def _is_measure(word: str) -> bool:
    return bool(_AMOUNT.fullmatch(word) or _ACTIVITY.fullmatch(word))


def _amount(pair: EntityPair) -> str | None:
    """The nearest word for what is measured of the target, if it is one of an amount."""
    others = {place for other in pair.others for place in range(other.start, other.end)}
    after = range(pair.tail.end, len(pair.words))
    before = range(pair.tail.start - 1, -1, -1)
    for places, follows in ((after, True), (before, False)):
        other_words = 0
        for place in places:
            word = pair.words[place]
            if follows and pair.words[place + 1 : place + 2] == ("of",) and _is_measure(word):
                break  # "IL-6 and the activity of TNF": it is of what comes next
            if _AMOUNT.fullmatch(word):
                # "levels of IL-6", "IL-6 and TNF levels"; "the level. IL-6" is not of it.
                of_target = follows or pair.words[place + 1].lower() in ("of", "for", "in")
                return word if of_target else None
            if _ACTIVITY.fullmatch(word):
                return None
            if place not in others and not _BETWEEN.fullmatch(word):
                other_words += 1
                if other_words > _OTHER_WORDS or word in (".", ";", ":"):
                    break
    return None
