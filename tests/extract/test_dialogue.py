"""Who says what in a dialogue, and what a question's answer makes of it."""

from __future__ import annotations

import polars as pl
import pytest

from medkg.diagnosis import NoteReader
from medkg.extract.dialogue import answer_of, questions_in
from medkg.extract.dialogue_turns import CLINICIAN, PATIENT, turns_of
from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph

NAMES = {"HP:0001945": "Fever", "HP:0012735": "Cough", "HP:0100749": "Chest pain"}
FEVER, COUGH, PAIN = NAMES


@pytest.fixture(scope="module")
def reader() -> NoteReader:
    nodes = pl.DataFrame(
        [(id_, "Symptom", name) for id_, name in NAMES.items()],
        schema=["id", "kind", "name"],
        orient="row",
    )
    columns = dict.fromkeys(("subject", "relation", "object"), pl.String)
    evidence = pl.DataFrame([], schema=columns).with_columns(
        source=pl.lit("made"), level=pl.lit("curated")
    )
    return NoteReader(KnowledgeGraph.build(nodes, evidence, [Source("made", "1", "CC0")]))


def read(reader: NoteReader, dialogue: str) -> dict[str, str]:
    """What is kept of each phenotype; yes before no before drop."""
    rows = reader.read(dialogue).findings.filter(pl.col("phenotype") != "")
    findings: dict[str, str] = {}
    for phenotype, keep in rows.select("phenotype", "keep").iter_rows():
        order = ["yes", "no", "drop"]
        findings[phenotype] = min(keep, findings.get(phenotype, "drop"), key=order.index)
    return findings


@pytest.mark.parametrize(
    ("dialogue", "findings"),
    [
        ("Doctor: Any fever?\nPatient: No.", {FEVER: "no"}),
        ("Doctor: Any fever?\nPatient: Um, yeah, I do.", {FEVER: "yes"}),
        ("Doctor: Any fever?\nPatient: I can't say.", {FEVER: "drop"}),
        ("Doctor: Any fever or a cough?\nPatient: No, nothing.", {FEVER: "no", COUGH: "no"}),
        ("Doctor: Any fever or a cough?\nPatient: Yes.", {FEVER: "drop", COUGH: "drop"}),
        ("Doctor: Any fever or a cough?\nPatient: Yes, a cough.", {FEVER: "drop", COUGH: "yes"}),
        ("Doctor: How long did the cough last?\nPatient: No idea.", {COUGH: "drop"}),
        (
            "Doctor: How are you?\nPatient: I have a fever and no cough.",
            {FEVER: "yes", COUGH: "no"},
        ),
        (
            "[doctor] hi how are you doing\n[patient] i have a cough\n[doctor] okay any fever\n"
            "[patient] no\n[doctor] alright do you have chest pain\n[patient] yeah",
            {COUGH: "yes", FEVER: "no", PAIN: "yes"},
        ),
        # What a patient says without a stop, and a clinician explains, asks nothing.
        (
            "[doctor] hi how are you\n[patient] i don't know what this is but i have a fever\n"
            "[doctor] okay\n[patient] i have chest pain when i have a cough",
            {FEVER: "yes", PAIN: "yes", COUGH: "yes"},
        ),
        (
            "[doctor] hi there\n[patient] hello\n"
            "[doctor] you have the flu which explains the fever\n[patient] i see",
            {FEVER: "yes"},
        ),
        (
            "D: Any cough?\nP: Yes.\nD: Any fever?\nP: Nope.\n"
            "D: Is it chest pain? I see.\nP: Good.",
            {COUGH: "yes", FEVER: "no", PAIN: "drop"},
        ),
    ],
)
def test_a_question_is_what_its_answer_makes_it(
    reader: NoteReader, dialogue: str, findings: dict[str, str]
) -> None:
    assert read(reader, dialogue) == findings


@pytest.mark.parametrize(
    "note",
    [
        "Patient: Jane Doe\nDoctor: A. Smith\nShe has a fever.",
        "S: cough\nO: fever\nA: flu\nP: rest",
        "Seen by [DOCTOR]. [PATIENT] has fever. [PATIENT] denies cough. Plan with [DOCTOR].",
        "Any fever? No.",
        "",
    ],
)
def test_a_note_is_no_dialogue(note: str) -> None:
    assert turns_of(note) == []


def test_turns_have_their_speaker_and_words() -> None:
    text = "[doctor] hello . [patient] hi\n  Doctor: Well?\nGuest_family: He's ill.\n"
    turns = turns_of(text)
    assert [turn.role for turn in turns] == [CLINICIAN, PATIENT, CLINICIAN, PATIENT]
    words = [text[turn.start : turn.end].strip() for turn in turns]
    assert words == ["hello .", "hi", "Well?", "He's ill."]


def test_questions_with_and_without_a_question_mark() -> None:
    text = (
        "[doctor] I see. Any fever? And chills?\n[patient] no\n"
        "[doctor] your lungs are clear so do you smoke\n[patient] yeah no not really\n"
        "[doctor] your lungs are clear\n[patient] sure\n"
    )
    turns = turns_of(text)
    by_question = [[text[a:b].strip() for a, b in questions_in(text, turn)] for turn in turns]
    assert by_question[0] == ["Any fever?", "And chills?"]
    assert by_question[2] == ["do you smoke"]
    assert by_question[4] == []
    assert [answer_of(text, turns, number) for number in (0, 2, 4)] == ["no", "no", "yes"]
