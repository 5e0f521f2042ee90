"""Phenotypes that laboratory results are: "sodium was 118" is hyponatremia, for patients' notes.

A test's mention, with the value or the words that stand around it (`context.values`), is looked up
in a table of common tests with adults' reference ranges (`graph/laboratory.py`).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache

from spacy.language import Language
from spacy.tokens import Doc, Span

from ..core.errors import ModelError
from ..graph.kg import KnowledgeGraph
from ..graph.laboratory import LaboratoryTest, outcome_of, tests_by_name
from ..graph.units import is_unit
from .context.values import forget_mentions, joins_value, measurement
from .laboratory_values import (
    Results,
    by_range,
    by_reference,
    can_be_of_patient,
    inner_range,
    is_size,
    range_of_the_healthy,
    results_for,
    size_results,
    without_near,
)
from .sentences import sentence_of
from .tokens import StatelessComponent, text_of, token_offsets

# Words of a test's name that say no more than what the table assumes.
_ASSUMED = re.compile(
    r"\b(?:serum|plasma|blood(?= \w)|circulating|peripheral|levels?|concentrations?|counts?"
    r"|titers?|titres?|results?|values?|initial|repeat|the|his|her|of|24[\s-]?h(?:ours?|rs?)?)\b"
)
# Characters; shorter names of tests ("ca", "k") are too often other words, unless they are written
# as no word is ("HDL", "pH", "Na+").
_SHORTEST = 4
_NO_WORD = re.compile(r"[A-Z]{3}|[A-Z]?[a-z]+[A-Z]\d?|[A-Za-z]{1,2}\+|[A-Z]\d{1,2}")
# A short name with a result as laboratories write it: "Mg 0.48 (0.7-1.0)", "K 2.5 mmol/L".
_SHORT_NAME = re.compile(r"[A-Z][A-Za-z]?|[A-Za-z][a-z]{2}")
_THREE_LETTERS = re.compile(r"[A-Za-z][a-z]{2}")
_WRITTEN_RESULT = re.compile(
    r"[:=|\s]{1,40}[<>]?\d[\d.,]*\s{0,12}(?:[HL*↑↓]{1,2}\s{1,12})?"
    r"(?:[|\[(]\s?(?:[<>]\s?\d|\d[\d.]*\s?[-–]\s?\d)|[mµuμn]?(?:mol|eq|Eq|g)/[dmµuμ]?L\b)"
)
# "T 38.1" is a temperature, and "T4" and "T-score" are none.
_TEMPERATURE = re.compile(r"T[:\s]{1,3}(?:3[4-9]|4[0-2])\.\d(?![\d%])")
# Names of vertebrae and of stages too, so that a number alone doesn't count, nor a word of a part:
# "C3 low, C4 low" and "C3 38", but "C3 6", "at C3 80" and "C3 normal alignment".
_OF_OTHERS_TOO = re.compile(r"[A-Z]\d")
_PLAIN_VALUE = re.compile(r"[ ](?P<number>\d{1,4}(?:[.,]\d{1,3})?)[ ]?(?:[.,;)\n]|$)")
_BEFORE_VERTEBRA = frozenset("at of to from the level cage disc disk vertebra".split())  # noqa: SIM905
_ENDS_RESULT = re.compile(
    r"(?:(?:,| and|/) ?[A-Z]\d)*(?:(?::| is| was| are| were)? (?:very |both |markedly )?\w+)?"
    r"[ ]*(?:[.,;)\n]|and\b|$)"
)
_MAX_TOKENS = 8  # of a test's name
# That a test's name with a result beside it is one; by judgement.
PROBABILITY = 0.9
# Of mentions that a test's name takes the place of.
_KINDS = frozenset(("Drug", "Target", "Procedure"))
_TITRE = re.compile(r"1\s?:\s?(\d{1,6})")
_HIGH_TITRE = 80  # by judgement
# What is not blood: "CSF glucose", "urinalysis positive for leukocytes".
_SPECIMENS = frozenset(
    "urine urinary urinalysis ua dipstick csf lp spinal pleural ascitic peritoneal synovial stool"  # noqa: SIM905
    " faecal fecal sputum fluid vaginal gastric scalp skin saliva"
    " salivary semen esophageal oesophageal".split()
)
# What begins a list of urine's tests, or of cerebrospinal fluid's; and what says that it is none.
_LISTS_URINE = frozenset(("urinalysis", "ua", "dipstick"))
_LISTS_CSF = frozenset(("csf", "lp"))
_NO_LIST = frozenset(("culture", "cultures", "output", "cytology"))
_VEINS = frozenset(("vbg", "venous"))
_REACH = 10  # tokens before a test in which another specimen is looked for
_BLOOD = re.compile(r"(?:serum|plasma|blood|circulating)\b", re.I)
# A drug's name behind one of these with an amount after it is what was measured, and none taken; in
# serum a level is mostly measured of what is taken (lithium, digoxin).
_MEASURED_IN = frozenset(("urinary", "urine"))
_URINE = _MEASURED_IN | _LISTS_URINE
_AMOUNT = re.compile(
    r"(?: (?:excretion|output|levels?|concentrations?))?(?: (?:was|is|of|at|=)|:)?"
    r" ?[<>≤≥~]? ?\d",
    re.I,
)
# What is to be measured: "monitor glucose", "recheck her potassium".
_TO_MEASURE = re.compile(
    r"\b(?:monitor|check|recheck|re-check|follow|trend|repeat|measure)(?:s|ed|ing)?"
    r"(?: (?:her|his|the|serum|plasma|blood|fasting)){0,3} $",
    re.I,
)
# What follows a name that is not measured, but given again: "repeat potassium 40 mEq".
_GIVEN = re.compile(
    r" (?:\d|for\b|iv\b|po\b|orally|injections?|infusions?|therapy|treatment|supplement\w*"
    r"|tablets?|pills?|dos(?:e|es|ing)\b)",
    re.I,
)
_LONGEST_BEFORE = 40  # characters
# Before a person: "Mrs K is 46".
_TITLE = re.compile(r"\b(?:mr|mrs|ms|miss|mx|dr|prof)\.? $", re.IGNORECASE)
_LONGEST_TITLE = len(" prof. ")
# What may follow a test in the sentence where it has no value; any other word makes it a part of
# another name: "reduced platelet aggregation", "low iron stores".
_MAY_FOLLOW = frozenset("and or but nor on in for from after since while which who despite".split())  # noqa: SIM905
# What is written as two values, and the tests that these are of.
_PRESSURE = frozenset(("blood pressure", "bp", "arterial pressure"))
_PRESSURES = ("systolic blood pressure", "diastolic blood pressure")
_BOTH = re.compile(r"(\d{2,3})\s?/\s?(\d{2,3})")
_MMHG = "mmHg"
_LEAST_PRESSURE = 40.0  # systolic; what is less is in another unit, such as kPa
_CHILD = re.compile(
    r"\b(?:(?:\d|1[0-5])[\s-](?:year|yr|y)s?[\s-]?(?:old|o)|\d+[\s-](?:month|week|day)s?[\s-]old"
    r"|newborn|neonate|infant|toddler)\b",
    re.I,
)
# Words that no test's name ends with.
_NO_END = frozenset(("of", "the", "his", "her"))

if not Span.has_extension("probability"):
    Span.set_extension("probability", default=1.0)
if not Doc.has_extension("of_child"):
    Doc.set_extension("of_child", default=None)
if not Span.has_extension("results"):
    Span.set_extension("results", default=None)


@Language.factory("medkg_laboratory", requires=["doc.spans"])
def create_laboratory(nlp: Language, name: str) -> LaboratoryComponent:
    """The factory of `LaboratoryComponent`; give it its phenotypes with `use`."""
    del nlp, name  # spaCy gives every factory both, by these names
    return LaboratoryComponent()


class LaboratoryComponent(StatelessComponent):
    """Sets `span._.results` (`Results`, or None) of each mention of a patient's laboratory test."""

    def __init__(self) -> None:
        self._phenotypes: frozenset[str] | None = None

    def use(self, terminology: KnowledgeGraph) -> LaboratoryComponent:
        """Take the phenotypes of this graph: results that are none of them are left out."""
        self._phenotypes = frozenset(terminology.nodes.filter(kind="Symptom")["id"])
        return self

    def __call__(self, doc: Doc) -> Doc:
        if doc._.note:
            for mention in doc.spans.get("mentions", ()):
                if mention.label_ in ("Procedure", "Target"):
                    mention._.results = self.known(results_of(mention))
        return doc

    def known(self, results: Results | None) -> Results | None:
        """Results without the phenotypes that the graph hasn't."""
        if self._phenotypes is None:
            raise ModelError(
                'medkg_laboratory has no phenotypes: get_pipe("medkg_laboratory").use(graph)'
            )
        if results is None:
            return None
        known = self._phenotypes
        return Results(
            [each for each in results.present if each in known],
            [each for each in results.excluded if each in known],
        )


