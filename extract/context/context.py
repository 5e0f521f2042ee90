"""What a note says about its mentions: negated, possible, of the family, past (`medkg_context`).

The algorithm is NegEx (Chapman et al. 2001, "A simple algorithm for identifying negated findings
and diseases in discharge summaries", J Biomed Inform 34:301) as ConText extends it to experiencer
and time (Harkema et al. 2009, J Biomed Inform 42:839): a trigger phrase gives the mentions in its
scope a value; the scope runs from the trigger to the end of the sentence, to a number of tokens or
to a phrase that stops it; pseudo-triggers ("no change in") hide the triggers inside them. The
phrases are data (`data/context.tsv`). Beyond ConText: a section of family history or past history
speaks for everything in it; a new clause ends a scope also where only its verb shows it ("no fever,
the cough persists"); a test is not denied by its negative result, only by not being done; and
phrases such as "did not cause" negate a relation and not its ends. What a drug that is not to be
given did ("penicillin - hives", `reactions`) is past; what a past history says is still taken
("hypothyroidism, on levothyroxine", `drugs`) is of now, and so is what it is taken for.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Container, Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from itertools import accumulate
from types import MappingProxyType
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc, Span

from ..sentences import section_of, sentence_of
from ..short_forms import words_of  # registers `stands_for` too
from .attributes import DEFAULTS, attributes
from .drugs import (
    is_stopped,
    listed_with,
    said_later,
    still_taken,
)
from .reactions import (
    Allergy,
    AllergyLists,
    allergens_in,
    allergies_in,
    reactions_in,
)

# What takes back what other triggers said.
_CANCELS = {"current": {"historical", "past"}, "certain": {"possible", "hypothetical"}}
# "No abnormality on CT" doesn't say that there was no CT: only rules that name the kind deny it.
_ONLY_IF_NAMED = {("negated", "Procedure"), ("possible", "Procedure"), ("over", "Procedure")}
# Sections that speak for what is in them: the category, and for which kinds.
_SECTIONS = {
    "family": ("family", ("Disease", "Symptom", "Procedure")),
    "historical": ("historical", ("Disease", "Symptom", "Procedure", "Drug")),
    "stopped": ("over", ("Drug",)),
    "differential": ("possible", ("Disease", "Symptom")),
}


# What a past history lists and the patient has still, since it doesn't pass.
_LASTING = re.compile(
    r"\b(?:hypertension|high blood pressure|diabet\w+|hyper(?:lipid|cholesterol)\w*|dyslipid\w+"
    r"|obesity|(?:coronary|peripheral|ischa?emic) [\w ]*disease|heart failure|cardiomyopathy"
    r"|atrial fibrillation|chronic [\w ]+|COPD|asthma|emphysema"
    r"|pulmonary (?:fibrosis|hypertension)|sleep apno?ea|hypothyroid\w*|cirrhosis"
    r"|o?esophageal reflux\w*|crohn\w*|ulcerative colitis|co?eliac disease"
    r"|osteo(?:arthritis|porosis)|gout|rheumatoid arthritis|lupus|psoria\w+"
    r"|ankylosing spondylitis|fibromyalgia|multiple sclerosis|parkinson\w*|dementia|alzheimer\w*"
    r"|epilepsy|migraines?|HIV|schizo\w+|bipolar|cystic fibrosis|sickle[- ]cell|ha?emophilia"
    r"|thalassa?emia|glaucoma|macular degeneration|benign prostatic|polycystic"
    r"|neurofibromatosis)\b",
    re.I,
)


@dataclass(frozen=True)
class Rule:
    """A row of `data/context.tsv`."""

    category: str
    direction: str
    reach: int | None
    only: frozenset[str]


@dataclass(frozen=True)
class Trigger:
    """A phrase found at tokens start to end, and what it does."""

    start: int
    end: int
    rule: Rule


class _Phrases:
    """A trie of phrases whose edges are tokens or the names of token classes."""

    def __init__(self) -> None:
        self.classes: dict[str, set[str]] = {}
        self.root: dict[str, Any] = {}

    def add(self, phrase: str, rule: Rule) -> None:
        node = self.root
        for word in phrase.split():
            node = node.setdefault(word, {})
        node.setdefault("", []).append(rule)

    def longest(self, words: list[str], start: int) -> tuple[int, list[Rule]]:
        """End and rules of the longest phrase that starts at `start`; (start, []) if none."""
        best: tuple[int, list[Rule]] = (start, [])
        nodes = [self.root]
        for position in range(start, len(words)):
            nodes = [n[w] for n in nodes for w in self._readings(words[position]) if w in n]
            if not nodes:
                break
            rules = [rule for node in nodes for rule in node.get("", [])]
            if rules:
                best = (position + 1, rules)
        return best

    @cache  # noqa: B019 (one instance, for the life of the process)
    def _readings(self, word: str) -> tuple[str, ...]:
        classes = (f"<{name}>" for name in self.classes.get(word, ()))
        return (word, *classes, *_number(word), *(("<end>",) if word in _ENDS else ()))


_ENDS = frozenset(("\n", ",", ";", ".", ")", "|"))
_NUMBERS = frozenset(
    "one two three four five six seven eight nine ten several few couple".split()  # noqa: SIM905
)


def _number(word: str) -> tuple[str, ...]:
    if re.fullmatch(r"(19|20)\d\d", word):
        return ("<year>", "<num>")
    return ("<num>",) if word.isdigit() or word in _NUMBERS else ()


@cache
def _phrases() -> _Phrases:
    phrases = _Phrases()
    lines = (
        resources.files("medkg.extract").joinpath("data/context.tsv").read_text(encoding="utf-8")
    )
    rows = [line.split("\t") for line in lines.splitlines() if line and not line.startswith("#")]
    for phrase, category, direction, reach, only in rows[1:]:
        if category == "class":
            name, _, members = phrase.partition("=")
            for member in members.split("|"):
                phrases.classes.setdefault(member, set()).add(name)
        else:
            kinds = frozenset(only.split("|")) if only else frozenset()
            phrases.add(phrase, Rule(category, direction, int(reach) if reach else None, kinds))
    return phrases


def triggers(words: list[str]) -> Iterator[Trigger]:
    """The triggers among lower-case tokens, left to right; longer phrases hide shorter ones."""
    position = 0
    closed = [*words, "\n"]
    while position < len(words):
        end, rules = _phrases().longest(closed, position)
        pseudo = [rule for rule in rules if rule.category == "pseudo"]
        for rule in pseudo or rules:
            yield Trigger(position, min(end, len(words)), rule)
        # The semicolon that a phrase ends with may end scopes too.
        end -= end > position + 1 and closed[end - 1] == ";"
        position = max(end, position + 1)


_NO = frozenset(("no", "without"))
_AND = frozenset(("and", "or", "&"))
_BEFORE_SIGN = frozenset((",", ";"))
# What is negative of the disease that stands before the parenthesis.
_TESTS = frozenset(
    "test tests swab pcr antigen rapid culture cultures biopsy screen screening serology"  # noqa: SIM905
    " antibody ct mri imaging xray cxr scan smear titre titer lp csf naat".split()
)
_PARENTHESIS = 20  # tokens that it holds at most
_PLURAL = frozenset(("are", "were", "have"))


def _signed(words: list[str], starts: Container[int], glued: Container[int]) -> list[str]:
    """The words of "+ [nausea], - [vomiting]" with their signs as "(+)" and "(-)".

    A minus is a sign where a comma or nothing stands before it, and the sentence has a plus before
    a mention, or no space follows it; else it is a bullet, or parts a name from what is said of it.
    The sentence has a sign behind a comma, too. `glued` are the words that no space follows.
    """
    signs = {
        place: f"({word})"
        for place, word in enumerate(words)
        if word in ("+", "-")
        and place + 1 in starts
        and (word == "+" or place == 0 or words[place - 1] in _BEFORE_SIGN)
    }
    if "(+)" not in signs.values():
        signs = {place: sign for place, sign in signs.items() if place in glued}
    if all(place == 0 or words[place - 1] not in _BEFORE_SIGN for place in signs):
        return words
    return [signs.get(place, word) for place, word in enumerate(words)]


def _clause_start(words: list[str], start: int, verb: int) -> int:
    """Where the clause of a finite verb begins that stands in a scope from `start` on.

    "No [fever, the cough] persists": at the comma. "No [fever or cough] was seen", "no [fever and
    cough] were seen": at the verb, since what is before it is one list.
    """
    for place in range(verb - 1, start, -1):
        if words[place] in ("or", "nor", "/"):
            return verb
        if words[place] == "and":
            if words[verb] in _PLURAL:
                return verb
            return place - 1 if words[place - 1] == "," else place
        if words[place] == ",":
            return place
    return verb


def _opening(words: list[str], place: int) -> int | None:
    """Where the parenthesis opens that a word stands in, if it isn't far."""
    near = words[max(0, place - _PARENTHESIS) : place][::-1]
    if "(" not in near or ")" in near[: near.index("(")]:
        return None
    return place - 1 - near.index("(")


