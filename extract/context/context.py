"""What a note says about its mentions: negated, possible, of the family, past (`medkg_context`).

The algorithm is NegEx (Chapman et al. 2001, "A simple algorithm for identifying negated findings
and diseases in discharge summaries", J Biomed Inform 34:301) as ConText extends it to experiencer
and time (Harkema et al. 2009, J Biomed Inform 42:839): a trigger phrase gives the mentions in its
scope a value; the scope runs from the trigger to the end of the sentence, to a number of tokens or
to a phrase that terminates it (`scopes`); pseudo-triggers ("no change in") hide the triggers inside
them. The phrases are data (`data/context.tsv`, `rules`). Beyond ConText: a section of family
history or past history holds for everything in it; a new clause ends a scope also where only its
verb shows it ("no fever, the cough persists"); a test is not denied by its negative result, only by
not being done; and phrases such as "did not cause" negate a relation and not its ends. What a drug
that is not to be given did ("penicillin - hives", `reactions`) is past; drugs are stopped by more
than phrases (`stopped_drugs`); what a past history says is still taken ("hypothyroidism, on
levothyroxine", `current_drugs`) is of now, and so is what it is taken for.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from types import MappingProxyType

from spacy.language import Language
from spacy.tokens import Doc, Span

from .. import short_forms as _short_forms  # noqa: F401 (registers `stands_for`)
from ..sentences import section_of, sentence_of
from ..tables import table_rows
from ..tokens import StatelessComponent, text_of
from ..told_of import relative_told_of, with_patient
from .attributes import Categorised, attributes
from .current_drugs import keep_current
from .planned_procedures import mark_planned
from .reactions import (
    Allergy,
    AllergyLists,
    allergies_of,
    mark_allergens,
    mark_reactions,
)
from .rules import Trigger, find_triggers
from .scopes import (
    Coverage,
    SentenceWords,
    scope_coverage,
    scope_of,
    split_date,
    split_denial,
    toward_a_side,
)
from .stopped_drugs import is_stopped, mark_stopped_later, mark_stopped_together

# What takes back what other triggers gave.
_CANCELS = {
    "current": {"historical", "listed", "past"},
    "certain": {"possible", "hypothetical", "purpose"},
}
# Sections that hold for what is in them: the category, and for which kinds.
_SECTIONS = {
    "family": ("family", ("Disease", "Symptom", "Procedure")),
    "historical": ("historical", ("Disease", "Symptom", "Procedure", "Drug")),
    "stopped": ("over", ("Drug",)),
    "differential": ("possible", ("Disease", "Symptom")),
}
_TERMINATIONS = frozenset(("stop", "verb"))
# "Statins may cause myalgia" is all that a paper says of it, and of "a reaction to heparin" a paper
# tells what it was: these count in notes alone.
_OF_NOTES = frozenset(("general", "reacted"))
# That a condition ended or may come makes a patient's past or hypothetical, and not what a paper
# says of a drug: "the bradycardia was reversed by atropine", "a risk factor for stroke".
_OF_PATIENTS = frozenset(("over", "purpose"))
_NEGATIONS = frozenset(("no", "without"))
_BARE = _NEGATIONS | {"not", "never", "cannot", "t"}  # "don't" has three words, "dont" one
_LIST_JOINTS = frozenset(("and", "or", ","))
_ALTERNATIVES = frozenset(("or", "nor"))
# What a name begins with that denies a verb: "does not feel pain, numbness" denies both objects.
_DENYING = frozenset(
    "cannot does do did can could has have had is was are were".split()  # noqa: SIM905
)


@cache
def _lasting() -> re.Pattern[str]:
    """Conditions that a past history lists and the patient has still (`data/lasting.tsv`)."""
    phrases = [phrase for (phrase,) in table_rows("lasting.tsv")]
    return re.compile(rf"\b(?:{'|'.join(phrases)})\b", re.I)


def _categories(
    mention: Span,
    sentence: SentenceWords,
    triggers: Sequence[Trigger],
    coverage: Mapping[str, Coverage],
    bare: Coverage | None,
) -> set[str]:
    """The categories that hold for a mention among the words of its sentence.

    Args:
        mention: one of the sentence's.
        sentence: its words.
        triggers: its triggers, in order.
        coverage: of these triggers' scopes over mentions of this kind.
        bare: of those that are a "no" or a "not" (`_is_bare`); None if there are none.
    """
    first, last = sentence.position(mention.start), sentence.position(mention.end)
    categories = {
        category
        for category, scopes in coverage.items()
        if scopes.after[first] or scopes.before[last]
    }
    if mention._.named and bare is not None and _denies_itself(first, sentence.words):
        # "No periods and no breast development": the first "no" is not said of the second's name.
        # "She denies that she has no appetite": what is denied is the name.
        of_negation = coverage["negated"]
        if of_negation.after[first] == bare.after[first] and not of_negation.before[last]:
            categories.discard("negated")
    categories.update(_categories_inside(mention, first, last, sentence, triggers))
    for category, cancelled in _CANCELS.items():
        if category in categories:
            categories -= cancelled
    category, kinds = _SECTIONS.get(section_of(mention), ("", ()))
    listed = "listed" in categories or (category == "historical" and mention.label_ in kinds)
    if listed and not categories & {"historical", "past", "over", "once"} and _is_lasting(mention):
        categories.add("lasting")
    if "listed" in categories:
        categories.add("historical")
    if mention.label_ in kinds:
        categories.add(category)
    return categories


def _is_bare(trigger: Trigger, words: Sequence[str]) -> bool:
    """Whether a trigger is a "no" or a "not"; "denies" is neither."""
    word = words[trigger.end - 1]
    return trigger.rule.category == "negated" and (word in _BARE or word.endswith("nt"))


def _denials_of_names(mentions: Sequence[Span], sentence: SentenceWords) -> set[int]:
    """Positions of the denials inside names that negate nothing after their name.

    "Cries without tears, chokes on feeds", "no energy, weight loss and fever": complaints, one of
    which is that something is missing. But "no appetite, nausea or fever" and "does not feel pain,
    numbness and heat" deny all.
    """
    words, positions = sentence.words, set[int]()
    for mention in mentions:
        if not mention._.named:
            continue
        first, last = sentence.position(mention.start), sentence.position(mention.end)
        rest = words[last : _end_of_list(words, last)]
        if not _ALTERNATIVES.isdisjoint(rest):
            continue
        of_noun = not _NEGATIONS.isdisjoint(words[first:last])
        if of_noun or words[first] not in _DENYING:
            positions.update(range(first, last))
    return positions


def _end_of_list(words: Sequence[str], start: int) -> int:
    """Where the list ends that goes on from a word: at a full stop, or with the sentence."""
    return next((n for n in range(start, len(words)) if words[n] in (".", ";")), len(words))


def _denies_itself(first: int, words: Sequence[str]) -> bool:
    """Whether what starts at a word is an item of a list that has a "no" of its own."""
    return first > 0 and words[first] in _NEGATIONS and words[first - 1] in _LIST_JOINTS


def _categories_inside(
    mention: Span, first: int, last: int, sentence: SentenceWords, triggers: Sequence[Trigger]
) -> Iterator[str]:
    """What triggers that overlap a mention give it, which is at the words [first, last).

    A trigger inside a mention is part of a name ("risk of falls", "no appetite"), but some annotate
    "no rash" as a mention; "no improvement" is a phrase that hides its "no".
    """
    behind_start = bisect_right(triggers, first, key=lambda trigger: trigger.end)
    for number in range(behind_start, len(triggers)):
        trigger = triggers[number]
        if trigger.start >= last:
            break
        category = trigger.rule.category
        inside = category == "negated" and trigger.start <= first and trigger.end < last
        hidden = category == "pseudo" and trigger.start < first
        if (
            sentence.words[trigger.start] in _NEGATIONS
            and (inside or hidden)
            and not mention._.named
        ):
            yield "negated"
        # "Mum - epilepsy"
        if category == "relative" and trigger.start <= first:
            yield "family"


def _is_lasting(mention: Span) -> bool:
    if mention.label_ not in ("Disease", "Symptom"):
        return False
    return _lasting().search(mention._.stands_for or mention.text) is not None


def _by_sentence(doc: Doc) -> dict[int, list[Span]]:
    """The mentions of a document by the token that their sentence starts at."""
    mentions: dict[int, list[Span]] = {}
    for mention in doc.spans.get("mentions", []):
        mentions.setdefault(sentence_of(mention).start, []).append(mention)
    return mentions


@dataclass
class _DocumentContext:
    """What goes to a document's own attributes, see `Context`."""

    relation_negations: list[tuple[int, int]] = field(default_factory=list)
    reactions: set[tuple[int, int]] = field(default_factory=set)
    stopped: set[int] = field(default_factory=set)
    lasting: set[int] = field(default_factory=set)
    allergies: dict[int, Allergy] = field(default_factory=dict)

    def add_sentence(self, mentions: Categorised, lists: AllergyLists) -> None:
        """Settle what the mentions of a sentence say of each other, and take it up."""
        mark_stopped_together(mentions)
        mark_stopped_later(mentions)
        keep_current(mentions)
        if mentions and mentions[0][0].doc._.note:
            mark_planned(mentions)
        mark_allergens(mentions, lists)
        reactions = mark_reactions(mentions, lists)
        self.reactions |= reactions
        self.stopped.update(m.start for m, categories in mentions if is_stopped(m, categories))
        self.lasting.update(m.start for m, categories in mentions if "lasting" in categories)
        self.allergies |= allergies_of(mentions, reactions)

    def write(self, doc: Doc) -> None:
        doc._.relation_negations = tuple(self.relation_negations)
        doc._.reactions = frozenset(self.reactions)
        doc._.stopped = frozenset(self.stopped)
        doc._.lasting = frozenset(self.lasting)
        doc._.allergies = self.allergies