def add_tests(doc: Doc) -> None:
    """Take the tests of the table that have a result up into `doc.spans["mentions"]`.

    They stand where there is no mention, or one of a drug, gene or test that they and figures make
    up ("TSH 98"); a drug's name with a test's result is a test ("low calcium"). What was measured
    in urine and is no test of the table is no drug either ("urinary copper was 410 ug").
    """
    mentions = [mention for mention in doc.spans["mentions"] if not _is_measured(mention)]
    at_token = {n: number for number, m in enumerate(mentions) for n in range(m.start, m.end)}
    tests: list[tuple[Span, set[int]]] = []  # with the mentions that each takes the place of
    for test in _named_tests(doc):
        here = {at_token[n] for n in range(test.start, test.end) if n in at_token}
        if all(_is_part_of(mentions[number], test) for number in here):
            tests.append((test, here))

    def take_up(chosen: Sequence[tuple[Span, set[int]]]) -> None:
        replaced = set[int]().union(*(here for _, here in chosen))
        kept = [mention for number, mention in enumerate(mentions) if number not in replaced]
        kept += [test for test, _ in chosen]
        doc.spans["mentions"] = sorted(kept, key=lambda mention: mention.start)
        forget_mentions(doc)

    # First all, since what a test's value is depends on where the next mention starts; then only
    # those that have a result.
    take_up(tests)
    with_result = [each for each in tests if _is_test(each[0]) and results_of(each[0]) is not None]
    for test, _ in with_result:
        test._.probability = PROBABILITY
    take_up(with_result)