def _scope(
    trigger: Trigger,
    stops: list[Trigger],
    words: list[str],
    kind: str,
    mentioned: Container[int],
) -> tuple[int, int]:
    """The tokens of whose mentions of a kind a trigger speaks: start (before it), end (after).

    `mentioned` are the places at which mentions start.
    """
    rule = trigger.rule
    reach = len(words) if rule.reach is None else rule.reach
    named = {rule.category, f"{rule.category}/{kind}"}

    def ends(stop: Trigger) -> bool:
        return (not stop.rule.only or bool(named & stop.rule.only)) and stop.start != trigger.start

    # Phrases don't overlap, so stops are in order by their ends as by their starts: only the
    # nearest that counts is looked for, since some texts have no full stop for pages.
    start, end = trigger.start, trigger.end
    if rule.direction in ("forward", "both"):
        end = min(len(words), trigger.end + reach)
        first = bisect_left(stops, trigger.end, key=lambda stop: stop.start)
        stop = next(filter(ends, (stops[n] for n in range(first, len(stops)))), None)
        if stop is not None:
            verb = stop.rule.category == "verb"
            end = min(end, _clause_start(words, trigger.end, stop.start) if verb else stop.start)
    if rule.direction in ("backward", "both"):
        last = bisect_right(stops, trigger.start, key=lambda stop: stop.end)
        before = next(filter(ends, (stops[n] for n in range(last - 1, -1, -1))), None)
        start = max(0, trigger.start - reach, 0 if before is None else before.end)
    opens = _opening(words, trigger.start)
    if opens is not None and "(" not in words[trigger.start : trigger.end]:
        # "Cancer (HER2 negative)", but "flu (swab negative)", "gout (his father)".
        inside = range(opens + 1, trigger.start)
        marker = words[trigger.start] == "negative" and not _TESTS & {words[n] for n in inside}
        if inside and (marker or any(place in mentioned for place in inside)):
            start = max(start, opens + 1)
        # "Gout (no flare), asthma", but "(possible) pneumonia".
        within = words[trigger.end : min(end, trigger.end + _PARENTHESIS)]
        if ")" in within and within[0] != ")":
            end = trigger.end + within.index(")")
    return start, end


