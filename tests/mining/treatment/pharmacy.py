"""A small graph with treatments to learn, and with what speaks against some drugs."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import polars as pl

from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.treatment.model import TreatmentModel

FAMILIES, DISEASES, DRUGS = 6, 4, 8
SOURCES = [Source("made", "1", "CC0-1.0"), Source("label", "2", "CC0-1.0", reliability=0.9)]
Row = tuple[str, str, str, str | None]


def pharmacy(
    seed: int = 0, extra: Sequence[Row] | None = None, drugs: dict[str, str] | None = None
) -> KnowledgeGraph:
    """Drugs and diseases in families: a drug treats two or three diseases of its family, shares a
    target with its family, and the diseases are associated with that target.

    - `DOID:F` (disease F) is wider than `DOID:F0` … `DOID:F3`; `DOID:F0` is wider than `DOID:F9`.
    - drug 0-0 is contraindicated for the wide `DOID:1`, drug 0-1 for `DOID:99` (a form of
      `DOID:9`), drug 0-2 interacts with drug 1-0, drug 0-3 causes `HP:1` (fever), drug 0-4 is
      contraindicated in pregnancy, and drug 0-5 in the disease of the name of the symptom fever.
    - `DOID:88` stands alone; `DOID:00` replaces `DOID:old`; drug 1-1 only palliates `DOID:00`.
    - `drugs` are more drugs by their identifiers, `extra` more edges.
    - patient:1 has disease 0-0, takes drug 1-0, is a woman of 70 with fever.
    """
    chance = np.random.default_rng(seed)
    nodes: list[tuple[str, str, str, str | None]] = [
        (node, "Drug", name, None) for node, name in (drugs or {}).items()
    ]
    rows: list[Row] = list(extra or ())
    for f in range(FAMILIES):
        nodes.append((f"DOID:{f}", "Disease", f"disease {f}", None))
        nodes.append((f"DOID:{f}9", "Disease", f"disease {f}-9", None))
        rows.append((f"DOID:{f}9", "SUBCLASS_OF", f"DOID:{f}0", None))
        nodes.append((f"NCBIGene:{f}", "Target", f"GENE{f}", None))
        nodes.append((f"NDFRT:{f}", "DrugClass", f"class {f}", None))
        nodes.append((f"HP:{f}", "Symptom", "fever" if f == 1 else f"symptom {f}", None))
        for d in range(DISEASES):
            replaces = json.dumps({"replaces": ["DOID:old"]}) if (f, d) == (0, 0) else None
            nodes.append((f"DOID:{f}{d}", "Disease", f"disease {f}-{d}", replaces))
            rows.append((f"DOID:{f}{d}", "SUBCLASS_OF", f"DOID:{f}", None))
            rows.append((f"DOID:{f}{d}", "ASSOCIATED_WITH", f"NCBIGene:{f}", None))
            rows.append((f"DOID:{f}{d}", "HAS_SYMPTOM", f"HP:{f}", None))
        for n in range(DRUGS):
            drug = f"drugbank:DB{f}{n}"
            nodes.append((drug, "Drug", f"drug {f}-{n}", None))
            rows.append((drug, "IN_CLASS", f"NDFRT:{f}", None))
            rows.append((drug, "TARGETS", f"NCBIGene:{f}", None))
            for d in chance.choice(DISEASES, size=2 + n % 2, replace=False):
                rows.append((drug, "TREATS", f"DOID:{f}{d}", None))
    nodes += [
        ("DOID:99", "Disease", "disease 9 in children", None),
        ("DOID:9000", "Disease", "disease nine", None),
        ("DOID:88", "Disease", "lonely disease", None),
        ("DOID:77", "Disease", "Pregnancy", None),
        ("DOID:66", "Disease", "Fever", None),
        ("text:latex", "Exposure", "latex", None),
        ("patient:1", "Patient", "patient 1", json.dumps({"sex": "female", "age": "P70Y2M"})),
        ("patient:2", "Patient", "patient 2", json.dumps({"sex": "unknown", "birth_year": 1900})),
    ]
    interaction = json.dumps({"effect": "bleeding"})
    rows += [
        ("DOID:99", "SUBCLASS_OF", "DOID:9000", None),
        ("drugbank:DB00", "CONTRAINDICATED_FOR", "DOID:1", None),
        ("drugbank:DB01", "CONTRAINDICATED_FOR", "DOID:99", None),
        ("drugbank:DB02", "INTERACTS_WITH", "drugbank:DB10", interaction),
        ("drugbank:DB03", "CAUSES", "HP:1", json.dumps({"frequency": "common"})),
        ("drugbank:DB04", "CONTRAINDICATED_FOR", "DOID:77", None),
        ("drugbank:DB05", "CONTRAINDICATED_FOR", "DOID:66", None),
        ("drugbank:DB11", "PALLIATES", "DOID:00", None),
        ("patient:1", "HAS_DISEASE", "DOID:00", None),
        ("patient:1", "HAS_PHENOTYPE", "HP:1", None),
        ("patient:1", "TAKES", "drugbank:DB10", None),
        ("patient:2", "TAKES", "drugbank:DB10", None),
    ]
    evidence = pl.DataFrame(
        rows,
        schema=dict.fromkeys(["subject", "relation", "object", "qualifiers"], pl.String),
        orient="row",
    ).with_columns(
        source=pl.when(pl.col("relation").is_in(["TREATS", "IN_CLASS"]))
        .then(pl.lit("made"))
        .otherwise(pl.lit("label")),
        references=pl.lit(["PMID:7"]),
    )
    columns = dict.fromkeys(["id", "kind", "name", "properties"], pl.String)
    frame = pl.DataFrame(nodes, schema=columns, orient="row")
    return KnowledgeGraph.build(frame, evidence, SOURCES)


def on(model: TreatmentModel, kg: KnowledgeGraph) -> TreatmentModel:
    """The model with another graph to answer from."""
    return TreatmentModel(
        model.ensemble, model.task, model.settings, model.seed, model.metrics, kg, model.record,
        same_graph=False,
    )  # fmt: skip