def _is_test(mention: Span) -> bool:
    """Whether a name that is of vertebrae too has a result as only tests have."""
    if not _OF_OTHERS_TOO.fullmatch(mention.text) or "unit" in (stated := measurement(mention)):
        return True
    value = _PLAIN_VALUE.match(text_of(mention.doc), mention.end_char)
    before = mention.doc[max(0, mention.start - 1) : mention.start].text.lower()
    if value is not None and len(value["number"]) > 1 and before not in _BEFORE_VERTEBRA:
        return True
    return stated.get("interpretation") in ("low", "high") and bool(
        _ENDS_RESULT.match(text_of(mention.doc), mention.end_char)
    )


def _is_measured(mention: Span) -> bool:
    """Whether a drug is what was measured in urine, or a test that is to be done."""
    if mention.label_ != "Drug":
        return False
    doc, start = mention.doc, mention.start
    text = text_of(doc)
    if start > 0 and doc[start - 1].lower_ in _MEASURED_IN:
        return _AMOUNT.match(text, mention.end_char) is not None
    before = text[max(0, mention.start_char - _LONGEST_BEFORE) : mention.start_char]
    return (
        _TO_MEASURE.search(before) is not None
        and _GIVEN.match(text, mention.end_char) is None
        and _test_of(mention.text) is not None
    )


def _named_tests(doc: Doc) -> Iterator[Span]:
    """Where names of the table stand, the longest from each token on."""
    first_words = _first_words()
    text = text_of(doc)
    behind = 0
    for start, token in enumerate(doc):
        if start < behind or token.lower_ not in first_words:
            continue
        for end in range(min(len(doc), start + _MAX_TOKENS), start, -1):
            span = Span(doc, start, end, label="Procedure")
            inside = doc[start + 1 : end]
            if any(t.is_space or t.is_sent_start for t in inside) or doc[end - 1].lower_ in _NO_END:
                continue
            is_name = (
                len(span.text) >= _SHORTEST
                or _NO_WORD.fullmatch(span.text)
                or (_SHORT_NAME.fullmatch(span.text) and _WRITTEN_RESULT.match(text, span.end_char))
                or (_THREE_LETTERS.fullmatch(span.text) and _PLAIN_VALUE.match(text, span.end_char))
                or _TEMPERATURE.match(text, span.start_char)
            )
            if is_name and (_test_of(span.text) or _of_specimen(span)) is not None:
                yield span
                behind = end
                break


def _is_part_of(mention: Span, test: Span) -> bool:
    """Whether a mention is of a kind that tests may be, and outside the test has units alone."""
    words = [t.text for t in mention if not test.start <= t.i < test.end and t.text[0].isalpha()]
    return mention.label_ in _KINDS and all(is_unit(word) for word in words)


