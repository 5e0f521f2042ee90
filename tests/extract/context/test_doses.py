"""Doses around a drug's mention."""

from __future__ import annotations

import pytest

from medkg.extract import sentences as _sentences  # noqa: F401 (registers the component)
from medkg.extract.context.doses import _FREQUENCIES, dosage
from medkg.graph.units import daily_dose

from ..marked import marked, pipeline


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[metformin|Drug] 500 mg b.i.d.", {"dose": "500 mg", "frequency": "twice daily"}),
        (
            "[ramipril|Drug] 2.5 mg p.o. once daily.",
            {"dose": "2.5 mg", "route": "oral", "frequency": "daily"},
        ),
        ("IV [furosemide|Drug] 40mg", {"dose": "40mg", "route": "intravenous"}),
        ("Increase [metformin|Drug] from 500 mg to 1000 mg BID.",
         {"dose": "1000 mg", "frequency": "twice daily"}),
        ("[omeprazole|Drug] 40 mg -> 20 mg daily", {"dose": "20 mg", "frequency": "daily"}),
        ("[furosemide|Drug] 40 mg daily was increased to 80 mg daily",
         {"dose": "80 mg", "frequency": "daily"}),
        ("5 mg of [warfarin|Drug] at night", {"dose": "5 mg", "frequency": "at night"}),
        ("[adalimumab|Drug] 40 mg s.c. every 2 weeks",
         {"dose": "40 mg", "route": "subcutaneous", "frequency": "every 2 weeks"}),
        ("[salbutamol|Drug] inhaler 2 puffs as needed",
         {"dose": "2 puffs", "route": "inhaled", "frequency": "as needed"}),
        ("[paracetamol|Drug] for a sodium of 140", {}),
        ("[insulin|Drug]", {}),
        ("on [warfarin|Drug], HFrEF (EF 30%)", {}),
        ("[hydrocortisone|Drug] cream 1% bid",
         {"dose": "1%", "route": "topical", "frequency": "twice daily"}),
        ("[glargine|Drug] 20u qHS", {"dose": "20u", "frequency": "at night"}),
        ("[codeine|Drug] 30 mg q4h prn", {"dose": "30 mg", "frequency": "every 4 hours"}),
        ("[codeine|Drug] 30 mg q4-6hrs", {"dose": "30 mg", "frequency": "every 4-6 hours"}),
        ("[codeine|Drug] 30 mg q6h", {"dose": "30 mg", "frequency": "four times daily"}),
        ("[fentanyl|Drug] 25 mcg q 3 days", {"dose": "25 mcg", "frequency": "every 3 days"}),
        ("[levothyroxine|Drug] 75 mcg qday", {"dose": "75 mcg", "frequency": "daily"}),
        ("[furosemide|Drug] 20 mg q AM", {"dose": "20 mg", "frequency": "daily"}),
        ("[warfarin|Drug] 5 mg MWF", {"dose": "5 mg", "frequency": "three times weekly"}),
        ("[valproate|Drug] level 85 ug/mL", {}),
        ("[calcium|Drug] was 8.0 mg / dL", {}),
        ("[amoxicillin|Drug] 250 mg/5 ml tds",
         {"dose": "250 mg", "frequency": "three times daily"}),
        ("[doxycycline|Drug] 100 mg bid for 7 days",
         {"dose": "100 mg", "frequency": "twice daily", "duration": "7 days"}),
        ("[amoxicillin|Drug] 500 mg tds x 5d",
         {"dose": "500 mg", "frequency": "three times daily", "duration": "5 days"}),
        ("a five-day course of [prednisolone|Drug] 40 mg",
         {"dose": "40 mg", "duration": "five days"}),
        ("[heparin|Drug] for a week", {"duration": "one week"}),
        ("[aspirin|Drug] for chest pain", {}),
        ("[norepinephrine|Drug] at 0.1 mcg/kg/min", {"dose": "0.1 mcg/kg/min"}),
    ],
)  # fmt: skip
def test_a_drug_s_dose_route_and_frequency(text: str, expected: dict[str, str]) -> None:
    doc = marked(pipeline("medkg_sentences"), text)
    assert dosage(doc.spans["mentions"][0]) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[amoxicillin|Drug] 500 mg for 7 days, [paracetamol|Drug] 1 g as needed",
         [{"dose": "500 mg", "duration": "7 days"}, {"dose": "1 g", "frequency": "as needed"}]),
        ("[dornase|Drug] nebs, vitamins [A|Drug]", [{"route": "inhaled"}, {}]),
        ("oral [prednisolone|Drug] and IV [furosemide|Drug]",
         [{"route": "oral"}, {"route": "intravenous"}]),
        ("[aspirin|Drug], inhaled [salbutamol|Drug]", [{}, {"route": "inhaled"}]),
        ("[ceftriaxone|Drug] 1 g IV then oral [cefixime|Drug]",
         [{"dose": "1 g", "route": "intravenous"}, {"route": "oral"}]),
        ("[vancomycin|Drug] and a 7-day course of [cefixime|Drug]", [{}, {"duration": "7 days"}]),
        ("[aspirin|Drug] 75 mg/day [ramipril|Drug] 5 mg",
         [{"dose": "75 mg/day"}, {"dose": "5 mg"}]),
    ],
)  # fmt: skip
def test_of_two_drugs_each_has_what_is_said_of_it(
    text: str, expected: list[dict[str, str]]
) -> None:
    doc = marked(pipeline("medkg_sentences"), text)
    assert [dosage(drug) for drug in doc.spans["mentions"]] == expected


def test_each_drug_of_a_list_has_its_own() -> None:
    doc = marked(
        pipeline("medkg_sentences"),
        "[aspirin|Drug] 75 mg daily, [atenolol|Drug] and [digoxin|Drug] 125 mcg weekly",
    )
    assert [dosage(drug) for drug in doc.spans["mentions"]] == [
        {"dose": "75 mg", "frequency": "daily"},
        {},
        {"dose": "125 mcg", "frequency": "weekly"},
    ]


def test_a_dose_before_its_drug_is_not_that_of_the_drug_before() -> None:
    doc = marked(
        pipeline("medkg_sentences"),
        "250 mg of [bosentan|Drug] and 20 mg of [sildenafil|Drug], [isoniazid|Drug] "
        "([INH|Drug], 300 mg)",
    )
    doses = [dosage(drug).get("dose") for drug in doc.spans["mentions"]]
    assert doses == ["250 mg", "20 mg", "300 mg", "300 mg"]


def test_what_is_read_can_be_told_as_an_amount_a_day() -> None:
    doc = marked(pipeline("medkg_sentences"), "[adalimumab|Drug] 42 mg s.c. every 2 weeks")
    dose = dosage(doc.spans["mentions"][0])
    assert daily_dose(dose["dose"], dose["frequency"]) == (3.0, "mg/d")
    for frequency in _FREQUENCIES:
        assert (daily_dose("10 mg", frequency) is None) == (frequency == "as needed"), frequency
