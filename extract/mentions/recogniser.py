"""The interface of mention recognisers, and the rules that join and clean their predictions.

A recogniser has a head for each corpus that it was trained on. A head predicts only the kinds that
its corpus annotates, by that corpus' guidelines, and is best at texts like those of that corpus. So
of the heads that know a kind, those answer whose corpora a text is like.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import count, pairwise
from pathlib import Path

from spacy.tokens import Doc, Span

from ..abbreviations import Abbreviation, abbreviations_of
from ..context.doses import is_usage
from ..tokens import text_of
from .names import shipped_names
from .variants import is_sequence_unit, variants

MODEL = "medkg_ner"
THRESHOLD = 0.5
_CONDITION = "condition"  # a Disease or a Symptom
# Chosen on the development parts, where they hardly matter. What a text's likeness to a corpus is
# raised by, so that of corpora that it is all unlike none counts more; a head answers from this
# share of the greatest likeness on; and the weight of likeness beside a mention's probability.
_LIKE_ANY, _LEAST_LIKENESS, _LIKENESS_POWER = 0.1, 0.33, 0.1
# Mentions are looked up by blocks of so many characters, as a long document has many.
_BLOCK_SIZE = 64
# The value of an examination, from the end of its name on.
_VALUE = re.compile(
    r"(?: (?:levels?|concentrations?))?(?: \([^()]{1,20}\))?(?: (?:was|were|is|of|at|=)|:|,)?"
    r"(?: (?:low|high|normal|elevated|raised|increased|decreased|reduced|about|only|still|at|to))*"
    r" ?[<>≤≥~]? ?\d+(?:[.,]\d+)?"
    r"(?: ?(?:[mnpµu]?g|mcg|[mµnp]?mol|mEq|[mµ]?I?U) ?/ ?(?:d|m|µ)?[lL]\b| ?mm ?Hg| ?%)"
)
# What stands behind a name and is no part of it: the next item of a list ("amoxicillin\n4" of
# "3. amoxicillin\n4. aspirin"), and how probable it is ("lupus unlikely").
_BEHIND = re.compile(
    r"(?<=\S)(?:\s*\n\s*(?:\d{1,2}[.)]?|[-*•])\s*|\s(?:(?:very|highly|most|more|less)\s)?"
    r"(?:(?:un)?likely|(?:im)?probable|doubtful))$"
)
_BULLETS = " \t\n-–—•*·"
_ITEM_NUMBER = re.compile(r"^\d{1,2}[.)]\s+")
_YEAR = re.compile(r",?\s(?:19|20)\d\d$")
_DATED = ("Drug", "Procedure")  # what notes give a year to
# Abbreviations before a mention that state its context and are no part of it.
_CONTEXT_WORDS = "h/o|hx of|s/p|c/o|p/w|r/o|c/w|ddx:?"
# "(-) fever": the sign before a mention is no part of it.
_SIGN_PREFIX = re.compile(r"\(\s?[-+]\s?\)\s*(?=\S)")
_CONTEXT_PREFIX = re.compile(rf"(?:(?:{_CONTEXT_WORDS})\s+)+(?=\S)", re.I)
_DRUG_CONTEXT_PREFIX = re.compile(rf"(?:(?:{_CONTEXT_WORDS}|d/c(?:['’]?e?d)?)\s+)+(?=\S)", re.I)
# A kind's own name names no member of it.
_GENERIC = re.compile(
    r"(?:(?:genetic|hereditary|inherited|chronic|acute|rare) )?"
    r"(?:diseases?|disorders?|syndromes?|illness(?:es)?|conditions?|complications?|symptoms?"
    r"|drugs?|medications?|genes?|proteins?)",
    re.IGNORECASE,
)
_ALLERGIC_TO = re.compile(r"allerg(?:ic|y|ies)\s+to\b", re.I)


@dataclass(frozen=True)
class PredictedMention:
    """A recognised mention: characters [start, end) of the text, kind, probability."""

    start: int
    end: int
    kind: str
    probability: float


@dataclass(frozen=True)
class TextPrediction:
    """What the heads of a recogniser predict for a text.

    Attributes:
        mentions: of each head, in order and without overlaps.
        likeness: of the text to those of each head's corpus, from 0 to 1, of sum 1.
    """

    mentions: dict[str, list[PredictedMention]]
    likeness: dict[str, float]

    @classmethod
    def undecided(cls, mentions: dict[str, list[PredictedMention]]) -> TextPrediction:
        """The prediction of a recogniser that doesn't tell which corpus a text is like."""
        return cls(mentions, dict.fromkeys(mentions, 1 / len(mentions)))

    def likely(self, threshold: float) -> TextPrediction:
        """Without the mentions whose probability is below the threshold."""
        mentions = {
            head: [mention for mention in predicted if mention.probability >= threshold]
            for head, predicted in self.mentions.items()
        }
        return replace(self, mentions=mentions)