def _is_person(mention: Span) -> bool:
    """Whether a title stands before it: "Mrs K is 46" is no potassium."""
    start = mention.start_char
    before = text_of(mention.doc)[max(0, start - _LONGEST_TITLE) : start]
    return _TITLE.search(before) is not None


def results_of(mention: Span) -> Results | None:
    """What a mention's result shows and excludes; None where it is no known test, or says nothing.

    Words count ("low", "positive"), and a value by the range that the note gives for it, else by
    the table's in the unit that it has, or, with none, where all usual units in which it is
    plausible agree. Where the words and the value differ ("sodium rose to 128", "potassium elevated
    at 5.1"), or the value is none that a patient can have, nothing is said.
    """
    if mention.text.lower() in _PRESSURE:
        return pressure_results(measurement(mention), mention.doc)
    test = _test_of(mention._.stands_for or mention.text)
    if test is None or _of_other_specimen(mention, test):
        test = _of_specimen(mention)
    if test is None or _is_person(mention):
        return None
    if is_size(test):
        return size_results(test, mention, is_child=_of_child(mention.doc))
    stated = measurement(mention)
    if "value" not in stated and (
        _is_part_of_name(mention)
        # "A reduced pulse" is a weak one, and no rate.
        or (mention.text.lower() == "pulse" and stated.get("interpretation") == "low")
    ):
        return None
    if "value" in stated and (usual := range_of_the_healthy(test, stated, mention)) is not None:
        return by_reference(test, stated, usual)
    return stated_results(test, stated, mention)


def stated_results(
    test: LaboratoryTest, stated: Mapping[str, str | float], mention: Span
) -> Results | None:
    """What a test's result shows and excludes by the table's range, as `results_of`.

    Args:
        stated: `value`, `unit` and `interpretation`, as far as there are (`measurement`).
        mention: of the test.
    """
    if not can_be_of_patient(test, stated):
        return None
    verdict = stated.get("interpretation") or _of_titre(test, str(stated.get("value")))
    if verdict == "positive" and not test.positive:
        verdict = None  # "INR 4+" is a value
    of_others = test.by_age and _of_child(mention.doc)
    of_table = by_range(test, stated, mention) if "value" in stated and not of_others else None
    if verdict is None:
        verdict = of_table
    elif of_table not in (verdict, None) and verdict in ("low", "high", "normal"):
        return None
    near = None
    if verdict == "normal" and "interpretation" not in stated:
        if _is_antibody(test):
            return None  # laboratories' limits differ tenfold
        inner = replace(test, ranges=tuple(map(inner_range, test.ranges)))
        near = by_range(inner, stated, mention)
    return results_for(test, str(verdict), near)


def _of_titre(test: LaboratoryTest, value: str) -> str | None:
    """Positive of an antibody's titre that is high ("1:320"); a low one is met in the healthy."""
    titre = _TITRE.fullmatch(value)
    return "positive" if titre and _is_antibody(test) and int(titre[1]) >= _HIGH_TITRE else None


def _is_antibody(test: LaboratoryTest) -> bool:
    """Whether what is measured is an antibody, whose limits depend on the assay."""
    return any("antibod" in n or "antiglobulin" in n for n in test.phenotype_names.values())


def pressure_results(stated: Mapping[str, str | float], doc: Doc) -> Results | None:
    """What a blood pressure with both values ("160/95 mmHg") shows and excludes, of an adult.

    Args:
        stated: `value` and `unit` (`measurement`).
        doc: the note.
    """
    both = _BOTH.fullmatch(str(stated.get("value")))
    if both is None or stated.get("unit", _MMHG) != _MMHG or _of_child(doc):
        return None
    values = [float(value) for value in both.groups()]
    if values[0] < _LEAST_PRESSURE or values[0] <= values[1]:
        return None
    present, excluded = list[str](), list[str]()
    tests = [tests_by_name()[name] for name in _PRESSURES]
    for value, test in zip(values, tests, strict=True):
        (usual,) = test.ranges
        (low, high, _), (inner_low, inner_high, _) = usual, inner_range(usual)
        shown, not_shown = test.results(outcome_of(value, low, high, ""))
        present += shown
        excluded += without_near(test, not_shown, outcome_of(value, inner_low, inner_high, ""))
    # Both pressures high, or both low, are one sign; as two they would count twice.
    if present in ([test.low for test in tests], [test.high for test in tests]):
        present = present[:1]
    return Results(present, excluded)


