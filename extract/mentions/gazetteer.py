"""Names of the graph that stand in the text as they are (component `medkg_names`).

The recogniser of mentions learns from context, and misses a name where there is little of it (a
list, a heading's "Family history: Marfan syndrome"), or finds a part of it ("gait" in "waddling
gait"). So the names and synonyms of the graph that mentions are linked to are looked up in what it
leaves free, and where they hold what it found; a graph with names of one's own needs no training.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from itertools import count, pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
from spacy.language import Language
from spacy.tokens import Doc, Span

from ...core.errors import ModelError
from ...core.han import has_han, simplified
from ...graph.identifiers import name_key
from ...graph.kg import KnowledgeGraph
from ..abbreviations import abbreviations_of
from ..laboratory import add_tests
from ..short_forms import short_forms, with_short_forms
from ..tokens import StatelessComponent, text_between, text_of
from .denials import without_denials
from .given import is_given
from .operations import add_operations

_Hashes = npt.NDArray[np.int64]
# Characters; shorter names, and those of genes, are too often other words.
_MIN_LENGTH = 5
_MIN_HAN = 2  # the same of Chinese characters, each of which is a word or a part of one
_KINDS = ("Drug", "Disease", "Symptom")
_MAX_TOKENS = 10  # of a name
_ENDS = frozenset(".;:")
_BRITISH = re.compile(r"[ao]e(?=[a-z])")  # "haematemesis", "melaena", not "maculae"
_AND = frozenset(("and", "or", "&"))
_DENIALS = frozenset(("no", "not", "none", "never", "without", "absent", "absence", "lack"))
# Behind a value these say what it is, and what follows the comma is another's.
_FLAGS = frozenset(("low", "high", "raised", "elevated", "reduced", "decreased"))
# What may join a noun and its adjective, and say how much it is so.
_COPULAS = frozenset(
    "is are was were been look looks looked appear appears appeared seem seems seemed"  # noqa: SIM905
    " become becomes became feel feels felt get gets got turn turns turned go goes went"
    " gone grow grows grew grown remain remains remained stay stays stayed".split()
)
# "The face has become coarse", but "the hand has small wounds".
_HAVE = frozenset(("has", "have", "had"))
_PARTICIPLES = frozenset(("been", "become", "gone", "got", "grown", "turned", "remained", "stayed"))
_DEGREES = frozenset(
    "abnormally also bilaterally both clearly completely considerably constantly diffusely"  # noqa: SIM905
    " disproportionately distinctly entirely especially exceptionally excessively extremely"
    " generally gradually grossly increasingly intensely markedly massively mildly moderately"
    " notably noticeably now obviously oddly particularly pathologically permanently progressively"
    " quite rather really remarkably severely slightly so somewhat still strangely strikingly"
    " symmetrically terribly too unusually very visibly".split()
)
_JOINTS = _COPULAS | _DEGREES
_MAX_JOINTS = 3
# "Lost 6 kg", "has lost about two stone": how much it was, in place of a name.
_WEIGHT_LOSS = re.compile(
    r"\b(?:lost|loses|losing|loss of)"
    r"(?: (?:about|around|approximately|over|nearly|almost|some|another|more than|at least|up to))?"
    r" (?:\d{1,3}(?:[.,]\d{1,2})?|several|many|two|three|four|five|six|seven|eight|nine|ten)"
    r"[ -]?(?:kgs?|kilos?|kilograms?|lbs?|pounds?|stones?)\b",
    re.IGNORECASE,
)
# Before the key of a name that must stand in one piece: one in capitals ("he did" is no HED-ID), a
# drug's of one word.
_ONE_PIECE = "="
# Share of such mentions that touch one of MACCROBAT's or BC5CDR's development documents: 30 of 53.
PROBABILITY = 0.57


@cache
def _unannotated(kind: str) -> frozenset[str]:
    """Names of a kind that texts have mostly without meaning it: "water", "disease progression"."""
    table = resources.files("medkg.extract").joinpath("data/unannotated_names.tsv").read_bytes()
    rows = pl.read_csv(table, separator="\t", comment_prefix="#", quote_char=None)
    return frozenset(rows.filter(kind="Disease" if kind == "Symptom" else kind)["key"])


@Language.factory("medkg_names", requires=["doc.spans"])
def create_names(nlp: Language, name: str) -> Gazetteer:
    """The factory of `Gazetteer`; give it its names with `use`."""
    del nlp, name  # spaCy gives every factory both, by these names
    return Gazetteer()


class Gazetteer(StatelessComponent):
    """Adds mentions to `doc.spans["mentions"]` where a name of the graph stands, longest first.

    `span._.named` says of each mention whether its words are a name of the graph's.
    """

    def __init__(self) -> None:
        self._hashes: dict[str, _Hashes] | None = None  # by kind, sorted
        self._drugs: _Hashes = _sorted([])  # also of names that texts mostly mean otherwise
        if not Span.has_extension("probability"):
            Span.set_extension("probability", default=1.0)
        if not Span.has_extension("named"):
            Span.set_extension("named", default=False)

    def use(self, terminology: KnowledgeGraph) -> Gazetteer:
        """Take the names of this graph."""
        nodes = terminology.nodes.select("kind", "name", "synonyms")
        self._hashes = {}
        for kind in _KINDS:
            mine = nodes.filter(kind=kind)
            names = pl.concat([mine["name"], mine["synonyms"].explode().drop_nulls()])
            # "DIP in" is no dipin.
            in_one = pl.lit(kind == "Drug") & pl.col("name").str.contains(r"[\s\d-]").not_()
            keys = names.to_frame("name").select(
                name_key(pl.col("name")).str.replace_all(" ", "").alias("key"),
                (pl.col("name").str.contains(r"[\p{Ll} ]").not_() | in_one).alias("one piece"),
            )
            usable = [
                (key, hash(_ONE_PIECE + key if is_one else key))
                for key, is_one in keys.unique().iter_rows()
                if _is_long_enough(key) and not key.isdigit()
            ]
            left_out = _unannotated(kind)
            self._hashes[kind] = _sorted(each for key, each in usable if key not in left_out)
            if kind == "Drug":
                self._drugs = _sorted(hash(key) for key, _ in usable)
        return self

    def __call__(self, doc: Doc) -> Doc:
        if self._hashes is None:
            raise ModelError('medkg_names has no names: get_pipe("medkg_names").use(graph)')
        mentions = list(doc.spans.get("mentions", []))
        excluded: list[Span] = []
        if doc._.note:
            mentions = [m for m in mentions if not _is_allergy_to_short_form(m)]
            mentions, excluded = with_short_forms(doc, mentions)
        # A section's heading is no name, even where the graph has one like it ("Allergies").
        nameless = [*doc.spans.get("headings", []), *excluded]
        taken = {token for span in nameless for token in range(span.start, span.end)}
        taken.update(_allergic_to(doc))
        names = _matches(doc, self._hashes, taken)
        if has_han(text_of(doc)):
            mentions, names = (without_denials(doc, parts, names) for parts in (mentions, names))
        places = {(name.start, name.end) for name in names}
        drugs = {(name.start, name.end) for name in names if name.kind == "Drug"}
        mentions = [
            _drug_of_allergy(part, places, drugs)
            for mention in mentions
            for part in _joined(mention, places)
        ]
        mentions = _with_names(doc, mentions, names, taken)
        mentions = [_drug_if_given(mention, self._drugs) for mention in mentions]
        if has_han(text_of(doc)):
            mentions = [_drug_in_latin(mention, drugs) for mention in mentions]
        doc.spans["mentions"] = _without_allergies(_with_defined(doc, mentions))
        if doc._.note:
            add_operations(doc)
            add_tests(doc)
        return doc


class _Match(NamedTuple):
    """Tokens [start, end) that are a name of the graph's, its kind, and the name if turned."""

    start: int
    end: int
    kind: str
    turned: str = ""


