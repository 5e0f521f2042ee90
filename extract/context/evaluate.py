"""Scores of the context of mentions (`medkg_context`), given the mentions, beside baselines."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import polars as pl
from spacy.tokens import Doc, Span

from ...core.errors import DataError
from ...core.json_reading import parse_json
from ...core.quarantine import Quarantine
from ...core.text import decode
from ..corpora.brat import brat_files, read_brat
from ..corpora.document import Document, Mention, flat_mentions
from ..corpora.files import read_text
from ..corpora.gold import read_gold
from ..corpora.splits import split_documents
from ..mentions.recogniser import PredictedMention, set_mentions
from ..relations.evaluate import score
from ..sentences import Sentences
from ..tokens import blank
from .attributes import DEFAULTS, attributes
from .context import Context

SENTENCES = Path(__file__).parent.parent / "data" / "context_sentences.jsonl"
# The values that are not the plain one, with their attribute. Presence is none of evidence:
# absent is what is denied or over, which MACCROBAT doesn't distinguish.
VALUES = {
    "negated": "polarity",
    "absent": "presence",
    "possible": "certainty",
    "hypothetical": "certainty",
    "historical": "temporality",
    "family": "experiencer",
}
# What MACCROBAT's attribute POLARITY says of a mention.
_POLARITIES = {
    "NEG": {"polarity": "negated", "presence": "absent"},
    "MAYBE_NEG": {"polarity": "negated", "presence": "absent", "certainty": "possible"},
    "MAYBE_POS": {"certainty": "possible"},
    "UNCERTAIN": {"certainty": "possible"},
}


@dataclass(frozen=True)
class Labelled:
    """A mention and the attributes of its context that are annotated, plain ones too."""

    mention: Mention
    attributes: Mapping[str, str]


@dataclass(frozen=True)
class LabelledText:
    """A text with its labelled mentions, in order."""

    id: str
    text: str
    mentions: list[Labelled] = field(default_factory=list)


def own_sentences(part: str) -> list[LabelledText]:
    """This project's own sentences: "dev", on which the rules are written, or "test"."""
    rows = [parse_json(line) for line in read_text(SENTENCES).splitlines()]
    return [_of_json(row, row["id"], row["text"]) for row in rows if row["split"] == part]


def notes(folder: Path) -> list[LabelledText]:
    """Annotated notes: `gold.jsonl` with the fields of `medkg`'s own, and `DOCUMENT.txt` beside it.

    Raises:
        DataError: a file is missing or damaged, or an offset doesn't match its text.
    """
    return [
        LabelledText(
            note.document,
            note.text,
            [Labelled(Mention(m.start, m.end, m.kind), m.context) for m in note.mentions],
        )
        for note in read_gold(folder)
    ]


def _of_json(row: Mapping[str, list[dict[str, str]]], name: str, text: str) -> LabelledText:
    mentions = [
        Labelled(Mention(int(m["start"]), int(m["end"]), m["kind"]), {a: m[a] for a in DEFAULTS})
        for m in row["mentions"]
    ]
    return LabelledText(name, text, mentions)


def maccrobat(path: Path, part: str) -> list[LabelledText]:
    """MACCROBAT's mentions with their annotated attributes.

    Its attribute POLARITY gives polarity and certainty; a mention inside a Family_history is of
    the family. NEG says both that something is denied or was not done, and that it is over
    (resolved, removed, stopped), which this project calls historical: so beside polarity there is
    presence, "absent" for NEG. Its History is whatever was there before this illness, lasting or
    over: it has no presence unless it is NEG. Hypothetical is not annotated.

    Args:
        path: its archive, or a folder of brat files with these attributes.
        part: "dev" are the 32 documents that `readers.load_corpora` holds out, "train" the others.

    Raises:
        DataError: the corpus can't be read.
    """
    train, dev = split_documents(read_brat(path, Quarantine()), 32)
    polarities = _brat_polarities(path)
    return [
        _of_brat(document, polarities.get(document.id, {}))
        for document in (dev if part == "dev" else train)
    ]


def _of_brat(document: Document, polarities: Mapping[str, str]) -> LabelledText:
    around = [m for m in document.mentions if m.kind in ("Family_history", "History")]
    mentions = []
    for mention in flat_mentions(document, "brat"):
        kinds = {m.kind for m in around if m.start <= mention.start and mention.end <= m.end}
        values = {"polarity": "asserted", "certainty": "certain", "experiencer": "patient"}
        if "Family_history" in kinds:
            values["experiencer"] = "family"
        if "History" not in kinds:
            values["presence"] = "present"
        values |= _POLARITIES.get(polarities.get(mention.key or "", ""), {})
        mentions.append(Labelled(mention, values))
    return LabelledText(document.id, document.text, mentions)


def _brat_polarities(path: Path) -> dict[str, dict[str, str]]:
    """For each document, POLARITY by the key of its mention (that of an event is its trigger's)."""
    by_document: dict[str, dict[str, str]] = {}
    for name, content in brat_files(path):
        if not name.endswith(".ann") or not content.strip():
            continue
        annotations = decode(content, f"{path}:{name}")
        triggers = dict(re.findall(r"^(E\d+)\t[^:\s]+:(T\d+)", annotations, re.M))
        polarities = re.findall(r"^A\d+\tPOLARITY (\w+) (\w+)", annotations, re.M)
        by_document[Path(name).stem] = {triggers.get(key, key): value for key, value in polarities}
    return by_document


