"""Findings of one patient: typed, read in a note, or taken from a table that a person corrected."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, cast

import polars as pl

from medkg.core.atomic import atomic_file
from medkg.core.errors import DataError, MissingError
from medkg.core.extras import MissingExtraError, explained_imports
from medkg.core.input_files import read_whole
from medkg.core.quarantine import Quarantine
from medkg.core.text import decode
from medkg.extract.demographics import Demographics, demographics
from medkg.graph.identifiers import is_curie, name_key_of
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.diagnosis.phenotypes import NOTHING, Findings, Phenotypes, Typed

if TYPE_CHECKING:
    from spacy.language import Language

    from medkg.extract.annotated import AnnotatedText, Triple

# Values of `keep`: observed, excluded, observed with its probability, not of the patient.
DECISIONS = ("yes", "no", "maybe", "drop")
FINDINGS = {
    "keep": pl.String,
    "phenotype": pl.String,
    "name": pl.String,
    "text": pl.String,
    "context": pl.String,
    "start": pl.Int64,
    "end": pl.Int64,
    "sentence": pl.String,
    "probability": pl.Float64,
}
NO_FINDING = "no finding"
_WORD = re.compile(r"[\u4e00-\u9fff]|[^\W\d_]{2,}")  # Chinese has no blanks: a character each
_FEWEST_WORDS = 3  # of a sentence that is shown though nothing was found in it
# Sentences that make a note of typed words: of a noun, an adjective ("deaf") and a verb
# ("bruises easily"). Later ones only where nothing is read in those before.
_BEING = "The patient is {}.\n"
_FRAMES = ("The patient has {}.\n", _BEING, "The patient {}.\n")
# From which probability on words that are like a name count as it where that is to be certain: in
# what is typed, and in what a note denies.
_SURE = 0.8
# From which probability of a link on words that were recognised as a finding are the term's; below,
# of 45 in textbook notes 16 were another's ("collapse" was taken for a pneumothorax).
_SURE_LINK = 0.65
_ALONE = "{}.\n"  # what is like a name is so by itself, too
# What may follow an adjective of the patient ("blind left eye", "deaf child"), and what looks so.
_SIDES = {"left", "right", "bilateral", "unilateral"}
_PERSONS = {"adult", "child", "female", "male", "person"}
_NO_ADVERBS = {"anomaly", "belly", "family"}
# A mention in one of these contexts is no finding of the patient's.
_OF_A_DRUG = "effect of a drug"  # that is over
_NOT_THE_PATIENTS = {"family", "other", "possible", "hypothetical", _OF_A_DRUG}


class Finding(TypedDict):
    """A row of a table of findings; see `findings_in_note`."""

    keep: str
    phenotype: str
    name: str
    text: str
    context: str
    start: int
    end: int
    sentence: str
    probability: float | None


def resolve_findings(
    kg: KnowledgeGraph, present: Sequence[str], excluded: Sequence[str]
) -> Findings:
    """Findings of the identifiers or names that a person typed.

    Raises:
        MissingError: one of them names no phenotype of the graph.
    """
    return Phenotypes(kg).clean((), (), (present, excluded))


def typed_phenotypes(kg: KnowledgeGraph, typed: Typed) -> tuple[Typed, list[str]]:
    """What a person typed, with phenotypes in the place of words that name none.

    What no phenotype is called is read as a note's sentence is ("dislocated lenses" is Ectopia
    lentis, and "coughed up a little blood" is like a name of Hemoptysis), if what reads notes is
    installed. What is read to be absent ("no fever", "normal sodium") is absent, whether it was
    typed among what is seen or what is absent.

    Returns:
        What was typed, in which texts stay that say nothing this way either; and a note for each
        that was read.
    """
    phenotypes = Phenotypes(kg)
    unknown = [text for texts in typed for text in texts if not _is_known(text, phenotypes)]
    if not unknown:
        return typed, []
    try:
        readings = _read(list(dict.fromkeys(unknown)), kg)
    except MissingExtraError:
        return typed, []
    notes = [
        f"{text!r} is read as {phenotypes.names[phenotype]} ({phenotype}){how}"
        for text, reading in readings.items()
        for phenotype, how in [
            *((each, reading.why.get(each, "")) for each in reading.seen),
            *((each, ", absent") for each in reading.denied),
        ]
    ]
    seen, denied = (
        [each for text in texts for each in (readings[text].seen if text in readings else [text])]
        for texts in typed
    )
    denied += [phenotype for reading in readings.values() for phenotype in reading.denied]
    return (seen, list(dict.fromkeys(denied))), notes


def _is_known(text: str, phenotypes: Phenotypes) -> bool:
    """Whether a text names a phenotype, or is an identifier, which is not to be read."""
    try:
        phenotypes.one(text)
    except MissingError:
        return is_curie(text.strip())
    return True


@dataclass(frozen=True)
class _Reading:
    """The phenotypes that a few words say are there, and those that they say are absent.

    `why` tells of those that are there by likeness what the words are like.
    """

    seen: list[str]
    denied: list[str]
    why: Mapping[str, str]


def _read(texts: Sequence[str], kg: KnowledgeGraph) -> dict[str, _Reading]:
    """What is read in each of some texts of a few words, without those in which nothing is."""
    reader = NoteReader(kg)
    readings: dict[str, _Reading] = {}
    likely: dict[str, _Reading] = {}
    for text, frame in ((text, frame) for frame in (*_FRAMES, _ALONE) for text in texts):
        if text in readings:
            continue
        sentence = frame.format(text)
        rows = reader.read(sentence).findings
        if frame == _BEING:
            whole = [not _is_cut(read, sentence, reader) for read in rows["text"]]
            rows = rows.filter(pl.Series(whole, dtype=pl.Boolean))
        seen, denied = (
            rows.filter(keep=keep)["phenotype"].unique(maintain_order=True).to_list()
            for keep in ("yes", "no")
        )
        sure = rows.filter(pl.col("keep") == "maybe", pl.col("probability") >= _SURE)
        like = {row["phenotype"]: row for row in sure.iter_rows(named=True)}
        why = {id_: f", {row['context']} ({row['probability']:.2f})" for id_, row in like.items()}
        reading = _Reading([*seen, *(each for each in why if each not in seen)], denied, why)
        if (seen or denied) and frame != _ALONE:
            readings[text] = reading
        elif like:
            likely.setdefault(text, reading)
    readings = likely | readings
    return {text: readings[text] for text in texts if text in readings}


def _is_cut(read: str, sentence: str, reader: NoteReader) -> bool:
    """Whether an adjective was read without its noun, as "is floppy" of "a floppy mitral valve".

    It is whole before an adverb or a preposition, a number, a side and what is there, a word for
    the patient, and another adjective that is read ("deaf mute").
    """
    from spacy.lang.en.stop_words import STOP_WORDS

    from medkg.extract.context.rules import in_class

    rest = sentence.partition(read)[2].rstrip(".\n") if read else ""
    words = [word.strip("(),;").lower() for word in rest.split()] if rest.startswith(" ") else []
    if words and words[0] in _SIDES:
        words = words[2:]
    if not words or words[0] in STOP_WORDS | _PERSONS or in_class("who", words[0]):
        return False
    if words[0][:1].isdigit() or (words[0].endswith("ly") and words[0] not in _NO_ADVERBS):
        return False
    adjective = f"is {' '.join(words)}"
    also_read = reader.read(f"The patient {adjective}.\n").findings["text"]
    return not any(text.endswith(adjective) for text in also_read)


@dataclass(frozen=True)
class NoteReading:
    """What is read in a note or a recording.

    Attributes:
        findings: see `findings_in_note`.
        demographics: the sex and the age that it states of its patient.
    """

    findings: pl.DataFrame
    demographics: Demographics


def findings_in_note(path: Path, kg: KnowledgeGraph) -> pl.DataFrame:
    """The phenotypes that are read in a note, to be corrected by a person.

    Returns:
        `FINDINGS`, a row a finding in order of the text. `keep` is `yes` (observed), `no` (denied:
        excluded) or `drop`: of the family or somebody else, possible (a diagnosis that is
        considered is no finding), hypothetical, or without a term in the graph. What is past is
        the patient's, but for what a drug did. `text` is how the note words it, `context` its
        context, `start` and `end` the characters of `sentence`. Words that are no name but like one
        are `maybe`, with a `probability` and that name in their context, and so are those whose
        term is uncertain; denied, they are `no` where it is all but sure. Each sentence without a
        finding has a row without a term (`NO_FINDING` is its context), so that a person sees what
        may be missing.

    Raises:
        DataError: it can't be read, or is not one text.
    """
    return read_note(path, kg).findings


def read_note(path: Path, kg: KnowledgeGraph) -> NoteReading:
    """The phenotypes that are read in a note, and its patient's sex and age.

    Raises:
        DataError: it can't be read, or is not one text.
    """
    from medkg.texts import annotate

    texts = annotate([path], terminology=kg, texts="notes")
    if len(texts) != 1:
        raise DataError(f"has {len(texts)} texts, and one note is diagnosed at a time", path=path)
    return _reading(texts[0], kg)


def _reading(text: AnnotatedText, kg: KnowledgeGraph) -> NoteReading:
    return NoteReading(findings_in_text(text, kg), demographics(text.text))


class NoteReader:
    """What reads notes for phenotypes, one after the other, without writing them to any file."""

    def __init__(self, kg: KnowledgeGraph):
        self.kg = kg

    @cached_property
    def _pipeline(self) -> Language:
        from medkg.texts import kept_pipeline

        return kept_pipeline(self.kg, None, 0.0)[0]

    @explained_imports()
    def read(self, note: str) -> NoteReading:
        """What is read in the text of a note: see `read_note`.

        Raises:
            DataError: it is empty, or can't be read.
        """
        from medkg.extract.annotate import annotate_documents
        from medkg.extract.documents import TextDocument

        document = TextDocument(id="note:pasted", text=note, patient="patient:pasted")
        quarantine = Quarantine()
        texts = list(annotate_documents(self._pipeline, [document], self.kg, quarantine))
        if not texts:
            raise DataError(f"the note can't be read: {quarantine.rows[0].reason}")
        return _reading(texts[0], self.kg)


def findings_in_text(text: AnnotatedText, kg: KnowledgeGraph) -> pl.DataFrame:
    """The phenotypes of an annotated text; see `findings_in_note`."""
    names = dict(kg.nodes.filter(kind="Symptom").select("id", "name").iter_rows())
    triples = [t for t in text.triples if t.relation in ("HAS_PHENOTYPE", "LACKS_PHENOTYPE")]
    triples.sort(key=lambda triple: (triple.object.start or 0, triple.object.id))
    of_drugs = {
        (t.object.start, t.object.end)
        for t in text.triples
        if t.relation == "CAUSES" and "negated" not in t.context
    }
    links: dict[tuple[int | None, int | None, str | None], float] = {
        (each.start, each.end, each.identifier): each.link_score for each in text.mentions
    }
    rows = [_finding(triple, text, names, of_drugs, links) for triple in triples]
    rows += _sentences_without_finding(text, {row["start"] for row in rows})
    return pl.DataFrame(sorted(rows, key=lambda row: row["start"]), schema=FINDINGS)


def _finding(
    triple: Triple,
    text: AnnotatedText,
    names: Mapping[str, str],
    of_drugs: Set[tuple[int | None, int | None]],
    links: Mapping[tuple[int | None, int | None, str | None], float],
) -> Finding:
    known = triple.object.id in names
    context = [*triple.context]
    if triple.relation == "LACKS_PHENOTYPE":
        context.insert(0, "negated")
    keep = "no" if "negated" in context else "yes"
    if "historical" in context and (triple.object.start, triple.object.end) in of_drugs:
        context.append(_OF_A_DRUG)
    if not known or _NOT_THE_PATIENTS & set(context):
        keep = "drop"
    read = _one_line(text.text[triple.object.start : triple.object.end])
    name = names.get(triple.object.id, "")
    probability = None
    if like := triple.qualifiers.get("like"):
        context.append(f"like {like!r}")
        probability = round(triple.probability, 2)
    elif name_key_of(read) != name_key_of(name):
        # Not of a test, whose value makes a finding of it.
        score = links.get((triple.object.start, triple.object.end, triple.object.id), 1.0)
        probability = round(score, 2) if score < _SURE_LINK else None
    if keep == "no" and probability is not None and probability < _SURE:
        keep = "drop"
    if keep == "yes" and probability is not None:
        keep = "maybe"
    start, end = triple.start, triple.end
    return {
        "keep": keep,
        "phenotype": triple.object.id if known else "",
        "name": name,
        "text": read,
        "context": ", ".join(context),
        "start": start,
        "end": end,
        "sentence": _one_line(text.text[start:end]),
        "probability": probability if keep == "maybe" else None,
    }


def _sentences_without_finding(text: AnnotatedText, with_finding: Set[int]) -> list[Finding]:
    """Rows for the other sentences; headings and what has fewer than three words are left out.

    Args:
        with_finding: where sentences start that have one.
    """
    return [
        {
            "keep": "drop",
            "phenotype": "",
            "name": "",
            "text": "",
            "context": NO_FINDING,
            "start": start,
            "end": end,
            "sentence": _one_line(text.text[start:end]),
            "probability": None,
        }
        for start, end in text.sentences
        if start not in with_finding
        and len(_WORD.findall(text.text[start:end])) >= _FEWEST_WORDS
        and not text.text[start:end].rstrip().endswith(":")
    ]


def _one_line(text: str) -> str:
    return " ".join(text.split())


def write_findings(findings: pl.DataFrame, path: Path) -> None:
    """Write findings as a table (TSV) that a person edits and `read_findings` reads.

    It may hold sentences of a note, so that only its owner may read it.
    """
    with atomic_file(path) as draft:
        findings.write_csv(draft, separator="\t", quote_style="necessary")


def read_findings(path: Path, kg: KnowledgeGraph, typed: Typed = NOTHING) -> Findings:
    """The findings of a table that a person has corrected, and what was typed beside it.

    Columns `keep` (yes, no, maybe or drop) and `phenotype` (an identifier or a name) are needed,
    and `probability` where `keep` is maybe; all others are for the reader. Rows with neither are
    passed over; a phenotype may be missing only where `keep` is drop.

    Raises:
        DataError: a column is missing, a value of `keep` is none, a probability is missing, or a
            phenotype isn't known; with the line.
    """
    text = decode(read_whole(path), path)
    phenotypes = Phenotypes(kg)
    by_decision: dict[str, list[str]] = {"yes": [], "no": [], "maybe": []}
    probabilities = []
    for line, row in _rows(text, path):
        keep, phenotype = (str(row[name] or "").strip() for name in ("keep", "phenotype"))
        if not keep and not phenotype:
            continue
        if keep.lower() not in DECISIONS:
            raise DataError(f"keep is yes, no, maybe or drop, not {keep!r}", path=path, line=line)
        if keep.lower() == "drop":
            continue
        try:
            phenotypes.one(phenotype)
        except MissingError as error:
            raise DataError(str(error), path=path, line=line) from None
        by_decision[keep.lower()].append(phenotype)
        if keep.lower() == "maybe":
            probabilities.append(_probability(row.get("probability"), path, line))
    uncertain = list(zip(by_decision["maybe"], probabilities, strict=True))
    return phenotypes.clean(by_decision["yes"], by_decision["no"], typed, uncertain)


def _probability(text: str | None, path: Path, line: int) -> float:
    """A probability as a table has it."""
    try:
        value = float(text or "")
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        problem = f"keep is maybe, which needs a probability from 0 to 1, not {text or ''!r}"
        raise DataError(problem, path=path, line=line)
    return value


def _rows(text: str, path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a table, with the lines that they end in."""
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter="\t")
    try:
        if not {"keep", "phenotype"} <= set(rows.fieldnames or ()):
            problem = "lacks a column keep or phenotype; columns are parted by tabs"
            raise DataError(problem, path=path)
        for row in rows:
            yield rows.line_num, row
    except csv.Error as error:
        raise DataError(f"is no table: {error}", path=path, line=rows.line_num) from error


