"""Values around a test's mention."""

from __future__ import annotations

import pytest
from spacy.language import Language
from spacy.tokens import Span

from medkg.extract import sentences as _sentences  # noqa: F401 (registers the component)
from medkg.extract.context import values
from medkg.extract.context.values import measurement
from medkg.extract.pipeline import patient_qualifiers
from medkg.graph.schema import Schema

from ..marked import marked, pipeline


@pytest.fixture(scope="module")
def nlp() -> Language:
    return pipeline("medkg_sentences")


def quantity(value: float, unit: str, standard: float, of: str) -> dict[str, str | float]:
    return {"value": value, "unit": unit, "standard_value": standard, "standard_unit": of}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[Hb|Procedure] 9.2 g/dL (low)",
         [quantity(9.2, "g/dL", 9200.0, "mg/dL") | {"interpretation": "low"}]),
        ("[CRP|Procedure] was elevated at 120 mg/L.",
         [quantity(120.0, "mg/L", 12.0, "mg/dL") | {"interpretation": "high"}]),
        ("[BP|Procedure] 120/80 mmHg, [pulse|Procedure] 88 bpm",
         [{"value": "120/80", "unit": "mmHg"}, quantity(88.0, "bpm", 88.0, "/min")]),
        ("An [EF|Procedure] of 35%.", [quantity(35.0, "%", 35.0, "%")]),
        ("[troponin|Procedure] neg, [TSH|Procedure] wnl",
         [{"interpretation": "negative"}, {"interpretation": "normal"}]),
        ("[PT|Procedure] 14 s, [echo|Procedure] 2019 s/p fall",
         [quantity(14.0, "s", 14.0, "s"), {}]),
        ("[temperature|Procedure] 38.9 °C", [quantity(38.9, "°C", 38.9, "Cel")]),
        ("[platelets|Procedure] (PLT): 45 x10^9/L",
         [quantity(45.0, "x10^9/L", 45.0, "10*9/L")]),
        ("[white cell count|Procedure] was 12,300/µL",
         [quantity(12300.0, "/µL", 12.3, "10*9/L")]),
        ("[ferritin|Procedure] level <5 ng/mL", [{"value": "<5", "unit": "ng/mL"}]),
        ("[INR|Procedure] was 2.3.", [{"value": 2.3}]),
        ("[Hgb|Procedure] 9.1 -> 8.4 -> 7.2 g/dL, [Na|Procedure] 138->131, [K|Procedure] 4.1 -> ?",
         [quantity(7.2, "g/dL", 7200.0, "mg/dL"), {"value": 131.0}, {"value": 4.1}]),
        ("[WBC|Procedure] 12.3 K/uL", [quantity(12.3, "K/uL", 12.3, "10*9/L")]),
        ("raised [CRP|Procedure]", [{"interpretation": "high"}]),
        ("[CRP|Procedure] 42 (high), [Na|Procedure] 138",
         [{"value": 42.0, "interpretation": "high"}, {"value": 138.0}]),
        ("[troponin|Procedure]: negative", [{"interpretation": "negative"}]),
        ("[ALT|Procedure] and [AST|Procedure] were normal.", [{"interpretation": "normal"}] * 2),
        ("[Sodium|Procedure] 140 mmol/L and [glucose|Procedure] pending.",
         [quantity(140.0, "mmol/L", 140.0, "mmol/L"), {}]),
        ("elevated serum [creatinine|Procedure]", [{"interpretation": "high"}]),
        ("Negative for [CD3|Procedure] and [CD5|Procedure].", [{"interpretation": "negative"}] * 2),
        ("[AST|Procedure] 30 U/L (normal <40 U/L)", [quantity(30.0, "U/L", 30.0, "U/L")]),
        ("[CT|Procedure] 3 days later", [{}]),
        ("[ANA|Procedure] titre 1:320.", [{"value": "1:320"}]),
        ("[anti-dsDNA|Procedure] positive at 1:640",
         [{"value": "1:640", "interpretation": "positive"}]),
        ("[BP|Procedure] at 12:30 was high", [{}]),
        ("[Hb|Procedure] at 1:30 was low", [{}]),
        ("[Hb|Procedure] 1:30 pm", [{}]),
        ("[ECG|Procedure] in 2019", [{}]),
        ("[CT|Procedure] showed a 3 cm mass.", [{}]),
        ("[AST|Procedure] and [ALT|Procedure] were 56 and 70.", [{"value": 56.0}, {"value": 70.0}]),
        ("[Sodium|Procedure], [potassium|Procedure] and [chloride|Procedure] were 140, 4 and 99"
         " mmol/L.",
         [quantity(n, "mmol/L", n, "mmol/L") for n in (140.0, 4.0, 99.0)]),
        ("[AST|Procedure] and [ALT|Procedure] were 56, 70 and 80.", [{}, {"value": 56.0}]),
        ("[fever|Symptom] of 39.1 °C", [quantity(39.1, "°C", 39.1, "Cel")]),
    ],
)  # fmt: skip
def test_a_test_s_value(nlp: Language, text: str, expected: list[dict[str, str | float]]) -> None:
    doc = marked(nlp, text)
    assert [measurement(mention) for mention in doc.spans["mentions"]] == expected


def test_what_a_patient_s_edge_gets(nlp: Language) -> None:
    doc = marked(
        nlp,
        "[Fever|Symptom] of 39.1 °C, raised [CRP|Procedure], [ibuprofen|Drug] 400 mg. "
        "[Pain|Symptom]: low. [Gout|Disease].",
    )
    fever, crp, ibuprofen, pain, gout = doc.spans["mentions"]
    assert patient_qualifiers("HAS_PHENOTYPE", fever)["unit"] == "°C"
    assert patient_qualifiers("UNDERWENT", crp) == {"interpretation": "high"}
    assert patient_qualifiers("TAKES", ibuprofen) == {"dose": "400 mg"}
    assert (
        patient_qualifiers("HAS_PHENOTYPE", pain) == patient_qualifiers("HAS_DISEASE", gout) == {}
    )


def test_every_kind_of_patient_qualifiers_is_a_property_of_the_schema() -> None:
    relations = Schema.default().relations
    assert {"dose", "route", "frequency", "duration"} <= set(relations["TAKES"].properties)
    names = {"value", "unit", "standard_value", "standard_unit", "interpretation"}
    assert names <= set(relations["UNDERWENT"].properties)


def test_a_row_of_tests_is_gone_through_once(
    nlp: Language, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = 0
    after = values._after

    def counted(test: Span) -> tuple[str, Span | None]:
        nonlocal steps
        steps += 1
        return after(test)

    monkeypatch.setattr(values, "_after", counted)
    taken = []
    for number in (50, 100):
        steps = 0
        doc = marked(nlp, ", ".join(["[ALT|Procedure]"] * number) + " were normal.")
        results = [measurement(mention) for mention in doc.spans["mentions"]]
        assert results == [{"interpretation": "normal"}] * number
        taken.append(steps)
    assert taken[1] <= 2 * taken[0] <= 500