@Language.factory("medkg_context", requires=["doc.spans"])
def create_context(nlp: Language, name: str) -> Context:
    """The factory of `Context`."""
    del nlp, name  # spaCy gives every factory both, by these names
    return Context()


class Context(StatelessComponent):
    """Sets polarity, certainty, experiencer and temporality of every span in `mentions`.

    The values are those of evidence (`medkg.graph.frames.EVIDENCE_VALUES`), under `span._`, and
    once more, as they count for the mention's relations, under `span._.in_relations`. The
    stretches in which a relation does not hold go to `doc._.relation_negations`, as pairs of
    tokens; the drugs that must not be given with what they did, to `doc._.reactions`, as pairs of
    the tokens that they start at; those that are stopped or held to `doc._.stopped`, by the same;
    to `doc._.lasting` the diseases that a past history lists and that don't pass; and to
    `doc._.allergies`, by the token that a drug starts at, the allergies to drugs (`Allergy`).
    """

    def __init__(self) -> None:
        if not Span.has_extension("named"):
            Span.set_extension("named", default=False)
        if not Doc.has_extension("relation_negations"):
            Doc.set_extension("relation_negations", default=())
        for extension in ("reactions", "stopped", "lasting"):
            if not Doc.has_extension(extension):
                Doc.set_extension(extension, default=frozenset())
        if not Doc.has_extension("allergies"):
            Doc.set_extension("allergies", default=MappingProxyType({}))

    def __call__(self, doc: Doc) -> Doc:
        for mention, categories in self.categories(doc):
            for attribute, value in attributes(categories).items():
                mention._.set(attribute, value)
            of_relations = categories if doc._.note else categories - _OF_PATIENTS
            mention._.set("in_relations", attributes(of_relations))
        return doc

    def categories(self, doc: Doc) -> Iterator[tuple[Span, set[str]]]:
        """Each mention with the categories of `data/context.tsv` that hold for it.

        When it has run, `doc._.relation_negations`, `doc._.reactions`, `doc._.stopped`,
        `doc._.lasting` and `doc._.allergies` are set.
        """
        mentions = _by_sentence(doc)
        ignored = _TERMINATIONS if doc._.note else _TERMINATIONS | _OF_NOTES
        lists = AllergyLists(doc)
        document = _DocumentContext()
        told_of = relative_told_of(text_of(doc)) if doc._.note else None
        for span in doc.sents:
            if span.start not in mentions:
                continue
            here = sorted(mentions[span.start], key=lambda mention: mention.start)
            sentence = SentenceWords.of(span, here)
            if told_of is not None:
                as_of_patient = with_patient(sentence.words, told_of.relative)
                sentence = replace(sentence, words=as_of_patient)
            phrases = list(find_triggers(sentence.words))
            terminations = [t for t in phrases if t.rule.category in _TERMINATIONS]
            of_names = _denials_of_names(here, sentence)
            triggers = [
                toward_a_side(part, sentence)
                for trigger in phrases
                if trigger.rule.category not in ignored
                and not (trigger.rule.category == "negated" and trigger.end - 1 in of_names)
                for whole in split_denial(trigger, terminations, sentence)
                for part in split_date(whole, sentence)
            ]
            coverage = {
                kind: scope_coverage(triggers, terminations, sentence, kind)
                for kind in {mention.label_ for mention in here}
            }
            negations = [trigger for trigger in triggers if _is_bare(trigger, sentence.words)]
            bare = {
                kind: scope_coverage(negations, terminations, sentence, kind).get("negated")
                for kind in {mention.label_ for mention in here if negations and mention._.named}
            }
            categorised = [
                (m, _categories(m, sentence, triggers, coverage[m.label_], bare.get(m.label_)))
                for m in here
            ]
            document.add_sentence(categorised, lists)
            for trigger in triggers:
                if trigger.rule.category == "relation":
                    start, end = scope_of(trigger, terminations, sentence, "")
                    tokens = sentence.tokens
                    document.relation_negations.append((tokens[start], tokens[end - 1] + 1))
            yield from categorised
        document.write(doc)


