"""Proteins that are given as drugs."""

from __future__ import annotations

import polars as pl
import pytest
from spacy.language import Language

from medkg.extract.mentions import gazetteer as _gazetteer  # noqa: F401 (registers the component)
from medkg.graph.frames import NODES, conform
from tests.extract.made_graph import graph

from ..marked import marked, pipeline


@pytest.fixture(scope="module")
def nlp() -> Language:
    names = ["insulin", "human erythropoietin", "evolocumab"]
    ids = [f"MESH:D{number}" for number in range(len(names))]
    nodes = pl.DataFrame({"id": ids, "kind": "Drug", "name": names})
    made = pipeline("medkg_sentences", "medkg_names")
    made.get_pipe("medkg_names").use(graph().with_frames(nodes=conform(nodes, NODES)))
    return made


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Patients were treated with [insulin|Target].", "Drug"),
        ("She was started on high-dose subcutaneous [insulin|Target] for diabetes.", "Drug"),
        ("Mice received [insulin|Target] daily.", "Drug"),
        ("[Insulin|Target] injections were stopped.", "Drug"),
        ("[Insulin|Target] was given.", "Drug"),
        ("[Insulin|Target] 20 units at night.", "Drug"),
        ("Treatment with recombinant [human erythropoietin|Target] helped.", "Drug"),
        ("[Evolocumab|Target] was measured.", "Drug"),
        ("[Insulin|Target] is used to treat diabetes.", "Drug"),
        ("[Insulin|Target] is still the main treatment of diabetes.", "Drug"),
        ("[Human erythropoietin|Target] corrected his anemia.", "Drug"),
        ("Metformin lowers [insulin|Target] and treats diabetes.", "Target"),
        ("[Insulin|Target] is used by muscles.", "Target"),
        ("[Insulin|Target] causes growth.", "Target"),
        ("[Insulin|Target] was measured.", "Target"),
        ("[Insulin|Target] secretion was impaired, and he was given advice.", "Target"),
        ("Treatment with aspirin and [insulin|Target] helped.", "Drug"),
        ("Treatment with aspirin lowered [insulin|Target].", "Target"),
        ("He was treated. [Insulin|Target] rose.", "Target"),
        ("Patients were treated with [trastuzumab antigen|Target].", "Target"),
    ],
)
def test_a_target_of_a_drugs_name_is_the_drug_where_it_is_given(
    nlp: Language, text: str, kind: str
) -> None:
    doc = marked(nlp, text)
    assert doc.spans["mentions"][-1].label_ == kind
