"""The curated starter set: well-formed tables that agree with each other and with the sources."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from medkg.loaders.drug_facts import modalities

ROOT = Path(__file__).resolve().parents[2]
STARTER = ROOT / "loaders" / "data" / "starter"
COLUMNS = {
    "drugs": ["drug", "synonyms", "drug_class"],
    "targets": ["drug", "symbol", "action", "role", "reference"],
    "indications": ["drug", "relation", "disease", "reference"],
    "effects": ["drug", "effect", "reference"],
    "interactions": ["drug", "other", "effect", "reference"],
}
NAMES = ["kind", "name", "synonyms"]
FORMS = ["drug", "form_of"]
FACT = {  # the columns that make a row another fact than the next
    "drugs": ["drug"],
    "targets": ["drug", "symbol", "action"],
    "indications": ["drug", "disease"],
    "effects": ["drug", "effect"],
}
ACTIONS = {
    "activator",
    "agonist",
    "antagonist",
    "binder",
    "blocker",
    "chaperone",
    "inducer",
    "inhibitor",
    "inverse agonist",
    "modulator",
    "partial agonist",
    "positive allosteric modulator",
    "replacement",
    "stabilizer",
    "substrate",
}
PREFIXES = {
    "Drug": {"drugbank", "MESH", "medkg"},
    "Target": {"NCBIGene", "medkg"},
    "Disease": {"DOID", "OMIM", "ORPHA", "MESH", "medkg"},
    "Symptom": {"HP", "UMLS", "MESH", "medkg"},
}

Rows = list[dict[str, str]]


def read(path: Path, columns: list[str]) -> Rows:
    lines = path.read_text(encoding="utf-8").split("\n")
    assert lines[0].split("\t") == columns
    assert lines[-1] == "", f"{path.name}: the last line has no end"
    for number, line in enumerate(lines[1:-1], start=2):
        cells = line.split("\t")
        assert len(cells) == len(columns), f"{path.name}:{number}: {len(cells)} columns"
        assert all(cell == cell.strip() for cell in cells), f"{path.name}:{number}: white space"
    reader = csv.DictReader(lines[:-1], delimiter="\t", quoting=csv.QUOTE_NONE)
    return list(reader)


@pytest.fixture(scope="module")
def tables() -> dict[str, Rows]:
    rows_by_table = {}
    for table, columns in COLUMNS.items():
        parts = sorted(STARTER.glob(f"{table}-*.tsv"))
        assert len(parts) == 2
        rows_by_table[table] = [row for part in parts for row in read(part, columns)]
    return rows_by_table


@pytest.fixture(scope="module")
def identifiers() -> Rows:
    return read(STARTER / "identifiers.tsv", ["kind", "name", "id", "xrefs", "confirmed_by"])


@pytest.fixture(scope="module")
def structures() -> dict[str, str]:
    rows = read(STARTER / "structures.tsv", ["drug", "inchi"])
    by_drug = {row["drug"]: row["inchi"] for row in rows}
    assert len(by_drug) == len(rows)
    return by_drug


def test_there_are_at_least_200_drugs_and_each_has_facts(tables: dict[str, Rows]) -> None:
    drugs = {row["drug"] for row in tables["drugs"]}
    assert len(drugs) >= 200
    assert all(row["drug_class"] for row in tables["drugs"])
    for table in ("targets", "indications", "effects", "interactions"):
        assert len({row["drug"] for row in tables[table]}) >= 200


def test_every_drug_that_is_named_is_a_drug_of_the_set(tables: dict[str, Rows]) -> None:
    drugs = {row["drug"] for row in tables["drugs"]}
    for table in ("targets", "indications", "effects", "interactions"):
        assert {row["drug"] for row in tables[table]} <= drugs, table
    assert {row["other"] for row in tables["interactions"]} <= drugs


def test_no_fact_is_stated_twice(tables: dict[str, Rows]) -> None:
    for table, columns in FACT.items():
        facts = Counter(tuple(row[column] for column in columns) for row in tables[table])
        assert [fact for fact, count in facts.items() if count > 1] == [], table
    pairs = Counter(frozenset((row["drug"], row["other"])) for row in tables["interactions"])
    assert [set(pair) for pair, count in pairs.items() if count > 1 or len(pair) == 1] == []


def test_no_synonym_is_another_drug(tables: dict[str, Rows]) -> None:
    more = [row | {"drug": row["name"]} for row in read(STARTER / "names.tsv", NAMES)]
    names = Counter(
        name.lower()
        for row in [*tables["drugs"], *(row for row in more if row["kind"] == "Drug")]
        for name in {row["drug"], *filter(None, row["synonyms"].split("|"))}
    )
    assert [name for name, count in names.items() if count > 1] == []


def test_forms_are_of_known_drugs_and_never_of_themselves(tables: dict[str, Rows]) -> None:
    forms = [(row["drug"], row["form_of"]) for row in read(STARTER / "forms.tsv", FORMS)]
    known = {row["drug"] for row in tables["drugs"]}
    known |= {r["name"] for r in read(STARTER / "names.tsv", NAMES) if r["kind"] == "Drug"}
    assert {drug for pair in forms for drug in pair} <= known
    assert len(set(forms)) == len(forms)
    wider: dict[str, set[str]] = {}
    for drug, form_of in forms:
        wider.setdefault(drug, set()).add(form_of)

    def above(drug: str) -> set[str]:
        return set().union(*({one} | above(one) for one in wider.get(drug, ())))

    assert [drug for drug in wider if drug in above(drug)] == []  # also ends only without a loop
    assert above("Amoxicillin and clavulanate") == {"Amoxicillin", "Penicillin"}


def test_no_drug_for_a_form_of_a_disease_is_contraindicated_for_the_wider_one(
    tables: dict[str, Rows],
) -> None:
    columns = ["disease", "form_of"]
    forms = [tuple(row.values()) for row in read(STARTER / "disease_forms.tsv", columns)]
    assert len(set(forms)) == len(forms)
    against: dict[str, set[str]] = {}
    given: dict[str, set[str]] = {}
    for row in tables["indications"]:
        speaks_against = row["relation"] == "CONTRAINDICATED_FOR"
        (against if speaks_against else given).setdefault(row["disease"], set()).add(row["drug"])
    assert {disease for pair in forms for disease in pair} <= {*against, *given}
    wider: dict[str, set[str]] = {}
    for disease, form_of in forms:
        wider.setdefault(disease, set()).add(form_of)

    assert wider["chronic kidney failure"] == {"Renal insufficiency"}
    assert set(wider).isdisjoint(
        set().union(*wider.values())
    )  # else what follows would have to go further up
    for disease, others in wider.items():
        for other in others:
            assert given.get(disease, set()).isdisjoint(against.get(other, ())), (disease, other)


def test_the_words_are_the_ones_that_are_allowed(tables: dict[str, Rows]) -> None:
    assert {row["action"] for row in tables["targets"]} <= ACTIONS
    assert {row["role"] for row in tables["targets"]} <= {
        "target",
        "enzyme",
        "transporter",
        "carrier",
    }
    assert {row["relation"] for row in tables["indications"]} == {
        "TREATS",
        "PALLIATES",
        "CONTRAINDICATED_FOR",
    }
    assert all(row["effect"] for row in tables["effects"] + tables["interactions"])


def test_every_name_has_an_identifier_of_its_own(
    tables: dict[str, Rows], identifiers: Rows
) -> None:
    named = {("Drug", row["drug"]) for row in tables["drugs"]}
    named |= {("Target", row["symbol"]) for row in tables["targets"]}
    named |= {("Disease", row["disease"]) for row in tables["indications"]}
    named |= {("Symptom", row["effect"]) for row in tables["effects"]}
    more = {(row["kind"], row["name"]) for row in read(STARTER / "names.tsv", NAMES)}
    assert not more & named
    named |= more
    assert Counter((row["kind"], row["name"]) for row in identifiers) == Counter(named)
    ids = Counter(row["id"] for row in identifiers)
    assert [identifier for identifier, count in ids.items() if count > 1] == []


def test_identifiers_are_curies_and_only_local_ones_may_be_unconfirmed(identifiers: Rows) -> None:
    for row in identifiers:
        prefix, colon, local = row["id"].partition(":")
        assert colon, row
        assert local, row
        assert prefix in PREFIXES[row["kind"]], row
        assert row["confirmed_by"] or (prefix == "medkg" and not row["xrefs"]), row


def test_synonyms_of_diseases_are_of_diseases_in_the_set(tables: dict[str, Rows]) -> None:
    diseases = read(STARTER / "diseases.tsv", ["disease", "synonyms"])
    named = {row["disease"] for row in tables["indications"]}
    assert {row["disease"] for row in diseases} <= named
    names = Counter(
        name.lower() for row in diseases for name in {row["disease"], *row["synonyms"].split("|")}
    )
    names.update(name.lower() for name in named - {row["disease"] for row in diseases})
    assert [name for name, count in names.items() if count > 1] == []


def test_structures_are_of_small_molecules_of_the_set(
    tables: dict[str, Rows], structures: dict[str, str]
) -> None:
    assert len(structures) >= 500
    names = read(STARTER / "names.tsv", ["kind", "name", "synonyms"])
    everyday = {row["name"] for row in names if row["kind"] == "Drug"}
    assert set(structures) <= {row["drug"] for row in tables["drugs"]} | everyday
    drugs = pl.Series(list(structures))
    of_drugs = modalities(drugs)
    # A salt of a metal has a structure, and still no targets by likeness.
    others = of_drugs.is_not_null() & (of_drugs != "mineral salt")
    assert drugs.filter(others).to_list() == []
    assert len(set(structures.values())) == len(structures)


def test_rdkit_confirms_every_structure(structures: dict[str, str]) -> None:
    Chem = pytest.importorskip("rdkit.Chem")
    for drug, inchi in structures.items():
        molecule = Chem.MolFromInchi(inchi)
        assert molecule is not None, drug
        assert Chem.MolToInchi(molecule) == inchi, drug
        assert Chem.MolToInchiKey(molecule) == Chem.InchiToInchiKey(inchi), drug


@pytest.mark.parametrize(
    ("drug", "key"),
    [
        ("Acetaminophen", "RZVAJINKPMORJF-UHFFFAOYSA-N"),
        ("Caffeine", "RYYVLZVUVIJVGH-UHFFFAOYSA-N"),
        ("Nicotine", "SNICXCGAKADSCV-UHFFFAOYSA-N"),
        ("Aspirin", "BSYNRYMUTXBXSQ-UHFFFAOYSA-N"),
        ("Dexamethasone", "UREBDLICKHMUKA-CXSFZGCWSA-N"),
        ("Diazepam", "AAOVKJBEBIDNHE-UHFFFAOYSA-N"),
        ("Gefitinib", "XGALLCVXEZPNRQ-UHFFFAOYSA-N"),
        ("Ibuprofen", "HEFNNWSXXWATRW-UHFFFAOYSA-N"),
        ("Imatinib", "KTUFNOKKBVMGRW-UHFFFAOYSA-N"),
        ("Metformin", "XZWYZXLIPXDOLR-UHFFFAOYSA-N"),
        ("Morphine", "BQJCRHHNABKAKU-KBQPJGBKSA-N"),
        ("Sildenafil", "BNRNXUUZRGQAQC-UHFFFAOYSA-N"),
        ("Warfarin", "PJVWKTKQMONHTI-UHFFFAOYSA-N"),
    ],
)
def test_structures_are_those_that_everybody_knows(
    structures: dict[str, str], drug: str, key: str
) -> None:
    Chem = pytest.importorskip("rdkit.Chem")
    assert Chem.InchiToInchiKey(structures[drug]) == key


@pytest.mark.parametrize("table", ["identifiers", "structures"])
def test_a_table_is_what_the_sources_confirm(shared_data: Path, table: str) -> None:
    script = ROOT / "benchmarks" / f"starter_{table}.py"
    done = subprocess.run(
        [sys.executable, str(script), "--check"],
        env={**os.environ, "MEDKG_DATA": str(shared_data)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
