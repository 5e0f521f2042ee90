from __future__ import annotations

from pathlib import Path

import pytest
import spacy

from medkg.core.errors import ModelError
from medkg.extract.documents import TextDocument
from medkg.extract.pipeline import build_pipeline
from medkg.extract.run import read_documents
from tests.graph.graphs import small


@pytest.fixture
def other(tmp_path: Path) -> str:
    """A spaCy model of somebody else's, with labels as scispaCy has them."""
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns(  # type: ignore[attr-defined]  # add_pipe is typed as any component
        [
            {"label": "CHEMICAL", "pattern": "imatinib"},
            {"label": "DISEASE", "pattern": "edema"},
            {"label": "ORGANISM", "pattern": "mice"},
        ]
    )
    nlp.to_disk(tmp_path / "other")
    return str(tmp_path / "other")


def test_entities_become_mentions_with_exact_offsets(other: str) -> None:
    nlp = build_pipeline(small(), ner_model=other)
    text = "In mice, (imatinib)-induced edema/ascites."
    doc = nlp(text)
    mentions = {(text[s.start_char : s.end_char], s.label_) for s in doc.spans["mentions"]}
    assert mentions == {("imatinib", "Drug"), ("edema", "Symptom")}


def test_a_graph_is_made_with_them(other: str) -> None:
    documents = [TextDocument("PMID:9", "Imatinib was given; imatinib caused edema.")]
    graph = read_documents(documents, small(), model=other)
    assert {"drugbank:DB00619", "HP:0000969"} <= set(graph.nodes["id"])


def test_what_is_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="en_ner_nobody_md: is neither"):
        build_pipeline(small(), ner_model="en_ner_nobody_md")
    spacy.blank("en").to_disk(tmp_path / "empty")
    with pytest.raises(ModelError, match="finds no entities"):
        build_pipeline(small(), ner_model=str(tmp_path / "empty"))