def _matches(
    doc: Doc, hashes_by_kind: Mapping[str, _Hashes], taken: Container[int]
) -> list[_Match]:
    """Every run of tokens that is a name, by kind; in a note also those that are turned round."""
    words = [token.lower_ if token.text[0].isalnum() else "" for token in doc]
    if has_han(text_of(doc)):
        words = [simplified(word) for word in words]
    places, hashes = _candidates(doc, words, taken)
    matches = [_Match(*places[number], kind) for number, kind in _known(hashes, hashes_by_kind)]
    if doc._.note:
        orders, hashes = _turned_candidates(doc, words, taken)
        for number, kind in _known(hashes, hashes_by_kind):
            start, verb, adjective, end = orders[number]
            name = f"{doc[adjective:end].text} {doc[start:verb].text}"
            matches.append(_Match(start, end, kind, name))
        matches += _weights_lost(doc, hashes_by_kind)
    return matches


def _weights_lost(doc: Doc, hashes_by_kind: Mapping[str, _Hashes]) -> Iterator[_Match]:
    """Where a note says how much weight was lost, if the graph has a name for that."""
    for _, kind in _known([hash("weightloss")], hashes_by_kind):
        for match in _WEIGHT_LOSS.finditer(text_of(doc)):
            span = doc.char_span(*match.span(), alignment_mode="expand")
            assert span is not None  # the match is not empty
            yield _Match(span.start, span.end, kind, "weight loss")


