"""Made patients of whom the iller ones are treated, by a drug that does nothing."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl

from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph

DRUG, OTHER_DRUG, DRUG_CLASS = "RX:1", "RX:2", "NDFRT:1"
GOUT, TOPHUS, PAIN, TOE_PAIN, URATE = "OMIM:1", "HP:1", "HP:2", "HP:3", "LOINC:1"
_NODES = {
    "Drug": {DRUG: "colchicine", OTHER_DRUG: "ibuprofen"},
    "DrugClass": {DRUG_CLASS: "anti-inflammatory drugs"},
    "Disease": {GOUT: "gout"},
    "Symptom": {TOPHUS: "tophus", PAIN: "pain", TOE_PAIN: "toe pain"},
    "Procedure": {URATE: "urate"},
}


def graph(rows: list[dict[str, Any]], patients: dict[str, dict[str, Any]]) -> KnowledgeGraph:
    """A graph of rows of evidence, and of patients with their properties."""
    nodes = [(id_, kind, name, None) for kind, own in _NODES.items() for id_, name in own.items()]
    nodes += [(id_, "Patient", id_, json.dumps(own)) for id_, own in patients.items()]
    rows = [
        {"subject": DRUG, "relation": "IN_CLASS", "object": DRUG_CLASS},
        {"subject": TOE_PAIN, "relation": "SUBCLASS_OF", "object": PAIN},
        *rows,
    ]
    strings = dict.fromkeys(
        ("subject", "relation", "object", "date", "qualifiers", "experiencer", "certainty"),
        pl.String,
    )
    return KnowledgeGraph.build(
        pl.DataFrame(nodes, schema=["id", "kind", "name", "properties"], orient="row"),
        pl.DataFrame(rows, schema=strings).with_columns(source=pl.lit("ward")),
        [Source("ward", "1", "CC0-1.0")],
    )


def fact(
    patient: str, relation: str, thing: str, date: str | None = None, value: float | None = None
) -> dict[str, Any]:
    """A piece of evidence about a patient."""
    qualifiers = None if value is None else json.dumps({"value": value, "unit": "mg/dL"})
    return {
        "subject": patient,
        "relation": relation,
        "object": thing,
        "date": date,
        "qualifiers": qualifiers,
    }


def ward(patients: int = 1500, seed: int = 0) -> KnowledgeGraph:
    """All have gout. With a tophus and much urate they are treated, and in pain, more often."""
    rng = np.random.default_rng(seed)
    rows, properties = [], {}
    for number in range(patients):
        id_ = f"patient:{number:04}"
        properties[id_] = {
            "sex": str(rng.choice(["female", "male"])),
            "age": f"P{40 + number % 40}Y",
        }
        rows.append(fact(id_, "HAS_DISEASE", GOUT, "2020-01-01"))
        tophus, urate = rng.random() < 0.4, rng.normal(8, 1.5)
        if tophus:
            rows.append(fact(id_, "HAS_PHENOTYPE", TOPHUS, "2020-01-01"))
        rows.append(fact(id_, "UNDERWENT", URATE, "2020-01-01", urate))
        illness = 1.5 * tophus + 0.6 * (urate - 8) - 0.6
        is_treated = rng.random() < 1 / (1 + np.exp(-illness))
        rows.append(fact(id_, "TAKES", DRUG if is_treated else OTHER_DRUG, "2020-01-02"))
        # What the treatment does to the urate comes after it, and is no covariate.
        rows.append(fact(id_, "UNDERWENT", URATE, "2020-06-01", 4.0 if is_treated else urate + 0.1))
        if rng.random() < 1 / (1 + np.exp(-(illness - 0.5))):
            rows.append(fact(id_, "HAS_PHENOTYPE", TOE_PAIN, "2020-07-01"))
    return graph(rows, properties)


def followed(patients: int = 2000, seed: int = 0) -> KnowledgeGraph:
    """All have gout from 2010 on; half get a drug that does nothing, one to three years later."""
    rng = np.random.default_rng(seed)
    rows, named = [], [f"patient:{number:04}" for number in range(patients)]
    for id_ in named:
        gout = np.datetime64("2010-01-01") + int(rng.integers(365))
        drug, pain = gout + int(rng.integers(365, 1095)), gout + int(rng.exponential(2500))
        rows.append(fact(id_, "HAS_DISEASE", GOUT, str(gout)))
        if rng.random() < 0.5:
            rows.append(fact(id_, "TAKES", DRUG, str(drug)))
        if pain < np.datetime64("2018-01-01"):
            rows.append(fact(id_, "HAS_PHENOTYPE", PAIN, str(pain)))
    return graph(rows, {id_: {} for id_ in named})
