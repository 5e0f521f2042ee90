"""What clinical notes write short without ever spelling it out ("HTN", "eGFR 45")."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import count
from types import MappingProxyType

from spacy.tokens import Doc, Span

from .abbreviations import abbreviations_of
from .tables import table_rows
from .tokens import text_of

# Of a mention that has such letters alone to go by; by judgement.
_PROBABILITY = 0.9
_CARDIAC = r"\b(?:SOB|DOE|(?i:dyspnea|dyspnoea|palp\w*|syncope|diaphoresis|orthopno?ea))\b"
_WITH = r"(?:\s?/\s?|,\s|,?\s(?:or|and)\s)"
_RATE = r"\s?:?\s?(?:[4-9]\d|1\d\d|2[0-2]\d)"  # of the heart
# What stands before and behind a short form that isn't one everywhere; one pair is enough.
_WHERE = {
    where: [(re.compile(before), re.compile(behind)) for before, behind in pairs]
    for where, pairs in {
        "number": [
            (
                "",
                # in a table's column too
                r"(?:\s?[:=]|\s(?:of|was|is|at))?(?:\s?[<>≤≥]?\s?|[ \t|]{2,20}[<>≤≥]?)\d[\d.,]*"
                r"(?![\d.,]|\s?\+|%\s(?:infusion|solution|IV)"
                r"|\s?(?:[mk]?g|mcg|gm|grams?|m?[Ee][Qq]|mmol|m[lL]|IU|units?|tab(?:let)?s?"
                r"|cap(?:sule)?s?|(?i:bid|tid|qid|daily|po))\b(?!\s?/))",
            )
        ],
        "heading": [("", r"\s?:")],
        "vital sign": [
            ("", rf"{_RATE}[\s,;/]{{1,3}}(?:(?:BP|RR|SpO2|[Ss]ats)\b|T \d\d\.\d)"),
            (r"\b(?:BP \d{2,3}/\d{2,3}|RR \d\d|T \d\d\.\d)[\s,;]{1,3}$", rf"{_RATE}\b"),
        ],
        "embolism": [
            (
                r"\b(?i:no|denie[sd]|for|acute|saddle|(?:sub)?massive|bilateral|(?:un)?provoked"
                r"|recurrent|known|h/o|hx of|history of|r/o|rule out|ruled out"
                r"|DVT(?:\s?/|,|\s(?:and|or|&)))\s?$",
                r"(?!\s?:|\s(?:tube|exam))",
            ),
            (
                "",
                r"\s?/\s?DVT|\s(?:(?:is|was|very|less|more|felt|thought|seems) )*(?:un)?likely\b"
                r"|\s(?:on CT|ruled out|was ruled out|excluded|confirmed on)",
            ),
        ],
        "arthritis": [
            (
                r"\b(?i:sero(?:positive|negative)|erosive|known|h/o|hx of|history of|PMHx?:|for)"
                r"\s$",
                r"(?!\s(?:pressure|sat|mass|thrombus|enlargement|dilat))",
            ),
            ("", r"\s(?:flare|on (?i:methotrexate|MTX|humira|adalimumab|etanercept|plaquenil))\b"),
            (
                r"\b(?:HTN|DM2?|T2DM|OA|COPD|CAD|CKD|HLD|GERD|SLE|OSA|(?i:asthma|gout|hypertension"
                r"|diabetes|lupus|psoriasis|osteoporosis|fibromyalgia|hypothyroid\w*)),\s$",
                r"(?!\s(?:pressure|sat|mass|thrombus))",
            ),
        ],
        "chest pain": [
            (
                r"\b(?i:no|denie[sd]|denying|without|w/o|exertional|pleuritic|substernal|c/o|cc:"
                r"|chief complaint:)\s$",
                r"(?!\sangle)",
            ),
            (
                r"\b(?:ED|ER|(?i:return|admitted|presents|presented|presenting|came in|seen))\s"
                r"(?:\w+\s){0,2}?(?:for|with|w/|if)\s$",
                r"(?!\sangle)",
            ),
            (rf"{_CARDIAC}{_WITH}$", r"(?!\sangle)"),
            ("", rf"{_WITH}{_CARDIAC}"),
        ],
    }.items()
}
_BEFORE = 30  # characters that are looked at
_IS_VALUE = re.compile(r"[\s:=<>≤≥]*\d[\d.,/]*\s?%?")
# "2/2", "2°", "2ary to": secondary to; "d/t": due to.
_CONNECTIVE = re.compile(
    r"(?<![\w/.])(?:d/t(?![A-Za-z])|(?:2/2|2 ?°|2(?:nd|d)?ary(?= to\b))(?P<to> to\b)?)"
    r"(?= ?[A-Za-z])",
    re.I,
)
# But a date ("on 2/2"), a count ("2/2 bottles") or a grade ("pulses 2/2", "2° heart block").
_GRADED = re.compile(
    r"(?:^|[:=]|\b(?:on|in|of|at|by|from|since|until|with|an?|the|power|strength|pulses?|reflexes))\s*$",
    re.I,
)
_COUNTED = re.compile(
    r" ?(?:bottles?|sets?|cultures?|bcx|blood|patients?|cases|samples?|sites?|for|with|at|in|and|or"
    r"|on|is|are|was|were|bilat\w*|symmetric\w*|equal|palpable|intact|upper|lower|heart|AV|degree"
    r"|burns?|hyperpara\w*|[CF])\b",
    re.I,
)
_READ_AS = "medkg words read as others"
_WORDS = "medkg words of a sentence"
if not Span.has_extension("stands_for"):
    Span.set_extension("stands_for", default="")


@dataclass(frozen=True)
class ShortForm:
    """A row of `data/short_forms.tsv`.

    Attributes:
        kind: of the mention; "none": no mention, though the letters look like one.
        long: what it is linked as, or empty.
        where: which of `_WHERE` it counts in; empty: everywhere. Elsewhere a number's or heading's
            is left as it was found, and what could mean something else is no mention.
    """

    kind: str
    long: str
    where: str


@cache
def short_forms() -> Mapping[str, ShortForm]:
    """The short forms of notes, as they are written."""
    rows = table_rows("short_forms.tsv")
    return MappingProxyType(
        {short: ShortForm(kind, long, where) for short, kind, long, where in rows}
    )


def _counts(where: str, text: str, start: int, end: int) -> bool:
    before = text[max(0, start - _BEFORE) : start]
    return any(a.search(before) and b.match(text, end) for a, b in _WHERE[where])


@cache
def _pattern() -> re.Pattern[str]:
    longest_first = sorted(short_forms(), key=len, reverse=True)
    return re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, longest_first))})(?![\w-])")


def words_of(sentence: Span) -> tuple[list[int], list[str]]:
    """The tokens of a sentence as its places in the document, and the words that they are read as.

    White space (a wrapped line) is left out. In a note "2/2" is read as "secondary to", "d/t" as
    "due to".
    """
    key = f"{_WORDS} {sentence.start} {sentence.end}"
    user_data = sentence.doc.user_data
    if key not in user_data:
        others = _connectives(sentence.doc)
        tokens = [t for t in sentence if not t.is_space and others.get(t.i) != ""]
        user_data[key] = [t.i for t in tokens], [others.get(t.i, t.text) for t in tokens]
    places, words = user_data[key]
    return [*places], [*words]


def next_connective(doc: Doc, start: int, end: int) -> int | None:
    """Where the first "2/2" or "d/t" of a note stands among the tokens from start to end."""
    others = _connectives(doc)
    places = range(start, end) if others else ()
    return next((n for n in places if others.get(n) in ("secondary", "due")), None)


def _connectives(doc: Doc) -> dict[int, str]:
    """The tokens of a note's "2/2", "d/t" and their like, with the word that each is read as."""
    if _READ_AS not in doc.user_data:
        doc.user_data[_READ_AS] = dict(_find_connectives(doc)) if doc._.note else {}
    others: dict[int, str] = doc.user_data[_READ_AS]
    return others


