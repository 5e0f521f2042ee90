"""Patients as a graph: pseudonyms, findings and diagnoses, and the explained predictions."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING

import polars as pl

from medkg.core.json_reading import parse_object
from medkg.core.progress import track
from medkg.diagnosis.patients import PatientFindings
from medkg.graph.frames import NODES, Source, conform
from medkg.graph.kg import KnowledgeGraph

if TYPE_CHECKING:
    from medkg.mining.diagnosis.model import DiagnosisModel

PATIENTS = Source("patients", "", "private: patients' data, not to be passed on")
_RANDOM_BYTES = 12  # of a pseudonym without a key


def pseudonym(key: str | None, own: str) -> str:
    """The identifier of a patient in the graph, without a key a random one.

    With a key it is that of `medkg.loaders.clinical.Patients`: the same for the same patient
    wherever the key is used, FHIR and OMOP loads included.

    Args:
        own: the source's own identifier of the patient, with or without `patient:`: of a
            phenopacket its `id` (not its subject's), else what the user calls the patient.
    """
    from medkg.loaders.clinical import Patients

    if key is None:
        return f"patient:{secrets.token_hex(_RANDOM_BYTES)}"
    return Patients(key).identifier(own.removeprefix("patient:"))


def patient_graph(
    patients: Mapping[str, PatientFindings], model: DiagnosisModel, top: int
) -> KnowledgeGraph:
    """Patients as a graph: what they show and lack, known diagnoses, and what is predicted.

    Nothing else of them: no name, no date, no text; what they are called is a pseudonym.

    Args:
        patients: by their pseudonyms.
        top: number of predicted diagnoses of each.

    Returns:
        Nodes Patient, Symptom and Disease; HAS_PHENOTYPE, LACKS_PHENOTYPE and HAS_DISEASE; and
        HAS_DISEASE predictions, whose `explanation` is JSON: the identifiers of `matching`,
        `missing`, `unexpected` and `against` phenotypes, and `findings`, what
        `DiagnosisModel.explain` says of each.
    """
    kg = _stated_graph(patients, model.kg)
    predictions = _explained(model, model.predictions(kg, top=top), patients)
    tails = predictions.select(id="tail", kind=pl.lit("Disease"), name="tail").unique("id")
    others = pl.concat([tails["id"], kg.nodes["id"]])
    # The last are diseases of known cases that the model's graph lacks.
    nodes = pl.concat(
        [
            kg.nodes,
            model.kg.nodes.filter(pl.col("id").is_in(others.implode())),
            conform(tails, NODES),
        ]
    ).unique("id", keep="first", maintain_order=True)
    return kg.with_frames(nodes=nodes.sort("id")).with_predictions(predictions)


def _stated_graph(
    patients: Mapping[str, PatientFindings], described: KnowledgeGraph
) -> KnowledgeGraph:
    """The patients, what they show and lack, and their known diagnoses.

    Args:
        described: the graph that describes the phenotypes and diseases.
    """
    statements = [
        (pseudonym, relation, object_)
        for pseudonym, patient in patients.items()
        for relation, objects in (
            ("HAS_PHENOTYPE", patient.findings.present),
            ("LACKS_PHENOTYPE", patient.findings.excluded),
            ("HAS_DISEASE", patient.diseases),
        )
        for object_ in objects
    ]
    objects = {object_ for *_, object_ in statements}
    known_nodes = described.nodes.filter(pl.col("id").is_in(list(objects)))
    missing = objects - set(known_nodes["id"])
    own_nodes = pl.DataFrame(
        [
            *((pseudonym, "Patient", pseudonym) for pseudonym in patients),
            *((id_, "Disease", id_) for id_ in sorted(missing)),
        ],
        schema=["id", "kind", "name"],
        orient="row",
    )
    evidence = pl.DataFrame(
        statements, schema=dict.fromkeys(("subject", "relation", "object"), pl.String), orient="row"
    ).with_columns(source=pl.lit(PATIENTS.name), level=pl.lit("observed"))
    nodes = pl.concat([known_nodes, own_nodes], how="diagonal")
    return KnowledgeGraph.build(nodes, evidence, [PATIENTS])


def _explained(
    model: DiagnosisModel, predictions: pl.DataFrame, patients: Mapping[str, PatientFindings]
) -> pl.DataFrame:
    """Predictions with `findings`, what each phenotype weighs, added to the explanations."""
    explanations = {}
    several = len(patients) > 1
    for pseudonym, patient in track(patients.items(), "explain") if several else patients.items():
        own = predictions.filter(head=pseudonym).sort("rank")
        if own.is_empty():
            continue
        findings = patient.findings
        diseases = own["tail"].to_list()
        # The predictions are of phenotypes alone, too.
        rows = model.explain(
            findings.present, findings.excluded, diseases=diseases, circumstances=None
        )
        for disease, compared in own.select("tail", "explanation").iter_rows():
            lines = rows.filter(disease=disease).drop("rank", "disease", "disease_name")
            stated = [{k: v for k, v in line.items() if v is not None} for line in lines.to_dicts()]
            explanations[pseudonym, disease] = json.dumps(
                {**parse_object(compared), "findings": stated}, ensure_ascii=False
            )
    texts = [explanations[pair] for pair in predictions.select("head", "tail").iter_rows()]
    return predictions.with_columns(explanation=pl.Series(texts, dtype=pl.String))
