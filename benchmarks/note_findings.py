"""How much of what notes in plain words state is read, with and without `medkg_phrases`.

    python benchmarks/note_findings.py graphs/hpo [--sets plain,fresh,…] [--joined 3]

The notes are those of `textbook.py`, the annotations `data/textbook_findings.tsv`. A finding is
read where a mention that shares a character with it has one of its terms, or one at most two steps
above or below ("near"), and is denied if and only if the finding is. With --joined so many notes
are read as one, since people write long ones too. Prints Markdown.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from annotated_notes import AnnotatedNote, Nearness, StatedFinding, joined, textbook_notes
from spacy.language import Language
from spacy.tokens import Doc

import medkg
from medkg.core.quarantine import Quarantine
from medkg.extract.documents import TextDocument
from medkg.extract.pipeline import build_pipeline, process_documents


def main() -> None:
    """Read the notes twice, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("graph", type=Path)
    parser.add_argument("--sets", default="plain,fresh,blind,unseen,later")
    parser.add_argument("--joined", type=int, default=1)
    arguments = parser.parse_args()
    kg = medkg.open(arguments.graph)
    nlp, nearness = build_pipeline(kg), Nearness(kg)
    print("| notes | stated | by name: read, near | right, near | all: read, near | right, near |")
    print("|---" * 6 + "|")
    for name in arguments.sets.split(","):
        notes = textbook_notes(name)
        starts = range(0, len(notes), arguments.joined)
        notes = [joined(notes[start : start + arguments.joined]) for start in starts]
        nlp.disable_pipe("medkg_phrases")
        named = counts_of(nlp, notes, nearness)
        nlp.enable_pipe("medkg_phrases")
        every = counts_of(nlp, notes, nearness)
        print(f"| {name} | {named['stated']} | {shares(named)} | {shares(every)} |")


def counts_of(nlp: Language, notes: Sequence[AnnotatedNote], nearness: Nearness) -> Counter[str]:
    """How many findings are stated and read, and how many of those read are right."""
    documents = [
        TextDocument(f"note:{n}", note.text, f"patient:{n}") for n, note in enumerate(notes)
    ]
    counts: Counter[str] = Counter()
    quarantine = Quarantine()
    for document, doc in process_documents(nlp, documents, quarantine):
        note = notes[int(document.id.removeprefix("note:"))]
        read = list(findings_of(doc))
        for finding in note.findings:
            matches = [matched(finding, each, nearness) for each in read]
            counts.update(
                stated=1, read="same" in matches, near=bool({"same", "near"} & {*matches})
            )
        for each in read:
            matches = [matched(finding, each, nearness) for finding in note.findings]
            counts.update(
                all_read=1, right="same" in matches, near_right=bool({"same", "near"} & {*matches})
            )
    if quarantine.rows:
        raise SystemExit(f"a note can't be read: {quarantine.rows[0].reason}")
    return counts


def findings_of(doc: Doc) -> Iterator[tuple[int, int, str, bool]]:
    """Characters, term and presence of what was read of the patient."""
    for mention in doc.spans["mentions"]:
        if mention._.experiencer == "patient":
            twin = mention._.twin.identifier if mention._.twin else None
            for term in {mention._.identifier, twin}:
                if term is not None and term.startswith("HP:"):
                    is_present = mention._.polarity != "negated"
                    yield mention.start_char, mention.end_char, term, is_present


def matched(finding: StatedFinding, read: tuple[int, int, str, bool], nearness: Nearness) -> str:
    """Whether what was read is the finding ("same"), near it ("near"), or neither ("")."""
    start, end, term, is_present = read
    if not finding.touches(start, end) or is_present != finding.is_present:
        return ""
    if term in finding.phenotypes:
        return "same"
    is_near = any(nearness.are_near(term, each) for each in finding.phenotypes)
    return "near" if is_near else ""


def shares(counts: Counter[str]) -> str:
    """Four shares in two cells."""
    stated, read = counts["stated"], counts["all_read"]
    return (
        f"{counts['read'] / stated:.2f}, {counts['near'] / stated:.2f} |"
        f" {counts['right'] / read:.2f}, {counts['near_right'] / read:.2f}"
    )


if __name__ == "__main__":
    main()
