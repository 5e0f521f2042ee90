"""One concept is one node: what a graph has as a disease and as a symptom, in every relation."""

from __future__ import annotations

import json
from collections import defaultdict

import polars as pl
import pytest
import torch

from medkg.extract.documents import TextDocument
from medkg.extract.linking.conditions import Conditions
from medkg.extract.linking.links import EntityLink
from medkg.extract.run import read_documents
from medkg.graph.kg import KnowledgeGraph

NODES = [
    ("HP:0002013", "Symptom", "Vomiting", ["Emesis"], ["MESH:D014839"]),
    ("made:vomiting", "Disease", "Vomiting", [], ["HP:0002013", "MESH:D014839"]),
    ("HP:0000822", "Symptom", "Hypertension", ["High blood pressure"], ["MESH:D006973"]),
    ("DOID:10763", "Disease", "Hypertension", [], ["MESH:D006973"]),
    ("HP:0002615", "Symptom", "Hypotension", ["Low blood pressure"], []),
    ("MESH:D007022", "Disease", "Hypotension", [], ["HP:0002615"]),
    ("HP:0001083", "Symptom", "Ectopia lentis", [], []),
    ("OMIM:225100", "Disease", "Ectopia lentis", [], []),
    ("HP:0000716", "Symptom", "Depression", [], []),
    ("MESH:D003866", "Disease", "Depressive disorder", ["Depression"], []),
    ("HP:0002251", "Symptom", "Aganglionic megacolon", ["Hirschsprung disease"], []),
    ("OMIM:142623", "Disease", "Hirschsprung disease", [], []),
    ("HP:0009830", "Symptom", "Neuropathic pain", [], []),
    ("OMIM:103900", "Disease", "Conn syndrome", [], []),
    ("HP:0100754", "Symptom", "Mania", ["Hypomania"], []),
    ("DOID:3312", "Disease", "Bipolar disorder", ["Hypomania"], []),
    ("drugbank:DB00904", "Drug", "Ondansetron", [], []),
    ("drugbank:DB00996", "Drug", "Gabapentin", [], []),
    ("drugbank:DB00381", "Drug", "Amlodipine", [], []),
    ("drugbank:DB01233", "Drug", "Metoclopramide", [], []),
]
KIND = {identifier: kind for identifier, kind, *_ in NODES}
TEXTS = [
    "Ondansetron for vomiting: a trial. Ondansetron was effective in vomiting. Cisplatin causes"
    " vomiting. Hypertension and vomiting were seen in Conn syndrome.",
    "Conn syndrome presents with hypertension. Hypertension was treated with amlodipine."
    " Amlodipine caused hypotension in four. Low blood pressure resolved after amlodipine was"
    " stopped; the hypotension did not recur.",
    "Gabapentin is effective in the treatment of neuropathic pain. Neuropathic pain responded to"
    " gabapentin. Gabapentin-induced vomiting is rare.",
    "Metoclopramide should not be given to patients with depression. Metoclopramide-induced"
    " depression was reported. Depression is a symptom of Conn syndrome.",
]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def terminology() -> KnowledgeGraph:
    nodes = pl.DataFrame(
        NODES,
        schema={"id": pl.String, "kind": pl.String, "name": pl.String,
                "synonyms": pl.List(pl.String), "xrefs": pl.List(pl.String)},
        orient="row",
    )  # fmt: skip
    none = dict.fromkeys(("subject", "relation", "object", "source"), pl.String)
    return KnowledgeGraph.build(nodes, pl.DataFrame(schema=none), [])


@pytest.fixture(scope="module")
def papers(terminology: KnowledgeGraph) -> KnowledgeGraph:
    return read_documents(
        [TextDocument(f"PMID:{n}", text, None) for n, text in enumerate(TEXTS)], terminology
    )


def links_of(name: str) -> list[EntityLink]:
    """Equally good links to all nodes of a name, as a linker gives them."""
    return [
        EntityLink(node, kind, name, 0.9, name == own)
        for node, kind, own, synonyms, _ in NODES
        if name in (own, *synonyms)
    ]


@pytest.mark.parametrize(("score", "node"), [(0.9, "HP:0100754"), (0.61, "DOID:3312")])
def test_a_synonym_of_both_means_what_is_likelier(
    terminology: KnowledgeGraph, score: float, node: str
) -> None:
    links = [
        EntityLink("HP:0100754", "Symptom", "Hypomania", score, False),
        EntityLink("DOID:3312", "Disease", "hypomania", 0.6, False),
    ]
    meaning = Conditions(terminology).meaning(links)
    assert meaning is not None
    assert meaning.node.identifier == node