def evaluate_context(corpus: Path | None = None, part: str | None = None) -> pl.DataFrame:
    """Score the context of mentions, given the mentions, beside NegEx and "all asserted".

    Args:
        corpus: MACCROBAT's archive, or a folder with `gold.jsonl` (`notes`); None: the project's
            own sentences.
        part: of the own sentences "dev" or "test" (None), of MACCROBAT "train" or "dev" (None).

    Returns:
        A row per method and value: method, value, precision, recall, f1, low, high (95 % bootstrap
        interval of F1 over texts), true, documents. The value "all" counts a mention as right where
        every annotated attribute of the four is (precision and recall are then the accuracy).

    Raises:
        DataError: the corpus can't be read.
    """
    if corpus is None:
        texts = own_sentences(_part(part, "dev", "test"))
    elif (corpus / "gold.jsonl").is_file():
        texts = notes(corpus)
    else:
        texts = maccrobat(corpus, _part(part, "train", "dev"))
    rows = [
        {"method": name, "value": value, **asdict(score(counts))}
        for name, method in {"medkg_context": own, "NegEx": negex, "all asserted": plain}.items()
        for value, counts in count(texts, method).items()
    ]
    return pl.DataFrame(rows)


def _part(part: str | None, *parts: str) -> str:
    if part is not None and part not in parts:
        raise DataError(f"no part {part!r}; one of {', '.join(parts)}")
    return part or parts[-1]


def count(
    texts: Iterable[LabelledText], method: Callable[[Doc], list[dict[str, str]]]
) -> dict[str, list[tuple[int, int, int]]]:
    """For each annotated value each text's (right, predicted, true) mentions by a method."""
    nlp, sentences = blank(), Sentences()
    counts: dict[str, list[tuple[int, int, int]]] = {value: [] for value in (*VALUES, "all")}
    for text in texts:
        doc = sentences(nlp.make_doc(text.text))
        mentions = [labelled.mention for labelled in text.mentions]
        set_mentions(doc, [PredictedMention(m.start, m.end, m.kind, 1.0) for m in mentions])
        pairs = [(m.attributes, p) for m, p in zip(text.mentions, method(doc), strict=True)]
        for value, attribute in VALUES.items():
            outcomes = [
                (gold[attribute] == value, predicted[attribute] == value)
                for gold, predicted in pairs
                if attribute in gold
            ]
            right = sum(true and positive for true, positive in outcomes)
            positives = sum(positive for _, positive in outcomes)
            counts[value].append((right, positives, sum(true for true, _ in outcomes)))
        right = sum(
            all(predicted[name] == gold[name] for name in DEFAULTS if name in gold)
            for gold, predicted in pairs
        )
        counts["all"].append((right, len(pairs), len(pairs)))
    return {value: rows for value, rows in counts.items() if any(true for *_, true in rows)}


def own(doc: Doc) -> list[dict[str, str]]:
    """What `medkg_context` says of each mention."""
    absent = {"negated", "over"}
    return [
        attributes(categories) | {"presence": "absent" if absent & categories else "present"}
        for _, categories in Context().categories(doc)
    ]


def plain(doc: Doc) -> list[dict[str, str]]:
    """Everything asserted, certain, the patient's and current."""
    return [DEFAULTS | {"presence": "present"} for _ in doc.spans["mentions"]]


def _phrases(text: str) -> str:
    return "|".join(sorted((re.escape(p) for p in text.split(", ")), key=len, reverse=True))


_PSEUDO = _phrases(
    "no increase, no change, no suspicious change, no significant change, no interval change, "
    "no further, not only, not necessarily, not certain if, not certain whether, gram negative, "
    "without difficulty, not rule out, not ruled out, not been ruled out, not drain, not cause"
)
_BEFORE = _phrases(
    "no, not, without, denies, denied, denying, absence of, negative for, no evidence of, no sign "
    "of, no signs of, free of, fails to reveal, rules out, ruled out, rule out, r/o, never "
    "developed, never had, declined, cannot, no complaints of, unremarkable for"
)
_AFTER = _phrases("was ruled out, were ruled out, is ruled out, unlikely, free, was negative")
_ENDS = _phrases(
    "but, however, nevertheless, yet, though, although, still, aside from, except, apart from, "
    "secondary to, which, cause of, source of, reason for, etiology of, origin of"
)
_NEGEX = re.compile(rf"\b(?:({_PSEUDO})|({_BEFORE})|({_AFTER})|({_ENDS}))(?!\w)", re.I)
_REACH = 5


def negex(doc: Doc) -> list[dict[str, str]]:
    """Plain NegEx: phrases before or after, five words of reach, phrases that end it.

    After Chapman et al. 2001, "A simple algorithm for identifying negated findings and diseases in
    discharge summaries", J Biomed Inform 34:301; a baseline, with a short list of its phrases.
    """
    attributes_of = plain(doc)
    for sentence in doc.sents:
        matches = [
            (
                match.lastindex,
                sentence.start_char + match.start(),
                sentence.start_char + match.end(),
            )
            for match in _NEGEX.finditer(sentence.text)
        ]
        for values, mention in zip(attributes_of, doc.spans["mentions"], strict=True):
            if sentence.start <= mention.start < sentence.end and _is_negated(mention, matches):
                values |= {"polarity": "negated", "presence": "absent"}
    return attributes_of


def _is_negated(mention: Span, matches: Iterable[tuple[int | None, int, int]]) -> bool:
    text, ends = mention.doc.text, [(start, end) for group, start, end in matches if group == 4]
    for group, start, end in matches:
        low, high = (end, mention.start_char) if group == 2 else (mention.end_char, start)
        if group not in (2, 3) or low > high or len(text[low:high].split()) >= _REACH:
            continue
        if not any(low <= a and b <= high for a, b in ends):
            return True
    return False
