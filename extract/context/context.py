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
from itertools import accumulate, pairwise, zip_longest
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
# Tokens beside a drug that are looked at.
_NEARBY = 20
# What says that a drug was given once, before and after it, whatever the dose.
_WAS_GIVEN = re.compile(
    r"\b(?:was|were|had|received|given|completed|previous(?:ly)?|prior|past|course|tried|trials?"
    r"|took|former(?:ly)?|used to|until|s ?/ ?p)\b[^,;]*$",
    re.I,
)
_IS_PAST = re.compile(
    r".*\b(?:in the past|previously|formerly|until|stopped|completed|(?:19|20)\d\d)\b", re.I
)
# What a dose doesn't show to be there still.
_PASSING = re.compile(
    r"infection|pneumonia|bronchitis|cellulitis|sepsis|abscess|\bUTIs?\b|sinusitis|otitis|meningitis"
    r"|pharyngitis|tonsillitis|gastroenteritis|cystitis|pyelonephritis|endocarditis|osteomyelitis"
    r"|tubercul|malaria|cancer|carcinoma|tumou?r|lymphoma|leuka?emia",
    re.I,
)
# What stands between the drugs of a list, and before and after those that are stopped together.
_LISTED = re.compile(
    r"(?:\s|[,&/+]|\band\b|\bboth\b|\b(?:his|her|home)\b|\d[\d.,]*|\b(?:mg|mcg|g|units?|daily|bid|tid|po)\b)*",
    re.I,
)
_STOPS = re.compile(
    r"\b(?:stop(?:ped|ping)?(?: taking)?|discontinu(?:ed?|ing)|hold(?:ing)?|held|with(?:hold|held)"
    r"|d/c(?:'d|ed)?)\s+(?:(?:the|his|her|their|home|all|both)\s+)*$",
    re.I,
)
_LISTED_BEFORE = re.compile(r"(?:,|\band|&|/|\+)\s*$", re.I)
_OWN_VERB = re.compile(
    r"[\s\d.]*(?:mg|mcg|g|units?)?\s*(?:daily|bid|tid|po|infusion|drip)?\s*\b(?:was|were|is|are|be|been"
    r"|started|begun|began|added|given|prescribed|initiated|increased|continued|resumed|instead)\b",
    re.I,
)
_STOPPED_TOGETHER = re.compile(
    r"\s*(?:(?:were|are|both|have been|all)\s+)*(?:stopped|discontinued|held|withheld|d/c'd)\b",
    re.I,
)
_AGAIN = re.compile(
    r"\b(?:but|and|then|later|since|,) (?:was |were |has been |then |later |since )*"
    r"(?:restarted|resumed|reinstated|reintroduced|started again)\b",
    re.I,
)
_UNLESS = re.compile(
    r"\b(?:if|unless|consider\w*|may|might|could|would|should|when|resum\w+|restart\w*|recommend\w*"
    r"|continued?|SBP|HR)\b",
    re.I,
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
    "stopped": ("over", ("Drug",)),
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
_AND = frozenset(("and", "or", "&"))
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


def _dated(
    trigger: Trigger, starts: Container[int], ends: Container[int], words: list[str]
) -> list[Trigger]:
    """What a date speaks of that stands right after a mention, or after the last words of a list.

    That is nothing which a comma parts from it: "[asthma], [stroke] in 2010, [gout]". But a list
    shares it: "[pneumonia], [sepsis] and [delirium] in 2018". `starts` and `ends` are the places at
    which mentions start and end.
    """
    rule, first = trigger.rule, trigger.start
    if rule.category != "past" or rule.reach is None or first == 0:
        return [trigger]
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


def _scopes(speaking: list[Trigger], stops: list[Trigger], words: list[str], kind: str) -> _Scopes:
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
        # "Mum - epilepsy"
        if category == "relative" and trigger.start <= first:
            categories.add("family")
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
        for step, pattern in zip((-1, 1), _TAKEN_FOR, strict=True):
            if not 0 <= number + step < len(found):
                continue
            condition, its = found[number + step]
            first, last = sorted((drug, condition), key=lambda mention: mention.start)
            if condition.label_ in ("Disease", "Symptom") and pattern.fullmatch(
                drug.doc[first.end : last.start].text_with_ws
            ):
                if "taken" not in categories and _PASSING.search(condition.text):
                    break  # "pneumonia treated with amoxicillin 500 mg tid"
                if "over" not in its and not _EVENT.search(condition.text):
                    its.discard("historical")
        else:
            categories.discard("historical")


def _is_regular(drug: Span, categories: Container[str]) -> bool:
    """Whether a past history says a drug's dose and how often, as of what is taken."""
    if drug.label_ != "Drug" or "historical" not in categories:
        return False
    before, after = _beside(drug)
    if (
        section_of(drug) != "historical"
        or _WAS_GIVEN.search(before)
        or _IS_PAST.match(after.split(",")[0])
    ):
        return False
    said = dosage(drug)
    return {"dose", "frequency"} <= said.keys() and "duration" not in said


def _listed_with(found: list[tuple[Span, set[str]]]) -> None:
    """Tell which drugs are stopped with others: "hold [metformin], [furosemide] and [lisinopril]".

    `found` are the sentence's mentions in order, with their categories, which are added to.
    """
    for (drug, its), (following, more) in pairwise(found):
        if {drug.label_, following.label_} != {"Drug"} or ("over" in its) == ("over" in more):
            continue
        if not _LISTED.fullmatch(drug.doc[drug.end : following.start].text_with_ws):
            continue
        before, after = _beside(drug)[0], _beside(following)[1]
        if "over" in its and not _OWN_VERB.match(after):
            # Of a list's second drug, the one before it has told already.
            if _STOPS.search(before) or _LISTED_BEFORE.search(before):
                more.add("over")
        elif "over" in more and _STOPPED_TOGETHER.match(after):
            its.add("over")


def _restarted(found: list[tuple[Span, set[str]]]) -> None:
    """Take back that a drug is over where its sentence goes on that it is given again.

    `found` are the sentence's mentions in order, with their categories, which are changed.
    """
    drugs = [(mention, its) for mention, its in found if mention.label_ == "Drug"]
    for (drug, its), following in zip_longest(drugs, drugs[1:]):
        if "over" in its:
            end = drug.end + _NEARBY if following is None else following[0].start
            after = drug.doc[drug.end : min(end, sentence_of(drug).end, drug.end + _NEARBY)].text
            if _AGAIN.search(after):
                its.discard("over")


def _stops(drug: Span, categories: Container[str]) -> bool:
    """Whether a sentence says that a drug isn't taken any more, for certain and of the patient."""
    said = attributes(categories)
    return (
        drug.label_ == "Drug"
        and "over" in categories
        and {**said, "temporality": "current"} == DEFAULTS
        and not any(map(_UNLESS.search, _beside(drug)))
    )


def _beside(mention: Span) -> tuple[str, str]:
    """The text before and after a mention, in its sentence, of `_NEARBY` tokens at most."""
    doc, sentence = mention.doc, sentence_of(mention)
    before = doc[max(sentence.start, mention.start - _NEARBY) : mention.start]
    after = doc[mention.end : min(sentence.end, mention.end + _NEARBY)]
    return before.text_with_ws, after.text_with_ws


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
                starts = {bisect_left(places, mention.start) for mention in here}
                ends = {bisect_left(places, mention.end) for mention in here}
                speaking = [
                    part
                    for t in phrases
                    if t.rule.category not in ("stop", "verb")
                    for part in _dated(t, starts, ends, words)
                ]
                scopes = {
                    kind: _scopes(speaking, stops, words, kind)
                    for kind in {mention.label_ for mention in here}
                }
                found = [
                    (mention, _categories(mention, places, words, speaking, scopes[mention.label_]))
                    for mention in sorted(here, key=lambda mention: mention.start)
                ]
                _listed_with(found)
                _restarted(found)
                _still_taken(found)
                reactions |= _reactions(found)
                stopped.update(mention.start for mention, its in found if _stops(mention, its))
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
