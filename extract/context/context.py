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
given did ("penicillin - hives") is past; what a past history says is still taken ("hypothyroidism,
on levothyroxine") is of now, and so is what it is taken for.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Container, Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from itertools import accumulate
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc, Span

from ..sentences import section_of, sentence_of
from ..short_forms import words_of
from .doses import dosage

# Attribute and value that each category of trigger stands for; of one attribute the later wins.
_VALUES = {
    "negated": ("polarity", "negated"),
    "possible": ("certainty", "possible"),
    "hypothetical": ("certainty", "hypothetical"),
    "allergy": ("certainty", "hypothetical"),
    "reaction": ("temporality", "historical"),
    "historical": ("temporality", "historical"),
    "past": ("temporality", "historical"),
    "over": ("temporality", "historical"),
    "other": ("experiencer", "other"),
    "family": ("experiencer", "family"),
    "relative": ("experiencer", "family"),
}
DEFAULTS = {
    "polarity": "asserted",
    "certainty": "certain",
    "experiencer": "patient",
    "temporality": "current",
}
# What takes back what other triggers said.
_CANCELS = {"current": {"historical", "past"}, "certain": {"possible", "hypothetical"}}
# Words between a drug that is not to be given and what it did, a mention's own words left out
# ("codeine - severe hives", "PCN (rash, hives)", "an allergy to penicillin, which caused a rash").
_WORD = r"(?:an?|the|his|her|severe|mild|moderate|bad|generali[sz]ed|facial|acute|some)"
_TO_REACTION = re.compile(
    rf"(?:\s|{_WORD}\b|allerg\w+)*"
    r"(?:[-–—:=(\[]|[=-]>|→|[;,]?\s*(?:(?:that|which|he|she|it|reactions?|with|and|had|has|is|was)\s+)*"
    r"(?:causes?|caused|causing|gives?|gave|gets?|got|develops?|developed|reactions?:?"
    r"|leads? to|led to|leading to|resulted in|resulting in)(?=\s))"
    rf"(?:\s|(?:reactions?|causes?|caused|gets?|gave|was|is|he|she|developed|of|:|{_WORD})(?!\w))*",
    re.I,
)
# What is allergic to, where it is no mention: "Peanuts - severe".
_NEAR = 80  # characters before a reaction that are looked at
_ALLERGEN = re.compile(rf"\w\s*[-–—:=(→]>?\s*(?:{_WORD}\s+)*$")
# "Allergic to penicillin: chest pain since 3 h": a complaint, and no reaction.
_IS_NOW = re.compile(
    r"[\s,(]*(?:(?:since|for|x)\s(?:the\s(?:past|last)\s|about\s|~)?\w"
    r"|(?:today|now|currently|tonight|this\s\w+)\b)",
    re.I,
)
_NEXT_REACTION = re.compile(rf"(?:\s|[,/&+]|(?:and|or|{_WORD})\b)*", re.I)
# Words between a condition and the drug that is taken for it ("hypertension, well controlled on"),
# and between the drug and the condition ("metformin 500 mg bd for her type 2").
_TAKEN_FOR = (
    re.compile(
        r"[\s,(:–—-]*(?:(?:now|currently|still|well|poorly|controlled|managed|treated|stable|is|was"
        r"|remains?|continues?|maintained|chronic|he|she|and|known|,)\s+)*"
        r"(?:on|takes|taking|uses|using|with|by)\s+"
        r"(?:(?:long|term|low|high|dose|regular|daily|oral|inhaled|home|chronic)\b[\s-]*)*",
        re.I,
    ),
    re.compile(r"[^;.\n]{0,25}?\bfor\s+(?:(?:his|her|the|a|known|chronic)\s+)*", re.I),
)
# What a drug was given once after, whatever the dose, among so many tokens before it.
_BEFORE = 20
_WAS_GIVEN = re.compile(
    r"\b(?:was|were|had|received|given|completed|previous(?:ly)?|prior|past|course)\b[^,;]*$", re.I
)
# What is over though a drug is taken after it.
_EVENT = re.compile(
    r"infarct|stroke|\b(?:N?STEMI|MI|TIA|CVA|DVT|PE)\b|\battack|embol|thrombos|fracture|arrest"
    r"|ha?emorrhage",
    re.I,
)
# "No abnormality on CT" doesn't say that there was no CT: only rules that name the kind deny it.
_ONLY_IF_NAMED = {("negated", "Procedure"), ("possible", "Procedure"), ("over", "Procedure")}
# Sections that speak for what is in them: the category, and for which kinds.
_SECTIONS = {
    "family": ("family", ("Disease", "Symptom", "Procedure")),
    "historical": ("historical", ("Disease", "Symptom", "Procedure", "Drug")),
    "allergies": ("allergy", ("Drug",)),
    "differential": ("possible", ("Disease", "Symptom")),
}


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
_AND = frozenset(("and", "or", "&", "with"))
_PLURAL = frozenset(("are", "were", "have"))


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


def _scope(trigger: Trigger, stops: list[Trigger], words: list[str], kind: str) -> tuple[int, int]:
    """The tokens of whose mentions of a kind a trigger speaks: start (before it), end (after)."""
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
    return start, end


def _dated(trigger: Trigger, ends: Container[int], words: list[str]) -> Trigger:
    """What a date speaks of that stands right after a mention, or right before a comma or the end.

    That is nothing which follows, nor what a comma parts from it: "[asthma], [stroke] in 2010,
    [gout]". But a list shares it: "[pneumonia], [sepsis] and [delirium] in 2018". `ends` are the
    places at which mentions end.
    """
    rule = trigger.rule
    before = trigger.start - (words[trigger.start - 1] == "(")
    is_last = trigger.end == len(words) or words[trigger.end] in _ENDS
    if rule.category != "past" or not (before in ends or is_last):
        return trigger
    part = words[:before]
    comma = len(part) - 1 - part[::-1].index(",") if "," in part else -1
    if comma == len(part) - 1:  # ", in 2018, "
        return trigger
    shared = comma < 0 or any(word in _AND for word in part[comma + 1 :])
    reach = rule.reach if shared else trigger.start - comma - 1
    return replace(trigger, rule=replace(rule, direction="backward", reach=reach))


# For each category, how many scopes a mention is in by the place of its first word (those of
# triggers before it), and by that of its last (of triggers after it).
_Scopes = dict[str, tuple[list[int], list[int]]]


def _scopes(speaking: list[Trigger], stops: list[Trigger], words: list[str], kind: str) -> _Scopes:
    """What the triggers of a sentence say of mentions of a kind, wherever they stand.

    Beginnings and ends of scopes are counted and summed, so that a sentence as long as a note takes
    no longer by the word.
    """
    edges: _Scopes = {}
    for trigger in speaking:
        rule = trigger.rule
        if rule.category == "pseudo" or (rule.only and kind not in rule.only):
            continue
        if not rule.only and (rule.category, kind) in _ONLY_IF_NAMED:
            continue
        start, end = _scope(trigger, stops, words, kind)
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
    for category, cancelled in _CANCELS.items():
        if category in categories:
            categories -= cancelled
    category, kinds = _SECTIONS.get(section_of(mention), ("", ()))
    if mention.label_ in kinds:
        categories.add(category)
    return categories


def _reactions(found: list[tuple[Span, set[str]]]) -> set[tuple[int, int]]:
    """Tell which conditions of a sentence were reactions to what must not be given.

    `found` are the sentence's mentions in order, with their categories, which are added to. Returns
    the tokens at which drug and reaction start, where the drug is a mention.
    """
    if not found:
        return set()
    pairs = set()
    # Taken once: a sentence may be as long as the note.
    sentence = sentence_of(found[0][0])
    text, first = sentence.text_with_ws, sentence.start_char
    drug: Span | None = None
    end: int | None = None  # of the allergen, or of its last reaction
    pattern = _TO_REACTION
    for mention, categories in found:
        doc = mention.doc
        if mention.label_ == "Drug":
            is_allergen = "allergy" in categories and "negated" not in categories
            drug, pattern = mention if is_allergen else None, _TO_REACTION
            end = mention.end if is_allergen else None
        elif mention.label_ in ("Disease", "Symptom"):
            at = mention.start_char - first
            if (
                end is None
                and section_of(mention) == "allergies"
                # "Peanuts - hives": what is no drug is seldom a mention.
                and _ALLERGEN.search(text[max(0, at - _NEAR) : at]) is not None
            ):
                end, pattern = mention.start, _NEXT_REACTION
            reaction = end is not None and pattern.fullmatch(text[doc[end].idx - first : at])
            if reaction and not _IS_NOW.match(text, mention.end_char - first):
                categories.add("reaction")
                if drug is not None:
                    pairs.add((drug.start, mention.start))
                end, pattern = mention.end, _NEXT_REACTION
            elif pattern is _NEXT_REACTION:
                end = None
    return pairs


def _still_taken(found: list[tuple[Span, set[str]]]) -> None:
    """Take back what a past history says of drugs that are taken, and of what they are for.

    `found` are the sentence's mentions in order, with their categories, which are changed.
    """
    for number, (drug, categories) in enumerate(found):
        if "over" in categories or not ("taken" in categories or _is_regular(drug, categories)):
            continue
        categories.discard("historical")
        for step, pattern in zip((-1, 1), _TAKEN_FOR, strict=True):
            if not 0 <= number + step < len(found):
                continue
            condition, its = found[number + step]
            first, last = sorted((drug, condition), key=lambda mention: mention.start)
            if (
                condition.label_ in ("Disease", "Symptom")
                and "over" not in its
                and not _EVENT.search(condition.text)
                and pattern.fullmatch(drug.doc[first.end : last.start].text_with_ws)
            ):
                its.discard("historical")


def _is_regular(drug: Span, categories: Container[str]) -> bool:
    """Whether a past history says a drug's dose and how often, as of what is taken."""
    if drug.label_ != "Drug" or "historical" not in categories:
        return False
    said = dosage(drug)
    start = max(sentence_of(drug).start, drug.start - _BEFORE)
    before = drug.doc[start : drug.start].text
    regular = {"dose", "frequency"} <= said.keys() and "duration" not in said
    return regular and _WAS_GIVEN.search(before) is None


def attributes(categories: Container[str]) -> dict[str, str]:
    """The attributes of a mention for which these categories hold."""
    values = dict(DEFAULTS)
    for category, (attribute, value) in _VALUES.items():
        if category in categories:
            values[attribute] = value
    return values


@Language.factory("medkg_context", requires=["doc.spans"])
def create_context(nlp: Language, name: str) -> Context:
    """The factory of `Context`."""
    return Context()


class Context:
    """Sets polarity, certainty, experiencer and temporality of every span in `mentions`.

    The values are those of evidence (`medkg.graph.frames.EVIDENCE_VALUES`), under `span._`. The
    stretches in which a relation does not hold go to `doc._.relation_negations`, as pairs of
    tokens; the drugs that must not be given with what they did, to `doc._.reactions`, as pairs of
    the tokens that they start at; those that are stopped or held to `doc._.stopped`, by the same.
    """

    def __init__(self) -> None:
        for attribute, value in DEFAULTS.items():
            if not Span.has_extension(attribute):
                Span.set_extension(attribute, default=value)
        if not Span.has_extension("named"):
            Span.set_extension("named", default=False)
        if not Doc.has_extension("relation_negations"):
            Doc.set_extension("relation_negations", default=())
        if not Doc.has_extension("reactions"):
            Doc.set_extension("reactions", default=frozenset())
        if not Doc.has_extension("stopped"):
            Doc.set_extension("stopped", default=frozenset())

    def __call__(self, doc: Doc) -> Doc:
        for mention, categories in self.categories(doc):
            for attribute, value in attributes(categories).items():
                mention._.set(attribute, value)
        return doc

    def categories(self, doc: Doc) -> Iterator[tuple[Span, set[str]]]:
        """Each mention with the categories of `data/context.tsv` that hold for it.

        When it has run, `doc._.relation_negations`, `doc._.reactions` and `doc._.stopped` are set.
        """
        mentions: dict[int, list[Span]] = {}
        for mention in doc.spans.get("mentions", []):
            mentions.setdefault(sentence_of(mention).start, []).append(mention)
        denials: list[tuple[int, int]] = []
        reactions: set[tuple[int, int]] = set()
        stopped: set[int] = set()
        for sentence in doc.sents:
            if here := mentions.get(sentence.start):
                places, words = words_of(sentence)
                words = [word.lower().replace("’", "'") for word in words]
                phrases = list(triggers(words))
                stops = [t for t in phrases if t.rule.category in ("stop", "verb")]
                ends = {bisect_left(places, mention.end) for mention in here}
                speaking = [
                    _dated(t, ends, words)
                    for t in phrases
                    if t.rule.category not in ("stop", "verb")
                ]
                scopes = {
                    kind: _scopes(speaking, stops, words, kind)
                    for kind in {mention.label_ for mention in here}
                }
                found = [
                    (mention, _categories(mention, places, words, speaking, scopes[mention.label_]))
                    for mention in sorted(here, key=lambda mention: mention.start)
                ]
                _still_taken(found)
                reactions |= _reactions(found)
                stopped.update(
                    mention.start
                    for mention, categories in found
                    if mention.label_ == "Drug" and "over" in categories
                )
                yield from found
                for trigger in speaking:
                    if trigger.rule.category == "relation":
                        start, end = _scope(trigger, stops, words, "")
                        denials.append((places[start], places[end - 1] + 1))
        doc._.relation_negations = tuple(denials)
        doc._.reactions = frozenset(reactions)
        doc._.stopped = frozenset(stopped)

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
