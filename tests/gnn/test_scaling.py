"""Numbers of nodes and edges as features of 0 to 1."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medkg.core.errors import DataError
from medkg.gnn.data import identifiers, to_hetero_data
from medkg.gnn.scaling import Scaler, numeric_properties
from medkg.graph.document_readings import reading_properties
from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph

GLUCOSE, SODIUM = "LOINC:2345-7", "LOINC:2951-2"


def graph(
    ages: dict[str, str | None], measured: Sequence[tuple[str, str, dict[str, Any]]]
) -> KnowledgeGraph:
    """Patients with their ages, and what was measured in them."""
    nodes = pl.DataFrame(
        [
            *((f"patient:{p}", "Patient", p, json.dumps({"age": a, "sex": "male"}))
              for p, a in ages.items()),
            (GLUCOSE, "Procedure", "Glucose", json.dumps({"code": "2345", "weight": 2})),
            (SODIUM, "Procedure", "Sodium", None),
        ],
        schema=["id", "kind", "name", "properties"],
        orient="row",
    )  # fmt: skip
    evidence = pl.DataFrame(
        [(f"patient:{p}", "UNDERWENT", what, json.dumps(q)) for p, what, q in measured],
        schema=dict.fromkeys(["subject", "relation", "object", "qualifiers"], pl.String),
        orient="row",
    ).with_columns(source=pl.lit("clinic"))
    return KnowledgeGraph.build(nodes, evidence, [Source("clinic", "1", "none")])


TRAINING = graph(
    {"a": "P3Y", "b": "P63Y", "c": "18 months", "d": None},
    [
        ("a", GLUCOSE, {"value": 90, "unit": "mg/dL"}),
        ("b", GLUCOSE, {"value": 1.9, "unit": "g/L"}),
        ("c", GLUCOSE, {"value": 5, "unit": "mmol/L"}),
        ("a", SODIUM, {"value": 130, "unit": "mmol/L"}),
        ("b", SODIUM, {"value": 150, "unit": "mmol/L"}),
        ("c", SODIUM, {"value": "high", "unit": "mmol/L"}),
    ],
)


def test_numbers_are_read_in_one_unit_each_within_its_own_scale() -> None:
    numbers = numeric_properties(TRAINING)
    assert set(numbers.filter(type="Patient").select("id", "scale", "value").rows()) == {
        ("patient:a", "Patient age a", 3.0),
        ("patient:b", "Patient age a", 63.0),
        ("patient:c", "Patient age a", 1.5),
    }
    # A code is text; a weight is a number.
    assert numbers.filter(type="Procedure")["property"].to_list() == ["weight"]
    values = numbers.filter(type="UNDERWENT").sort("scale", "value").select("scale", "value")
    assert values.rows() == [
        (f"UNDERWENT value mg/dL {GLUCOSE}", 90.0),
        (f"UNDERWENT value mg/dL {GLUCOSE}", 190.0),
        (f"UNDERWENT value mmol/L {GLUCOSE}", 5.0),
        (f"UNDERWENT value mmol/L {SODIUM}", 130.0),
        (f"UNDERWENT value mmol/L {SODIUM}", 150.0),
    ]
    edge = TRAINING.edges["id"][0]
    assert edge not in numeric_properties(TRAINING, exclude_edges=[edge])["id"]


def test_the_hash_of_a_text_is_no_number() -> None:
    properties = reading_properties("6d1fd0" + "0" * 58, "28df39bb73cf597b", "787e11f08935")
    nodes = pl.DataFrame(
        {"id": ["note:a"], "kind": "Document", "name": "a", "properties": properties}
    )
    evidence = pl.DataFrame(
        schema=dict.fromkeys(("subject", "relation", "object", "source"), pl.String)
    )
    kg = KnowledgeGraph.build(nodes, evidence, [Source("made", "1", "CC0-1.0")])
    assert numeric_properties(kg).is_empty()


def test_doses_and_frequencies_are_numbers() -> None:
    nodes = pl.DataFrame(
        {
            "id": ["patient:1", "drugbank:DB00945", "drugbank:DB00619", "OMIM:1", "HP:0000001"],
            "kind": ["Patient", "Drug", "Drug", "Disease", "Symptom"],
            "name": ["1", "a", "b", "c", "d"],
        }
    )
    evidence = pl.DataFrame(
        [
            ("patient:1", "TAKES", "drugbank:DB00945", {"dose": "0.5 g", "frequency": "weekly"}),
            ("patient:1", "TAKES", "drugbank:DB00619", {"dose": "2 puffs"}),
            ("OMIM:1", "HAS_SYMPTOM", "HP:0000001", {"frequency": "3/4", "onset": "Infantile"}),
        ],
        schema=["subject", "relation", "object", "qualifiers"],
        orient="row",
    ).with_columns(
        source=pl.lit("clinic"),
        qualifiers=pl.col("qualifiers").map_elements(json.dumps, return_dtype=pl.String),
    )
    kg = KnowledgeGraph.build(nodes, evidence, [Source("clinic", "1", "none")])
    rows = numeric_properties(kg).sort("scale").select("scale", "value").rows()
    assert rows == [
        ("HAS_SYMPTOM frequency", 0.75),
        ("TAKES dose mg/d", pytest.approx(500 / 7)),
    ]


def test_features_of_nodes_and_edges() -> None:
    scaler = Scaler.fit(numeric_properties(TRAINING), "range")
    data = to_hetero_data(TRAINING, features=scaler)
    patients = identifiers(TRAINING, data, "Patient")
    assert patients.to_list() == ["patient:a", "patient:b", "patient:c", "patient:d"]
    assert data.numeric["Patient"] == ["age", "age missing"]
    expected = [[1.5 / 61.5, 0], [1, 0], [0, 0], [0, 1]]
    torch.testing.assert_close(data["Patient"].x_numeric, torch.tensor(expected))
    edges = data["Patient", "UNDERWENT", "Procedure"]
    ends = zip(*edges.edge_index.tolist(), strict=True)
    procedures = identifiers(TRAINING, data, "Procedure")
    features = {
        (patients[head][-1], procedures[tail]): row
        for (head, tail), row in zip(ends, edges.edge_attr.tolist(), strict=True)
    }
    assert features == {
        ("a", GLUCOSE): [0, 0],
        ("b", GLUCOSE): [1, 0],
        # The only value in its unit: nothing to tell it by.
        ("c", GLUCOSE): [0.5, 0],
        ("a", SODIUM): [0, 0],
        ("b", SODIUM): [1, 0],
        ("c", SODIUM): [0, 1],
    }
    assert data.scaling == {"scaled": 9, "out_of_range": 0, "unseen": 0}
    assert "x_numeric" not in to_hetero_data(TRAINING)["Patient"]


def test_prediction_uses_the_limits_of_training() -> None:
    scaler = Scaler.from_dict(
        json.loads(json.dumps(Scaler.fit(numeric_properties(TRAINING), "range").to_dict()))
    )
    new = graph(
        {"x": "P90Y", "y": "P33Y"},
        [
            ("x", SODIUM, {"value": 140, "unit": "mmol/L"}),
            ("y", GLUCOSE, {"value": 1, "unit": "blobs"}),
        ],
    )
    data = to_hetero_data(new, features=scaler)
    age = data["Patient"].x_numeric
    torch.testing.assert_close(age, torch.tensor([[1.0, 0], [31.5 / 61.5, 0]]))
    edges = data["Patient", "UNDERWENT", "Procedure"]
    assert sorted(edges.edge_attr.tolist()) == [[0, 1], [0.5, 0]]
    assert data.scaling == {"scaled": 4, "out_of_range": 1, "unseen": 1}


def test_quantiles_are_not_moved_by_a_slip() -> None:
    values = pl.DataFrame(
        {
            "id": [str(n) for n in range(1001)],
            "type": "Patient",
            "property": "age",
            "scale": "Patient age a",
            "value": [*(float(n % 100) for n in range(1000)), 1e9],
        }
    )
    assert Scaler.fit(values, "quantiles").scales["Patient age a"].high == 99
    assert Scaler.fit(values, "range").scales["Patient age a"].high == 1e9


def test_what_is_no_scaler_is_named() -> None:
    with pytest.raises(DataError, match="is no scaler"):
        Scaler.from_dict({"method": "range"})
    with pytest.raises(DataError, match="is no scaler"):
        Scaler.from_dict({"method": "magic", "scales": {}, "columns": {}})
    with pytest.raises(DataError, match="no scaling by 'magic'"):
        Scaler.fit(numeric_properties(TRAINING), "magic")  # type: ignore[arg-type]


VALUES = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20)


def numbers(values: list[float]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "id": [str(n) for n in range(len(values))],
            "type": "Patient",
            "property": "x",
            "scale": "Patient x",
            "value": values,
        },
        schema_overrides={"value": pl.Float64},
    )


@settings(max_examples=100)
@given(VALUES, VALUES, st.sampled_from(["range", "quantiles"]))
def test_any_numbers_are_scaled_within_0_and_1_and_alike_after_saving(
    training: list[float], other: list[float], method: Any
) -> None:
    scaler = Scaler.fit(numbers(training), method)
    again = Scaler.from_dict(json.loads(json.dumps(scaler.to_dict())))
    assert again == scaler
    scaled, counts = scaler.scaled(numbers(other))
    assert again.scaled(numbers(other))[0].equals(scaled)
    ids = scaled["id"]
    features = scaler.features(scaled, "Patient", ids)
    assert features.shape == (len(other), 2)
    assert np.isfinite(features).all()
    assert ((features >= 0) & (features <= 1)).all()
    assert counts["scaled"] == len(other)
    # The order of values is kept, and one value alone is scaled as among others.
    order = np.argsort(np.array(other), kind="stable")
    assert (np.diff(features[order, 0]) >= 0).all()
    alone, _ = scaler.scaled(numbers(other).head(1))
    assert alone["value"][0] == scaled["value"][0]
    if method == "range":
        assert scaler.scaled(numbers(training))[1]["out_of_range"] == 0