def kept_findings(table: pl.DataFrame, kg: KnowledgeGraph, typed: Typed = NOTHING) -> Findings:
    """The findings of a table, as it is now, and what was typed beside it."""
    present, excluded = (table.filter(keep=keep)["phenotype"].to_list() for keep in ("yes", "no"))
    uncertain = table.filter(keep="maybe").select("phenotype", "probability").rows()
    return Phenotypes(kg).clean(present, excluded, typed, uncertain)


def review_findings(
    table: pl.DataFrame,
    kg: KnowledgeGraph,
    answer: Callable[[Finding, str], str],
) -> pl.DataFrame:
    """Findings as a person corrects them, one by one.

    Args:
        answer: called with each finding and what was wrong with the last answer ("" at first). It
            returns yes, no, maybe or drop (or their first letters; maybe where the finding has a
            probability), "" to leave the finding, the identifier or name of another phenotype to
            take its place, or `stop` (`q`, `quit`) to leave all the rest.
    """
    phenotypes = Phenotypes(kg)
    rows = cast(list[Finding], table.to_dicts())
    for row in rows:
        problem: str | None = ""
        while problem is not None:
            correction = answer(row, problem).strip()
            if correction.lower() in ("stop", "q", "quit"):
                return pl.DataFrame(rows, schema=FINDINGS)
            problem = _correct(row, correction, phenotypes)
    return pl.DataFrame(rows, schema=FINDINGS)


def _correct(row: Finding, correction: str, phenotypes: Phenotypes) -> str | None:
    """Change a finding as a person says; what is wrong with that, or None."""
    if not correction:
        return None
    matches = (keep for keep in DECISIONS if correction.lower() in (keep, keep[0]))
    decision = next(matches, None)
    if decision is not None:
        if not row["phenotype"] and decision != "drop":
            return "it has no term yet: give an identifier or a name"
        if decision == "maybe" and row["probability"] is None:
            return "it has no probability: yes, no or drop"
        row["keep"] = decision
        return None
    try:
        identifier, _ = phenotypes.one(correction)
    except MissingError as error:
        return str(error)
    row["phenotype"], row["name"] = identifier, phenotypes.names[identifier]
    if row["probability"] is not None:
        row["keep"] = "maybe"
    else:
        row["keep"] = "no" if "negated" in row["context"] else "yes"
    return None
