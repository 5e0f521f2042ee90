"""What to ask next."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.diagnosis.answered import OPPOSITE, SIGN, answered_by_name
from medkg.mining.diagnosis.ask import (
    QUESTIONS,
    askable,
    headings,
    information_gain,
    most_probable_diseases,
    probabilities,
    recorded,
)
from medkg.mining.diagnosis.model import DiagnosisModel
from medkg.mining.diagnosis.train import train_diagnosis
from tests.mining.diagnosis.clinic import clinic


@pytest.fixture(scope="module")
def model() -> DiagnosisModel:
    return train_diagnosis(clinic(others=0), model="naive_bayes")


def entropy(p: np.ndarray) -> float:
    return float(-(p[p > 0] * np.log2(p[p > 0])).sum())


def test_the_gain_is_the_expected_fall_of_entropy() -> None:
    rng = np.random.default_rng(0)
    weights, shown = rng.dirichlet(np.ones(6)), rng.uniform(0.01, 0.99, size=(6, 4))
    gain = information_gain(weights, shown)
    for column in range(4):
        expected = entropy(weights)
        for given in (shown[:, column], 1 - shown[:, column]):
            joint = weights * given
            expected -= joint.sum() * entropy(joint / joint.sum())
        assert gain[column] == pytest.approx(expected)
    certain = np.array([[1 - 1e-9, 0.3], [1e-9, 0.3]])
    assert information_gain(np.array([0.5, 0.5]), certain) == pytest.approx([1, 0], abs=1e-6)


def test_nothing_that_is_implied_is_asked(model: DiagnosisModel) -> None:
    known = model.knowledge
    columns = known.columns_of
    everything = np.arange(len(known.diseases))
    none = columns([])
    candidates = askable(known, everything, columns(["HP:0000111"]), columns(["HP:0000003"]), none)
    names = {known.phenotypes[column] for column in candidates}
    # Phenotype 11 follows from 111, and 31 and 32 from the exclusion of 3.
    assert names == {
        "HP:0000012",
        "HP:0000021",
        "HP:0000022",
        "HP:0000041",
        "HP:0000042",
        "HP:0000421",
    }
    candidates = askable(known, everything, columns(["HP:0000111"]), none, columns(["HP:0000042"]))
    assert not {"HP:0000042", "HP:0000421"} & {known.phenotypes[column] for column in candidates}


@pytest.fixture(scope="module")
def lenses() -> DiagnosisModel:
    """Of 100 diseases 42 show a displaced lens, 40 of these a lens that is partly so; 60 a rash."""
    nodes = [
        ("HP:1", "Symptom", "abnormality"),
        ("HP:2", "Symptom", "displaced lens"),
        ("HP:3", "Symptom", "lens displaced in part"),
        ("HP:4", "Symptom", "rash"),
        ("HP:5", "Symptom", "lens displaced long ago"),
        *((f"OMIM:{number}", "Disease", f"disease {number}") for number in range(100)),
    ]
    edges = [(child, "SUBCLASS_OF", parent) for child, parent in
             (("HP:2", "HP:1"), ("HP:3", "HP:2"), ("HP:4", "HP:1"), ("HP:5", "HP:2"))]  # fmt: skip
    edges += [(f"OMIM:{number}", "HAS_SYMPTOM", "HP:3") for number in range(40)]
    edges += [(f"OMIM:{number}", "HAS_SYMPTOM", "HP:2") for number in (40, 41)]
    edges += [(f"OMIM:{number}", "HAS_SYMPTOM", "HP:4") for number in range(30, 90)]
    kg = KnowledgeGraph.build(
        pl.DataFrame(nodes, schema=["id", "kind", "name"], orient="row"),
        pl.DataFrame(edges, schema=["subject", "relation", "object"], orient="row").with_columns(
            source=pl.lit("made")
        ),
        [Source("made", "1", "CC0", "https://example.org")],
    )
    return train_diagnosis(kg, model="naive_bayes")


@pytest.mark.parametrize("seen", ["HP:2", "HP:5"])
def test_what_is_all_but_the_same_is_not_asked(lenses: DiagnosisModel, seen: str) -> None:
    known = lenses.knowledge
    none = known.columns_of([])
    everything = np.arange(len(known.diseases))
    columns = askable(known, everything, known.columns_of([seen]), none, none)
    assert [known.phenotypes[column] for column in columns] == ["HP:4"]
    columns = askable(known, everything, known.columns_of(["HP:4"]), none, none)
    assert [known.phenotypes[column] for column in columns] == ["HP:3"]


def test_headings_are_not_asked(lenses: DiagnosisModel) -> None:
    """Two of the 42 diseases with a displaced lens are described so, all others by a narrower
    term."""
    known = lenses.knowledge
    assert dict(zip(known.phenotypes, headings(known).tolist(), strict=True)) == {
        "HP:1": True,
        "HP:2": True,
        "HP:3": False,
        "HP:4": False,
        "HP:5": False,
    }


@pytest.fixture(scope="module")
def blood() -> DiagnosisModel:
    """Twelve diseases with findings of the blood, of which many are of the same diseases."""
    names = {
        "HP:1": "abnormality",
        "HP:2": "Hypercalcemia",
        "HP:3": "Hypocalcemia",
        "HP:4": "Jaundice",
        "HP:5": "Hyperbilirubinemia",
        "HP:6": "Abnormal urea",
        "HP:7": "Raised urea, sudden",
        "HP:8": "Raised urea, late",
        "HP:9": "Severe hypocalcemia",
        "HP:10": "Rash",
        "HP:11": "Disease 3",  # as the disease itself
    }
    nodes = [(id_, "Symptom", name) for id_, name in names.items()]
    nodes += [(f"OMIM:{number}", "Disease", f"disease {number}") for number in range(12)]
    parents = dict.fromkeys(names, "HP:1") | {"HP:7": "HP:6", "HP:8": "HP:6", "HP:9": "HP:3"}
    edges = [(child, "SUBCLASS_OF", parent) for child, parent in parents.items() if child != "HP:1"]
    edges += [
        (f"OMIM:{number}", "HAS_SYMPTOM", phenotype)
        for number in range(12)
        for place, phenotype in enumerate(["HP:2", "HP:3", "HP:4", "HP:5", "HP:9", "HP:10"])
        if (number + place) % 3
    ]
    edges += [(f"OMIM:{number}", "HAS_SYMPTOM", "HP:7") for number in range(6)]
    edges += [(f"OMIM:{number}", "HAS_SYMPTOM", "HP:8") for number in range(6)]
    edges += [("OMIM:5", "HAS_SYMPTOM", "HP:6"), ("OMIM:3", "HAS_SYMPTOM", "HP:11")]
    kg = KnowledgeGraph.build(
        pl.DataFrame(nodes, schema=["id", "kind", "name"], orient="row").with_columns(
            synonyms=pl.when(id="HP:2").then(pl.lit(["Elevated calcium"]))
        ),
        pl.DataFrame(edges, schema=["subject", "relation", "object"], orient="row").with_columns(
            source=pl.lit("made")
        ),
        [Source("made", "1", "CC0", "https://example.org")],
    )
    return train_diagnosis(kg, model="naive_bayes")


def test_what_the_name_of_a_finding_settles_is_not_asked(blood: DiagnosisModel) -> None:
    def names(seen: str) -> set[str]:
        return set(blood.questions([seen], top=20)["name"])

    assert {"Hypercalcemia", "Hypocalcemia", "Jaundice"} <= names("Rash")
    assert not {"Hypocalcemia", "Severe hypocalcemia"} & names("Hypercalcemia")
    assert "Hypercalcemia" not in names("Severe hypocalcemia")
    assert "Hyperbilirubinemia" in names("Hypercalcemia")
    assert "Hyperbilirubinemia" not in names("Jaundice")
    assert "Jaundice" not in names("Hyperbilirubinemia")


def test_the_diagnosis_is_not_asked(blood: DiagnosisModel) -> None:
    names = set(blood.questions(["Rash"], top=20)["name"])
    assert "Disease 3" not in names
    assert "Jaundice" in names


def test_names_are_opposites_by_whole_words_and_beginnings(blood: DiagnosisModel) -> None:
    nodes = pl.DataFrame(
        [
            ("HP:1", "Increased white cell count", ["Elevated white cells"]),
            ("HP:2", "Low white cells", ["Reduced white cells"]),
            ("HP:3", "Decreased white cell count", []),
            ("HP:4", "Nonincreased white cell count", []),
            ("HP:5", "Tachycardia", []),
            ("HP:6", "Bradycardia", []),
        ],
        schema={"id": pl.String, "name": pl.String, "synonyms": pl.List(pl.String)},
        orient="row",
    ).with_columns(kind=pl.lit("Symptom"))
    kg = KnowledgeGraph.build(nodes, blood.kg.evidence.head(0), blood.kg.sources)
    assert answered_by_name(kg, ["HP:1"], OPPOSITE) == ["HP:2", "HP:3"]
    assert answered_by_name(kg, ["HP:4"], OPPOSITE) == []
    assert answered_by_name(kg, ["HP:6"], OPPOSITE) == ["HP:5"]
    assert answered_by_name(kg, ["HP:1", "HP:6"], SIGN) == []


def test_no_two_questions_of_a_list_are_all_but_the_same(blood: DiagnosisModel) -> None:
    names = blood.questions(["Rash"], top=20)["name"].to_list()
    assert len({"Raised urea, sudden", "Raised urea, late", "Abnormal urea"} & set(names)) == 1
    assert len(names) > 3


def test_what_is_often_written_down_is_asked_first(lenses: DiagnosisModel) -> None:
    known = lenses.knowledge
    columns = known.columns_of(["HP:2", "HP:3", "HP:4", "HP:1"])
    by_name = dict(
        zip((known.phenotypes[c] for c in columns), recorded(known, columns), strict=True)
    )
    assert by_name["HP:1"] == 0
    assert by_name["HP:2"] == pytest.approx(2 / 32)
    assert by_name["HP:2"] < by_name["HP:3"] < by_name["HP:4"] < 1
    questions = lenses.questions(["HP:1"])
    # Either tells as much, nearly: that of the lens parts 40 from 60, that of the rash 60 from 40.
    assert questions["name"].to_list()[:2] == ["rash", "lens displaced in part"]


def test_a_phenotype_below_one_that_is_seen_is_likelier(model: DiagnosisModel) -> None:
    known = model.knowledge
    rows = np.array([known.disease_rows["OMIM:100003"]])
    question = known.columns_of(["HP:0000031"])
    alone = probabilities(known, rows, question, known.columns_of(["HP:0000022"]))
    below = probabilities(known, rows, question, known.columns_of(["HP:0000003"]))
    background = float(known.frequency[:, question[0]].mean())
    assert alone[0, 0] == pytest.approx((0.95 * 0.4 + 0.05 * background) / 1, rel=0.2)
    assert below[0, 0] == pytest.approx(1, abs=0.1)  # of HP:0000003 it is the only kind there
    assert (alone < 1).all()


def test_the_best_question_tells_the_likely_diseases_apart(model: DiagnosisModel) -> None:
    rows = model.questions(["HP:0000031"], top=20)
    assert dict(rows.schema) == QUESTIONS
    columns = model.knowledge.columns_of(rows["phenotype"].to_list())
    assert len(columns) == rows.height
    weights = dict(zip(columns.tolist(), recorded(model.knowledge, columns), strict=True))
    place = model.knowledge.phenotype_columns
    weighed = [row["gain"] * weights[place[row["phenotype"]]] for row in rows.to_dicts()]
    assert weighed == sorted(weighed, reverse=True)
    assert (rows["gain"] >= 0).all()
    assert rows["phenotype"][0] in {"HP:0000012", "HP:0000022", "HP:0000011", "HP:0000021"}
    question = rows.filter(phenotype="HP:0000011").row(0, named=True)
    assert question["definition"] == "Of the first kind."
    assert question["speaks_for"][0] in {"ringing disease", "dull disease"}
    assert "plain disease" not in question["speaks_for"]


def test_answers_narrow_the_list(model: DiagnosisModel) -> None:
    """A patient of OMIM:100001 who answers what is asked is found, and nothing is asked twice."""
    present, excluded, questions = ["HP:0000031"], [], []
    for _ in range(4):
        question = model.questions(present, excluded, top=1)["phenotype"][0]
        questions.append(question)
        shown = question in {"HP:0000011", "HP:0000012", "HP:0000021", "HP:0000022"}
        (present if shown else excluded).append(question)
    assert len(set(questions)) == 4
    first = model.diagnose(present, excluded, top=1)
    assert first["disease"][0] == "OMIM:100001"
    before = model.diagnose(["HP:0000031"], top=9).filter(disease="OMIM:100001")["probability"][0]
    assert first["probability"][0] > max(before, 0.7)


def test_the_considered_are_the_most_probable() -> None:
    logs = np.log(np.arange(1, 301) / np.arange(1, 301).sum()).astype(np.float32)
    rows, weights = most_probable_diseases(logs)
    assert rows.tolist() == list(range(299, 99, -1))
    assert weights.sum() == pytest.approx(1)