def _is_long_enough(key: str) -> bool:
    return len(key) >= _MIN_LENGTH or (len(key) >= _MIN_HAN and has_han(key))


def _sorted(hashes: Iterable[int]) -> _Hashes:
    return np.sort(np.fromiter(hashes, dtype=np.int64))


def _known(
    hashes: Sequence[int], hashes_by_kind: Mapping[str, _Hashes]
) -> Iterator[tuple[int, str]]:
    """The places of the hashes that are names', and the names' kinds."""
    looked_up = np.array(hashes, dtype=np.int64)
    for kind, table in hashes_by_kind.items():
        if len(table):
            at = np.minimum(np.searchsorted(table, looked_up), len(table) - 1)
            for number in np.flatnonzero(table[at] == looked_up).tolist():
                yield number, kind


def _with_names(
    doc: Doc, mentions: Sequence[Span], names: Iterable[_Match], taken: set[int]
) -> list[Span]:
    """The mentions with the names that hold them or stand where there is none, longest first.

    Marks the mentions that are names themselves; `taken` gets the tokens of the names.
    """
    at_token: dict[int, list[int]] = {}  # the mentions of each token
    for number, mention in enumerate(mentions):
        for token in range(mention.start, mention.end):
            at_token.setdefault(token, []).append(number)
    added, replaced = [], set[int]()
    # The longest first; of two kinds the first of _KINDS.
    for start, end, kind, turned in sorted(
        names, key=lambda m: (m.start - m.end, m.start, _KINDS.index(m.kind))
    ):
        if taken.isdisjoint(range(start, end)):
            within = {number for token in range(start, end) for number in at_token.get(token, ())}
            parts = [mentions[number] for number in within]
            for part in parts:
                part._.named |= (part.start, part.end) == (start, end)
            if any(_goes_beyond(part, start, end, kind) for part in parts):
                continue
            taken.update(range(start, end))
            replaced |= within
            name = Span(doc, start, end, label=kind)
            name._.named = True
            name._.stands_for = turned
            name._.probability = max([p._.probability for p in parts], default=PROBABILITY)
            added.append(name)
    kept = [mention for number, mention in enumerate(mentions) if number not in replaced]
    return [*kept, *added]


def _with_defined(doc: Doc, mentions: list[Span]) -> list[Span]:
    """The mentions in order, with the short forms that the document defines for some of them.

    The recogniser does so for what one of its heads finds; not where the long form is a name of the
    graph's that it lacked, or where another head is surer of what the short form is. A mention may
    be the last words of the long form alone: "drug-induced pancreatitis (DIP)".
    """
    by_place = {(mention.start_char, mention.end_char): mention for mention in mentions}
    by_end = {mention.end_char: mention for mention in mentions}
    kept = dict(enumerate(mentions))
    unused = count(len(mentions))
    holding = {place: n for n, m in kept.items() for place in range(m.start, m.end)}
    for short in abbreviations_of(doc):
        long = by_end.get(short.long[1])
        if long is None or long.start_char < short.long[0]:
            continue
        for place in short.places:
            span = doc.char_span(*place, label=long.label_)
            if span is None or (long.label_ == getattr(by_place.get(place), "label_", None)):
                continue
            here = {holding[p] for p in range(span.start, span.end) if p in holding}
            # A longer mention around a short form stays as it is.
            if any(kept[n].start < span.start or span.end < kept[n].end for n in here):
                continue
            span._.probability = long._.probability
            for number in here:
                del kept[number]
            number = next(unused)
            kept[number] = span
            holding.update(dict.fromkeys(range(span.start, span.end), number))
    return sorted(kept.values(), key=lambda mention: mention.start)


