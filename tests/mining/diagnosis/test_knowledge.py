"""Which identifiers of diseases are one disease's, and the matrices that are made of them."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from medkg.graph.kg import KnowledgeGraph
from medkg.mining.diagnosis.disease_identity import same_diseases
from medkg.mining.diagnosis.knowledge import Knowledge, highest, order_by_row
from tests.gnn.phenotype_graph import SOURCE


def diseases(**xrefs: list[str]) -> KnowledgeGraph:
    """Diseases of different names (`OMIM_1=["ORPHA:1"]`), with a phenotype each."""
    ids = [name.replace("_", ":") for name in xrefs]
    nodes = pl.DataFrame(
        {
            "id": [*ids, "HP:1"],
            "kind": ["Disease"] * len(ids) + ["Symptom"],
            "name": [*(f"name of {id_}" for id_ in ids), "a phenotype"],
            "xrefs": [*xrefs.values(), []],
        },
        schema_overrides={"xrefs": pl.List(pl.String)},
    )
    evidence = pl.DataFrame(
        {"subject": ids, "relation": "HAS_SYMPTOM", "object": "HP:1", "source": SOURCE.name}
    )
    return KnowledgeGraph.build(nodes, evidence, [SOURCE])


def called(names: dict[str, str]) -> KnowledgeGraph:
    """Diseases of these names, by identifier, without cross-references."""
    kg = diseases(**{id_.replace(":", "_"): [] for id_ in names})
    named = kg.nodes.with_columns(name=pl.col("id").replace_strict(names, default=pl.col("name")))
    return KnowledgeGraph.build(named, kg.evidence, [SOURCE])


def groups(kg: KnowledgeGraph, cases: KnowledgeGraph | None = None) -> set[frozenset[str]]:
    number = same_diseases(kg, cases)
    return {frozenset(i for i in number if number[i] == n) for n in number.values()}


def test_diseases_that_refer_to_one_another_are_one() -> None:
    kg = diseases(OMIM_1=[], ORPHA_1=["OMIM:1"], MONDO_1=["ORPHA:1"], OMIM_2=[])
    assert groups(kg) == {frozenset({"OMIM:1", "ORPHA:1", "MONDO:1"}), frozenset({"OMIM:2"})}
    known = Knowledge.of(kg)
    assert known.diseases == ["MONDO:1", "OMIM:2"]
    assert known.disease_rows == {"MONDO:1": 0, "OMIM:1": 0, "ORPHA:1": 0, "OMIM:2": 1}


def test_a_disease_goes_by_another_name_than_that_of_its_deletion() -> None:
    kg = diseases(DECIPHER_1=[], OMIM_1=["DECIPHER:1"], DECIPHER_2=[], OMIM_2=[])
    known = Knowledge.of(kg)
    assert known.diseases == ["OMIM:1", "DECIPHER:2", "OMIM:2"]
    assert known.disease_rows == {"DECIPHER:1": 0, "OMIM:1": 0, "DECIPHER:2": 1, "OMIM:2": 2}


def test_a_disease_that_another_shows_itself_as_is_the_phenotype_it_refers_to() -> None:
    kg = diseases(OMIM_1=[], OMIM_2=[], DOID_1=["HP:1"], DOID_2=["MESH:D1"])
    shown = pl.DataFrame(
        {
            "subject": ["OMIM:1", "OMIM:2"],
            "relation": "HAS_SYMPTOM",
            "object": ["DOID:1", "DOID:2"],
            "source": SOURCE.name,
        }
    )
    others = kg.evidence.filter(pl.col("subject") == "DOID:1").select(shown.columns)
    known = Knowledge.of(KnowledgeGraph.build(kg.nodes, pl.concat([others, shown]), [SOURCE]))
    assert known.phenotypes == ["HP:1"]
    assert known.diseases == ["DOID:1", "OMIM:1"]  # no phenotype is the one that OMIM:2 shows
    assert known.annotated.toarray().astype(bool).tolist() == [[True], [True]]


def test_a_name_turned_around_its_comma_is_the_same() -> None:
    names = {
        "OMIM:1": "Ascites, chylous",
        "ORPHA:1": "Chylous ascites",
        "OMIM:2": "Goldberg-Shprintzen syndrome",
        "ORPHA:2": "Shprintzen-Goldberg syndrome",
        "OMIM:3": "Spinal muscular atrophy, scapuloperoneal",
        "OMIM:4": "Scapuloperoneal spinal muscular atrophy",
        "OMIM:5": ",",
        "OMIM:7": "Deletion 1p, duplication 3q",
        "ORPHA:7": "Duplication 1p, deletion 3q",
        "MONDO:2": "Syndrome, Goldberg-Shprintzen",
        "OMIM:8": "Neuropathy, motor, Okinawa type",
        "ORPHA:8": "Motor neuropathy, Okinawa type",
        "OMIM:6": ";",
    }
    same = {group for group in groups(called(names)) if len(group) > 1}
    assert same == {frozenset({"OMIM:1", "ORPHA:1"}), frozenset({"OMIM:8", "ORPHA:8"})}


def test_a_susceptibility_to_a_disease_is_the_disease() -> None:
    names = {
        "OMIM:1": "Belly disease, susceptibility to, 1",
        "DOID:1": "belly disease",
        "MESH:1": "Belly Disease",
        "OMIM:2": "Rash, susceptibility to, 1",
        "OMIM:3": "Rash, susceptibility to, 2",
        "DOID:2": "rash",
        "OMIM:4": "Cough",
        "OMIM:5": "Cough, susceptibility to",
        "DOID:4": "cough",
        "OMIM:6": "Ache, susceptibility to, 4",
        "DOID:7": "nerve disease",
        "OMIM:7": "Disease, nerve, susceptibility to",
    }
    assert {group for group in groups(called(names)) if len(group) > 1} == {
        frozenset({"OMIM:1", "DOID:1", "MESH:1"}),
        frozenset({"OMIM:4", "DOID:4"}),
    }


def test_what_both_refer_to_joins_them_and_is_known() -> None:
    assert groups(diseases(ORPHA_1=["UMLS:C1"], MONDO_1=["UMLS:C1", "OMIM:9"])) == {
        frozenset({"ORPHA:1", "MONDO:1", "UMLS:C1", "OMIM:9"})
    }


def test_a_chain_never_joins_two_omim_numbers() -> None:
    kg = diseases(OMIM_1=[], ORPHA_1=["OMIM:1"], MONDO_1=["ORPHA:1", "OMIM:2"], OMIM_2=[])
    kg_of_groups = diseases(ORPHA_1=["OMIM:1", "OMIM:2"])
    assert all(len(group) == 1 for group in groups(kg) | groups(kg_of_groups))
    assert Knowledge.of(kg_of_groups).disease_rows == {"ORPHA:1": 0}


def test_a_former_number_is_its_disease() -> None:
    assert groups(diseases(OMIM_1=["OMIM:7"])) == {frozenset({"OMIM:1", "OMIM:7"})}
    assert len(groups(diseases(OMIM_1=["OMIM:7"], OMIM_2=["OMIM:7"]))) == 3


def test_names_join_what_references_may_not() -> None:
    nodes = pl.DataFrame(
        {"id": ["OMIM:1", "OMIM:2", "ORPHA:1"], "kind": "Disease", "name": ["A b", "a-b", "A B"]}
    )
    kg = KnowledgeGraph.build(nodes, diseases(OMIM_1=[]).evidence.clear(), [SOURCE])
    assert groups(kg) == {frozenset({"OMIM:1", "OMIM:2", "ORPHA:1"})}
    referring = diseases(OMIM_3=["ORPHA:1"])
    assert groups(kg, referring) == {*groups(kg), frozenset({"OMIM:3"})}


@pytest.mark.parametrize("size", [1, 300, 70_000])
def test_ordered_by_row_and_column(size: int) -> None:
    rng = np.random.default_rng(size)
    rows, columns = rng.integers(size, size=(2, 2_000))
    assert np.array_equal(order_by_row(rows, columns), np.lexsort((columns, rows)))
    assert len(order_by_row(rows[:0], columns[:0])) == 0


def test_of_entries_at_one_place_the_highest() -> None:
    rows, columns = np.array([2, 0, 2, 2]), np.array([1, 3, 1, 0])
    values = np.array([0.5, 0.1, 0.7, 0.2], dtype=np.float32)
    matrix = highest(rows, columns, values, (3, 4)).toarray()
    assert matrix[[2, 0, 2], [1, 3, 0]] == pytest.approx([0.7, 0.1, 0.2])
    assert np.count_nonzero(matrix) == 3
    assert highest(rows[:0], columns[:0], values[:0], (3, 4)).nnz == 0


def test_what_mondo_refers_to_as_one_is_one() -> None:
    # Williams syndrome; Orphanet's group of polycystic kidneys, and OMIM's number of one form.
    twins = diseases(OMIM_194050=[], ORPHA_904=[], ORPHA_730=[], OMIM_173900=[])
    assert groups(twins) == {
        frozenset({"OMIM:194050", "ORPHA:904"}),
        frozenset({"ORPHA:730"}),
        frozenset({"OMIM:173900"}),
    }
    assert {"OMIM:194050", "ORPHA:904"} <= Knowledge.of(twins).disease_rows.keys()
    alone = diseases(OMIM_194050=[])
    assert groups(alone) == {frozenset({"OMIM:194050"})}  # nothing comes in by the table


def test_few_patients_are_no_certainty() -> None:
    kg = diseases(OMIM_1=[], OMIM_2=[], OMIM_3=[])
    qualifiers = {"OMIM:1": '{"frequency": 1.0, "sample": "1/1"}', "OMIM:2": '{"frequency": 0.9}'}
    evidence = kg.evidence.with_columns(
        qualifiers=pl.col("subject").replace_strict(qualifiers, default=None)
    )
    known = Knowledge.of(KnowledgeGraph.build(kg.nodes, evidence.drop("id", "edge"), kg.sources))
    assert known.annotated.toarray().ravel().tolist() == pytest.approx([3.5 / 6, 0.9, 0.5])