def relation_context(head: Span, tail: Span, relation: str = "") -> dict[str, str]:
    """The context of a relation between two mentions of a sentence.

    Negated where either end is or where the sentence denies the relation; as uncertain as its less
    certain end; of the family or another person, and past, where either end is. But "NSAIDs should
    not be given to patients with a history of ulcers" is asserted, of now and for certain, though
    nobody has taken the drug or has the disease: what makes the ends negated, hypothetical or past
    is the contraindication. So is a drug hypothetical because of what it did, which is certain. Nor
    is CAUSES past: that the drug was stopped for it, or that it is over, makes it no less true. In
    a paper neither a condition's end nor its risk or prevention makes a relation past or uncertain.
    """
    denied = any(
        start <= min(head.start, tail.start) and max(head.end, tail.end) <= end
        for start, end in head.doc._.relation_negations
    )
    ends = [head._.in_relations, tail._.in_relations]
    negated = denied or any(end["polarity"] == "negated" for end in ends)
    others = [end["experiencer"] for end in ends if end["experiencer"] != "patient"]
    order = ["certain", "possible", "hypothetical"]
    certainties = [end["certainty"] for end in ends]
    past = any(end["temporality"] == "historical" for end in ends)
    contraindicated = relation == "CONTRAINDICATED_FOR"
    if contraindicated:
        negated = False
    if contraindicated or relation == "CAUSES":
        past = False
    if contraindicated or (head.start, tail.start) in head.doc._.reactions:
        certainties = [certainty for certainty in certainties if certainty != "hypothetical"]
    return {
        "polarity": "negated" if negated else "asserted",
        "certainty": max(certainties, key=order.index, default="certain"),
        "experiencer": others[0] if others else "patient",
        "temporality": "historical" if past else "current",
    }