def _dated(
    trigger: Trigger, starts: Container[int], ends: Container[int], words: list[str]
) -> list[Trigger]:
    """What a date speaks of that stands right after a mention, or after the last words of a list.

    That is nothing which a comma parts from it: "[asthma], [stroke] in 2010, [gout]". But a list
    shares it: "[pneumonia], [sepsis] and [delirium] in 2018". And in parentheses it speaks of what
    they hold. `starts` and `ends` are the places at which mentions start and end.
    """
    rule, first = trigger.rule, trigger.start
    if rule.category != "past" or rule.reach is None or first == 0:
        return [trigger]
    opens = _opening(words, first)
    if opens is not None and 0 < (inside := first - 1 - opens) < rule.reach:
        # "CHF (EF 35% in 2021)": of what stands in the parentheses, not of what stands before.
        return [replace(trigger, rule=replace(rule, direction="backward", reach=inside))]
    before = first - (words[first - 1] == "(")
    low = max(0, before - rule.reach - 1)
    near = words[low:before]
    comma = before - 1 - near[::-1].index(",") if "," in near else None
    following = words[trigger.end] if trigger.end < len(words) else "."
    # "Asthma, removal of the spleen in 1990, gout", but "asthma; about 3 years ago, he had gout".
    ends_item = comma not in (None, before - 1) and (
        trigger.end >= len(words) - 1 or (following in _ENDS and trigger.end + 1 in starts)
    )
    if before not in ends and not ends_item:
        return [trigger]
    shared = comma is None or any(word in _AND for word in words[comma + 1 : before])
    back = rule.reach if shared or comma is None else min(rule.reach, first - comma - 1)
    parts = [replace(trigger, rule=replace(rule, direction="backward", reach=back))]
    if rule.direction == "both" and following not in _ENDS and following not in _AND:
        # "Surgery in 1990 for appendicitis": up to the next comma.
        after = words[trigger.end : trigger.end + rule.reach]
        reach = after.index(",") if "," in after else rule.reach
        parts.append(replace(trigger, rule=replace(rule, direction="forward", reach=reach)))
    return parts


# For each category, how many scopes a mention is in by the place of its first word (those of
# triggers before it), and by that of its last (of triggers after it).
_Scopes = dict[str, tuple[list[int], list[int]]]