def test_a_disease_of_no_vocabulary_never_takes_a_symptoms_name(
    terminology: KnowledgeGraph,
) -> None:
    links = [
        EntityLink("made:fever", "Disease", "Fever", 0.9, True),
        EntityLink("HP:0001945", "Symptom", "Fever", 0.8, True),
    ]
    meaning = Conditions(terminology).meaning(links)
    assert meaning is not None
    assert meaning.node.identifier == "HP:0001945"


@pytest.mark.parametrize(
    ("name", "node", "twin"),
    [
        ("Vomiting", "HP:0002013", "made:vomiting"),  # no vocabulary has the disease
        ("Hypertension", "DOID:10763", "HP:0000822"),  # both refer to MeSH's
        ("High blood pressure", "DOID:10763", "HP:0000822"),  # a name that the disease lacks
        ("Hypotension", "MESH:D007022", "HP:0002615"),
        ("Ectopia lentis", "HP:0001083", "OMIM:225100"),  # OMIM's is a gene's form of it
        ("Depression", "HP:0000716", "MESH:D003866"),  # its own name, and a synonym of the other
        ("Hirschsprung disease", "OMIM:142623", "HP:0002251"),
        ("Neuropathic pain", "HP:0009830", None),
    ],
)
def test_a_condition_is_one_node_whichever_link_is_first(
    terminology: KnowledgeGraph, name: str, node: str, twin: str | None
) -> None:
    conditions = Conditions(terminology)
    for links in (links_of(name), links_of(name)[::-1]):
        meaning = conditions.meaning(links)
        assert meaning is not None
        assert (meaning.node.identifier, meaning.node.kind) == (node, KIND[node])
        assert (meaning.twin.identifier if meaning.twin else None) == twin
        assert meaning.read_as == links[0].kind
    assert conditions.meaning([]) is None


def test_what_two_diseases_of_a_vocabulary_refer_to_is_neither() -> None:
    nodes = pl.DataFrame(
        {
            "id": ["DOID:1", "DOID:2", "HP:1"],
            "kind": ["Disease", "Disease", "Symptom"],
            "name": ["early stiffness", "late stiffness", "stiffness"],
            "xrefs": [["HP:1"], ["HP:1"], []],
        }
    )
    none = dict.fromkeys(("subject", "relation", "object", "source"), pl.String)
    conditions = Conditions(KnowledgeGraph.build(nodes, pl.DataFrame(schema=none), []))
    meaning = conditions.meaning([EntityLink("HP:1", "Symptom", "stiffness", 0.9, True)])
    assert meaning is not None
    assert (meaning.node.identifier, meaning.twin) == ("HP:1", None)


def test_no_name_of_a_document_is_two_nodes(papers: KnowledgeGraph) -> None:
    nodes: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in papers.evidence.iter_rows(named=True):
        text = TEXTS[int(row["document"].removeprefix("PMID:"))]
        places = json.loads(row["qualifiers"])
        ends = {"mention": "object"} if row["relation"] == "MENTIONS" else {
            "subject": "subject", "object": "object"
        }  # fmt: skip
        for place, end in ends.items():
            name = text[places[f"{place}_start"] : places[f"{place}_end"]].lower()
            nodes[row["document"], name].add(row[end])
    assert len(nodes) > 12
    assert {key: ids for key, ids in nodes.items() if len(ids) > 1} == {}


@pytest.mark.parametrize(
    "edge",
    [
        ("drugbank:DB00904", "TREATS", "HP:0002013"),
        ("drugbank:DB00996", "TREATS", "HP:0009830"),
        ("drugbank:DB00381", "TREATS", "DOID:10763"),
        ("drugbank:DB00381", "CAUSES", "MESH:D007022"),
        ("drugbank:DB01233", "CONTRAINDICATED_FOR", "HP:0000716"),
        ("OMIM:103900", "HAS_SYMPTOM", "DOID:10763"),
    ],
)
def test_the_relation_follows_the_node(papers: KnowledgeGraph, edge: tuple[str, str, str]) -> None:
    assert edge in papers.edges.select("subject", "relation", "object").rows()


def test_a_patient_with_such_a_disease_has_the_finding(terminology: KnowledgeGraph) -> None:
    text = "He has hypertension and vomiting. No hypotension."
    kg = read_documents([TextDocument("note:1", text, "patient:1")], terminology)
    facts = kg.edges.filter(subject="patient:1").select("relation", "object").rows()
    assert sorted(facts) == [
        ("HAS_DISEASE", "DOID:10763"),
        ("HAS_PHENOTYPE", "HP:0000822"),
        ("HAS_PHENOTYPE", "HP:0002013"),
        ("LACKS_PHENOTYPE", "HP:0002615"),
    ]