def _of_child(doc: Doc) -> bool:
    """Whether a note says that its patient is one whose heart and breath are a child's."""
    if doc._.of_child is None:
        doc._.of_child = _CHILD.search(text_of(doc)) is not None
    return bool(doc._.of_child)


def _of_other_specimen(mention: Span, test: LaboratoryTest) -> bool:
    """Whether a test is not of blood, and its name doesn't say so ("nitrite" is of urine alone)."""
    before = mention.doc[max(0, mention.start - 1) : mention.start].text
    if (
        _BLOOD.match(mention.text)
        or _BLOOD.match(before)
        or _SPECIMENS.intersection(mention.text.lower().split())
    ):
        return False
    is_of_urine = any(_URINE.intersection(name.split()) for name in test.names)
    others = _SPECIMENS - _URINE if is_of_urine else _SPECIMENS
    stretch = _stretch_before(mention)
    if test.names[0] == "ph":  # the last of urine's tests, often, and of any fluid
        stretch = sentence_of(mention)
    elif test.names[0] == "pao2":
        others = others | _VEINS
    named = {token.i for token in stretch if token.lower_ in others}
    return bool(named) and not named <= _in_findings(mention.doc, stretch.start, stretch.end)


def _stretch_before(mention: Span) -> Span:
    """The tokens before a test in which its specimen is looked for: of its sentence, and of the
    words with a colon before that, as in "CSF: protein 1.4"."""
    first = sentence_of(mention).start
    if first > 0 and mention.doc[first - 1].text == ":":
        first = sentence_of(mention.doc[first - 1 : first]).start
    return mention.doc[max(first, mention.start - _REACH) : mention.start]


def _of_specimen(mention: Span) -> LaboratoryTest | None:
    """The test that a name means in a list of a specimen's: "dipstick: blood +", "LP: protein"."""
    name, tests = mention.text.lower(), tests_by_name()
    of_urine, of_csf = tests.get(f"urine {name}"), tests.get(f"csf {name}")
    if of_urine is None and of_csf is None:
        return None
    for token in reversed(_stretch_before(mention)):
        word = token.lower_
        if word in _LISTS_URINE or (
            word == "urine" and mention.doc[token.i + 1].lower_ in (":", "dipstick", "dip")
        ):
            return of_urine
        if word in _LISTS_CSF:
            return of_csf
        if word in _SPECIMENS or word in _NO_LIST:
            return None
    return None


def _in_findings(doc: Doc, first: int, last: int) -> set[int]:
    """The tokens of findings ("red urine", which is no specimen) among those of a stretch."""
    mentions = doc.spans["mentions"]
    number = bisect_left(mentions, last, key=lambda mention: mention.start)
    tokens = set[int]()
    while number > 0 and (mention := mentions[number - 1]).end > first:
        if mention.label_ in ("Disease", "Symptom"):
            tokens.update(range(mention.start, mention.end))
        number -= 1
    return tokens


def _is_part_of_name(mention: Span) -> bool:
    """Whether what stands around a test without a value makes it something else.

    "Reduced platelet aggregation", "a low sodium diet", "a statin to lower LDL", "low-dose iron".
    """
    doc = mention.doc
    before = [token.lower_ for token in doc[max(0, mention.start - 2) : mention.start]]
    if before == ["to", "lower"] or before[-1:] == ["dose"]:
        return True
    following = doc[mention.end : min(mention.end + 1, sentence_of(mention).end)].text
    return (
        following[:1].isalpha()
        and following.lower() not in _MAY_FOLLOW
        and not joins_value(following)
    ) or (following == "-" and not doc[mention.end].whitespace_)


def _test_of(text: str) -> LaboratoryTest | None:
    """The test that a text names, with or without words that the table assumes."""
    name = " ".join(text.lower().split())
    tests = tests_by_name()
    return tests.get(name) or tests.get(" ".join(_ASSUMED.sub(" ", name).split()))


@cache
def _first_words() -> frozenset[str]:
    """The words that the names of tests begin with, as tokens."""
    names = {
        name.removeprefix(specimen)
        for name in tests_by_name()
        for specimen in ("", "urine ", "csf ")
    }
    return frozenset(name[slice(*token_offsets(name)[0])] for name in names)