def _find_connectives(doc: Doc) -> Iterator[tuple[int, str]]:
    text = text_of(doc)
    for match in _CONNECTIVE.finditer(text):
        due, (start, end) = match[0].lower() == "d/t", match.span()
        near = text[max(0, start - 12) : start]
        if not (due or match["to"]) and (_GRADED.search(near) or _COUNTED.match(text, end)):
            continue
        if (span := doc.char_span(start, end)) is None:  # a part of a longer word
            continue
        words = ("due" if due else "secondary", "to", *[""] * (len(span) - 2))
        yield from zip(range(span.start, span.end), words, strict=True)


def with_short_forms(doc: Doc, mentions: Iterable[Span]) -> tuple[list[Span], list[Span]]:
    """A note's mentions, with those that it writes short, each by the kind of its short form.

    `span._.stands_for` is what it is linked as, empty for all others.
    What the note spells out itself stays as it is, and so does a mention that such letters are only
    a part of ("CAD risk score"), unless the rest of it is a value ("pCO2 38").

    Returns:
        The mentions, and what is none though its letters are like one.
    """
    kept, excluded = dict(enumerate(mentions)), []
    unused = count(len(kept))
    at_token = {token: n for n, m in kept.items() for token in range(m.start, m.end)}
    text = text_of(doc)
    defined = {abbreviation.short for abbreviation in abbreviations_of(doc)}
    headings = sorted((span.start_char, span.end_char) for span in doc.spans.get("headings", []))
    for match in _pattern().finditer(text):
        form = short_forms()[match[0]]
        span = doc.char_span(*match.span(), label=form.kind)
        if span is None or match[0] in defined:
            continue
        counts = not form.where or _counts(form.where, text, *match.span())
        if not counts and form.where in ("number", "heading"):
            continue
        heading = bisect_right(headings, (match.start(), len(text))) - 1
        if heading >= 0 and match.start() < headings[heading][1]:
            continue
        overlapping = {at_token[n] for n in range(span.start, span.end) if n in at_token}
        if not all(_is_no_more(kept[number], span, text) for number in overlapping):
            continue
        for number in overlapping:
            mention = kept.pop(number)
            for token in range(mention.start, mention.end):
                del at_token[token]
        if counts and form.kind != "none":
            span._.probability, span._.stands_for = _PROBABILITY, form.long
            number = next(unused)
            kept[number] = span
            at_token.update(dict.fromkeys(range(span.start, span.end), number))
        else:
            excluded.append(span)
    return sorted(kept.values(), key=lambda mention: mention.start), excluded


def _is_no_more(mention: Span, short: Span, text: str) -> bool:
    """Whether a mention is of the short form's tokens, or beyond these has but its value."""
    if mention.start < short.start:
        return False
    rest = text[short.end_char : mention.end_char]
    return not rest or _IS_VALUE.fullmatch(rest) is not None