class Recogniser(ABC):
    """Predicts mentions; `kinds` are the kinds that each head predicts, by its name."""

    kinds: dict[str, list[str]]

    @abstractmethod
    def predict_heads(self, texts: Sequence[str]) -> list[TextPrediction]:
        """What each head predicts, for each text."""

    def predict(
        self, texts: Sequence[str], threshold: float = THRESHOLD
    ) -> list[list[PredictedMention]]:
        """The mentions of each text that reach the threshold, the heads' joined by `join_heads`."""
        return [
            join_heads(prediction.likely(threshold), self.kinds, text)
            for prediction, text in zip(self.predict_heads(texts), texts, strict=True)
        ]


class TrainedRecogniser(Recogniser):
    """A recogniser that `medkg train ner` trains, and that can be saved."""

    @abstractmethod
    def save(self, folder: Path, about: Mapping[str, object], card: str) -> None:
        """Write the model's folder.

        `about` (training data, seed, figures, …) goes into `config.json` as it is, `card` into
        `CARD.md`.
        """


def propagate_abbreviations(
    mentions: list[PredictedMention], short_forms: Iterable[Abbreviation]
) -> list[PredictedMention]:
    """Give short forms the kinds of their long forms.

    Where the long form is a mention, every occurrence of the short form becomes a mention of its
    kind; where it neither is nor overlaps one, no occurrence of the short form is a mention.
    """
    kept = dict(enumerate(mentions))
    unused = count(len(mentions))
    owners = {place: n for n, m in kept.items() for place in range(m.start, m.end)}
    numbers = {(mention.start, mention.end): n for n, mention in reversed(kept.items())}

    def remove(number: int) -> None:
        mention = kept.pop(number)
        numbers.pop((mention.start, mention.end), None)
        for place in range(mention.start, mention.end):
            owners.pop(place, None)

    for short in short_forms:
        number = numbers.get(short.long)
        if number is not None:
            long = kept[number]
            for start, end in short.places:
                # A longer mention around a short form stays as it is.
                for other in {owners[place] for place in range(start, end) if place in owners}:
                    if start <= kept[other].start and kept[other].end <= end:
                        remove(other)
                if owners.keys().isdisjoint(range(start, end)):
                    number = numbers[start, end] = next(unused)
                    kept[number] = PredictedMention(start, end, long.kind, long.probability)
                    owners.update(dict.fromkeys(range(start, end), number))
        elif owners.keys().isdisjoint(range(*short.long)):
            for place in short.places:
                if (number := numbers.get(place)) is not None:
                    remove(number)
    return sorted(kept.values(), key=lambda mention: mention.start)


def join_heads(
    prediction: TextPrediction, kinds: Mapping[str, Sequence[str]], text: str
) -> list[PredictedMention]:
    """Join the heads' predictions into mentions that don't overlap.

    A head that knows diseases but no symptoms (BC5CDR, NCBI) comes from a corpus that calls
    symptoms diseases: it decides the span, and a head that knows both (MACCROBAT) the kind.

    1. Of the heads that know a kind, those answer whose corpora the text is most like; see
       `_answering`.
    2. A Disease of a head without symptoms becomes a Symptom where one that knows both finds a
       Symptom and no Disease.
    3. A Symptom or Disease inside a longer one of a head without symptoms is left out: MACCROBAT
       annotates the body part separately ("chest", "pain"), and the whole name is what a graph can
       link. So is a Drug inside a longer Target ("vitamin D" in "vitamin D receptor").
    4. A Target or Drug in a Procedure whose value follows ("potassium was 5.9 mmol/L") is what was
       measured, and left out.
    5. Candidates are taken from the most probable down, each where no earlier one overlaps it; how
       much the text is like the head's corpus counts a little.

    Args:
        prediction: what the heads predict.
        kinds: the kinds that each head knows.
        text: that the mentions are of.
    """
    likeness = {name: value + _LIKE_ANY for name, value in prediction.likeness.items()}
    answering = _answering(kinds, likeness)
    predicted = [
        (name, mention) for name, mentions in prediction.mentions.items() for mention in mentions
    ]
    conditions = [(name, m) for name, m in predicted if _group(m.kind) == _CONDITION]
    with_symptoms = _overlapping(m for name, m in conditions if "Symptom" in kinds[name])
    without_symptoms = _overlapping(m for name, m in conditions if "Symptom" not in kinds[name])
    targets = _overlapping(
        m for name, m in predicted if m.kind == "Target" and name in answering["Target"]
    )
    measured = _overlapping(
        m for _, m in predicted if m.kind == "Procedure" and _VALUE.match(text, m.end)
    )
    candidates: list[tuple[float, PredictedMention]] = []
    for name, mention in predicted:
        if name not in answering[_group(mention.kind)]:
            continue
        if mention.kind in ("Target", "Drug") and any(
            _is_within(mention, other) for other in measured(mention)
        ):
            continue
        if mention.kind == "Drug" and _is_in_longer(mention, targets(mention)):
            continue
        if mention.kind == "Disease" and "Symptom" not in kinds[name]:
            if {other.kind for other in with_symptoms(mention)} == {"Symptom"}:
                mention = replace(mention, kind="Symptom")
        elif _group(mention.kind) == _CONDITION and _is_in_longer(
            mention, without_symptoms(mention)
        ):
            continue
        candidates.append((mention.probability * likeness[name] ** _LIKENESS_POWER, mention))
    candidates.sort(key=lambda c: (-c[0], c[1].start, c[1].start - c[1].end, c[1].kind))
    return sorted(_free((m for _, m in candidates), []), key=lambda other: other.start)


