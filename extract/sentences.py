"""Sentences and sections of notes and abstracts (component `medkg_sentences`).

A general sentence splitter breaks on "Dr.", "b.i.d." and "No. 3", joins the items of a list, and
reads a line that was wrapped at 72 characters as several. This one goes by the layout of the lines
and by a list of abbreviations. Each sentence starts on a token of `Doc`; sections are in
`doc.spans["sections"]`, whose labels are those of `data/sections.tsv` or "other", and the headings
of those that are not "other" in `doc.spans["headings"]`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cache
from itertools import pairwise

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc, Span

from .dialogue_turns import turns_of
from .short_forms import short_forms
from .tables import table_rows
from .tokens import StatelessComponent, text_of


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What a full stop ends without ending the sentence, when more than a line break follows.
_ABBREVIATIONS = _words(
    "dr drs mr mrs ms prof vs cf fig figs eq ref refs no nos approx ca resp inc ltd co st "
    "jr sr vol dept pt pts wt ht hx dx rx tx fx sx abd resp esp incl excl max min var "
    "spp sp subsp al viz eg ie"
)
# Of these a full stop may end the sentence too; it does where a capital follows.
_SOFT_ABBREVIATIONS = _words(
    "strep staph etc hr hrs min mins sec wk wks yr yrs mo mos d h tab tabs cap"
)
# "Cr. 1.2", but "he took K. Then".
_BEFORE_NUMBERS = _words("no cr na k cl hb hgb wbc plt bp hr rr sat temp")
# "vitamin D." and "hepatitis B." end sentences; "J. Smith" does not.
_LETTERED = _words("vitamin hepatitis type group factor class grade stage influenza complex")
# What spaCy writes of a token that begins a sentence, and of another.
_BEGINNING, _INSIDE = np.uint64(1), np.uint64(2**64 - 1)
_LONGEST_SHORT_HEADING = 5  # characters
_ENDING = (".", ":", ";", "!", "?")
# A shorter line was not wrapped: what follows it is the writer's own next line.
_NARROW = 35
# Tokens of a sentence that is quoted whole, and those around mentions of a longer one; the longest
# of 3,689 abstracts has 322.
_LONG_QUOTE = 350
_AROUND_QUOTE = 100
# A line as long as this may have been wrapped after a full stop.
_WRAPPED = 60
# "Weight loss? No." is one statement.
_ANSWER = re.compile(r"[ \t]+(?:No|None|Nil|Yes|Denies|Denied)\b")
_CLOSERS = frozenset(")]}\"'’”")
# "FHx: neg for cancer. Cough for 3 days."
_NOTHING_IN_FAMILY = re.compile(
    r"[\s:-]{0,4}(?:is |was )?(?:neg(?:ative)?|unremarkable|non-?contributory|nothing|none|nil)\b"
    r"[^.!?\n]*[.!?](?=\s)",
    re.IGNORECASE,
)
# What is not said of relatives: since when, and what somebody comes with.
_COMPLAINT = re.compile(
    r"[^.!?\n]*\b(?:for (?:\d+|a|an|the|two|three|four|several|some|many) |since\b|today\b|c/o\b"
    r"|presents?\b|presented\b|complain)",
    re.IGNORECASE,
)
_OF_PATIENT = re.compile(
    r"\s*(?:he|she|(?:the |this )?(?:patient|pt)|vss?|vitals?|obs|o/e|on exam\w*|exam\w*|gen|heent"
    r"|bp|hr|labs?|lungs|chest|abd\w*|cv|resp|neuro|mse)\b",
    re.I,
)
_BULLET = re.compile(r"[ \t]*(?:[-*•‣·–—+]|\(?\d{1,2}[.)]|[a-h]\))[ \t]+(?=\S)")
# "1." at the start of a line, or behind what ends a sentence ("Diagnoses: 1. Gout. 2. Asthma.").
_ITEM_NUMBER = re.compile(r"(?:^|\n|[:;.][ \t]+)[ \t]*\(?\d{1,2}$")
_STARTS = (
    "medkg_sentence_starts"  # of a document's sentences, as tokens, where they were looked for
)
_SHORTHAND = re.compile(r"(?:h/o|s/p|c/o|p/w|d/c|r/o|pt|hx)\b|[a-z]{1,2}[A-Z]")
_CAPITAL_BEGINS = re.compile(r"[.?!]\s+[A-Z]")
_FOLLOWING = re.compile(r"\s+(?=(\S))")
_HEADING = re.compile(
    r"[ \t#*]*(?:\d{1,2}[.)] *)?([A-Za-z][A-Za-z /&'-]{0,48}?)[ \t*]*(:\**|(?=\n|$))"
)
_MARKDOWN_HEADING = re.compile(r"[ \t]{0,3}#{1,6}[ \t]+\S[^\n]*")


@cache
def _sections() -> dict[str, str]:
    return dict(table_rows("sections.tsv"))


def headings(text: str) -> list[tuple[int, int, str]]:
    """Start, end and section of every heading of the text, in order.

    A heading stands at the start of a line and ends with a colon or with the line. Words that
    `data/sections.tsv` doesn't know count, as section "other", if they are all capitals with a
    colon (but no condition: "CHF: continue Lasix"), a short line that ends with a colon, or a
    heading of Markdown.
    """
    places = []
    start = 0
    for line in text.split("\n"):
        match = _HEADING.match(line)
        if match is not None:
            words = " ".join(match[1].lower().replace("&", "and").split())
            section = _sections().get(words)
            alone = not line[match.end() :].strip()
            capitals = match[1].isupper() and not _is_condition(match[1])
            if section is None and match[2] and len(words) > 2 and (capitals or alone):
                section = "other"
            if section is not None:
                indent = len(line) - len(line.lstrip())
                places.append((start + indent, start + match.end(), section))
        if (not places or places[-1][0] < start) and _MARKDOWN_HEADING.fullmatch(line.rstrip()):
            places.append((start + line.index("#"), start + len(line.rstrip()), "other"))
        start += len(line) + 1
    return places


def _is_condition(words: str) -> bool:
    form = short_forms().get(words)
    return form is not None and form.kind in ("Disease", "Symptom")


def sentence_starts(text: str) -> list[int]:
    """Character offsets at which a sentence of the text may start, in order, the first 0."""
    starts = {0}
    heads = headings(text)
    for start, end, _ in heads:
        starts |= {start, end}
    starts |= _line_starts(text, {start for start, _, _ in heads})
    for turn in turns_of(text):  # what one says doesn't go on in what another says
        starts |= {turn.mark, turn.start}
    in_small_letters = text.lstrip()[:1].islower() and not _CAPITAL_BEGINS.search(text)
    for match in re.finditer(r"[.?!]+", text):
        end = match.end()
        while end < len(text) and text[end] in _CLOSERS:
            end += 1
        following = _FOLLOWING.match(text, end)
        # A lower-case word goes on with what stands before it ("e.g. cough", "? pneumonia"), but
        # for what a note begins a statement with ("No PE. h/o DVT", "Rash. bHCG negative"), and
        # where the writer has no capitals.
        if following is None or (
            following[1].islower()
            and not _SHORTHAND.match(text, following.end())
            and not (in_small_letters and text[max(0, match.start() - 4) : match.start()].isalpha())
        ):
            continue
        if match[0] == "?" and _ANSWER.match(text, end):
            continue
        if match[0] == "." and _is_abbreviation(text, match.start(), following[1]):
            continue
        starts.add(following.end())
    last = len(text.rstrip())
    return sorted(start for start in starts if start == 0 or start < last)


def _is_abbreviation(text: str, stop: int, following: str) -> bool:
    """Whether the full stop at `stop`, before a word that begins so, belongs to an abbreviation."""
    before = re.search(r"(\S*?)([A-Za-z]+)$", text[max(0, stop - 30) : stop])
    if before is None:
        # After a number a stop ends the sentence, but for the "1." that opens an item.
        return _ITEM_NUMBER.search(text[max(0, stop - 12) : stop]) is not None
    word = before[2].lower()
    if len(word) == 1 and before[1].endswith("."):  # e.g., i.e., b.i.d., p.o.
        return text[max(0, stop - 3) : stop].lower() in ("e.g", "i.e")
    if len(word) == 1 and before[2].isupper() and not before[1]:
        previous = text[max(0, stop - 40) : stop - 1].split()
        return not (previous and previous[-1].lower() in _LETTERED)
    if word in _BEFORE_NUMBERS:  # "No. 3", but "It was no. Then …"
        return following.isdigit()
    if word in _SOFT_ABBREVIATIONS:
        return not following.isupper()
    return word in _ABBREVIATIONS


def _is_short_heading(word: str) -> bool:
    is_short = len(word) <= _LONGEST_SHORT_HEADING and word[0].isupper()
    return is_short and word.lower() in _sections()


def _line_starts(text: str, heads: set[int]) -> set[int]:
    """Starts of the lines that begin a sentence, by layout.

    A line break is the writer's own (not an editor's wrapping) where a blank line, a list item or a
    heading comes next, or where the next line's first word would still have fitted.
    """
    starts = set()
    lines = text.split("\n")
    width = max(len(line) for line in lines)
    position = 0
    for previous, line in pairwise(lines):
        position += len(previous) + 1
        stripped = line.strip()
        if not stripped:
            continue
        start = position + len(line) - len(line.lstrip())
        first = stripped.split()[0]
        length = len(previous.rstrip())
        fitted = length < _NARROW or length + 1 + len(first) <= width
        # "PMHx asthma": without its colon no heading, but what begins a line of its own.
        is_short_heading = previous.rstrip()[-1:] in _ENDING and _is_short_heading(first)
        if (
            not previous.strip()
            or start in heads
            or is_short_heading
            or fitted
            or _BULLET.match(line)
        ):
            starts.add(start)
    return starts


@Language.factory("medkg_sentences", assigns=["token.is_sent_start"])
def create_sentences(nlp: Language, name: str) -> Sentences:
    """The factory of `Sentences`."""
    del nlp, name  # spaCy gives every factory both, by these names
    return Sentences()


class Sentences(StatelessComponent):
    """Marks where sentences start, and spans `doc.spans["sections"]` over the sections."""

    def __call__(self, doc: Doc) -> Doc:
        starts = sentence_starts(text_of(doc))
        following = iter([*starts[1:], len(text_of(doc)) + 1])
        boundary = next(following)
        begins = np.full(len(doc), _INSIDE)
        for token in doc:
            # White space goes with the sentence before it.
            if token.i == 0:
                begins[0] = _BEGINNING
            elif token.idx >= boundary and not token.is_space:
                begins[token.i] = _BEGINNING
                while boundary <= token.idx:
                    boundary = next(following)
        # At once: for each token alone, spaCy looks through all of them.
        doc.from_array(["SENT_START"], begins)  # type: ignore[arg-type]  # its type is of thinc
        doc.user_data.pop(_STARTS, None)
        heads = headings(text_of(doc))
        doc.spans["sections"] = _section_spans(doc, heads)
        spans = [doc.char_span(a, b, label=s) for a, b, s in heads if s != "other"]
        doc.spans["headings"] = [span for span in spans if span is not None]
        return doc


def _section_spans(doc: Doc, heads: list[tuple[int, int, str]]) -> list[Span]:
    text = text_of(doc)
    ends = [start for start, _, _ in heads[1:]] + [len(text)] * bool(heads)
    spans = []
    for (start, after, section), end in zip(heads, ends, strict=True):
        if text[after:end].split("\n")[0].strip():
            end = _paragraph_end(text, after, end, section)
        span = doc.char_span(start, end, label=section, alignment_mode="contract")
        if span is not None:
            spans.append(span)
    return spans


def _paragraph_end(text: str, start: int, end: int, section: str) -> int:
    """Where the paragraph ends that begins behind a heading, on its line.

    At a blank line, or at a line that ends a sentence before one that is no item of a list; one as
    long as wrapped text's goes on, but for what a family history is followed by of the patient. One
    that has nothing to tell ends with its sentence where the next one is of the patient.
    """
    if section == "family" and (nothing := _NOTHING_IN_FAMILY.match(text, start, end)):
        after = nothing.end()
        if _OF_PATIENT.match(text, after, end) or _COMPLAINT.match(text, after, end):
            return after
    position = start
    lines = text[start:end].split("\n")
    for line, following in pairwise(lines):
        position += len(line) + 1
        ended = line.rstrip().endswith((".", "!", "?")) and not _BULLET.match(following)
        of_patient = section == "family" and _OF_PATIENT.match(following)
        if not following.strip() or (ended and (len(line) < _WRAPPED or of_patient)):
            return position
    return end


def sentence_of(span: Span) -> Span:
    """The sentence that a span begins in.

    `span.sent` goes through the whole document each time, so that reading a document would take the
    square of its length.
    """
    doc = span.doc
    starts = doc.user_data.get(_STARTS)
    if starts is None:
        starts = doc.user_data[_STARTS] = [sentence.start for sentence in doc.sents]
    at = bisect_right(starts, span.start)
    return doc[starts[at - 1] : starts[at] if at < len(starts) else len(doc)]


def later_first(head: Span, tail: Span) -> tuple[Span, Span]:
    """Two mentions, the later one first."""
    return (head, tail) if head.start > tail.start else (tail, head)


def stating_sentence(head: Span, tail: Span) -> Span:
    """The sentence that says how two mentions are related: that of the later one.

    "Gout is common. It is treated with allopurinol" says what treats it in its second sentence.
    """
    return sentence_of(later_first(head, tail)[0])


def quoted_sentence(span: Span, *others: Span) -> Span:
    """The sentence that a span begins in; of a very long one the part around the spans in it.

    Evidence quotes it for each mention, which must not take the square of the sentence's length.
    """
    sentence = sentence_of(span)
    if len(sentence) <= _LONG_QUOTE:
        return sentence
    inside = [other for other in (span, *others) if sentence.start <= other.start < sentence.end]
    first = min(other.start for other in inside) - _AROUND_QUOTE
    last = max(other.end for other in inside) + _AROUND_QUOTE
    return span.doc[max(sentence.start, first) : min(sentence.end, last)]


def section_of(span: Span) -> str:
    """The section that a span stands in, "" if none."""
    sections = span.doc.spans.get("sections", [])
    at = bisect_right(sections, span.start, key=lambda section: section.start) - 1
    return str(sections[at].label_) if at >= 0 and span.start < sections[at].end else ""
