"""OMOP CDM 5.4: tables and columns of https://ohdsi.github.io/CommonDataModel/cdm54.html; the
vocabulary's files as https://athena.ohdsi.org gives them: tab-separated, named .csv, in upper case,
with quotes that are not meant as quoting."""

from __future__ import annotations

import json
import logging
import sqlite3
from pathlib import Path

import polars as pl
import pytest

from medkg.core.errors import DataError, MissingError
from medkg.core.quarantine import Quarantine
from medkg.graph.kg import KnowledgeGraph
from medkg.loaders.sources import load

from .sample import Sample

Table = list[str]  # lines of comma-separated text, the header first
SECRETS = ("Exampleton", "12 Some Street", "MRN-774")

CDM: dict[str, Table] = {
    "person": [
        "person_id,gender_concept_id,year_of_birth,month_of_birth,person_source_value",
        "1,8532,1970,2,MRN-774",
        "2,8507,1985,,",
    ],
    "death": ["person_id,death_date", "2,2021-01-01"],
    "condition_occurrence": [
        "condition_occurrence_id,person_id,condition_concept_id,condition_start_date,"
        "condition_end_date,condition_status_concept_id,condition_source_value,"
        "condition_source_concept_id,visit_occurrence_id",
        '11,1,201826,2020-01-02,,32899,"Exampleton, ""gout""",44836914,',
        "12,2,0,2020-01-03,,,E11.9,1567956,",
        "13,1,254761,20200104,2020-01-09,,,,",
    ],
    "drug_exposure": [
        "drug_exposure_id,person_id,drug_concept_id,drug_exposure_start_date,quantity,days_supply,"
        "sig,route_concept_id,visit_occurrence_id",
        "21,1,40164929,2020-02-01,60,30,ask Exampleton,4132161,",
    ],
    "measurement": [
        "measurement_id,person_id,measurement_concept_id,measurement_date,operator_concept_id,"
        "value_as_number,value_as_concept_id,unit_concept_id,range_low,range_high,"
        "visit_occurrence_id",
        "31,1,3004501,2020-03-01,4172704,1.26,,8636,0.7,1.0,",
        "32.0,1,3004501,,,110,0,8840.0,,,501.0",
        "33,2,3051825.0,2020-03-03,,,45884084,,,,",
    ],
    "procedure_occurrence": [
        "procedure_occurrence_id,person_id,procedure_concept_id,procedure_date",
        "41,2,4198190,2019-05-06",
    ],
    "observation": [
        "observation_id,person_id,observation_concept_id,observation_date,value_as_string",
        "51,2,4275495,2019-05-06,12 Some Street",
    ],
    "visit_occurrence": [
        "visit_occurrence_id,person_id,visit_start_date",
        "501,1,2020-03-02",
    ],
}
CONCEPTS = [
    # id, name, domain, vocabulary, class, standard, code
    (201826, "Type 2 diabetes mellitus", "Condition", "SNOMED", "Disorder", "S", "44054006"),
    (254761, "Cough", "Condition", "SNOMED", "Clinical Finding", "S", "49727002"),
    (1567956, 'Type 2 diabetes "NOS"', "Condition", "ICD10CM", "5-char billing code", "", "E11.9"),
    (
        40164929,
        "metformin hydrochloride 500 MG Oral Tablet",
        "Drug",
        "RxNorm",
        "Clinical Drug",
        "S",
        "861007",
    ),
    (1503297, "metformin", "Drug", "RxNorm", "Ingredient", "S", "6809"),
    (3004501, "Glucose [Mass/volume] in Serum", "Measurement", "LOINC", "Lab Test", "S", "2345-7"),
    (3051825, "Creatinine screen", "Measurement", "LOINC", "Lab Test", "S", "38483-4"),
    (45884084, "Positive", "Meas Value", "LOINC", "Answer", "S", "LA6576-8"),
    (4198190, "Appendectomy", "Procedure", "SNOMED", "Procedure", "S", "80146002"),
    (4275495, "Tobacco use", "Observation", "SNOMED", "Observable Entity", "S", "365981007"),
    (4132161, "Oral", "Route", "SNOMED", "Qualifier Value", "S", "26643006"),
    (8636, "gram per liter", "Unit", "UCUM", "Unit", "S", "g/L"),
    (8840, "milligram per deciliter", "Unit", "UCUM", "Unit", "S", "mg/dL"),
    (32899, "Preliminary diagnosis", "Condition Status", "Condition Status", "", "S", "OMOP1"),
    (9, 'An unused "concept', "Condition", "SNOMED", "Disorder", "S", "1"),
]
VOCABULARY: dict[str, list[list[str]]] = {
    "CONCEPT": [
        [
            "concept_id",
            "concept_name",
            "domain_id",
            "vocabulary_id",
            "concept_class_id",
            "standard_concept",
            "concept_code",
            "valid_start_date",
            "valid_end_date",
            "invalid_reason",
        ],
        *([*map(str, concept), "19700101", "20991231", ""] for concept in CONCEPTS),
    ],
    "CONCEPT_RELATIONSHIP": [
        [
            "concept_id_1",
            "concept_id_2",
            "relationship_id",
            "valid_start_date",
            "valid_end_date",
            "invalid_reason",
        ],
        ["1567956", "201826", "Maps to", "19700101", "20991231", ""],
        ["1567956", "254761", "Maps to", "19700101", "20991231", "D"],
        ["201826", "201826", "Maps to", "19700101", "20991231", ""],
        ["1567956", "9", "Is a", "19700101", "20991231", ""],
    ],
    "CONCEPT_ANCESTOR": [
        [
            "ancestor_concept_id",
            "descendant_concept_id",
            "min_levels_of_separation",
            "max_levels_of_separation",
        ],
        ["1503297", "40164929", "2", "2"],
        ["1503297", "1503297", "0", "0"],
    ],
}