def _is_in_longer(mention: PredictedMention, others: Iterable[PredictedMention]) -> bool:
    """Whether a mention is within a longer one."""
    return any(_is_within(mention, other) and not _is_within(other, mention) for other in others)


def _is_within(mention: PredictedMention, other: PredictedMention) -> bool:
    return other.start <= mention.start and mention.end <= other.end


def _group(kind: str) -> str:
    return _CONDITION if kind in ("Disease", "Symptom") else kind


def _answering(
    kinds: Mapping[str, Sequence[str]], likeness: Mapping[str, float]
) -> dict[str, set[str]]:
    """The heads that answer for each kind: those whose corpora the text is most like.

    Diseases and symptoms are one kind here, for corpora draw the line between them in different
    places. Where a head that knows both answers, all do: it divides names that a graph needs whole.
    """
    answering: dict[str, set[str]] = {"Target": set()}
    for group in {_group(kind) for known in kinds.values() for kind in known}:
        knowing = [name for name, known in kinds.items() if group in map(_group, known)]
        least = max(likeness[name] for name in knowing) * _LEAST_LIKENESS
        chosen = {name for name in knowing if likeness[name] >= least}
        divides = group == _CONDITION and any("Symptom" in kinds[name] for name in chosen)
        answering[group] = set(knowing) if divides else chosen
    return answering


