"""Edges derived from evidence: what counts, how probabilities combine, which qualifiers stay."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import permutations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from medkg.graph.edges import edges_from
from medkg.graph.frames import EDGES, Source, asserts_edge, complete_evidence
from medkg.graph.schema import Schema

from .graphs import small

SCHEMA = Schema.default()
DRUG, TARGET, OTHER = "drugbank:DB00619", "NCBIGene:3815", "NCBIGene:5742"
RELIABLE = Source("reliable", "1", "CC0-1.0")  # reliability 1, which caps nothing
TEXT = Source("text", "1", "CC0-1.0", reliability=0.8)
CURATED = Source("curated", "1", "CC0-1.0", reliability=0.95)


def evidence(*rows: Mapping[str, object]) -> pl.DataFrame:
    """Evidence that the drug has the target, one row each, with what differs from the default."""
    default: dict[str, object] = {
        "subject": DRUG,
        "relation": "TARGETS",
        "object": TARGET,
        "source": "reliable",
        "probability": 0.5,
    }
    # The offset keeps rows that are otherwise equal apart, as passages of one document are.
    full = [{**default, "start": place, **row} for place, row in enumerate(rows)]
    columns = dict.fromkeys(key for row in full for key in row)
    return complete_evidence(
        pl.DataFrame({key: [row.get(key) for row in full] for key in columns}), SCHEMA
    )


def edges(*rows: Mapping[str, object], sources: tuple[Source, ...] = (RELIABLE,)) -> pl.DataFrame:
    return edges_from(evidence(*rows), list(sources), SCHEMA)


def probability(*rows: Mapping[str, object], sources: tuple[Source, ...] = (RELIABLE,)) -> float:
    """The probability of the one edge of this evidence, which no order of rows changes."""
    probabilities = {
        edges(*order, sources=sources)["probability"].item()
        for order in ([rows] if len(rows) > 4 else permutations(rows))
    }
    assert len(probabilities) == 1
    return float(probabilities.pop())


def properties(*rows: Mapping[str, object]) -> dict[str, str] | None:
    """The properties of the one edge of this evidence, which no order of rows changes."""
    texts = {edges(*order)["properties"].item() for order in permutations(rows)}
    assert len(texts) == 1
    text = texts.pop()
    return None if text is None else dict(json.loads(text))


# Which evidence counts


def test_one_piece_of_evidence_makes_one_edge_with_all_columns() -> None:
    table = edges({"probability": 0.7, "qualifiers": '{"action": "inhibitor"}'})
    assert dict(table.schema) == dict(EDGES)
    (edge,) = table.iter_rows(named=True)
    assert edge == {
        "id": evidence({})["edge"][0],
        "subject": DRUG,
        "relation": "TARGETS",
        "object": TARGET,
        "probability": 0.7,
        "evidence_count": 1,
        "sources": ["reliable"],
        "properties": '{"action": "inhibitor"}',
    }


def test_several_pieces_of_evidence_make_one_edge_with_all_columns() -> None:
    rows: list[dict[str, object]] = [
        {"probability": 0.5, "document": "PMID:1"},
        {"probability": 0.4, "document": "PMID:1"},
        {"probability": 0.5, "document": "PMID:2"},
        {"source": "text", "probability": 0.5, "qualifiers": '{"action": "inhibitor"}'},
    ]
    table = edges(*rows, sources=(TEXT, RELIABLE))
    assert dict(table.schema) == dict(EDGES)
    (edge,) = table.iter_rows(named=True)
    assert edge == {
        "id": evidence({})["edge"][0],
        "subject": DRUG,
        "relation": "TARGETS",
        "object": TARGET,
        "probability": 0.875,
        "evidence_count": 4,
        "sources": ["reliable", "text"],
        "properties": '{"action": "inhibitor"}',
    }


def test_edges_are_kept_apart_and_sorted_by_id() -> None:
    rows: list[dict[str, object]] = [
        {"probability": 0.1},
        {"object": OTHER, "probability": 0.2},
        {"object": OTHER, "probability": 0.2, "document": "PMID:1"},
        {"relation": "DOWNREGULATES", "probability": 0.3},
        {"object": OTHER, "relation": "DOWNREGULATES", "probability": 0.3},
        {"object": OTHER, "relation": "DOWNREGULATES", "probability": 0.3, "source": "text"},
    ]
    table = edges(*rows)
    assert table["id"].is_sorted()
    probabilities = {(relation, tail): p for relation, tail, p in table.select(*_TAIL).iter_rows()}
    assert probabilities == {
        ("TARGETS", TARGET): 0.1,
        ("TARGETS", OTHER): 0.36,
        ("DOWNREGULATES", TARGET): 0.3,
        ("DOWNREGULATES", OTHER): 0.51,
    }


_TAIL = ("relation", "object", "probability")


@pytest.mark.parametrize(
    ("column", "value", "counts"),
    [
        ("polarity", "asserted", True),
        ("polarity", "negated", False),
        ("certainty", "certain", True),
        ("certainty", "possible", True),
        ("certainty", "hypothetical", False),
        ("experiencer", "patient", True),
        ("experiencer", "family", False),
        ("experiencer", "other", False),
        ("temporality", "current", True),
        ("temporality", "historical", False),
        ("level", "curated", True),
        ("level", "text-mined", True),
        ("level", "observed", True),
        ("level", "predicted", True),
    ],
)
def test_only_what_is_asserted_of_the_patient_now_counts(
    column: str, value: str, counts: bool
) -> None:
    assert edges({column: value}).height == counts
    # Beside evidence that counts, it adds nothing unless it counts itself.
    (edge,) = edges({}, {column: value, "document": "PMID:1"}).iter_rows(named=True)
    assert edge["evidence_count"] == 1 + counts
    assert edge["probability"] == (0.75 if counts else 0.5)


def test_polarity_does_not_decide_whether_evidence_bears_on_an_edge() -> None:
    rows = evidence({"polarity": "asserted"}, {"polarity": "negated"}, {"certainty": "possible"})
    assert rows.select(asserts_edge()).to_series().to_list() == [True, True, True]
    for column, value in (
        ("certainty", "hypothetical"),
        ("experiencer", "family"),
        ("temporality", "historical"),
    ):
        for polarity in ("asserted", "negated"):
            row = evidence({column: value, "polarity": polarity})
            assert not row.select(asserts_edge()).item()


def test_no_evidence_makes_no_edges() -> None:
    table = edges_from(evidence({}).clear(), [RELIABLE], SCHEMA)
    assert table.is_empty()
    assert dict(table.schema) == dict(EDGES)


# How probabilities combine


def test_within_a_document_the_highest_probability_counts() -> None:
    one = {"document": "PMID:1"}
    assert probability({**one, "probability": 0.3}, {**one, "probability": 0.6}) == 0.6
    assert probability(*({**one, "probability": p} for p in (0.2, 0.7, 0.4))) == 0.7


def test_across_documents_of_a_source_probabilities_combine_by_noisy_or() -> None:
    pieces = [{"document": f"PMID:{n}", "probability": p} for n, p in enumerate((0.3, 0.6))]
    assert probability(*pieces) == pytest.approx(1 - 0.7 * 0.4)
    pieces.append({"document": "PMID:9", "probability": 0.1})
    assert probability(*pieces) == pytest.approx(1 - 0.7 * 0.4 * 0.9)


def test_evidence_without_a_document_is_one_document_of_its_source() -> None:
    assert probability({"probability": 0.3}, {"probability": 0.6}) == 0.6
    assert probability({"probability": 0.5}, {"probability": 0.6, "document": "PMID:1"}) == 0.8


def test_one_document_read_by_two_sources_is_two_statements() -> None:
    both = [{"document": "PMID:1", "source": name, "probability": 0.5} for name in ("a", "b")]
    assert probability(*both) == 0.75


def test_a_source_is_capped_at_its_reliability_before_sources_combine() -> None:
    certain = {"source": "text", "probability": 1.0}
    assert probability(certain, sources=(TEXT,)) == 0.8
    several = [{**certain, "document": f"PMID:{n}", "probability": 0.7} for n in range(3)]
    assert probability(*several, sources=(TEXT,)) == 0.8
    # 1 - (1 - 0.8) * (1 - 0.95), and not the cap of what all together would give.
    curated = {"source": "curated", "probability": 1.0}
    assert probability(certain, curated, sources=(TEXT, CURATED)) == 0.99
    weak = {"source": "curated", "probability": 0.5}
    assert probability(certain, weak, sources=(TEXT, CURATED)) == 0.9
    assert probability(*several, weak, sources=(CURATED, TEXT)) == 0.9


def test_reliability_raises_no_probability_and_is_each_sources_own() -> None:
    assert probability({"source": "text", "probability": 0.3}, sources=(TEXT, CURATED)) == 0.3
    assert probability({"source": "curated", "probability": 1.0}, sources=(TEXT, CURATED)) == 0.95


def test_of_two_releases_of_a_source_the_lower_reliability_counts() -> None:
    releases = (Source("text", "1", "", reliability=0.9), Source("text", "2", "", reliability=0.6))
    for order in (releases, releases[::-1]):
        assert probability({"source": "text", "probability": 1.0}, sources=order) == 0.6


def test_a_source_that_is_not_declared_is_not_capped() -> None:
    assert probability({"source": "unheard of", "probability": 1.0}, sources=(TEXT,)) == 1.0
    assert probability({"source": "unheard of", "probability": 0.4}, sources=()) == 0.4


def test_probabilities_are_rounded_to_six_decimals() -> None:
    assert probability({"probability": 0.12345649}) == 0.123456
    assert probability({"probability": 0.12345651}) == 0.123457
    both = ({"probability": 0.0012345}, {"probability": 0.0012345, "document": "PMID:1"})
    assert probability(*both) == round(1 - (1 - 0.0012345) ** 2, 6)


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([("reliable", 1.0), ("text", 0.8), ("curated", 0.95)]),
            st.sampled_from([None, "PMID:1", "PMID:2"]),
            st.floats(0, 1),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_probabilities_combine_as_the_formula_says(
    pieces: list[tuple[tuple[str, float], str | None, float]],
) -> None:
    documents: dict[tuple[str, float], dict[str | None, float]] = {}
    for source, document, p in pieces:
        highest = documents.setdefault(source, {})
        highest[document] = max(p, highest.get(document, 0.0))
    none_true = 1.0
    for (_, reliability), highest in documents.items():
        no_document_true = 1.0
        for p in highest.values():
            no_document_true *= 1 - p
        none_true *= 1 - min(1 - no_document_true, reliability)
    rows: list[dict[str, object]] = [
        {"source": name, "document": document, "probability": p}
        for (name, _), document, p in pieces
    ]
    (edge,) = edges(*rows, sources=(RELIABLE, TEXT, CURATED)).iter_rows(named=True)
    assert edge["probability"] == pytest.approx(1 - none_true, abs=1e-6)
    assert edge["evidence_count"] == len(pieces)
    assert edge["sources"] == sorted({name for (name, _), *_ in pieces})


# Properties


def qualified(date: str, p: float = 0.5, /, **qualifiers: str) -> dict[str, object]:
    """Evidence of a measurement, with qualifiers."""
    return {
        "subject": "patient:1",
        "relation": "UNDERWENT",
        "object": "LOINC:1-8",
        "date": date,
        "probability": p,
        "qualifiers": json.dumps(qualifiers),
    }


def test_an_edge_keeps_the_qualifiers_that_its_relation_names() -> None:
    assert properties({"qualifiers": '{"action": "inhibitor", "note": "x"}'}) == {
        "action": "inhibitor"
    }
    assert properties({"qualifiers": '{"note": "x"}'}) is None
    assert properties({}) is None
    # EXPRESSED_IN and the like keep none at all.
    assert properties({"relation": "DOWNREGULATES", "qualifiers": '{"action": "x"}'}) is None


def test_properties_are_sorted_json_with_characters_as_they_are() -> None:
    (text,) = edges({"qualifiers": '{"role": "näher", "action": "inhibitor"}'})["properties"]
    assert text == '{"action": "inhibitor", "role": "näher"}'
    (text,) = edges(qualified("2020-05-01", value="7", unit="g"))["properties"]
    assert text == '{"unit": "g", "value": "7"}'


def test_evidence_that_does_not_count_gives_no_properties() -> None:
    row = {"qualifiers": '{"action": "inhibitor"}', "document": "PMID:1", "polarity": "negated"}
    assert properties({}, row) is None


def test_each_edge_has_its_own_properties() -> None:
    table = edges(
        {"qualifiers": '{"action": "inhibitor"}'},
        {"object": OTHER, "qualifiers": '{"action": "agonist"}'},
        {"object": OTHER, "qualifiers": '{"role": "main"}', "document": "PMID:1"},
        {"relation": "CAUSES", "object": "HP:0000969", "qualifiers": '{"frequency": "rare"}'},
        {"relation": "CAUSES", "object": "HP:0000970", "qualifiers": '{"frequency": "rare"}'},
        {"relation": "CAUSES", "object": "HP:0000971"},
    )
    assert dict(table.select("object", "properties").iter_rows()) == {
        TARGET: '{"action": "inhibitor"}',
        OTHER: '{"action": "agonist", "role": "main"}',
        "HP:0000969": '{"frequency": "rare"}',
        "HP:0000970": '{"frequency": "rare"}',
        "HP:0000971": None,
    }


def test_of_differing_values_the_most_probable_ones_stays() -> None:
    pieces = [
        {"qualifiers": json.dumps({"action": action}), "probability": p, "document": f"PMID:{p}"}
        for action, p in (("inhibitor", 0.9), ("agonist", 0.4), ("unknown", 0.5))
    ]
    assert properties(*pieces) == {"action": "inhibitor"}
    # What the most probable piece doesn't state is another's.
    pieces[0]["qualifiers"] = '{"role": "main"}'
    assert properties(*pieces) == {"action": "unknown", "role": "main"}


def test_of_equally_probable_values_the_latest_then_the_last_source_and_id_stays() -> None:
    def acting(action: str, **more: object) -> dict[str, object]:
        return {"qualifiers": json.dumps({"action": action}), **more}

    later = acting("agonist", date="2021-01-01", source="a")
    assert properties(later, acting("inhibitor", date="2020-12-31", source="b")) == {
        "action": "agonist"
    }
    assert properties(later, acting("inhibitor", source="b")) == {"action": "agonist"}
    assert properties(acting("agonist", source="b"), acting("inhibitor", source="a")) == {
        "action": "agonist"
    }
    rows = evidence(acting("one", document="PMID:1"), acting("two", document="PMID:2"))
    (last,) = rows.sort("id").tail(1)["qualifiers"]
    for order in (rows, rows[::-1]):
        assert edges_from(order, [RELIABLE], SCHEMA)["properties"].item() == last


def test_a_measurement_is_not_put_together_from_several() -> None:
    assert properties(
        qualified("2020-05-01", value="7", unit="g", standard_value="7000", standard_unit="mg"),
        qualified("2021-05-01", value="8"),
    ) == {"value": "8"}
    assert properties(
        qualified("2020-05-01", value="7", unit="g"),
        qualified("2021-05-01", interpretation="high"),
    ) == {"interpretation": "high"}
    assert properties(
        qualified("2020-05-01", interpretation="low"), qualified("2021-05-01", value="8")
    ) == {"value": "8"}
    # A piece without a measurement doesn't hide one.
    assert properties(
        qualified("2020-05-01", value="7", unit="g"),
        qualified("2021-05-01", unit="mg", standard_value="1", standard_unit="mg"),
        qualified("2021-06-01", note="x"),
    ) == {"value": "7", "unit": "g"}
    assert properties(
        qualified("2021-06-01", 0.4, value="9", unit="g"),
        qualified("2020-05-01", 0.5, value="7", interpretation="low", standard_unit="mg"),
    ) == {"value": "7", "interpretation": "low", "standard_unit": "mg"}


def test_beside_a_measurement_other_qualifiers_are_taken_from_any_piece() -> None:
    def phenotype(date: str, **qualifiers: str) -> dict[str, object]:
        return {
            **qualified(date, **qualifiers),
            "relation": "HAS_PHENOTYPE",
            "object": "HP:0000969",
        }

    assert properties(
        phenotype("2020-05-01", value="7", unit="g", onset="adult", severity="mild"),
        phenotype("2021-05-01", value="8", severity="severe"),
    ) == {"value": "8", "onset": "adult", "severity": "severe"}


def test_units_of_a_relation_without_measurements_are_taken_from_any_piece() -> None:
    relation = SCHEMA.relations["TARGETS"]
    own = Schema(
        SCHEMA.kinds,
        {"TARGETS": type(relation)("TARGETS", "", relation.joins, properties=("unit", "action"))},
    )
    rows = evidence(
        {"qualifiers": '{"unit": "g"}', "probability": 0.4},
        {"qualifiers": '{"action": "x"}', "document": "PMID:1"},
    )
    table = edges_from(rows, [RELIABLE], own)
    assert json.loads(table["properties"].item()) == {"unit": "g", "action": "x"}


def test_a_qualifier_may_have_the_name_of_a_column() -> None:
    relation = SCHEMA.relations["TARGETS"]
    names = ("edge", "id", "date", "source", "probability")
    own = Schema(
        SCHEMA.kinds,
        {"TARGETS": type(relation)("TARGETS", "", relation.joins, properties=names)},
    )
    stated = {name: f"stated {name}" for name in names}
    one = evidence({"qualifiers": json.dumps(stated)})
    two = evidence({"qualifiers": json.dumps(stated)}, {"document": "PMID:1", "qualifiers": "{}"})
    for rows in (one, two):
        table = edges_from(rows, [RELIABLE], own)
        assert json.loads(table["properties"].item()) == stated


def test_edges_of_a_graph_are_those_of_its_evidence_in_any_order() -> None:
    graph = small()
    for rows in (graph.evidence, graph.evidence[::-1], graph.evidence.sample(fraction=1.0, seed=1)):
        assert_frame_equal(edges_from(rows, graph.sources, SCHEMA), graph.edges)