def _joined(mention: Span, names: set[tuple[int, int]]) -> list[Span]:
    """A mention, or those that it joins, if each is a name: "short-sighted and clumsy".

    What a semicolon divides ("big spleen; tremor") are two without being names; and what a comma
    does ("febrile, toxic, drooling") where the first is a name that nothing may follow, as in "pain
    in the arms, legs", and the rest holds another.
    """
    doc, start, end = mention.doc, mention.start, mention.end
    for place in range(start + 1, end - 1) if (start, end) not in names else ():
        first, rest = (start, place), (place + 1, end)
        divider = doc[place].lower_
        if divider == "," and doc[place + 1].lower_ in _AND:
            rest = (place + 2, end)
        if (
            divider == ";"
            or (divider in _AND and names.issuperset((first, rest)))
            or (
                divider == ","
                and first in names
                and any(rest[0] <= begin and stop <= end for begin, stop in names)
                and not _goes_on(doc[start:place])
                and _DENIALS.isdisjoint(token.lower_ for token in doc[place:end])
            )
        ):
            spans = [Span(doc, *part, label=mention.label_) for part in (first, rest)]
            for span in spans:
                span._.probability = mention._.probability
            return [spans[0], *_joined(spans[1], names)]
    return [mention]


def _goes_on(name: Span) -> bool:
    """Whether the last words of a name may be the first of several: "pain in the arms, legs"."""
    return any(token.lower_ in ("in", "of", "with", "on", "at", "to", "from") for token in name)


_ALLERGY = frozenset(("allergy", "allergies", "allergic", "hypersensitivity", "intolerance"))


def _allergic_to(doc: Doc) -> list[int]:
    """The tokens of "allergy to" and "allergic to": what follows says what is had."""
    return [
        token.i
        for token, following in pairwise(doc)
        if token.lower_ in ("allergy", "allergies", "allergic") and following.lower_ == "to"
    ]


def _is_allergy_to_short_form(mention: Span) -> bool:
    """Whether a mention is a drug's short form with "allergy", as in "PCN allergy"."""
    short, _, rest = mention.text.replace("-", " ").partition(" ")
    form = short_forms().get(short) if rest.lower() in _ALLERGY else None
    return form is not None and form.kind == "Drug"


def _without_allergies(mentions: list[Span]) -> list[Span]:
    """Without "allergy" and "allergic" behind a drug, which say something of it."""
    rest = [
        mention
        for before, mention in pairwise(mentions)
        if before.label_ != "Drug"
        or mention.text.lower() not in _ALLERGY
        or text_between(mention.doc, before.end, mention.start).strip(" -")
    ]
    return [*mentions[:1], *rest]


def _drug_of_allergy(
    mention: Span, names: set[tuple[int, int]], drugs: set[tuple[int, int]]
) -> Span:
    """The drug of "penicillin allergy", unless all of it is a name; any other mention as it is."""
    place = (mention.start, mention.end - 1)
    if place not in drugs or mention.end - mention.start < 2:
        return mention
    if mention.doc[mention.end - 1].lower_ not in _ALLERGY or (mention.start, mention.end) in names:
        return mention
    drug = Span(mention.doc, *place, label="Drug")
    drug._.probability = mention._.probability
    return drug


def _drug_if_given(mention: Span, drugs: _Hashes) -> Span:
    """The drug where a target of a drug's name is given; any other mention as it is."""
    if mention.label_ != "Target":
        return mention
    key = "".join(filter(str.isalnum, mention.text.lower()))
    is_drug = any(_known([hash(key)], {"Drug": drugs}))
    return _named_drug(mention) if is_drug and is_given(mention) else mention


def _drug_in_latin(mention: Span, drugs: set[tuple[int, int]]) -> Span:
    """The drug of "口服metformin", since the recogniser of Chinese has seen few Latin words."""
    is_name = (mention.start, mention.end) in drugs and not has_han(mention.text)
    return _named_drug(mention) if mention.label_ == "Procedure" and is_name else mention


def _named_drug(mention: Span) -> Span:
    """A mention as the drug whose name it is."""
    drug = Span(mention.doc, mention.start, mention.end, label="Drug")
    drug._.probability, drug._.named = mention._.probability, True
    return drug


