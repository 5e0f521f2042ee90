"""Laboratory results become phenotypes that a patient has or lacks, or say why not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from medkg.core.errors import DataError
from medkg.core.quarantine import Quarantine
from medkg.laboratory import lab_findings, read_labs
from medkg.signals.labs.interpret import Uninterpretable, findings_of
from medkg.signals.labs.result import LaboratoryResult

LOW_SODIUM, HIGH_SODIUM = "HP:0002902", "HP:0003228"
HIGH_GLUCOSE = "HP:0003074"
IMPOSSIBLE = "the value is impossible in this unit"


def _outcome(**fields: Any) -> tuple[list[str], list[str]]:
    findings = findings_of(LaboratoryResult(**fields), {})
    return [f.code for f in findings if f.present], [f.code for f in findings if f.excluded]


@pytest.mark.parametrize(
    ("fields", "present", "excluded"),
    [
        ({"loinc": "2951-2", "value": "118", "unit": "mmol/L"}, [LOW_SODIUM], []),
        ({"test": "Sodium", "value": "150", "unit": "meq/L"}, [HIGH_SODIUM], []),
        ({"test": "ALT", "value": "220", "unit": "IU/L"}, ["HP:0031964"], []),
        ({"test": "sodium", "value": "140", "unit": "mmol/L"}, [], [LOW_SODIUM, HIGH_SODIUM]),
        # The same glucose in either unit.
        ({"test": "glucose", "value": "250", "unit": "mg/dL"}, [HIGH_GLUCOSE], []),
        ({"test": "glucose", "value": "13.9", "unit": "mmol/L"}, [HIGH_GLUCOSE], []),
        ({"test": "glucose", "value": "2.5", "unit": "g/L"}, [HIGH_GLUCOSE], []),
        # The laboratory's range goes before medkg's, and needs no unit.
        ({"test": "sodium", "value": "140", "low": 141.0, "high": 150.0}, [LOW_SODIUM], []),
        (
            {
                "test": "glucose",
                "value": "1.5",
                "unit": "g/L",
                "high": 120.0,
                "range_unit": "mg/dL",
            },
            [HIGH_GLUCOSE],
            [],
        ),
        ({"test": "sodium", "value": "140", "interpretation": "HH"}, [HIGH_SODIUM], []),
        ({"test": "sodium", "interpretation": "N"}, [], [LOW_SODIUM, HIGH_SODIUM]),
        (
            {"test": "sodium", "value": "118", "unit": "mmol/L", "interpretation": "A"},
            [LOW_SODIUM],
            [],
        ),
        ({"test": "rheumatoid factor", "interpretation": "POS"}, ["HP:0002923"], []),
        ({"test": "rheumatoid factor", "value": "Negative"}, [], ["HP:0002923"]),
        ({"test": "ana", "interpretation": "A"}, ["HP:0003493"], []),
        ({"test": "crp", "value": "<5", "unit": "mg/L"}, [], ["HP:0011227"]),
        ({"test": "potassium", "value": "4,1", "unit": "mmol/L"}, [], ["HP:0002900", "HP:0002153"]),
        ({"test": "troponin", "value": "0,125", "unit": "ng/mL"}, ["HP:0410173"], []),
        # Urea is twice its nitrogen; in mmol/L both are one.
        ({"test": "urea", "value": "30", "unit": "mg/dL"}, [], ["HP:0003138"]),
        ({"loinc": "3091-6", "value": "30", "unit": "mg/dL"}, [], ["HP:0003138"]),
        ({"test": "BUN", "value": "30", "unit": "mg/dL"}, ["HP:0003138"], []),
        ({"test": "Blood urea", "value": "20", "unit": "mmol/L"}, ["HP:0003138"], []),
        ({"test": "pH", "value": "7.12"}, ["HP:0001941"], []),
        ({"test": "pH", "value": "7.12", "unit": "[pH]"}, ["HP:0001941"], []),
        ({"test": "INR", "value": "4.2"}, ["HP:0008151"], []),
        ({"test": "ALT (SGPT)", "value": "220", "unit": "U/l"}, ["HP:0031964"], []),
        ({"test": "AST (SGOT)", "value": "20", "unit": "U/l"}, [], ["HP:0031956"]),
        # A child's and a low value are no errors of the unit.
        ({"test": "hemoglobin", "value": "49", "unit": "g/L"}, ["HP:0001903"], []),
        ({"test": "phosphate", "value": "0.9", "unit": "mg/dL"}, ["HP:0002148"], []),
        ({"test": "neutrophils", "value": "4", "unit": "/uL"}, ["HP:0001875"], []),
        ({"test": "free T4", "value": "1.5", "unit": "pmol/L"}, ["HP:0033078"], []),
        (
            {"test": "pth", "value": "90", "unit": "pg/mL", "low": 150.0, "high": 600.0},
            ["HP:0031817"],
            [],
        ),
        ({"test": "iron", "value": "10", "unit": "ug/dL"}, ["HP:0040303"], []),
        (
            {"test": "alp", "value": "300", "unit": "U/L", "low": 150.0, "high": 420.0},
            [],
            ["HP:0003282", "HP:0003155"],
        ),
        ({"test": "anion gap", "value": "-3", "unit": "mmol/L"}, ["HP:0031963"], []),
    ],
)
def test_results(fields: dict[str, Any], present: list[str], excluded: list[str]) -> None:
    assert _outcome(**fields) == (present, excluded)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"test": "sodium", "value": "118"}, "no unit"),
        ({"test": "sodium", "value": "118", "unit": "furlong"}, "unknown unit"),
        ({"test": "sodium", "value": "118", "unit": "s"}, "the test isn't measured in this unit"),
        ({"test": "sodium", "value": "see note"}, "uninterpretable value"),
        ({"test": "sodium", "interpretation": "??"}, "unknown interpretation"),
        ({"test": "sodium"}, "no value"),
        ({"test": "prolactine of mice", "value": "1"}, "unknown test"),
        ({"loinc": "1-8", "test": "sodium", "value": "1"}, "unknown test"),
        ({"test": "testosterone", "value": "3", "unit": "ng/mL"}, "no reference range"),
        ({"test": "sodium", "interpretation": "A"}, "abnormal, without the side of the range"),
        (
            {"test": "sodium", "value": "<139", "unit": "mmol/L"},
            "a bound that leaves the result open",
        ),
        (
            {"test": "sodium", "value": "118", "low": 135.0, "high": 145.0, "interpretation": "H"},
            "interpretation and reference range disagree",
        ),
        ({"test": "ejection fraction", "value": "35"}, "no unit"),
        ({"test": "Glucose (CSF)", "value": "50", "unit": "mg/dL"}, "unknown test"),
        ({"test": "Calcium (ionized)", "value": "1.2", "unit": "mmol/L"}, "unknown test"),
        ({"test": "Urine sodium (Na)", "value": "80", "unit": "mmol/L"}, "unknown test"),
        ({"test": "WBC (CSF)", "value": "3", "unit": "/uL"}, "unknown test"),
        ({"test": "hemoglobin", "value": "14", "unit": "g/L"}, IMPOSSIBLE),
        ({"test": "wbc", "value": "7.2", "unit": "/uL"}, IMPOSSIBLE),
        ({"test": "glucose", "value": "5.5", "unit": "mg/dL"}, IMPOSSIBLE),
        ({"test": "creatinine", "value": "1.0", "unit": "umol/L"}, IMPOSSIBLE),
        ({"test": "calcium", "value": "2.4", "unit": "mg/dL"}, IMPOSSIBLE),
        (
            {"test": "hemoglobin", "value": "79", "unit": "g/L", "low": 12.0, "high": 16.0},
            "the reference range is of another unit",
        ),
        (
            {"test": "wbc", "value": "7.2", "unit": "10*9/L", "low": 4000.0, "high": 11000.0},
            "the reference range is of another unit",
        ),
        ({"test": "calcium", "value": "-5", "unit": "mg/dL"}, IMPOSSIBLE),
        ({"test": "albumin", "value": "41", "unit": "g/dL"}, IMPOSSIBLE),
        # It stays so where the laboratory gives its own range, or a word.
        ({"test": "sodium", "value": "14000", "low": 135.0, "high": 145.0}, IMPOSSIBLE),
        (
            {"test": "sodium", "value": "14000", "high": 145.0, "range_unit": "mmol/L"},
            IMPOSSIBLE,
        ),
        (
            {"test": "sodium", "value": "14000", "unit": "mmol/L", "interpretation": "H"},
            IMPOSSIBLE,
        ),
        (
            {"test": "alt", "value": "1", "unit": "U/L"},
            "no phenotype for a result on this side of the range",
        ),
    ],
)
def test_why_not(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(Uninterpretable) as error:
        _outcome(**fields)
    assert str(error.value) == reason


def _observation(patient: str, code: str, **fields: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": "2024-03-01T08:00:00Z",
        **fields,
    }


def _bundle(path: Path) -> Path:
    high = {"coding": [{"code": "H"}]}
    withdrawn = _observation("bob", "2823-3", interpretation=[high]) | {
        "status": "entered-in-error"
    }
    sodium = _observation(
        "ann", "2951-2", valueQuantity={"value": 118, "unit": "mmol/L", "code": "mmol/L"}
    )
    potassium = _observation(
        "bob",
        "2823-3",
        valueQuantity={"value": 5.1, "code": "mmol/L"},
        referenceRange=[{"low": {"value": 3.5}, "high": {"value": 5.0}}],
    )
    entries = [{"resource": each} for each in (sodium, potassium, withdrawn)]
    path.write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}))
    return path


def test_a_bundle_of_two_patients(tmp_path: Path) -> None:
    kg = read_labs(_bundle(tmp_path / "bundle.json"))
    pairs = set(kg.edges.filter(relation="HAS_PHENOTYPE").select("subject", "object").rows())
    assert pairs == {("patient:ann", LOW_SODIUM), ("patient:bob", "HP:0002153")}
    examinations = kg.edges.filter(relation="UNDERWENT")
    assert examinations["object"].n_unique() == 2  # of one file and day, but of two patients


def test_one_patient_of_the_bundle(tmp_path: Path) -> None:
    kg = read_labs(_bundle(tmp_path / "bundle.json"), "bob")
    assert kg.nodes.filter(kind="Patient")["id"].to_list() == ["patient:bob"]


def test_omop(tmp_path: Path) -> None:
    file = tmp_path / "measurement.csv"
    file.write_text(
        "measurement_id,person_id,measurement_date,value_as_number,range_low,range_high,"
        "measurement_source_value,unit_source_value\n"
        "1,7,2024-01-02,118,135,145,2951-2,mmol/L\n"
    )
    [finding] = lab_findings(file, patient=None, quarantine=Quarantine())["7"]
    assert (finding.code, finding.date) == (LOW_SODIUM, "2024-01-02")
    assert finding.region == "sodium 118 mmol/L"


def test_what_is_set_aside_is_counted_by_line(tmp_path: Path) -> None:
    file = tmp_path / "results.csv"
    file.write_text("test,value,unit\nsodium,118,mmol/L\nsodium,118,\nMrs Doe's secret,1,\n")
    broken = tmp_path / "broken.csv"
    broken.write_text("a,b\n1,2\n")
    quarantine = Quarantine()
    kg = read_labs([broken, file], "ann", quarantine=quarantine)
    assert kg.edges.filter(relation="HAS_PHENOTYPE")["object"].to_list() == [LOW_SODIUM]
    [no_table, *others] = quarantine.counts().items()
    assert no_table[0].startswith("the file is no table of laboratory results: it needs columns")
    assert [no_table[1], *others] == [1, ("no unit", 1), ("unknown test", 1)]
    assert [row.line for row in quarantine.rows] == [None, 3, 4]
    assert "Doe" not in str(quarantine.rows)


def test_results_of_nobody_are_an_error(tmp_path: Path) -> None:
    file = tmp_path / "results.csv"
    file.write_text("test,value,unit\nsodium,118,mmol/L\n")
    with pytest.raises(DataError, match="no patient"):
        read_labs(file)


def test_names_that_are_alike_stay_two_patients(tmp_path: Path) -> None:
    file = tmp_path / "results.csv"
    file.write_text("patient,test,value,unit\na 1,sodium,118,mmol/L\na_1,sodium,118,mmol/L\n")
    assert read_labs(file).nodes.filter(kind="Patient").height == 2


def test_loinc2hpo_extends_the_table(tmp_path: Path) -> None:
    file, table = tmp_path / "results.csv", tmp_path / "loinc2hpo.tsv"
    file.write_text("patient,loinc,interpretation\nann,600-7,POS\n")
    table.write_text(
        "loincId\tloincScale\toutcome\thpoTermId\tsupplementalTermId\tcuration\tcomment\n"
        "600-7\tNom\tPOS\tHP:0031864\t.\t.\t.\n"
    )
    with pytest.raises(DataError, match="unknown test"):
        read_labs(file)
    kg = read_labs(file, loinc2hpo=table)
    assert kg.edges.filter(relation="HAS_PHENOTYPE")["object"].to_list() == ["HP:0031864"]
    with pytest.raises(DataError, match="no table of loinc2hpo"):
        read_labs(file, loinc2hpo=file)


def test_what_is_set_aside_says_what_it_was_of_without_its_value(tmp_path: Path) -> None:
    file = tmp_path / "results.csv"
    file.write_text(
        "test,loinc,value,unit\n"
        "Na+,,118,mmol/L\n"
        "Na+,,322,mg/dL\n"
        ",2951-2,322,furlong\n"
        ",2951-2,322,see Mrs Doe\n"
        "albumin,,477,g/dL\n"
        "Mrs Doe,,322,mmol/L\n"
    )
    quarantine = Quarantine()
    lab_findings(file, patient="ann", quarantine=quarantine)
    assert [(row.reason, row.row) for row in quarantine.rows] == [
        (
            "the test isn't measured in this unit",
            "sodium, mg/dL; measured in mmol/L or meq/L",
        ),
        ("unknown unit", "sodium, 2951-2; measured in mmol/L or meq/L"),
        ("unknown unit", "sodium, 2951-2; measured in mmol/L or meq/L"),
        (IMPOSSIBLE, "albumin, g/dL"),
        ("unknown test", "mmol/L"),
    ]


def test_a_patient_whom_the_file_lacks_is_told_with_those_that_it_has(tmp_path: Path) -> None:
    file = tmp_path / "results.csv"
    rows = [f"{name},sodium,118,mmol/L" for name in ("ann", "bob", "cem", "dora", "eve", "fay", "")]
    file.write_text("\n".join(["patient,test,value,unit", *rows]))
    with pytest.raises(DataError) as error:
        read_labs(file, "zoe")
    assert str(error.value) == (
        "there is no patient zoe: named are ann, bob, cem, dora, eve and 1 more"
    )


def test_a_row_without_a_patient_costs_no_other(tmp_path: Path) -> None:
    file = tmp_path / "results.csv"
    file.write_text("patient,test,value,unit\nann,sodium,118,mmol/L\n,sodium,160,mmol/L\n")
    quarantine = Quarantine()
    findings = lab_findings(file, patient=None, quarantine=quarantine)
    assert [finding.code for finding in findings["ann"]] == [LOW_SODIUM]
    [reason] = quarantine.counts()
    assert reason.startswith("no patient: ")


def test_semicolons_and_decimal_commas(tmp_path: Path) -> None:
    file = tmp_path / "results.csv"
    file.write_text(
        "test;value;unit;low;high\n"
        "potassium;4,125;mmol/L;4,5;5,3\n"
        "platelets;1.234,5;10*9/L;;\n"
        "platelets;250.000;/uL;;\n"
        "crp;<0,5;mg/dL;;\n"
    )
    findings = lab_findings(file, patient="ann", quarantine=Quarantine())["ann"]
    assert [(each.code, each.region, each.excluded) for each in findings] == [
        ("HP:0002900", "potassium 4.125 mmol/L", False),
        ("HP:0001894", "platelets 1234.5 10*9/L", False),
        ("HP:0001873", "platelets 250000 /uL", True),
        ("HP:0001894", "platelets 250000 /uL", True),
        ("HP:0011227", "crp <0.5 mg/dL", True),
    ]


@pytest.mark.parametrize(
    ("value", "codes"),
    [
        ("1.5", ["HP:0001894", "HP:0001877"]),  # another number's point is decimal
        ("0.512", ["HP:0001894", "HP:0001877"]),
        ("1,5", ["HP:0001894"]),  # a comma is decimal: 1234
        ("1", []),
    ],
)
def test_points_of_three_digits_beside_semicolons(
    value: str, codes: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "results.csv"
    file.write_text(
        "test;value;unit\nplatelets;1.234;10*9/L\ncreatinine;0.9;mg/dL\n"
        f"lactate;{value};mmol/L\n".replace("0.9", "0,9" if "," in value else "1")
    )
    quarantine = Quarantine()
    findings = lab_findings(file, patient="ann", quarantine=quarantine)["ann"]
    platelets = [each for each in findings if each.region.startswith("platelets")]
    reason = "in a table with semicolons 1.234 may be a decimal or thousands"
    ambiguous = value == "1"
    assert quarantine.counts() == ({reason: 1} if ambiguous else {})
    region = "platelets 1234 10*9/L" if "," in value else "platelets 1.234 10*9/L"
    assert {each.region for each in platelets} == (set() if ambiguous else {region})


def test_a_table_with_both_kinds_of_decimals_leaves_points_of_three_digits(tmp_path: Path) -> None:
    file = tmp_path / "results.csv"
    file.write_text(
        "test;value;unit\nplatelets;1.234;10*9/L\npotassium;4.1;mmol/L\nlactate;0,9;mmol/L\n"
    )
    quarantine = Quarantine()
    findings = lab_findings(file, patient="ann", quarantine=quarantine)["ann"]
    assert {each.region for each in findings} == {"potassium 4.1 mmol/L", "lactate 0.9 mmol/L"}
    assert sum(quarantine.counts().values()) == 1


def test_ends_of_a_range_and_dates_that_cant_be_read_are_set_aside(tmp_path: Path) -> None:
    file = tmp_path / "results.csv"
    file.write_text(
        "test,value,unit,low,high,date\n"
        "sodium,118,mmol/L,135-145,,\n"
        "sodium,118,mmol/L,,<145,\n"
        "sodium,118,mmol/L,,,05.03.2024\n"
        "sodium,118,mmol/L,,,2024-02-30\n"
        "sodium,118,mmol/L,-,n/a,NULL\n"
        "sodium,118,mmol/L,135,145,2024-03-05 08:00\n"
    )
    quarantine = Quarantine()
    findings = lab_findings(file, patient="ann", quarantine=quarantine)["ann"]
    assert [each.date for each in findings] == ["", "2024-03-05"]
    assert quarantine.counts() == {
        "low or high is no number": 2,
        "the date is no year-month-day": 2,
    }


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"test,value,unit\nGl\xfccose,1,\n", "the file is not UTF-8 text; convert it to UTF-8"),
        (b"name,result\na,1\n", "the file is no table of laboratory results: it needs columns"),
    ],
)
def test_why_a_file_cant_be_read(tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "results.csv"
    file.write_bytes(content)
    with pytest.raises(DataError) as error:
        read_labs(file, "ann")
    assert reason in str(error.value)


def test_loinc2hpo_has_results_that_are_negative(tmp_path: Path) -> None:
    file, table = tmp_path / "results.csv", tmp_path / "loinc2hpo.tsv"
    file.write_text("patient,loinc,value,unit,low,high\nann,11555-0,-8,mmol/L,-2,2\n")
    table.write_text(
        "loincId\tloincScale\toutcome\thpoTermId\tsupplementalTermId\tcuration\tcomment\n"
        "11555-0\tQn\tL\tHP:0032368\t.\t.\t.\n"
    )
    kg = read_labs(file, loinc2hpo=table)
    assert kg.edges.filter(relation="HAS_PHENOTYPE").height == 1


def test_results_of_all_days_count(tmp_path: Path) -> None:
    file = tmp_path / "results.csv"
    file.write_text(
        "patient,test,value,unit,date\n"
        "ann,sodium,118,mmol/L,2009-01-02\nann,potassium,6,mmol/L,2024-01-02\n"
    )
    findings = lab_findings(file, patient=None, quarantine=Quarantine())["ann"]
    assert [(each.code, each.date) for each in findings] == [
        (LOW_SODIUM, "2009-01-02"),
        ("HP:0002153", "2024-01-02"),
    ]
