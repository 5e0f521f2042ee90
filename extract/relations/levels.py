"""Whether a drug acts on a target itself, or raises or lowers how much of it there is."""

from __future__ import annotations

import re
from dataclasses import replace

from .pairs import EntityPair

# What is measured where a target's amount is, and where it is not.
_AMOUNT = re.compile(
    r"(m?rnas?|transcripts?|transcription|expressions?|levels?|concentrations?|contents?|amounts?"
    r"|abundance|secretion|production|release|synthesis|biosynthesis|accumulation|degradation"
    r"|ratios?|immunoreactivity|immunostaining|staining|overexpression|depletion|titers?)",
    re.IGNORECASE,
)
# What a target's amount is measured in. Not plasma, which names targets ("plasma kallikrein").
_SAMPLE = re.compile(r"serum|urinary", re.IGNORECASE)
_ACTIVITY = re.compile(
    r"(activit(y|ies)|activation|phosphorylation|binding|signal(l)?ing|inhibition|affinity"
    r"|inhibitors?|antagonists?|agonists?|currents?|function)",
    re.IGNORECASE,
)
# Words of a list, and of what a name stands in.
_BETWEEN = re.compile(
    r"the|an?|of|in|and|or|both|as|well|including|multiple|several|various|proteins?|genes?|serum"
    r"|plasma|tissue|total|[-,/()]?",
    re.IGNORECASE,
)
_OTHER_WORDS = 2  # so many others may stand between a target and what is measured of it
_RAISES = re.compile(
    r"(increas|elevat|up-?regulat|induc|enhanc|stimulat|promot|restor|augment|rais|higher|rise"
    r"|overexpress)\w*",
    re.IGNORECASE,
)
_LOWERS = re.compile(
    r"(decreas|reduc(?!tase)|depress|suppress|down-?regulat|inhibit|attenuat|block|lower|diminish|abolish|prevent"
    r"|deplet|degrad|revers|abrogat|impair|declin|fall|fell)\w*",
    re.IGNORECASE,
)
# What these do to a target itself, they do to how much of it there is: "downregulated AKT".
_CHANGES_AMOUNT = re.compile(
    r"(up-?regulat|down-?regulat|elevat|deplet|degrad|overexpress|increas|decreas|rais|lower|reduc)"
    r"(e|es|ed|s|ing|t?ions?)?",
    re.IGNORECASE,
)
# What may stand behind a target that is no part of another name ("AKT-mediated", "AKT clients").
_AFTER_NAME = re.compile(
    r"[.,;:()]|in|and|or|by|via|with|at|on|to|through|after|from|as|but|while|whereas|when|without"
    r"|protein|gene|compared|relative|was|were|is|are|which|that|significantly|markedly",
    re.IGNORECASE,
)
_RELATIVE = frozenset(("which", "that"))
_PASSIVE = ("is", "are", "was", "were", "be", "been", "being")
# "A COX-2 inhibitor", "the promoter of IL-6": these change nothing.
_AGENT = re.compile(
    r"(inhibit|suppress|stimulat|attenuat|promot|enhanc|block|induc)(or|er)s?", re.IGNORECASE
)
# In "the kinase inhibitor p27" what names it by another target.
_CALLED = re.compile(
    r"(?:inhibitor|antagonist|agonist|activator|ligand|repressor)s?", re.IGNORECASE
)
# Words before and after the two in which a change may be named.
_AROUND = 3
# What parts clauses, and what joins two verbs of one subject.
_CLAUSE_ENDS = (";", "whereas")
_PART_ENDS = (",", "which", *_CLAUSE_ENDS)
_JOINING = ("and", "but", "or", "while", ",")
_VERB = re.compile(r"\w+(ed|es|s|ing)|fell|rose", re.IGNORECASE)
_ADVERB = re.compile(r"(\w+ly|also|then|thereby)?", re.IGNORECASE)
_PREFIX = re.compile(r"up|down|over", re.IGNORECASE)
_PREFIXED = re.compile(r"regulat|express", re.IGNORECASE)


def level_change(pair: EntityPair) -> str | None:
    """UPREGULATES or DOWNREGULATES, where a sentence says how a drug changes a target's level.

    What it says is the product of its words: to attenuate an increase is to lower.

    Args:
        pair: the drug and the target.

    Returns:
        "" where it speaks of a level and not of how that is changed; None where it speaks of the
        target itself, its activity or binding.
    """
    pair = _with_whole_words(pair)
    if _is_in_name_of_another(pair):
        return ""
    amount = _amount(pair)
    if amount is None:
        return None
    if amount.lower().startswith("ratio"):
        return ""  # a higher ratio of two is more of the one, or less of the other
    raising = [bool(_RAISES.fullmatch(word)) for word in _clause(pair) if _is_change(word)]
    if not raising:
        return ""
    return "DOWNREGULATES" if raising.count(False) % 2 else "UPREGULATES"


def _with_whole_words(pair: EntityPair) -> EntityPair:
    """The pair with "down-regulated" as one word, which is read as three; two are left empty."""
    words = list(pair.words)
    for place in range(2, len(words)):
        before, sign, word = words[place - 2 : place + 1]
        if sign == "-" and _PREFIX.fullmatch(before) and _PREFIXED.match(word):
            words[place - 2 : place + 1] = "", "", before + word
    return replace(pair, words=tuple(words))