def _goes_beyond(mention: Span, start: int, end: int, kind: str) -> bool:
    """Whether a mention is as long as a name of a kind at these tokens, or partly outside of it.

    What is a condition's name is no examination, unless the recogniser is surer of that than names
    are: of "Slit lamp: Kayser-Fleischer rings" it takes both for one, by half.
    """
    if mention.start < start or mention.end > end:
        return True
    if len(mention) < end - start:
        return False
    is_condition = kind in ("Disease", "Symptom") and mention.label_ == "Procedure"
    return not (is_condition and mention._.probability < PROBABILITY)


def _candidates(
    doc: Doc, words: Sequence[str], taken: Container[int]
) -> tuple[list[tuple[int, int]], list[int]]:
    """Every run of tokens that may be a name, with the hash of its letters and digits.

    A name ends with its clause, and one with a denial or a value's flag in it at the next comma:
    there is no absent speech in "rash absent, speech delayed", no "no appetite" in "vomiting: no.
    Appetite: good", and no low potassium in "sodium 128 low, potassium 5.9".

    Args:
        words: the tokens in lower case; "" where they are signs.
    """
    places: list[tuple[int, int]] = []
    hashes: list[int] = []
    texts = [token.text for token in doc]
    joined = [not token.whitespace_ for token in doc]  # to the next token
    begins = [token.is_sent_start for token in doc]
    american_words = [_BRITISH.sub("e", word) for word in words]
    ends = [n in taken or "\n\n" in text or text in _ENDS for n, text in enumerate(texts)]
    for start, word in enumerate(words):
        if not word or start in taken:
            continue
        key, american, in_one = "", "", True
        before = texts[start - 1] if start else ""
        is_flag = word in _FLAGS and (before == "(" or before[-1:].isdigit())
        for n in range(start, min(len(words), start + _MAX_TOKENS)):
            in_one = in_one and (n == start or joined[n - 1])
            if ends[n] or (n > start and begins[n]):
                break
            if texts[n] == "," and (is_flag or not _DENIALS.isdisjoint(words[start:n])):
                break
            key += words[n]
            american += american_words[n]
            if not words[n] or not _is_long_enough(key):
                continue
            written = [key]
            if key[-1] == "s" and words[n] != "s":  # a plural, but not the "s" of "s/p"
                written.append(key[:-1])
            if american != key:
                written.append(american)
            if in_one:
                written += [_ONE_PIECE + form for form in written]
            places += [(start, n + 1)] * len(written)
            hashes += map(hash, written)
    return places, hashes


def _turned_candidates(
    doc: Doc, words: Sequence[str], taken: Container[int]
) -> tuple[list[tuple[int, int, int, int]], list[int]]:
    """Nouns with what is said of them, hashed as the name would put it: "blue sclerae".

    "The sclerae are blue", "the head has become rather small", and without a verb "abdomen
    distended".

    Args:
        words: as for `_candidates`.

    Returns:
        Where the noun starts and ends, and the adjective starts and ends; the hashes.
    """
    free = [bool(word) and number not in taken for number, word in enumerate(words)]
    goes_on = [
        is_free and not token.is_sent_start for is_free, token in zip(free, doc, strict=True)
    ]
    orders, hashes = [], []
    for start, is_free in enumerate(free):
        if not is_free:
            continue
        for verb in (start + 1, start + 2):
            if verb >= len(words) or not goes_on[verb]:
                break
            for adjective in _adjectives(words, verb):
                for end in (adjective + 1, adjective + 2):
                    if end > len(words) or not all(goes_on[verb:end]):
                        break
                    key = "".join((*words[adjective:end], *words[start:verb]))
                    if len(key) >= _MIN_LENGTH:
                        for form in {key, key.removesuffix("s")}:
                            orders.append((start, verb, adjective, end))
                            hashes.append(hash(form))
    return orders, hashes


def _adjectives(words: Sequence[str], verb: int) -> Iterator[int]:
    """Where an adjective may begin behind a noun, which ends at `verb`: there, and after joints."""
    yield verb
    for place in range(verb, min(verb + _MAX_JOINTS, len(words) - 1)):
        perfect = words[place] in _HAVE and words[place + 1] in _PARTICIPLES
        if words[place] not in _JOINTS and not perfect:
            return
        yield place + 1