def _overlapping(
    mentions: Iterable[PredictedMention],
) -> Callable[[PredictedMention], list[PredictedMention]]:
    """Index mentions; the function returned gives those that overlap a mention."""
    blocks: dict[int, list[PredictedMention]] = {}
    for candidate in mentions:
        for block in range(candidate.start // _BLOCK_SIZE, (candidate.end - 1) // _BLOCK_SIZE + 1):
            blocks.setdefault(block, []).append(candidate)

    def overlapping(mention: PredictedMention) -> list[PredictedMention]:
        block_range = range(mention.start // _BLOCK_SIZE, (mention.end - 1) // _BLOCK_SIZE + 1)
        return [
            candidate
            for block in block_range
            for candidate in blocks.get(block, ())
            if candidate.start < mention.end and mention.start < candidate.end
        ]

    return overlapping


def _free(
    candidates: Iterable[PredictedMention], taken: Iterable[PredictedMention]
) -> list[PredictedMention]:
    """The candidates, in order, that overlap neither a taken mention nor an earlier candidate."""
    used = {position for mention in taken for position in range(mention.start, mention.end)}
    free = []
    for candidate in candidates:
        positions = range(candidate.start, candidate.end)
        if used.isdisjoint(positions):
            used.update(positions)
            free.append(candidate)
    return free


def _by_sentence(doc: Doc, text: str, mention: PredictedMention) -> list[PredictedMention]:
    """Split a mention that crosses lines which are sentences of their own."""
    if "\n" not in text[mention.start : mention.end]:
        return [mention]
    span = doc.char_span(mention.start, mention.end, alignment_mode="expand")
    assert span is not None  # since it is expanded
    starts = [token.idx for token in span[1:] if token.is_sent_start]
    mentions = []
    for start, end in pairwise([mention.start, *starts, mention.end]):
        item = _ITEM_NUMBER.sub("", text[start:end].strip(_BULLETS))
        if any(map(str.isalpha, item)):
            first = text.index(item, start)
            mentions.append(replace(mention, start=first, end=first + len(item)))
    return mentions


def clean_mentions(doc: Doc, mentions: Iterable[PredictedMention]) -> list[PredictedMention]:
    """Remove what only looks like a mention, and trim what is no part of one.

    The heading of a section ("Allergies:") is none (`doc.spans["headings"]`), nor is how a drug is
    taken ("PO", "b.i.d.") a drug, unless the document spells it out as something else. None goes
    over the lines of a list. The number of a list's next item is no part of one, nor is the
    year behind a drug or an operation, nor are "h/o" and "D/C'd"; "allergic to" says something of
    what follows. A part of a sequence variant ("arginine" in "arginine to proline"), or what
    sequences are counted in, is none, and neither is the name of a kind ("disease") or of an organ
    ("pancreas"). The variant behind a target ("BRAF V600E") is no part of its name.
    """
    titles = [(title.start_char, title.end_char) for title in doc.spans.get("headings", [])]
    text = text_of(doc)
    kept = []
    defined: set[str] | None = None
    in_variants = {place for start, end in variants(text) for place in range(start, end)}
    for mention in (part for unsplit in mentions for part in _by_sentence(doc, text, unsplit)):
        heading = bisect_right(titles, (mention.start, len(text))) - 1
        if heading >= 0 and mention.end <= titles[heading][1]:
            continue
        mention = _without_variant(text, mention, in_variants)
        words = text[mention.start : mention.end]
        if _names_nothing(words, mention.kind) or in_variants.issuperset(
            range(mention.start, mention.end)
        ):
            continue
        if (behind := _BEHIND.search(words)) is not None:
            mention = replace(mention, end=mention.start + behind.start())
            words = words[: behind.start()]
        if _ALLERGIC_TO.match(text, mention.start) or words.lower() == "allergic":
            continue
        if doc._.note:
            trimmed = _trimmed_in_note(text, mention)
            if trimmed is None:
                continue
            mention, words = trimmed, text[trimmed.start : trimmed.end]
        if words.startswith("p ") and text[mention.start - 2 : mention.start].lower() == "s/":
            mention, words = replace(mention, start=mention.start + 2), words[2:]
        if words.endswith(" s") and text[mention.end : mention.end + 2].lower() == "/p":
            mention, words = replace(mention, end=mention.end - 2), words[:-2]
        if doc._.note and mention.kind in _DATED and (year := _YEAR.search(words)) is not None:
            mention = replace(mention, end=mention.start + year.start())
            words = words[: year.start()]
        if mention.kind == "Drug" and is_usage(words):
            if defined is None:
                defined = {short.short for short in abbreviations_of(doc)}
            if words not in defined:
                continue
        kept.append(mention)
    return kept


def _trimmed_in_note(text: str, mention: PredictedMention) -> PredictedMention | None:
    """A note's mention without a list's sign and words of context before it, and without a column's
    bar behind it; None where it goes over columns, so that of neither is known what it is, and
    where nothing but the end of a unit is left ("L | 30")."""
    whole = text[mention.start : mention.end]
    words = whole.rstrip(" |")
    if "\t" in words or "|" in words or (len(words) < 2 and "|" in whole):
        return None
    start, end = mention.start, mention.start + len(words)
    pattern = _DRUG_CONTEXT_PREFIX if mention.kind == "Drug" else _CONTEXT_PREFIX
    for prefix in (pattern, _SIGN_PREFIX):
        if (before := prefix.match(text[start:end])) is not None:
            start += before.end()
    return replace(mention, start=start, end=end)


def _without_variant(
    text: str, mention: PredictedMention, in_variants: Container[int]
) -> PredictedMention:
    end = mention.end
    while mention.kind == "Target" and end > mention.start and end - 1 in in_variants:
        end -= 1
    name = text[mention.start : end].rstrip(" -(")
    return replace(mention, end=mention.start + len(name)) if name else mention


def _names_nothing(words: str, kind: str) -> bool:
    """Whether words are the name of a kind, of an organ, or what sequences are counted in."""
    is_organ = kind in ("Disease", "Symptom") and words.lower() in _organs()
    return is_organ or bool(_GENERIC.fullmatch(words)) or is_sequence_unit(words)


@cache
def _organs() -> frozenset[str]:
    return frozenset(name.lower() for list_, name in shipped_names() if list_ == "anatomy")


def set_mentions(doc: Doc, mentions: Iterable[PredictedMention]) -> None:
    """Write mentions into `doc.spans["mentions"]`."""
    spans = []
    for mention in mentions:
        span = doc.char_span(
            mention.start, mention.end, label=mention.kind, alignment_mode="expand"
        )
        assert span is not None  # since it is expanded
        span._.probability = mention.probability
        spans.append(span)
    doc.spans["mentions"] = spans


if not Span.has_extension("probability"):
    Span.set_extension("probability", default=None)