def _clause(pair: EntityPair) -> tuple[str, ...]:
    """The words that may say how the drug changes the target; none if their clauses differ.

    Of "it inhibited COX-2 and increased p53 levels" the verb next to p53 and what follows it; of
    "smoking increased IL-8 and budesonide lowered IL-6 levels" none for smoking and IL-6.
    """
    words = pair.words
    first, last = sorted((pair.head, pair.tail))
    between = range(first.end, last.start)
    if any(words[place] in _CLAUSE_ENDS for place in between) or _changes_subject(pair, between):
        return ()
    start = first.start
    # "Blocked by the drug, which lowers IL-6 levels": what is before is of another clause.
    lead = 0 if "which" in words[first.end : first.end + 2] else _AROUND
    while start > max(0, first.start - lead) and words[start - 1] not in _PART_ENDS:
        start -= 1
    start = max((place for place in between if _joins_change(words, place)), default=start)
    end = last.end
    while end < min(len(words), last.end + _AROUND):
        if words[end] in _PART_ENDS or _joins_change(words, end):
            break
        end += 1
    return words[start:end]


def _changes_subject(pair: EntityPair, between: range) -> bool:
    """Whether another drug does something to the target, after the pair's own did to another."""
    drugs = {other.start for other in pair.others if other.kind == "Drug"}
    changes = [place for place in between if _is_change(pair.words[place])]
    return any(
        place + 1 in drugs
        and pair.words[place] in _JOINING
        and min(changes, default=place) < place < max(changes, default=place)
        for place in between
    )


def _joins_change(words: tuple[str, ...], place: int) -> bool:
    """Whether a word joins a change to what is before: "and then reduced"."""
    if words[place] not in _JOINING:
        return False
    following = place + 1
    while following < len(words) and _ADVERB.fullmatch(words[following]):
        following += 1
    verb = words[following] if following < len(words) else ""
    return bool(_VERB.fullmatch(verb)) and _is_change(verb)


def _is_change(word: str) -> bool:
    change = _RAISES.fullmatch(word) or _LOWERS.fullmatch(word)
    return bool(change) and not _AGENT.fullmatch(word)


def _is_measure(word: str) -> bool:
    return bool(_AMOUNT.fullmatch(word) or _ACTIVITY.fullmatch(word))


def _counts_cells(words: tuple[str, ...]) -> bool:
    """Whether words call cells by a target, "(+) cells", of which there may be more or fewer."""
    is_sign = words[0].lower() in ("+", "positive")
    return is_sign and any(word.lower() in ("cell", "cells") for word in words[1:])


def _is_in_name_of_another(pair: EntityPair) -> bool:
    """Whether a target stands in what the next is called: "the kinase inhibitor p27"."""
    place = pair.tail.end
    follows = any(other.start == place + 1 and other.kind == "Target" for other in pair.others)
    return follows and _CALLED.fullmatch(pair.words[place]) is not None


def _is_measured_next(pair: EntityPair) -> bool:
    """Whether what is measured of a target is the next word: "IL-6 levels"."""
    following = pair.words[pair.tail.end : pair.tail.end + 1]
    return any(_AMOUNT.fullmatch(word) for word in following)


def _is_of_activities(pair: EntityPair, others: set[int]) -> bool:
    """Whether a target is in a list of those of which the activity is meant, "activities of"."""
    for place in range(pair.tail.start - 1, 0, -1):
        if pair.words[place] == "of" and _ACTIVITY.fullmatch(pair.words[place - 1]):
            return True
        if place not in others and not _BETWEEN.fullmatch(pair.words[place]):
            return False
    return False


def _is_passive(pair: EntityPair, place: int) -> bool:
    """Whether a verb says what became of what is before it: "AKT was strongly downregulated".

    Not where another verb says what the drug does: "gefitinib inhibits EGFR, which is increased".
    """
    between = pair.words[pair.head.end : pair.tail.start]  # none where the drug follows
    return (
        any(word.lower() in _PASSIVE for word in pair.words[place - 2 : place])
        and not any(map(_is_change, between))
        and not any(word.lower() in _RELATIVE for word in pair.words[pair.tail.end : place])
    )


def _amount(pair: EntityPair) -> str | None:
    """The nearest word for what is measured of the target, if it is one of an amount."""
    others = {place for other in pair.others for place in range(other.start, other.end)}
    after = range(pair.tail.end, len(pair.words))
    before = range(pair.tail.start - 1, -1, -1)
    if not _is_measured_next(pair) and _is_of_activities(pair, others):
        return None
    following = pair.words[pair.tail.end : pair.tail.end + 1]
    is_whole = not following or _AFTER_NAME.fullmatch(following[0]) is not None
    for places, follows in ((after, True), (before, False)):
        other_words = 0
        for place in places:
            word = pair.words[place]
            if follows and pair.words[place + 1 : place + 2] == ("of",) and _is_measure(word):
                break  # "IL-6 and the activity of TNF": it is of what comes next
            if place == pair.tail.start - 1 and _SAMPLE.fullmatch(word):
                return word
            if place == pair.tail.start - 1 and _CALLED.fullmatch(word):
                continue  # "levels of the kinase inhibitor p27"
            if follows and _counts_cells(pair.words[place : place + 3]):
                return "cells"
            if _AMOUNT.fullmatch(word):
                # "levels of IL-6", "IL-6 and TNF levels"; "the level. IL-6" is not of it.
                of_target = follows or pair.words[place + 1].lower() in ("of", "for", "in")
                return word if of_target else None
            if _ACTIVITY.fullmatch(word):
                return None
            if _is_change(word) and pair.words[place - 1] != "-":
                if _CHANGES_AMOUNT.fullmatch(word) and (
                    _is_passive(pair, place) if follows else is_whole and not other_words
                ):
                    return word
                break  # "lowered IL-6 levels and inhibited TNF": of another target
            if place not in others and not _BETWEEN.fullmatch(word):
                other_words += 1
                if other_words > _OTHER_WORDS or word in (".", ";", ":"):
                    break
    return None
