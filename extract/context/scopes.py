"""The scope of a trigger phrase, as in ConText: the words whose mentions it concerns.

A scope runs from the trigger to the end of the sentence, to a number of tokens, or to a phrase that
terminates it; a verb terminates it where the verb's clause begins, and a denial among other
findings ends with its item. Parentheses close scopes off in both directions, and a date has scopes
of its own.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from spacy.tokens import Span

from ..short_forms import words_of
from .rules import CLAUSE_ENDS, Rule, Trigger, in_class

# "No abnormality on CT" doesn't say that there was no CT: only rules that name the kind deny it.
_ONLY_IF_NAMED = {("negated", "Procedure"), ("possible", "Procedure"), ("over", "Procedure")}
_CONJUNCTIONS = frozenset(("and", "or", "&"))
_LIST_SEPARATORS = frozenset((",", ";"))
# What is negative of the disease that stands before the parenthesis.
_TESTS = frozenset(
    "test tests swab pcr antigen rapid culture cultures biopsy screen screening serology"  # noqa: SIM905
    " antibody ct mri imaging xray cxr scan smear titre titer lp csf naat".split()
)
_DENIALS = frozenset(("no", "not", "without"))
_BEFORE_AN_ITEM = frozenset((",", "but"))
_ALTERNATIVES = frozenset(("or", "nor", "/"))
_LIST = 40  # words behind a denial that an "or" is looked for in
_MAX_PARENTHESIS = 20  # tokens that a parenthesis holds at most
_PARTING = CLAUSE_ENDS | {":"}
_JOINING = _CONJUNCTIONS | {"nor"}
_PLURAL_VERBS = frozenset(("are", "were", "have"))


@dataclass(frozen=True)
class SentenceWords:
    """The words of a sentence as the rules read them, and where mentions stand among them.

    Attributes:
        words: in lower case.
        tokens: of each word its token's place in the document.
        starts: the positions, among the words, at which mentions start.
        ends: the positions behind their last words.
    """

    words: list[str]
    tokens: list[int]
    starts: frozenset[int]
    ends: frozenset[int]

    @classmethod
    def of(cls, sentence: Span, mentions: Sequence[Span]) -> SentenceWords:
        """Those of a sentence with its mentions; list signs are read as "(+)" and "(-)"."""
        tokens, words = words_of(sentence)
        starts = frozenset(bisect_left(tokens, mention.start) for mention in mentions)
        ends = frozenset(bisect_left(tokens, mention.end) for mention in mentions)
        glued = {n for n, token in enumerate(tokens) if not sentence.doc[token].whitespace_}
        words = [word.lower().replace("’", "'") for word in words]
        return cls(_with_signs(words, starts, glued), tokens, starts, ends)

    def position(self, token: int) -> int:
        """The position among the words of the first that is this token or behind it."""
        return bisect_left(self.tokens, token)


def _with_signs(words: list[str], starts: Container[int], glued: Container[int]) -> list[str]:
    """The words of "+ [nausea], - [vomiting]" with their signs as "(+)" and "(-)".

    A minus is a sign where a comma or nothing stands before it, and the sentence has a plus before
    a mention, or no space follows it; else it is a bullet, or stands between a name and a remark on
    it. The sentence has a sign behind a comma, too.

    Args:
        words: of the sentence.
        starts: the positions at which mentions start.
        glued: the positions of the words that no space follows.
    """
    signs = {
        position: f"({word})"
        for position, word in enumerate(words)
        if word in ("+", "-")
        and position + 1 in starts
        and (word == "+" or position == 0 or words[position - 1] in _LIST_SEPARATORS)
    }
    if "(+)" not in signs.values():
        signs = {position: sign for position, sign in signs.items() if position in glued}
    if all(position == 0 or words[position - 1] not in _LIST_SEPARATORS for position in signs):
        return words
    return [signs.get(position, word) for position, word in enumerate(words)]


def clause_start(words: Sequence[str], start: int, verb: int) -> int:
    """Where the clause of a finite verb begins that stands in a scope from `start` on.

    "No [fever, the cough] persists": at the comma. "No [fever or cough] was seen", "no [fever and
    cough] were seen": at the verb, since what is before it is one list.
    """
    for position in range(verb - 1, start, -1):
        if words[position] in _ALTERNATIVES:
            return verb
        if words[position] == "and":
            if words[verb] in _PLURAL_VERBS:
                return verb
            return position - 1 if words[position - 1] == "," else position
        if words[position] == ",":
            return position
    return verb


def opening_parenthesis(words: Sequence[str], position: int) -> int | None:
    """Where the parenthesis opens that a word stands in; None if in none, or it is far."""
    for opening in range(position - 1, max(0, position - _MAX_PARENTHESIS) - 1, -1):
        if words[opening] == "(":
            return opening
        if words[opening] == ")":
            return None
    return None


def scope_of(
    trigger: Trigger, terminations: Sequence[Trigger], sentence: SentenceWords, kind: str
) -> tuple[int, int]:
    """The scope of a trigger over mentions of a kind: its first word, and the one behind its last.

    Args:
        trigger: of the sentence.
        terminations: its phrases that end scopes, in order.
        sentence: its words.
        kind: of the mentions.
    """
    start, end = trigger.start, trigger.end
    if trigger.rule.direction in ("forward", "both"):
        end = _forward_end(trigger, terminations, sentence.words, kind)
    if trigger.rule.direction in ("backward", "both"):
        start = _backward_start(trigger, terminations, kind)
    return _within_parentheses(trigger, start, end, sentence)


# Phrases don't overlap, so terminations are in order by their ends as by their starts: only the
# nearest that counts is looked for, since some texts have no full stop for pages.


def _forward_end(
    trigger: Trigger, terminations: Sequence[Trigger], words: Sequence[str], kind: str
) -> int:
    reach = trigger.rule.reach
    end = len(words) if reach is None else min(len(words), trigger.end + reach)
    first = bisect_left(terminations, trigger.end, key=lambda termination: termination.start)
    for number in range(first, len(terminations)):
        termination = terminations[number]
        if _terminates(termination, trigger, kind):
            if termination.rule.category == "verb":
                return min(end, clause_start(words, trigger.end, termination.start))
            return min(end, termination.start)
    return end


def _backward_start(trigger: Trigger, terminations: Sequence[Trigger], kind: str) -> int:
    reach = trigger.rule.reach
    start = 0 if reach is None else max(0, trigger.start - reach)
    last = bisect_right(terminations, trigger.start, key=lambda termination: termination.end)
    for number in range(last - 1, -1, -1):
        if _terminates(terminations[number], trigger, kind):
            return max(start, terminations[number].end)
    return start


def _terminates(termination: Trigger, trigger: Trigger, kind: str) -> bool:
    only, category = termination.rule.only, trigger.rule.category
    category = "historical" if category == "listed" else category
    concerned = not only or category in only or f"{category}/{kind}" in only
    return concerned and termination.start != trigger.start


def _within_parentheses(
    trigger: Trigger, start: int, end: int, sentence: SentenceWords
) -> tuple[int, int]:
    """A scope without what lies on the other side of the parenthesis that the trigger stands in."""
    words = sentence.words
    opening = opening_parenthesis(words, trigger.start)
    if opening is None or "(" in words[trigger.start : trigger.end]:
        return start, end
    # "Cancer (HER2 negative)", but "flu (swab negative)", "gout (his father)".
    before = range(opening + 1, trigger.start)
    of_marker = words[trigger.start] == "negative" and _TESTS.isdisjoint(words[n] for n in before)
    if before and (of_marker or any(position in sentence.starts for position in before)):
        start = max(start, opening + 1)
    # "Gout (no flare), asthma", but "(possible) pneumonia".
    after = words[trigger.end : min(end, trigger.end + _MAX_PARENTHESIS)]
    if ")" in after and after[0] != ")":
        end = trigger.end + after.index(")")
    return start, end


def split_denial(
    trigger: Trigger, terminations: Sequence[Trigger], sentence: SentenceWords
) -> list[Trigger]:
    """The trigger, or its parts if it is a "no", "not" or "without" of one item of a list.

    Of what is done and has no mention it is the first item alone: "not [sleeping], irritable",
    "without [eating more], tired". Behind another finding it is unclear how many items are denied,
    and the others are possible: "[red eyes] but no [pus], swollen hands" has swollen hands, "cough,
    no [fever], chills" has no chills. An "or" says that all are, and so does an "and" behind
    "without": "headache without [nausea, vomiting and fever]".
    """
    words, first, last = sentence.words, trigger.start, trigger.end
    is_word = trigger.rule.category == "negated" and last == first + 1
    if not is_word or words[first] not in _DENIALS or "," not in words[last : last + _LIST]:
        return [trigger]
    comma = words.index(",", last)
    end = min(_forward_end(trigger, terminations, words, "Symptom"), comma + _LIST)
    rest = words[comma:end]
    if end <= comma or _has_alternative(words[last:end]):
        return [trigger]
    own = _redirected(trigger, "forward", comma - last)
    done = words[first] != "no" and words[last].endswith("ing")
    if done and not any(position in sentence.starts for position in range(last, comma)):
        return [own]
    one_of_several = words[first] == "no" and words[first - 1] in _BEFORE_AN_ITEM
    if words[first] == "without":
        # "Fever, red eyes without [discharge], cracked lips and a rash" is one list of all.
        in_list = first in sentence.ends and "," in words[max(0, first - _LIST) : first]
        one_of_several = in_list or "and" not in rest
    if not one_of_several or all(stop > first for stop in sentence.ends):
        return [trigger]
    unclear = replace(trigger.rule, category="possible", reach=end - comma - 1)
    return [own, Trigger(comma, comma + 1, unclear)]


def _has_alternative(words: Sequence[str]) -> bool:
    """Whether an "or" is among the words that stands between no numbers ("120/80", "2 or 3")."""
    return any(
        word in _ALTERNATIVES and not (n > 0 and words[n - 1][-1:].isdigit())
        for n, word in enumerate(words)
    )


def split_date(trigger: Trigger, sentence: SentenceWords) -> list[Trigger]:
    """The trigger, or its parts if it is a date behind a mention or the last words of a list.

    Such a date concerns nothing that a comma separates from it: "[asthma], [stroke] in 2010,
    [gout]". But a list shares it: "[pneumonia], [sepsis] and [delirium] in 2018". And in
    parentheses it concerns what they hold.
    """
    rule, first, words = trigger.rule, trigger.start, sentence.words
    if rule.category != "past" or rule.reach is None or first == 0:
        return [trigger]
    opening = opening_parenthesis(words, first)
    if opening is not None and 0 < first - 1 - opening < rule.reach:
        # "CHF (EF 35% in 2021)": of what stands in the parentheses, not of what stands before.
        return [_redirected(trigger, "backward", first - 1 - opening)]
    end_of_item = first - (words[first - 1] == "(")
    nearby = words[max(0, end_of_item - rule.reach - 1) : end_of_item]
    comma = end_of_item - 1 - nearby[::-1].index(",") if "," in nearby else None
    if end_of_item not in sentence.ends and not _ends_item(trigger, comma, end_of_item, sentence):
        return [trigger]
    reach = rule.reach
    if comma is not None and _CONJUNCTIONS.isdisjoint(words[comma + 1 : end_of_item]):
        reach = min(reach, first - comma - 1)
    redirected = [_redirected(trigger, "backward", reach)]
    following = words[trigger.end] if trigger.end < len(words) else "."
    if rule.direction == "both" and following not in CLAUSE_ENDS and following not in _CONJUNCTIONS:
        # "Surgery in 1990 for appendicitis": up to the next comma.
        after = words[trigger.end : trigger.end + rule.reach]
        redirected.append(
            _redirected(trigger, "forward", after.index(",") if "," in after else rule.reach)
        )
    return redirected


def toward_a_side(trigger: Trigger, sentence: SentenceWords) -> Trigger:
    """The trigger; one that stands on either side of what it is about, with the side it is on.

    It is of the mention right before it ("[gout] is very likely with fever"), with the list whose
    last item that is ("[fever, cough and gout] are likely"); else of what follows in its clause
    ("fever, likely [gout]"); of what stands before its comma where its clause is all its own
    ("[gout], likely"), but for "chest pain, likely musculoskeletal".
    """
    rule, words = trigger.rule, sentence.words
    if rule.direction != "either":
        return trigger
    assert rule.reach is not None  # as in the table
    behind = trigger.end + (words[trigger.end : trigger.end + 1] == [")"])  # "(possible) [gout]"
    following = words[behind : behind + rule.reach]
    clause = next((n for n, word in enumerate(following) if word in _PARTING), len(following))
    goes_on = clause > 0 and not in_class("onward", following[0])
    end, is_apart = _item_before(trigger.start, sentence)
    if end is not None and (not goes_on if is_apart else behind not in sentence.starts):
        return _redirected(trigger, "backward", trigger.start - _start_of_list(end, sentence))
    if end is not None or any(behind + n in sentence.starts for n in range(clause)):
        return _redirected(trigger, "forward", rule.reach)
    return _redirected(trigger, "both", rule.reach)


def _item_before(position: int, sentence: SentenceWords) -> tuple[int | None, bool]:
    """The end of the mention right before a judgement, and whether a comma parts them.

    Other words of judgements may stand between ("gout is very likely").
    """
    is_apart = False
    while position not in sentence.ends:
        word = sentence.words[position - 1] if position else ""
        if word == "," and not is_apart:
            is_apart = True
        elif not in_class("judging", word):
            return None, is_apart
        position -= 1
    return position, is_apart


def _start_of_list(end: int, sentence: SentenceWords) -> int:
    """Where the mention begins that ends here, or the list of mentions whose last item it is."""
    words, position, is_list = sentence.words, end, False
    while True:
        start = max((each for each in sentence.starts if each < position), default=position - 1)
        position = start
        if position and words[position - 1] in _JOINING:
            is_list, position = True, position - 1
        if is_list and position and words[position - 1] == ",":
            position -= 1
        if position == start or position not in sentence.ends:
            return start


def _ends_item(
    trigger: Trigger, comma: int | None, end_of_item: int, sentence: SentenceWords
) -> bool:
    """Whether a date ends a list's item that ends with no mention.

    "Asthma, removal of the spleen in 1990, gout", but "asthma; about 3 years ago, he had gout".
    """
    if comma is None or comma == end_of_item - 1:
        return False
    words = sentence.words
    if trigger.end >= len(words) - 1:
        return True
    return words[trigger.end] in CLAUSE_ENDS and trigger.end + 1 in sentence.starts


def _redirected(trigger: Trigger, direction: str, reach: int) -> Trigger:
    return replace(trigger, rule=replace(trigger.rule, direction=direction, reach=reach))


@dataclass
class Coverage:
    """In how many scopes of one category a mention is.

    Attributes:
        after: of triggers before the mention, by the position of its first word.
        before: of triggers after it, by the position behind its last word.
    """

    after: list[int]
    before: list[int]


def scope_coverage(
    triggers: Sequence[Trigger],
    terminations: Sequence[Trigger],
    sentence: SentenceWords,
    kind: str,
) -> dict[str, Coverage]:
    """For each category its triggers' scopes over mentions of a kind, wherever they stand.

    Beginnings and ends of scopes are counted and summed, since a sentence may be as long as a note.
    """
    size = len(sentence.words) + 2
    edges: dict[str, Coverage] = {}
    for trigger in triggers:
        if not _concerns(trigger.rule, kind):
            continue
        start, end = scope_of(trigger, terminations, sentence, kind)
        edge = edges.setdefault(trigger.rule.category, Coverage([0] * size, [0] * size))
        if trigger.end < end:  # of mentions whose first word is at trigger.end to end - 1
            edge.after[trigger.end] += 1
            edge.after[end] -= 1
        if start < trigger.start:  # whose last word's end is at start + 1 to trigger.start
            edge.before[start + 1] += 1
            edge.before[trigger.start + 1] -= 1
    return {
        category: Coverage(list(accumulate(edge.after)), list(accumulate(edge.before)))
        for category, edge in edges.items()
    }


def _concerns(rule: Rule, kind: str) -> bool:
    """Whether a rule says anything of mentions of a kind."""
    if rule.category == "pseudo":
        return False
    if rule.only:
        return kind in rule.only
    return (rule.category, kind) not in _ONLY_IF_NAMED