def _scopes(
    speaking: list[Trigger],
    stops: list[Trigger],
    words: list[str],
    kind: str,
    mentioned: Container[int],
) -> _Scopes:
    """What the triggers of a sentence say of mentions of a kind, wherever they stand.

    Beginnings and ends of scopes are counted and summed, since a sentence may be as long as a note.
    """
    edges: _Scopes = {}
    for trigger in speaking:
        rule = trigger.rule
        if rule.category == "pseudo" or (rule.only and kind not in rule.only):
            continue
        if not rule.only and (rule.category, kind) in _ONLY_IF_NAMED:
            continue
        start, end = _scope(trigger, stops, words, kind, mentioned)
        if rule.category not in edges:
            edges[rule.category] = [0] * (len(words) + 2), [0] * (len(words) + 2)
        after, before = edges[rule.category]
        if trigger.end < end:  # of mentions whose first word is at trigger.end to end - 1
            after[trigger.end] += 1
            after[end] -= 1
        if start < trigger.start:  # whose last word's end is at start + 1 to trigger.start
            before[start + 1] += 1
            before[trigger.start + 1] -= 1
    return {
        category: (list(accumulate(after)), list(accumulate(before)))
        for category, (after, before) in edges.items()
    }


def _categories(
    mention: Span,
    places: list[int],
    words: list[str],
    speaking: list[Trigger],
    scopes: _Scopes,
) -> set[str]:
    """The categories that hold for a mention among the words of its sentence.

    `scopes` are those of the sentence's triggers (`speaking`, in order) for the mention's kind.
    """
    first, last = bisect_left(places, mention.start), bisect_left(places, mention.end)
    categories = {
        category for category, (after, before) in scopes.items() if after[first] or before[last]
    }
    # A trigger inside a mention is part of a name ("risk of falls", "no appetite"), but some
    # annotate "no rash" as a mention; "no improvement" is a phrase that hides its "no".
    for trigger in speaking[bisect_right(speaking, first, key=lambda trigger: trigger.end) :]:
        if trigger.start >= last:
            break
        category = trigger.rule.category
        inside = category == "negated" and trigger.start <= first and trigger.end < last
        hidden = category == "pseudo" and trigger.start < first
        if words[trigger.start] in _NO and (inside or hidden) and not mention._.named:
            categories.add("negated")
        # "Mum - epilepsy"
        if category == "relative" and trigger.start <= first:
            categories.add("family")
    for category, cancelled in _CANCELS.items():
        if category in categories:
            categories -= cancelled
    category, kinds = _SECTIONS.get(section_of(mention), ("", ()))
    if mention.label_ in kinds:
        listed = category == "historical" and category not in categories
        if listed and not categories & {"past", "over"} and _is_lasting(mention):
            categories.add("lasting")
        categories.add(category)
    return categories


def _is_lasting(mention: Span) -> bool:
    if mention.label_ not in ("Disease", "Symptom"):
        return False
    return _LASTING.search(mention._.stands_for or mention.text) is not None


@Language.factory("medkg_context", requires=["doc.spans"])
def create_context(nlp: Language, name: str) -> Context:
    """The factory of `Context`."""
    return Context()


