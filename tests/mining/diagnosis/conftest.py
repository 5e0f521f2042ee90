"""The graph of the diagnosis tests, and a model that has known patients."""

from __future__ import annotations

import pytest

from medkg.graph.kg import KnowledgeGraph
from medkg.mining.diagnosis.model import DiagnosisModel
from medkg.mining.diagnosis.train import train_diagnosis
from tests.gnn.phenotype_graph import graph, of_disease, patients


@pytest.fixture(scope="module")
def kg() -> KnowledgeGraph:
    return graph()


@pytest.fixture(scope="module")
def trained(kg: KnowledgeGraph) -> DiagnosisModel:
    """Naive Bayes that had patients with OMIM:0 to OMIM:4, of PMID:1 and PMID:2."""
    known = [of_disease(kg, i, f"known{i}", f"PMID:{1 + i % 2}") for i in range(5)]
    return train_diagnosis(kg, model="naive_bayes", cases=patients(known))
