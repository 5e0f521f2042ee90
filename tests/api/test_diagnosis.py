"""From what is known of a patient to the list, at the terminal and in Python."""

from __future__ import annotations

import json
import os
import pty
import stat
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import medkg
from medkg.access import connect
from medkg.cli import app
from medkg.core.errors import DataError, MissingError, ModelError
from medkg.core.quarantine import Quarantine
from medkg.diagnosis import (
    FINDINGS,
    NO_FINDING,
    DiagnosisRequest,
    DiagnosisResult,
    PatientFindings,
    ask_for_phenotypes,
    diagnose,
    diagnose_patients,
    findings_in_note,
    kept_findings,
    patient_graph,
    pseudonym,
    ranking,
    read_findings,
    read_phenopackets,
    resolve_findings,
    review_findings,
    typed_phenotypes,
    write_findings,
)
from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph
from medkg.loaders.clinical import Patients
from medkg.mining.diagnosis.cases import read_cases
from medkg.mining.diagnosis.explained import PatientEvidence
from medkg.mining.diagnosis.knowledge import Knowledge
from medkg.mining.diagnosis.model import DiagnosisModel
from medkg.mining.diagnosis.open_set import fit_open_set
from medkg.mining.diagnosis.phenotypes import Findings
from medkg.mining.diagnosis.train import train_diagnosis
from tests.graph.graphs import small
from tests.graph.other_server import server_graph
from tests.mining.diagnosis.clinic import clinic
from tests.servers import EVERYTHING, change


@pytest.fixture(scope="module")
def model() -> DiagnosisModel:
    return train_diagnosis(clinic(), model="naive_bayes")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, model: DiagnosisModel) -> Path:
    """A model folder whose graph is beside it."""
    home = tmp_path_factory.mktemp("diagnose")
    model.kg.save(home / "kg")
    model.save(home / "model", graph_path=home / "kg")
    return home / "model"


def phenopacket(
    identifier: str, present: list[str], excluded: list[str] = (), disease: str | None = None
) -> str:  # fmt: skip
    """A phenopacket of schema 2.0, with a name and a date of birth that nobody should see."""
    return json.dumps(
        {
            "id": identifier,
            "subject": {"id": "Jane Roe", "dateOfBirth": "1990-05-05T00:00:00Z", "sex": "FEMALE"},
            "phenotypicFeatures": [
                *({"type": {"id": id_, "label": "seen"}} for id_ in present),
                *({"type": {"id": id_, "label": "not"}, "excluded": True} for id_ in excluded),
            ],
            "diseases": [{"term": {"id": disease, "label": "it"}}] if disease else [],
            "metaData": {"phenopacketSchemaVersion": "2.0"},
        }
    )


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    """Three that can be diagnosed, one without phenotypes, one that is none."""
    home = tmp_path / "cases"
    home.mkdir()
    for name, text in {
        "one": phenopacket(
            "one", ["HP:0000021", "HP:0001199"], ["HP:0000022", "HP:0000001"], "OMIM:100001"
        ),
        "two": phenopacket("two", ["HP:0000041", "HP:9999999"], [], "OMIM:100002"),
        "far": phenopacket("far", ["HP:0000032"], [], "OMIM:424242"),
        "none": phenopacket("none", ["HP:9999999"]),
        "broken": "{",
    }.items():
        (home / f"{name}.json").write_text(text)
    return home


def run(*args: str | Path) -> Any:
    return CliRunner().invoke(app, ["diagnose", *map(str, args)], catch_exceptions=True)


# Notes and tables of findings