class Context:
    """Sets polarity, certainty, experiencer and temporality of every span in `mentions`.

    The values are those of evidence (`medkg.graph.frames.EVIDENCE_VALUES`), under `span._`. The
    stretches in which a relation does not hold go to `doc._.relation_negations`, as pairs of
    tokens; the drugs that must not be given with what they did, to `doc._.reactions`, as pairs of
    the tokens that they start at; those that are stopped or held to `doc._.stopped`, by the same;
    to `doc._.lasting` the diseases that a past history lists and that don't pass; and to
    `doc._.allergies`, by the token that a drug starts at, the allergies to drugs (`Allergy`).
    """

    def __init__(self) -> None:
        for attribute, value in DEFAULTS.items():
            if not Span.has_extension(attribute):
                Span.set_extension(attribute, default=value)
        if not Span.has_extension("named"):
            Span.set_extension("named", default=False)
        if not Doc.has_extension("relation_negations"):
            Doc.set_extension("relation_negations", default=())
        for found in ("reactions", "stopped", "lasting"):
            if not Doc.has_extension(found):
                Doc.set_extension(found, default=frozenset())
        if not Doc.has_extension("allergies"):
            Doc.set_extension("allergies", default=MappingProxyType({}))

    def __call__(self, doc: Doc) -> Doc:
        for mention, categories in self.categories(doc):
            for attribute, value in attributes(categories).items():
                mention._.set(attribute, value)
        return doc

    def categories(self, doc: Doc) -> Iterator[tuple[Span, set[str]]]:
        """Each mention with the categories of `data/context.tsv` that hold for it.

        When it has run, `doc._.relation_negations`, `doc._.reactions`, `doc._.stopped`,
        `doc._.lasting` and `doc._.allergies` are set.
        """
        mentions: dict[int, list[Span]] = {}
        for mention in doc.spans.get("mentions", []):
            mentions.setdefault(sentence_of(mention).start, []).append(mention)
        silent = {"stop", "verb"}
        if not doc._.note:
            # "Statins may cause myalgia" is all that a paper says of it, and of "a reaction to
            # heparin" a paper tells what it was.
            silent |= {"general", "reacted"}
        denials: list[tuple[int, int]] = []
        reactions: set[tuple[int, int]] = set()
        stopped: set[int] = set()
        lasting: set[int] = set()
        allergies: dict[int, Allergy] = {}
        lists = AllergyLists(doc)
        for sentence in doc.sents:
            if here := mentions.get(sentence.start):
                places, words = words_of(sentence)
                starts = {bisect_left(places, mention.start) for mention in here}
                glued = {n for n, place in enumerate(places) if not doc[place].whitespace_}
                words = [word.lower().replace("’", "'") for word in words]
                words = _signed(words, starts, glued)
                phrases = list(triggers(words))
                stops = [t for t in phrases if t.rule.category in ("stop", "verb")]
                ends = {bisect_left(places, mention.end) for mention in here}
                speaking = [
                    part
                    for t in phrases
                    if t.rule.category not in silent
                    for part in _dated(t, starts, ends, words)
                ]
                scopes = {
                    kind: _scopes(speaking, stops, words, kind, starts)
                    for kind in {mention.label_ for mention in here}
                }
                found = [
                    (mention, _categories(mention, places, words, speaking, scopes[mention.label_]))
                    for mention in sorted(here, key=lambda mention: mention.start)
                ]
                listed_with(found)
                said_later(found)
                still_taken(found)
                allergens_in(found, lists)
                reacted = reactions_in(found, lists)
                reactions |= reacted
                stopped.update(mention.start for mention, its in found if is_stopped(mention, its))
                lasting.update(mention.start for mention, its in found if "lasting" in its)
                allergies |= allergies_in(found, reacted)
                yield from found
                for trigger in speaking:
                    if trigger.rule.category == "relation":
                        start, end = _scope(trigger, stops, words, "", starts)
                        denials.append((places[start], places[end - 1] + 1))
        doc._.relation_negations = tuple(denials)
        doc._.reactions = frozenset(reactions)
        doc._.stopped = frozenset(stopped)
        doc._.lasting = frozenset(lasting)
        doc._.allergies = allergies

    def to_disk(self, path: Any, **_: Any) -> None:
        """Nothing to save."""

    def from_disk(self, path: Any, **_: Any) -> Context:
        """Nothing to load."""
        return self


def relation_context(head: Span, tail: Span, relation: str = "") -> dict[str, str]:
    """The context of a relation between two mentions of a sentence.

    Negated where either end is or where the sentence denies the relation; as uncertain as its less
    certain end; of the family or another person, and past, where either end is. But "NSAIDs should
    not be given to patients with a history of ulcers" is asserted, of now and for certain, though
    nobody has taken the drug or has the disease: what makes the ends negated, hypothetical or past
    is the contraindication. So is a drug hypothetical because of what it did, which is certain.
    """
    denied = any(
        start <= min(head.start, tail.start) and max(head.end, tail.end) <= end
        for start, end in head.doc._.relation_negations
    )
    ends = [head._, tail._]
    negated = denied or any(end.polarity == "negated" for end in ends)
    others = [end.experiencer for end in ends if end.experiencer != "patient"]
    order = ["certain", "possible", "hypothetical"]
    certainties = [end.certainty for end in ends]
    past = any(end.temporality == "historical" for end in ends)
    contraindicated = relation == "CONTRAINDICATED_FOR"
    if contraindicated:
        negated = past = False
    if contraindicated or (head.start, tail.start) in head.doc._.reactions:
        certainties = [said for said in certainties if said != "hypothetical"]
    return {
        "polarity": "negated" if negated else "asserted",
        "certainty": max(certainties, key=order.index, default="certain"),
        "experiencer": others[0] if others else "patient",
        "temporality": "historical" if past else "current",
    }