def write(folder: Path, more: dict[str, Table] | None = None) -> Path:
    """The tables as .csv, the vocabulary as Athena's download."""
    folder.mkdir(exist_ok=True, parents=True)
    for name, lines in CDM.items():
        text = "\n".join([*lines, *(more or {}).get(name, []), ""])
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    for name, rows in VOCABULARY.items():
        text = "".join("\t".join(row) + "\n" for row in rows)
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


BAD = {
    "condition_occurrence": ["14,1,0,2020-01-02,,,Exampleton,0,", "15,1,77,2020-01-02,,,,,"],
    "measurement": ["34,1,3004501,2020-03-01,,Exampleton,,,,,", "35,1", "36,9,3004501,2020,,,,,,,"],
}
SAMPLES = {"omop": Sample(write, lambda folder: write(folder, BAD), options={"release": "2030"})}


def evidence_of(graph: KnowledgeGraph, record: str) -> tuple[str, str, str, dict[str, object]]:
    """Subject, relation, object and qualifiers of an event's evidence."""
    rows = [
        row
        for row in graph.evidence.iter_rows(named=True)
        if json.loads(row["qualifiers"])["record"] == record
    ]
    assert len(rows) == 1
    qualifiers = json.loads(rows[0]["qualifiers"])
    del qualifiers["record"]
    return rows[0]["subject"], rows[0]["relation"], rows[0]["object"], qualifiers


def test_events_become_evidence(tmp_path: Path) -> None:
    quarantine = Quarantine()
    graph = load("omop", write(tmp_path / "in"), quarantine=quarantine)
    assert not quarantine.rows
    one, two = "patient:1", "patient:2"
    assert evidence_of(graph, "condition_occurrence/11")[:3] == (
        one,
        "HAS_DISEASE",
        "SNOMEDCT:44054006",
    )
    # Concept 0: its source concept is not standard, and maps to the standard one.
    assert evidence_of(graph, "condition_occurrence/12")[:3] == (
        two,
        "HAS_DISEASE",
        "SNOMEDCT:44054006",
    )
    assert evidence_of(graph, "condition_occurrence/13") == (
        one,
        "HAS_PHENOTYPE",
        "SNOMEDCT:49727002",
        {"end": "2020-01-09"},
    )
    assert evidence_of(graph, "drug_exposure/21") == (
        one,
        "TAKES",
        "RXCUI:6809",
        {"route": "Oral", "quantity": 60.0, "days": 30.0, "product": "RXCUI:861007"},
    )
    assert evidence_of(graph, "measurement/31") == (
        one,
        "UNDERWENT",
        "LOINC:2345-7",
        {
            "comparator": ">",
            "value": 1.26,
            "unit": "g/L",
            "range_low": 0.7,
            "range_high": 1.0,
            "standard_value": 126.0,
            "standard_low": 70.0,
            "standard_high": 100.0,
            "standard_unit": "mg/dL",
        },
    )
    assert evidence_of(graph, "measurement/33")[3] == {"value": "Positive"}
    assert evidence_of(graph, "procedure_occurrence/41")[2] == "SNOMEDCT:80146002"
    assert evidence_of(graph, "observation/51")[:3] == (two, "UNDERWENT", "SNOMEDCT:365981007")


def test_dates_and_certainty(tmp_path: Path) -> None:
    graph = load("omop", write(tmp_path / "in"))
    rows = {
        json.loads(row["qualifiers"])["record"]: row for row in graph.evidence.iter_rows(named=True)
    }
    assert rows["condition_occurrence/11"]["certainty"] == "possible"
    assert rows["condition_occurrence/13"]["date"] == "2020-01-04"
    assert rows["measurement/32"]["date"] == "2020-03-02"  # its visit's


def test_a_patient_is_sex_year_of_birth_and_death_and_nothing_else(tmp_path: Path) -> None:
    folder = write(tmp_path / "in")
    graph = load("omop", folder)
    patients = graph.nodes.filter(kind="Patient")
    assert [json.loads(text) for text in patients["properties"]] == [
        {"sex": "female", "birth_year": 1970},
        {"sex": "male", "birth_year": 1985, "deceased": True},
    ]
    text = graph.nodes.write_json() + graph.evidence.write_json()
    assert not [secret for secret in SECRETS if secret in text]
    hidden = load("omop", folder, pseudonyms="a secret of the hospital", birth_year="no")
    ids = hidden.nodes.filter(kind="Patient")["id"].to_list()
    assert not {"patient:1", "patient:2"} & set(ids)
    assert "measurement/31" not in hidden.evidence.write_json()
    assert "1970" not in hidden.nodes.write_json()