@pytest.fixture(scope="module")
def in_note(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    note = tmp_path_factory.mktemp("note") / "note.txt"
    note.write_text("She has abdominal pain. There is no edema. Her mother had edema.")
    return findings_in_note(note, small())


def test_what_is_considered_is_no_finding(tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_text("She has abdominal pain. Possible edema.")
    rows = findings_in_note(note, small()).select("keep", "phenotype", "context").rows()
    assert rows == [("yes", "HP:0002027", ""), ("drop", "HP:0000969", "possible")]


def test_what_a_drug_once_did_is_no_finding(tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_text("She has abdominal pain. Allergic to penicillin (edema).\n")
    rows = findings_in_note(note, small()).select("keep", "phenotype", "context").rows()
    assert rows == [
        ("yes", "HP:0002027", ""),
        ("drop", "HP:0000969", "historical, effect of a drug"),
    ]


def test_sex_and_age_of_a_note_count(folder: Path, model: DiagnosisModel, tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_text("A 3-year-old girl with phenotype 21. Her mother is 40 years old.")
    read = diagnose(model, DiagnosisRequest(note=note, explain=True))

    def circumstances(result: DiagnosisResult) -> set[str]:
        assert result.explanation is not None
        rows = result.explanation.filter(part="circumstance")["phenotype_name"]
        return {text for text in rows if not text.startswith("prevalence")}

    assert circumstances(read) == {"sex female", "age 3"}
    (remark,) = (text for text in read.cases[0]["notes"] if "from the note" in text)
    assert "female, 3 years (" in remark
    given = DiagnosisRequest(note=note, explain=True, sex="male", age=5)
    assert circumstances(diagnose(model, given)) == {"sex male", "age 5"}
    without = diagnose(model, DiagnosisRequest(note=note, explain=True, demographics=False))
    assert circumstances(without) == set()
    assert not any("from the note" in text for text in without.cases[0]["notes"])
    printed = json.loads(run(folder, "--note", note, "--age", "5", "--json").stdout)
    (remark,) = (text for text in printed["cases"][0]["notes"] if "from the note" in text)
    assert remark.startswith("from the note: female (")
    table = json.loads(
        run(folder, "--note", note, "--findings", tmp_path / "f.tsv", "--json").stdout
    )
    assert "give --sex female --age 3 with --findings-from" in table["remarks"][0]


def test_sentences_without_a_finding_are_shown(tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_text("History:\nHe is one of a kind at school. He has edema. All well now.")
    findings = findings_in_note(note, small())
    assert findings.select("keep", "phenotype", "context", "sentence").rows() == [
        ("drop", "", NO_FINDING, "He is one of a kind at school."),
        ("yes", "HP:0000969", "", "He has edema."),
        ("drop", "", NO_FINDING, "All well now."),
    ]
    rows = review_findings(
        findings, small(), lambda row, _: "stomach ache" if row["start"] < 10 else ""
    )
    assert rows.select("keep", "phenotype").row(0) == ("yes", "HP:0002027")
    path = tmp_path / "findings.tsv"
    write_findings(rows, path)
    assert read_findings(path, small()).present == ("HP:0002027", "HP:0000969")


def test_a_note_is_read_for_what_the_patient_has_and_lacks(in_note: pl.DataFrame) -> None:
    assert dict(in_note.schema) == FINDINGS
    rows = in_note.select("keep", "phenotype", "text", "context", "sentence").rows()
    assert rows == [
        ("yes", "HP:0002027", "abdominal pain", "", "She has abdominal pain."),
        ("no", "HP:0000969", "edema", "negated", "There is no edema."),
        ("drop", "HP:0000969", "edema", rows[2][3], "Her mother had edema."),
    ]
    assert "family" in rows[2][3]
    assert in_note.select("start", "end").row(1) == (24, 42)
    assert kept_findings(in_note, small()) == Findings(("HP:0002027",), ("HP:0000969",), ())


def test_a_table_of_findings_goes_to_a_person_and_back(
    in_note: pl.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "findings.tsv"
    write_findings(in_note, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_findings(path, small()) == kept_findings(in_note, small())
    lines = path.read_text().splitlines()
    lines[1] = lines[1].replace("yes", "drop")
    lines[3] = lines[3].replace("drop", "yes")
    path.write_text("\n".join([*lines, "yes\tstomach ache"]) + "\n")
    findings = read_findings(path, small())
    # What is both observed and excluded is observed.
    assert (set(findings.present), findings.excluded) == ({"HP:0000969", "HP:0002027"}, ())
    assert "both observed and excluded" in findings.notes[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("keep\tphenotype\nyes\tHP:0002027\nperhaps\tHP:0000969\n", "line 3: keep is yes, no, m"),
        ("keep\tphenotype\nmaybe\tHP:0002027\n", "line 2: keep is maybe, which needs"),
        ("keep\tphenotype\nyes\tgreenness\n", "line 2: the graph has no Symptom 'greenness'"),
        ("keep,phenotype\nyes,HP:0002027\n", "lacks a column keep or phenotype"),
    ],
)
def test_a_wrong_table_says_where(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "findings.tsv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_findings(tmp_path / "findings.tsv", small())


def test_findings_are_reviewed_one_by_one(in_note: pl.DataFrame) -> None:
    answers: Iterator[str] = iter(["edema", "", "what?", "y"])
    problems = []

    def answer(row: Any, problem: str) -> str:
        problems.append(problem)
        return next(answers)

    rows = review_findings(in_note, small(), answer).select("keep", "phenotype").rows()
    assert rows == [("yes", "HP:0000969"), ("no", "HP:0000969"), ("yes", "HP:0000969")]
    assert [bool(problem) for problem in problems] == [False, False, False, True]
    untouched = review_findings(in_note, small(), lambda row, problem: "stop")
    assert untouched.equals(in_note)


def test_typed_names_must_be_known() -> None:
    assert resolve_findings(small(), ["stomach ache"], ["HP:0000969"]).present == ("HP:0002027",)
    with pytest.raises(MissingError, match=r"no Symptom 'Imatinib'.*; .*no Symptom 'greenness'"):
        resolve_findings(small(), ["Imatinib", "stomach ache", "greenness"], [])


def test_typed_words_are_read_as_a_note_is() -> None:
    typed = (["swelling of the ankles", "HP:0002027", "greenness"], ["HP:9999999"])
    (seen, absent), notes = typed_phenotypes(small(), typed)
    assert (seen, absent) == (["HP:0000969", "HP:0002027", "greenness"], ["HP:9999999"])
    assert notes == ["'swelling of the ankles' is read as Edema (HP:0000969)"]
    known = ["stomach ache"], list[str]()
    assert typed_phenotypes(small(), known) == (known, [])


def test_adjectives_and_verbs_are_read_as_nouns_are() -> None:
    names = {
        "HP:0000618": "Blindness",
        "HP:0000098": "Tall stature",
        "HP:0000020": "Urinary incontinence",
        "HP:0000365": "Hearing impairment",
        "HP:0001252": "Hypotonia",
        "HP:0002300": "Mutism",
    }
    nodes = pl.DataFrame(
        [(id_, "Symptom", name) for id_, name in names.items()],
        schema=["id", "kind", "name"],
        orient="row",
    )
    evidence = pl.DataFrame(
        [("HP:0000618", "SUBCLASS_OF", "HP:0000098", "test")],
        schema=["subject", "relation", "object", "source"],
        orient="row",
    )
    kg = KnowledgeGraph.build(nodes, evidence, [Source("test", "1", "CC0-1.0")])
    typed = (["wets himself", "blind", "tall", "greenness"], list[str]())
    (seen, absent), notes = typed_phenotypes(kg, typed)
    assert (seen, absent) == (["HP:0000020", "HP:0000618", "HP:0000098", "greenness"], [])
    assert [note.partition(" is read as ")[0] for note in notes] == [
        "'wets himself'",
        "'blind'",
        "'tall'",
    ]
    # An adjective of a noun that isn't read is no finding of the patient.
    nouns = ["blind loop", "floppy left mitral valve", "deaf family history", "deaf mother"]
    assert typed_phenotypes(kg, (nouns, [])) == ((nouns, []), [])
    of_the_patient = {
        "HP:0000618": [
            "blind since birth",
            "blind left eye since birth",
            "blind (right)",
            "blind man",
        ],
        "HP:0000365": [
            "deaf left ear",
            "deaf 3 years",
            "deaf child",
            "deaf mute",
            "deaf bilaterally",
        ],
    }
    for phenotype, texts in of_the_patient.items():
        for text in texts:
            assert typed_phenotypes(kg, ([text], []))[0] == ([phenotype], []), text


def test_what_is_typed_to_be_absent_is_absent() -> None:
    typed = (["stomach ache", "no oedema", "greenness"], ["without any stomach ache"])
    (seen, absent), notes = typed_phenotypes(small(), typed)
    assert seen == ["stomach ache", "greenness"]
    assert absent == ["HP:0000969", "HP:0002027"]
    assert notes == [
        "'no oedema' is read as Edema (HP:0000969), absent",
        "'without any stomach ache' is read as Abdominal pain (HP:0002027), absent",
    ]


def plain() -> KnowledgeGraph:
    """Two phenotypes that people say in words of their own."""
    nodes = pl.DataFrame(
        [("HP:0002105", "Symptom", "Hemoptysis"), ("HP:0000017", "Symptom", "Nocturia")],
        schema=["id", "kind", "name"],
        orient="row",
    )
    none = dict.fromkeys(("subject", "relation", "object", "source"), pl.String)
    return KnowledgeGraph.build(nodes, pl.DataFrame(schema=none), [])


def test_what_is_typed_like_a_name_is_read_and_told() -> None:
    typed = (["up to the loo all night", "greenness"], list[str]())
    (seen, absent), (note,) = typed_phenotypes(plain(), typed)
    assert (seen, absent) == (["HP:0000017", "greenness"], [])
    assert note.startswith("'up to the loo all night' is read as Nocturia (HP:0000017), like ")


def test_all_that_is_read_in_typed_words_counts() -> None:
    typed = (["coughing blood and gets up five times a night to pee"], list[str]())
    (seen, _), notes = typed_phenotypes(plain(), typed)
    assert seen == ["HP:0002105", "HP:0000017"]
    assert [", like " in note for note in notes] == [False, True]


def test_what_a_note_denies_in_words_like_a_name_excludes_if_sure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = tmp_path / "note.txt"
    note.write_text("She never gets up five times a night to pee.")
    (row,) = findings_in_note(note, plain()).filter(pl.col("phenotype") != "").to_dicts()
    assert (row["keep"], row["phenotype"], row["probability"]) == ("no", "HP:0000017", None)
    monkeypatch.setattr("medkg.diagnosis.findings._SURE", 1.0)
    (row,) = findings_in_note(note, plain()).filter(pl.col("phenotype") != "").to_dicts()
    assert row["keep"] == "drop"


def test_what_may_be_another_term_s_is_uncertain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the probability of its link, unless the note has the term's own name."""
    note = tmp_path / "note.txt"
    note.write_text("He has haemoptysis. She gets up to nocturia. No haemoptysis now.")

    def rows() -> list[tuple[str, str, float | None]]:
        known = findings_in_note(note, plain()).filter(pl.col("phenotype") != "")
        return list(known.select("keep", "text", "probability").iter_rows())

    assert {keep for keep, *_ in rows()} == {"yes", "no"}
    monkeypatch.setattr("medkg.diagnosis.findings._SURE_LINK", 1.1)
    monkeypatch.setattr("medkg.diagnosis.findings._SURE", 1.1)
    first, named, denied = rows()
    assert first[:2] == ("maybe", "haemoptysis")
    assert first[2] is not None
    assert 0.5 < first[2] <= 1
    assert named == ("yes", "nocturia", None)
    assert denied == ("drop", "haemoptysis", None)


def test_what_a_note_words_like_a_name_is_likely(tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_text("She gets up five times a night to pee. Her mother coughed up a little blood.")
    findings = findings_in_note(note, plain())
    own, others = findings.filter(pl.col("phenotype") != "").to_dicts()
    assert (own["keep"], own["phenotype"]) == ("maybe", "HP:0000017")
    assert own["context"].startswith("like '")
    assert 0.5 <= own["probability"] < 1
    assert (others["keep"], others["probability"]) == ("drop", None)
    kept = kept_findings(findings, plain())
    assert kept.present == ("HP:0000017",)
    assert kept.uncertain == {"HP:0000017": own["probability"]}


# Phenopackets


def test_one_bad_case_never_ends_a_run(cases: Path, model: DiagnosisModel) -> None:
    aside = Quarantine()
    patients = read_phenopackets(cases, model.kg, aside)
    assert [patient.id for patient in patients] == ["patient:far", "patient:one", "patient:two"]
    assert aside.counts() == {
        "file is not whole, valid JSON": 1,
        "no phenotype of the graph's": 1,
    }
    far, one, two = diagnose_patients(model, patients, aside, top=3)
    assert one["present"] == ["HP:0000021", "HP:0000011"] or one["present"] == [
        "HP:0000011",
        "HP:0000021",
    ]
    assert one["excluded"] == ["HP:0000022"]
    assert any("HP:0001199 is obsolete" in note for note in one["notes"])
    assert any("the exclusion is left out" in note for note in one["notes"])
    assert (one["diagnoses"][0]["disease"], one["known_rank"]) == ("OMIM:100001", 1)
    assert any("left out: HP:9999999" in note for note in two["notes"])
    assert far["known_rank"] is None
    assert "OMIM:424242) is no candidate" in far["notes"][-1]


def test_a_case_that_the_model_knows_is_no_test_of_it(model: DiagnosisModel) -> None:
    findings = resolve_findings(model.kg, ["HP:0000021"], [])
    cited, other = (
        PatientFindings(f"patient:{reference}", findings, ("OMIM:100001",), (reference,))
        for reference in ("PMID:7", "PMID:8")
    )
    first, second = diagnose_patients(model, [cited, other], Quarantine(), top=1)
    assert "(PMID:7) is among what the model was made from" in first["notes"][0]
    assert second["notes"] == []
    new = PatientFindings("patient:new", findings, (), ("PMID:7",))
    assert diagnose_patients(model, [new], Quarantine(), top=1)[0]["notes"] == []


def test_none_to_diagnose(tmp_path: Path, model: DiagnosisModel) -> None:
    path = tmp_path / "case.json"
    path.write_text(phenopacket("case", ["HP:9999999"]))
    with pytest.raises(DataError, match=r"no patient that can be.*HP:9999999 is no phenotype"):
        read_phenopackets(path, model.kg, Quarantine())


def test_a_chinese_note_of_a_graph_without_chinese_names(
    tmp_path: Path, model: DiagnosisModel
) -> None:
    note = tmp_path / "note.txt"
    note.write_text("蜘蛛指。晶状体脱位。", encoding="utf-8")
    with pytest.raises(DataError, match="Chinese names are those that a graph was loaded with"):
        medkg.diagnose(model, medkg.DiagnosisRequest(note=note))


def test_a_schema_version_that_is_not_known_is_read_as_the_last(tmp_path: Path) -> None:
    path = tmp_path / "case.json"
    path.write_text(phenopacket("case", ["HP:0000021"]).replace('"2.0"', '"3.1"'))
    aside = Quarantine()
    assert [p.findings.present for p in read_phenopackets(path, clinic(), aside)] == [
        ("HP:0000021",)
    ]
    assert aside.counts() == {"schema version is neither 1 nor 2; kept, read as 2": 1}


def test_a_disease_that_only_known_cases_have(tmp_path: Path) -> None:
    """It has no node in the graph, and no name."""
    table = tmp_path / "cases.tsv"
    rows = [f"c{i}\tHP:0000042|HP:0000421\tOMIM:999999\tPMID:{10**6 + i}" for i in range(3)]
    table.write_text("\n".join(["case\tphenotypes\tdiseases\tpublication", *rows]) + "\n")
    model = train_diagnosis(clinic(), model="nearest", cases=read_cases(table, Quarantine()))
    patient = PatientFindings(
        "patient:new", resolve_findings(model.kg, ["HP:0000042", "HP:0000421"], [])
    )
    (patient_diagnosis,) = diagnose_patients(model, [patient], Quarantine())
    first = patient_diagnosis["diagnoses"][0]
    assert (first["disease"], first["name"]) == ("OMIM:999999", "OMIM:999999")
    kg = patient_graph({"patient:p": patient}, model, 2)
    assert kg.nodes.filter(id="OMIM:999999").select("kind", "name").rows() == [
        ("Disease", "OMIM:999999")
    ]
    explanation = json.loads(kg.predictions.filter(tail="OMIM:999999")["explanation"][0])
    assert {line["phenotype"] for line in explanation["findings"]} >= {"HP:0000042", "HP:0000421"}


def test_the_types_of_a_disease_are_told_together(model: DiagnosisModel, tmp_path: Path) -> None:
    of_types = {"ringing disease": "Same disease, type 1", "still disease": "Same disease, type 2"}
    kg = KnowledgeGraph.build(
        model.kg.nodes.with_columns(pl.col("name").replace(of_types)),
        model.kg.evidence,
        model.kg.sources,
    )
    kg.save(tmp_path / "kg")
    train_diagnosis(kg, model="naive_bayes").save(tmp_path / "model", graph_path=tmp_path / "kg")
    arguments = ["diagnose", str(tmp_path / "model"), "--symptom", "HP:0000021"]
    arguments += ["--page", str(tmp_path / "page.html")]
    shown = CliRunner().invoke(app, arguments)
    case = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)["cases"][0]
    (series,) = (one for one in case["series"] if one["name"] == "Same disease")
    types = [row for row in case["diagnoses"] if row["name"].startswith("Same disease")]
    assert series["ranks"] == [row["rank"] for row in types]
    assert series["probability"] == pytest.approx(sum(row["probability"] for row in types))
    ranks = ", ".join(map(str, series["ranks"]))
    line = f"Same disease: {series['probability']:.3f} together (ranks {ranks})"
    assert line in " ".join(shown.stdout.split())
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<summary>Same disease: 2 entries</summary>" in page
    assert page.count("<article>") == len(case["diagnoses"])


# Asking


def test_a_dialogue(model: DiagnosisModel) -> None:
    shown = {"HP:0000011", "HP:0000012", "HP:0000021", "HP:0000031"}
    questions = []

    def answer(rows: pl.DataFrame, question: Any) -> str:
        questions.append(question["phenotype"])
        assert rows["rank"][0] == 1
        if len(questions) == 1:
            return "?"
        return "stop" if len(questions) == 5 else ("yes" if questions[-1] in shown else "no")

    end = ask_for_phenotypes(model, Findings(("HP:0000003",), (), ()), answer)
    assert len(set(questions)) == 5
    assert set(end.present) == {"HP:0000003"} | (set(questions[1:4]) & shown)
    assert set(end.excluded) == set(questions[1:4]) - shown


def test_what_is_likely_counts_by_its_probability_while_somebody_asks(
    model: DiagnosisModel,
) -> None:
    findings = Findings(("HP:0000003", "HP:0000011"), (), (), {"HP:0000011": 0.3})
    shown: list[float] = []

    def answer(rows: pl.DataFrame, question: Any) -> str:
        shown.extend(rows["probability"][:2])
        return "stop"

    end = ask_for_phenotypes(model, findings, answer, top=5)
    assert end == findings
    (result,) = diagnose_patients(model, [PatientFindings("one", findings)], Quarantine(), top=5)
    assert shown == pytest.approx([row["probability"] for row in result["diagnoses"][:2]])


def test_ask_at_a_terminal(folder: Path) -> None:
    """The command in a terminal of its own: what is no answer is asked for again; then the end."""
    main, other = pty.openpty()
    pid = os.fork()
    if pid == 0:  # pragma: no cover (the child becomes the command)
        os.login_tty(other)
        code = "from medkg.cli import main; main()"
        args = ["diagnose", str(folder), "--symptom", "HP:0000031", "--ask", "--top", "3"]
        os.environ["TERM"] = "dumb"
        os.execv(sys.executable, [sys.executable, "-c", code, *args])
    os.close(other)
    seen = b""
    answers = [b"nonsense\n", b"y\n", b"not known\n", b"q\n"]
    killer = threading.Timer(60, os.kill, (pid, 9))
    killer.start()
    try:
        while True:
            try:
                part = os.read(main, 4096)
            except OSError:  # Linux: the other side is closed
                break
            if not part:
                break
            seen += part
            if answers and seen.count(b"q(uit):") > 4 - len(answers):
                os.write(main, answers.pop(0))
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    finally:
        killer.cancel()
        os.close(main)
    text = seen.decode()
    assert "bits; yes is" in text
    assert "Diagnoses (for research" in text
    assert not answers
    assert "excluded:" not in text  # neither "nonsense" nor "not known" is no


def test_asking_needs_a_terminal(folder: Path) -> None:
    result = run(folder, "--symptom", "HP:0000021", "--ask")
    assert isinstance(result.exception, DataError)
    assert "need a terminal" in str(result.exception)


# The command


def test_the_command_explains(folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    args = (folder, "--symptom", "HP:0000111", "--symptom", "HP:0000021", "--absent", "HP:0000022")
    result = run(*args, "--gene", "BELL1", "--sex", "M", "--json", "--page", page)
    assert result.exit_code == 0, result.output
    (case,) = json.loads(result.stdout)["cases"]
    assert case["present"] == ["HP:0000111", "HP:0000021"]
    assert case["diagnoses"][0]["disease"] == "OMIM:100001"
    first = [line for line in case["explanation"] if line["rank"] == 1]
    assert {line["part"] for line in first} >= {"matching", "against", "circumstance"}
    matched = next(line for line in first if line["phenotype"] == "HP:0000111")
    assert (matched["by"], matched["patients"], matched["references"]) == (
        "HP:0000011",
        "3/4",
        ["PMID:7"],
    )
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    text = page.read_text()
    assert "<svg" in text
    assert "75% of patients (3/4); PMID:7" in text
    assert "http" not in text.replace("http-equiv", "")
    table = run(*args, "--explain")
    assert "75% (3/4)" in table.stdout
    assert "narrower" in table.stdout


def test_none_of_these_and_the_set(
    tmp_path: Path, cases: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that was fitted on cases half of whose diseases it knows."""
    model = train_diagnosis(clinic(), model="naive_bayes")
    known, rng = model.knowledge, np.random.default_rng(0)
    truth, present = [], []
    for disease in [*range(4), -1] * 12:
        shown = known.annotated[disease if disease >= 0 else int(rng.integers(4))].indices
        pool = shown if disease >= 0 else np.arange(len(known.phenotypes))
        present.append(np.sort(rng.choice(pool, 2, replace=len(pool) < 2)).astype(np.int64))
        truth.append(disease)
    evidence = PatientEvidence(known.as_stated, present)
    model.open_set = fit_open_set(model.scores(present), np.array(truth), evidence)
    model.kg.save(tmp_path / "kg")
    model.save(tmp_path / "model", graph_path=tmp_path / "kg")
    sizes = []
    for coverage in ("0.5", "0.99"):
        args = (tmp_path / "model", "--symptom", "HP:0000021", "--coverage", coverage)
        open_set = json.loads(run(*args, "--json").stdout)["cases"][0]["open_set"]
        assert 0 < open_set["none_of_these"] < 1
        assert open_set["coverage"] == float(coverage)
        assert len(open_set["set"]) == open_set["size"]
        sizes.append(open_set["size"])
    assert sizes[0] < sizes[1]
    monkeypatch.setattr(ranking, "_MANY", sizes[1])
    printed = " ".join(run(*args).stdout.split())
    assert "set for 99%" in printed
    assert "Too little is known" not in printed
    # A set that is large says what to ask for in place of its diseases.
    monkeypatch.setattr(ranking, "_MANY", sizes[1] - 1)
    printed = " ".join(run(*args).stdout.split())
    assert "Too little is known: ask for phenotype" in printed
    open_set = json.loads(run(*args, "--json").stdout)["cases"][0]["open_set"]
    first = model.questions(["HP:0000021"], top=3)
    assert [each["phenotype"] for each in open_set["ask"]] == first["phenotype"].to_list()
    assert len(open_set["set"]) == open_set["size"]  # a coverage was requested
    monkeypatch.setattr(ranking, "_MANY", 1)
    monkeypatch.setattr(ranking, "_LISTED", 2)
    open_set = json.loads(run(*args[:3], "--json").stdout)["cases"][0]["open_set"]
    assert len(open_set["set"]) == 2 < open_set["size"]
    monkeypatch.undo()
    _the_set_is_in_the_order_of_the_list(tmp_path / "model")
    folder = (tmp_path / "model", "--phenopacket", cases)
    assert "in set" in run(*folder).stdout
    for more, given in (((), False), (("--coverage", "0.9"), True)):
        of_each = json.loads(run(*folder, *more, "--json").stdout)["cases"]
        assert [("set" in case["open_set"]) for case in of_each] == [given] * 3
        of_each = [case["open_set"] for case in of_each]
        assert all(open_set["size"] > 0 or open_set["with_none"] for open_set in of_each)


def _the_set_is_in_the_order_of_the_list(model: Path) -> None:
    """Of a patient of whom something is absent, too."""
    orders = []
    for more in ((), ("--absent", "HP:0000011")):
        args = (model, "--symptom", "HP:0000031", "--coverage", "0.99", "--top", "100", *more)
        (case,) = json.loads(run(*args, "--json").stdout)["cases"]
        members = [each["disease"] for each in case["open_set"]["set"]]
        ranked = [row["disease"] for row in case["diagnoses"]]
        assert members == [disease for disease in ranked if disease in members]
        orders.append(members)
    assert orders[0] != orders[1]


def test_the_command_reads_a_note(folder: Path, tmp_path: Path) -> None:
    note, table = tmp_path / "note.txt", tmp_path / "findings.tsv"
    note.write_text("He has phenotype 11.")
    (case,) = json.loads(run(folder, "--note", note, "--absent", "phenotype 22", "--json").stdout)[
        "cases"
    ]
    assert (case["present"], case["excluded"]) == (["HP:0000011"], ["HP:0000022"])
    assert [row["phenotype"] for row in case["read"]] == ["HP:0000011"]
    result = run(folder, "--note", note, "--findings", table, "--json")
    assert json.loads(result.stdout)["written"] == str(table)
    table.write_text("keep\tphenotype\nyes\tphenotype 11\nno\tphenotype 22\n")
    (case,) = json.loads(run(folder, "--findings-from", table, "--json").stdout)["cases"]
    assert (case["present"], case["excluded"]) == (["HP:0000011"], ["HP:0000022"])


def test_what_is_typed_adds_to_what_is_read_and_overrules_it(folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "findings.tsv"
    rows = ["yes\tphenotype 111", "yes\tphenotype 42", "no\tphenotype 11", "no\tphenotype 22"]
    table.write_text("\n".join(["keep\tphenotype", *rows]) + "\n")
    args = ("--symptom", "phenotype 22", "--symptom", "phenotype 31", "--absent", "phenotype 111")
    (case,) = json.loads(run(folder, "--findings-from", table, *args, "--json").stdout)["cases"]
    assert case["present"] == ["HP:0000022", "HP:0000031", "HP:0000042"]
    assert case["excluded"] == ["HP:0000111", "HP:0000011"]
    assert [note for note in case["notes"] if "HP:0000111" in note] == [
        "HP:0000111 (phenotype 111) counts as absent: that was typed"
    ]
    assert "explanation" not in case


def test_what_is_typed_adds_to_one_phenopacket(folder: Path, tmp_path: Path, cases: Path) -> None:
    path = tmp_path / "case.json"
    path.write_text(phenopacket("case", ["HP:0000021"]))
    result = run(folder, "--phenopacket", path, "--symptom", "HP:0000011", "--json")
    (case,) = json.loads(result.stdout)["cases"]
    assert set(case["present"]) == {"HP:0000021", "HP:0000011"}
    path.write_text(phenopacket("case", ["HP:9999999"]))
    result = run(folder, "--phenopacket", path, "--symptom", "HP:0000011", "--json")
    assert json.loads(result.stdout)["cases"][0]["present"] == ["HP:0000011"]
    refused = run(folder, "--phenopacket", cases, "--symptom", "HP:0000011")
    assert "has 4 patients" in str(refused.exception)


def test_the_command_ranks_a_folder(folder: Path, cases: Path) -> None:
    result = run(folder, "--phenopacket", cases, "--json")
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    assert [case["patient"] for case in printed["cases"]] == [
        "patient:far",
        "patient:one",
        "patient:two",
    ]
    assert len(printed["set_aside"]) == 2
    assert run(folder, "--phenopacket", cases).exit_code == 0
    refused = run(folder, "--phenopacket", cases, "--gene", "BELL1")
    assert "has 3 patients" in str(refused.exception)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((), "give --symptom, --labs, --ecg, --eeg, --image"),
        (("--absent", "HP:0000021"), "give --symptom, --labs, --ecg, --eeg, --image"),
        (("--phenopacket", "y", "--note", "x"), "give --symptom, --labs, --ecg, --eeg, --image"),
        (("--symptom", "HP:0000021", "--note", "x", "--findings", "y"), "add to the table"),
        (("--symptom", "HP:0000021", "--review"), "go with --note"),
        (("--symptom", "HP:0000021", "--into", "embedded:x", "--sex", "male"), "phenotypes alone"),
        (("--symptom", "HP:0000021", "--into", "embedded:x", "--prevalence"), "phenotypes alone"),
        (("--symptom", "HP:0000021", "--coverage", "1"), "between 0 and 1"),
        (("--symptom", "HP:0000021", "--coverage", "0"), "between 0 and 1"),
        (("--symptom", "HP:0000021", "--pseudonyms", "a" * 16), "goes with --into"),
        (("--symptom", "HP:0000021", "--as", "one"), "--as goes with --pseudonyms"),
        (
            ("--symptom", "HP:0000021", "--into", "embedded:x", "--pseudonyms", "a" * 16),
            "give with --as the identifier",
        ),
    ],
)
def test_wrong_usage(folder: Path, args: tuple[str, ...], message: str) -> None:
    result = run(folder, *args)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


def test_coverage_needs_a_model_with_sets(folder: Path) -> None:
    result = run(folder, "--symptom", "HP:0000021", "--coverage", "0.8")
    assert isinstance(result.exception, ModelError)
    assert "gives no set for --coverage" in str(result.exception)


def test_many_cases_of_which_the_first_have_no_rank(capsys: pytest.CaptureFixture[str]) -> None:
    from medkg.cli.show_diagnosis import print_cases

    case: dict[str, Any] = {
        "present": ["HP:0000021"],
        "diagnoses": [{"name": "dull disease", "probability": 0.5}],
        "known": [],
        "notes": [],
        "open_set": None,
        "written_as": None,
    }
    ranks = [*[None] * 101, 7]
    results = [{**case, "patient": f"p{i}", "known_rank": rank} for i, rank in enumerate(ranks)]
    print_cases(results)
    assert "and 52 more" in capsys.readouterr().out


def test_training_without_what_cites_the_cases_that_test_it(tmp_path: Path) -> None:
    clinic().save(tmp_path / "kg")
    table = tmp_path / "cases.tsv"
    table.write_text(
        "case\tphenotypes\tdiseases\tpublication\na\tHP:0000021\tOMIM:100001\tPMID:8\n"
    )
    args = ["train", "diagnosis", str(tmp_path / "kg"), "--model", "naive_bayes", "--out"]
    out = tmp_path / "model"
    more = [str(out), "--without-cited", str(table)]
    result = CliRunner().invoke(app, [*args, *more])
    assert result.exit_code == 0, result.output
    assert "without 0 rows of evidence" in " ".join(result.output.split())
    # All that the graph states of diseases' phenotypes is of one publication.
    table.write_text(table.read_text().replace("PMID:8", "PMID:7"))
    result = CliRunner().invoke(app, [*args, *more])
    assert isinstance(result.exception, DataError)
    left = medkg.open(tmp_path / "model.knowledge").edges["relation"].unique()
    assert set(left) == {"ASSOCIATED_WITH", "SUBCLASS_OF"}


# Into the graph


def test_a_pseudonym_is_that_of_the_other_sources() -> None:
    secret = "a secret of the ward"
    assert pseudonym(secret, "patient:one") == Patients(secret).identifier("one")
    assert pseudonym(secret, "one") == Patients(secret).identifier("one")
    assert pseudonym(secret, "two") != pseudonym(secret, "one")


def test_a_patient_that_is_set_aside_does_not_go_in(
    folder: Path, cases: Path, embedded_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model knows no phenotype of the second."""
    known = Knowledge.columns_of
    monkeypatch.setattr(
        Knowledge,
        "columns_of",
        lambda self, ids: known(self, [id_ for id_ in ids if id_ != "HP:0000041"]),
    )
    try:
        result = run(folder, "--phenopacket", cases, "--into", embedded_uri, "--json")
        assert result.exit_code == 0, result.output
        printed = json.loads(result.stdout)
        assert [case["patient"] for case in printed["cases"]] == ["patient:far", "patient:one"]
        with connect(embedded_uri) as store:
            written = set(store.read().nodes.filter(kind="Patient")["id"])
        assert written == {case["written_as"] for case in printed["cases"]}
    finally:
        with connect(embedded_uri) as store:
            change(store, EVERYTHING)


def test_a_patient_goes_in_beside_the_servers_own_nodes(folder: Path, embedded_uri: str) -> None:
    there = server_graph(
        ("Symptom", "HP:0000021", "HP:0999999"),
        ("Symptom", "HP:0000012", "HP:0000012"),
        ("Disease", "OMIM:100001", "MONDO:5"),
    )
    symptoms = ("--symptom", "HP:0000021", "--symptom", "HP:0000012")
    with connect(embedded_uri) as store:
        store.write(there)
        try:
            result = run(folder, *symptoms, "--top", "1", "--into", embedded_uri, "--json")
            kg = store.read()
        finally:
            change(store, EVERYTHING)
    assert result.exit_code == 0, result.output
    patient = json.loads(result.stdout)["cases"][0]["written_as"]
    assert kg.nodes.filter(pl.col("id") != patient).equals(there.nodes)
    assert kg.edges.filter(subject=patient)["object"].sort().to_list() == [
        "HP:0000012",
        "HP:0999999",
    ]
    assert kg.predictions.select("head", "tail").rows() == [(patient, "MONDO:5")]


def test_a_typed_patient_goes_in_by_its_identifier(
    folder: Path, embedded_uri: str, tmp_path: Path
) -> None:
    secret = "a secret of the ward"
    args = (folder, "--symptom", "HP:0000021", "--into", embedded_uri, "--json")
    try:
        result = run(*args, "--pseudonyms", secret, "--as", "one")
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout)["cases"][0]["written_as"] == Patients(secret).identifier(
            "one"
        )
    finally:
        with connect(embedded_uri) as store:
            change(store, EVERYTHING)


def test_a_note_s_sex_and_age_count_for_nothing_that_is_written(
    folder: Path, embedded_uri: str, tmp_path: Path
) -> None:
    """The written prediction is of phenotypes alone, whoever the note is of."""
    note = tmp_path / "note.txt"
    written = []
    for text in ("Phenotype 21.", "A 3-year-old girl with phenotype 21."):
        note.write_text(text)
        try:
            result = run(folder, "--note", note, "--into", embedded_uri, "--json")
            with connect(embedded_uri) as store:
                written.append(store.read().predictions.sort("rank").select("tail", "probability"))
        finally:
            with connect(embedded_uri) as store:
                change(store, EVERYTHING)
        assert result.exit_code == 0, result.output
        assert "from the note" not in result.stdout
    assert written[0].height
    assert written[0].equals(written[1])


def test_patients_go_in_under_pseudonyms(cases: Path, model: DiagnosisModel) -> None:
    secret = "a secret of the ward"
    patients = read_phenopackets(cases, model.kg, Quarantine())
    named = {pseudonym(secret, patient.id): patient for patient in patients}
    kg = patient_graph(named, model, 3)
    ids = set(kg.nodes.filter(kind="Patient")["id"])
    assert ids == set(named)
    assert pseudonym(secret, "patient:one") in ids
    everything = "".join(frame.write_json() for frame in (kg.nodes, kg.evidence, kg.predictions))
    for private in ("Roe", "1990", "patient:one", "cases", secret):
        assert private not in everything
    assert len({pseudonym(None, "patient:one") for _ in range(3)}) == 3
    assert kg.edges.filter(relation="HAS_DISEASE").height == 3
    first = kg.predictions.filter(head=pseudonym(secret, "patient:one"), rank=1)
    explanation = json.loads(first["explanation"][0])
    assert (first["tail"][0], first["known"][0]) == ("OMIM:100001", True)
    assert set(explanation["matching"]) == {"HP:0000011", "HP:0000021"}
    lines = {line["phenotype"]: line for line in explanation["findings"] if "phenotype" in line}
    assert lines["HP:0000011"]["references"] == ["PMID:7"]
    assert lines["HP:0000011"]["support"] > 0


def test_the_command_writes_patients(
    folder: Path, cases: Path, embedded_uri: str, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("another secret of the ward\n")
    args = (folder, "--phenopacket", cases, "--into", embedded_uri, "--json")
    with connect(embedded_uri) as store:
        store.write(clinic())
    try:
        result = run(*args, "--pseudonyms", f"@{tmp_path / 'secret'}", "--top", "2")
        assert result.exit_code == 0, result.output
        cases_told = json.loads(result.stdout)["cases"]
        written = {case["patient"]: case["written_as"] for case in cases_told}
        with connect(embedded_uri) as store:
            rows = store.query("diagnosis_of_patient", patient=written["patient:one"])
            assert rows.select("disease", "matching")[0].rows() == [
                ("OMIM:100001", ["phenotype 11", "phenotype 21"])
            ]
    finally:
        with connect(embedded_uri) as store:
            change(store, EVERYTHING)


# In Python


def test_python_gives_what_the_command_prints(model: DiagnosisModel, folder: Path) -> None:
    request = medkg.DiagnosisRequest(
        symptoms=["HP:0000021"], absent=["HP:0000022"], genes=["BELL1"], top=3, explain=True
    )
    (report,) = medkg.diagnose(model, request).reports()
    args = ("--symptom", "HP:0000021", "--absent", "HP:0000022", "--gene", "BELL1", "--explain")
    (printed,) = json.loads(run(folder, *args, "--top", "3", "--json").stdout)["cases"]
    assert json.loads(json.dumps(report)) == printed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "give --symptom, --labs, --ecg, --eeg, --image"),
        ({"absent": ["HP:1"]}, "give --symptom, --labs, --ecg, --eeg, --image"),
        (
            {"note": Path("a"), "findings_from": Path("b")},
            "give --symptom, --labs, --ecg, --eeg, --image",
        ),
        ({"symptoms": ["HP:1"], "coverage": 1.0}, "--coverage is between 0 and 1, not 1"),
        ({"symptoms": ["HP:1"], "coverage": 0.0}, "--coverage is between 0 and 1, not 0"),
        ({"symptoms": ["HP:1"], "top": 0}, "--top is at least 1, not 0"),
    ],
)
def test_a_request_that_says_too_little_or_too_much(options: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        medkg.DiagnosisRequest(**options)


def test_what_python_refuses_as_the_command_does(model: DiagnosisModel, cases: Path) -> None:
    with pytest.raises(ModelError, match="gives no set for --coverage"):
        medkg.diagnose(model, medkg.DiagnosisRequest(symptoms=["HP:0000021"], coverage=0.5))
    request = medkg.DiagnosisRequest(phenopacket=cases, single=True)
    with pytest.raises(DataError, match="has 3 patients"):
        medkg.diagnose(model, request)
    quarantine = Quarantine()
    result = medkg.diagnose(model, medkg.DiagnosisRequest(phenopacket=cases), quarantine=quarantine)
    assert [patient.id for patient in result.patients] == [case["patient"] for case in result.cases]
    assert (len(result.cases), len(quarantine)) == (3, 2)


def test_a_folder_is_no_model_and_a_list_no_request(model: DiagnosisModel, folder: Path) -> None:
    request = medkg.DiagnosisRequest(symptoms=["HP:0000021"])
    with pytest.raises(TypeError, match="load_model"):
        medkg.diagnose(folder, request)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"symptoms is a list: \['Seizure'\]"):
        medkg.DiagnosisRequest(symptoms="Seizure")
    with pytest.raises(TypeError, match="DiagnosisRequest"):
        medkg.diagnose(model, ["HP:0000021"])  # type: ignore[arg-type]


def test_a_term_that_a_file_calls_by_the_name_of_another(
    model: DiagnosisModel, tmp_path: Path
) -> None:
    packet = json.loads(phenopacket("one", ["HP:0000021", "HP:0000022"]))
    first, second = (feature["type"] for feature in packet["phenotypicFeatures"][:2])
    first["label"], second["label"] = model.names["HP:0000031"], "what nobody calls so"
    path = tmp_path / "one.json"
    path.write_text(json.dumps(packet))
    (patient,) = read_phenopackets(path, model.kg, Quarantine())
    (note,) = patient.findings.notes
    assert note.startswith("HP:0000021 is ")
    assert "the name of HP:0000031" in note


def test_prevalence_counts_in_a_clinic_and_not_among_published_cases(cases: Path) -> None:
    assert medkg.DiagnosisRequest(symptoms=["Fever"]).circumstances.prevalence
    assert not medkg.DiagnosisRequest(phenopacket=cases).circumstances.prevalence
    for wanted in (True, False):
        typed = medkg.DiagnosisRequest(symptoms=["Fever"], prevalence=wanted)
        packets = medkg.DiagnosisRequest(phenopacket=cases, prevalence=wanted)
        assert typed.circumstances.prevalence is packets.circumstances.prevalence is wanted


def test_a_note_in_python(model: DiagnosisModel, tmp_path: Path) -> None:
    note = tmp_path / "letter.txt"
    note.write_text("He has phenotype 11. All well at home otherwise.")
    result = medkg.diagnose(model, medkg.DiagnosisRequest(note=note, patient=" one "))
    assert (result.cases[0]["patient"], result.cases[0]["present"]) == ("one", ["HP:0000011"])
    assert [row["phenotype"] for row in result.reports()[0]["read"]] == ["HP:0000011"]
    request = medkg.DiagnosisRequest(note=note)
    assert medkg.diagnose(model, request).cases[0]["patient"] == "letter"