def test_bad_rows_are_told_by_their_id(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    quarantine = Quarantine()
    folder = write(tmp_path / "in", BAD)
    with caplog.at_level(logging.INFO):
        load("omop", folder, quarantine=quarantine)
    assert sorted((row.reason, row.line, row.row) for row in quarantine.rows if row.line) == [
        ("concept 0", 5, "condition_occurrence_id 14"),
        ("concept that the vocabulary lacks", 6, "condition_occurrence_id 15"),
        ("value that is no number", 5, "measurement_id 34"),
        ("wrong number of columns", 6, ""),
    ]
    assert [row.row for row in quarantine.rows if row.reason == "dangling end"] == [
        "patient:9 UNDERWENT LOINC:2345-7"
    ]
    assert not [secret for secret in SECRETS if secret in str(quarantine.rows) + caplog.text]


def frame_of(rows: list[list[str]]) -> pl.DataFrame:
    table = {name: [row[at] or None for row in rows[1:]] for at, name in enumerate(rows[0])}
    return pl.DataFrame(table, schema=dict.fromkeys(rows[0], pl.String))


def as_frames(folder: Path) -> dict[str, pl.DataFrame]:
    """The tables with their types."""
    frames = {file.stem.lower(): pl.read_csv(file) for file in folder.glob("[a-z]*.csv")}
    vocabulary = {name.lower(): frame_of(rows) for name, rows in VOCABULARY.items()}
    for name, frame in vocabulary.items():
        ids = [column for column in frame.columns if "concept_id" in column]
        frames[name] = frame.with_columns(pl.col(ids).cast(pl.Int64))
    return frames


def test_every_form_of_the_tables_is_the_same_graph(tmp_path: Path) -> None:
    folder = write(tmp_path / "in")
    whole = load("omop", folder)

    upper = tmp_path / "upper"
    upper.mkdir()
    for file in folder.glob("[a-z]*.csv"):
        head, _, rest = file.read_text(encoding="utf-8").partition("\n")
        text = f"\ufeff{head.upper()}\n{rest}".replace("\n", "\r\n")
        (upper / file.name.upper()).write_text(text, encoding="utf-8", newline="")
    vocabulary = tmp_path / "athena"
    vocabulary.mkdir()
    for name in VOCABULARY:
        (folder / f"{name}.csv").rename(vocabulary / f"{name}.csv")
    given = load("omop", upper, vocabulary=str(vocabulary))
    assert given.checksum() == whole.checksum()

    parquet = tmp_path / "parquet"
    database = tmp_path / "cdm.db"
    frames = as_frames(folder)
    for name, frame in frames.items():
        (parquet / name).mkdir(parents=True)
        frame.write_parquet(parquet / name / "part-0.parquet")
    assert load("omop", parquet).checksum() == whole.checksum()

    with sqlite3.connect(database) as connection:
        for name, frame in frames.items():
            connection.execute(f"CREATE TABLE {name} ({', '.join(frame.columns)})")
            marks = ", ".join("?" * frame.width)
            connection.executemany(f"INSERT INTO {name} VALUES ({marks})", frame.rows())
    for path in (database, f"sqlite:///{database}", f"sqlite+pysqlite:///{database}"):
        assert load("omop", path).checksum() == whole.checksum()
    assert load("omop", database, schema="main").checksum() == whole.checksum()


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "in")
    (folder / "CONCEPT.csv").unlink()
    with pytest.raises(MissingError, match="no table concept"):
        load("omop", folder)
    write(folder)
    (folder / "person.csv").write_text("id\n1\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"person\.csv: lacks the columns person_id"):
        load("omop", folder)
    broken = CDM["person"][0].replace(",year", "\n,year")
    (folder / "person.csv").write_text(f"{broken}\n1,8532,1970,2,MRN-774\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"person\.csv: holds no person that can be read$"):
        load("omop", folder)
    with pytest.raises(DataError, match="neither a folder nor"):
        load("omop", folder / "person.csv")
    with pytest.raises(MissingError, match=r"absent\.db"):
        load("omop", f"sqlite:///{tmp_path}/absent.db")
    sqlite3.connect(tmp_path / "empty.db").execute("CREATE TABLE other (id)").connection.close()
    with pytest.raises(DataError, match="no such table: person"):
        load("omop", tmp_path / "empty.db")


def test_a_password_is_in_no_error(tmp_path: Path) -> None:
    url = "postgresql+nodriver://reader:secret@host/db"
    with pytest.raises((DataError, MissingError)) as error:
        load("omop", url)
    assert "secret" not in str(error.value)


def test_without_ancestors_a_product_stands_for_itself(tmp_path: Path) -> None:
    folder = write(tmp_path / "in")
    (folder / "CONCEPT_ANCESTOR.csv").unlink()
    graph = load("omop", folder)
    assert evidence_of(graph, "drug_exposure/21")[2] == "RXCUI:861007"
