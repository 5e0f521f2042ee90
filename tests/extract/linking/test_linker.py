"""Linking: exact, by spelling, by similarity, to nothing; abbreviations; ties."""

from __future__ import annotations

import polars as pl
import pytest
from spacy.tokens import Span

from medkg.core.errors import ModelError
from medkg.extract import sentences as _sentences  # noqa: F401 (likewise)
from medkg.extract.linking import component as _linker  # noqa: F401 (registers the component)
from medkg.extract.linking.component import LinkerComponent
from medkg.extract.linking.linker import Linker
from medkg.extract.linking.links import EntityLink
from medkg.extract.tokens import blank
from medkg.graph.frames import NODES, conform

from ..made_graph import graph
from ..marked import marked, pipeline


@pytest.fixture(scope="module")
def linker() -> Linker:
    return Linker(graph())


@pytest.mark.parametrize(
    ("text", "kind", "identifier"),
    [
        ("fever", "Symptom", "HP:0001945"),
        ("Fevers", "Symptom", "HP:0001945"),
        ("pyrexia", "Disease", "HP:0001945"),
        ("dyspnœa", "Symptom", "HP:0002094"),
        ("renal failure", "Disease", "HP:0000083"),
        ("failure of the kidneys", "Disease", "HP:0000083"),
        ("severe acute dyspnoea", "Symptom", "HP:0002094"),
        ("dislocation of the lens", "Symptom", "HP:0001083"),
        ("type 2 diabetes mellitus", "Disease", "DOID:9352"),
        ("type-2 diabetes melitus", "Disease", "DOID:9352"),
        ("T2DM", "Disease", "DOID:9352"),
        ("COX2", "Target", "NCBIGene:5743"),
        ("cyclo-oxygenase 2", "Target", "NCBIGene:5743"),
        ("acetylsalicylic acid", "Drug", "drugbank:DB00945"),
        ("rifampicine", "Drug", "drugbank:DB01045"),
        ("angioedema, hereditary", "Disease", "ORPHA:91378"),
    ],
)
def test_a_mention_links_to_its_node(linker: Linker, text: str, kind: str, identifier: str) -> None:
    link = linker.link([(text, kind)])[0]
    assert link is not None
    assert link.identifier == identifier


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("sprained ankle", "Disease"),
        ("type 3 diabetes insipidus", "Disease"),
        ("aspirin", "Target"),
        ("PTGS2", "Drug"),
        ("", "Drug"),
        ("12", "Drug"),
        ("fever", "Anatomy"),
    ],
)
def test_a_mention_without_node_links_to_nothing(linker: Linker, text: str, kind: str) -> None:
    assert linker.link([(text, kind)]) == [None]


def test_of_two_kinds_the_mention_s_own_wins(linker: Linker) -> None:
    ids = [link.identifier for link in linker.link([("asthma", "Disease"), ("asthma", "Symptom")])
           if link]  # fmt: skip
    assert ids == ["DOID:2841", "HP:0002099"]


def test_a_tie_goes_to_the_preferred_prefix(linker: Linker) -> None:
    candidates = linker.candidates([("Marfan syndrome", "Disease")])[0]
    assert [link.identifier for link in candidates] == ["OMIM:154700", "ORPHA:558"]


def test_of_nodes_that_refer_to_one_another_the_one_of_that_name_is_taken() -> None:
    nodes = pl.DataFrame(
        {
            "id": ["MESH:D1", "DOID:1", "MESH:D2", "DOID:2"],
            "kind": ["Disease"] * 4,
            "name": ["Griffin Neoplasms", "griffin cancer", "Hydra Neoplasms", "hydra cancer"],
            "synonyms": [["griffin cancer"], [], ["hydra cancer"], []],
            "xrefs": [[], ["MESH:D1"], [], []],
        }
    )
    linker = Linker(graph().with_frames(nodes=conform(nodes, NODES)))
    griffin, hydra = linker.link([("griffin cancer", "Disease"), ("hydra cancer", "Disease")])
    assert griffin is not None
    assert griffin.identifier == "DOID:1"
    assert griffin.score > 0.8
    assert hydra is None or hydra.score < griffin.score  # two that nothing joins are rivals


@pytest.mark.parametrize("text", ["GRF-1β", "GRF1-beta", "GRF 1 beta"])
def test_a_greek_letter_is_its_name(text: str) -> None:
    nodes = pl.DataFrame(
        {"id": ["NCBIGene:1"], "kind": ["Target"], "name": ["GRF1B"], "synonyms": [["GRF1-BETA"]]}
    )
    (link,) = Linker(graph().with_frames(nodes=conform(nodes, NODES))).link([(text, "Target")])
    assert link is not None
    assert link.identifier == "NCBIGene:1"


def test_looser_matches_score_less(linker: Linker) -> None:
    texts = ["Fever", "pyrexia", "fevers", "severe fever"]
    of_texts = linker.candidates([(text, "Symptom") for text in texts])
    name, synonym, plural, modified = (candidates[0].score for candidates in of_texts)
    assert 1 > min(name, synonym) > plural > modified > 0


def test_the_answer_does_not_depend_on_what_was_asked_before() -> None:
    mentions = [("fevr", "Symptom"), ("dyspnoeic", "Symptom"), ("marfans syndrome", "Disease")]
    together = Linker(graph()).candidates(mentions)
    alone = [Linker(graph()).candidates([mention])[0] for mention in reversed(mentions)]
    assert together == alone[::-1]


def test_a_graph_without_names_links_nothing() -> None:
    empty = graph().subgraph(["HP:0001945"])
    assert Linker(empty).link([("aspirin", "Drug"), ("fever", "Symptom")])[0] is None


def test_the_component_spells_out_abbreviations_and_takes_the_node_s_kind() -> None:
    nlp = pipeline("medkg_sentences", "medkg_linker")
    nlp.get_pipe("medkg_linker").use(graph())
    doc = marked(
        nlp,
        "Hereditary angioedema (HAE) is rare. [HAE|Disease] causes no [fever|Disease] and no "
        "[ankle pain|Symptom].",
    )
    assert [(m.text, m.label_, m._.identifier) for m in doc.spans["mentions"]] == [
        ("HAE", "Disease", "ORPHA:91378"),
        ("fever", "Symptom", "HP:0001945"),
        ("ankle pain", "Symptom", None),
    ]


@pytest.mark.parametrize(
    ("mention", "identifiers"),
    [
        ("COX-2 enzyme", ["NCBIGene:5743"]),
        ("PTGS2 mRNA", ["NCBIGene:5743"]),
        ("COX-2 receptor", []),  # no name of it says that it is one
        ("PTPRC receptor", ["NCBIGene:5788"]),
        ("AMP kinase", []),
        ("some enzyme", []),
    ],
)
def test_what_is_no_name_is_looked_up_by_its_symbol(mention: str, identifiers: list[str]) -> None:
    names = pl.DataFrame(
        {
            "id": ["NCBIGene:5366", "MESH:D000249", "NCBIGene:5788"],
            "kind": ["Target", "Drug", "Target"],
            "name": ["AMP", "AMP", "PTPRC"],
            "synonyms": [[], [], ["protein tyrosine phosphatase receptor type C"]],
        }
    )
    names = conform(names, NODES)
    kg = graph()
    component = LinkerComponent().use(kg.with_frames(nodes=pl.concat([kg.nodes, names])))
    doc = blank().make_doc(mention)
    links = component._of_symbol(Span(doc, 0, len(doc), label="Target"), 0.5)
    assert [link.identifier for link in links] == identifiers


@pytest.mark.parametrize(
    ("mention", "identifiers"),
    [
        ("dystrophin gene", ["HGNC:2928"]),
        ("dystropin gene", []),  # like a name, and none
        ("dystrophin", []),  # a name of its own is not looked up here
    ],
)
def test_a_gene_is_looked_up_by_its_protein(mention: str, identifiers: list[str]) -> None:
    named = {"id": "HGNC:2928", "kind": "Target", "name": "DMD", "synonyms": [["dystrophin"]]}
    kg = graph()
    names = conform(pl.DataFrame(named), NODES)
    component = LinkerComponent().use(kg.with_frames(nodes=pl.concat([kg.nodes, names])))
    doc = blank().make_doc(mention)
    links = component._of_protein(Span(doc, 0, len(doc), label="Target"), 0.5)
    assert [link.identifier for link in links] == identifiers


def test_a_link_that_is_likelier_wrong_than_right_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    nlp = pipeline("medkg_sentences", "medkg_linker")
    linker = nlp.get_pipe("medkg_linker").use(graph()).linker
    for score, identifier in ((0.49, None), (0.51, "HP:0001945")):
        link = EntityLink("HP:0001945", "Symptom", "Fever", score)
        monkeypatch.setattr(
            linker, "in_document", lambda mentions, link=link: [[link] for _ in mentions]
        )
        doc = marked(nlp, "[feverishness|Symptom]")
        assert doc.spans["mentions"][0]._.identifier == identifier


def test_the_component_says_that_it_has_no_names() -> None:
    with pytest.raises(ModelError, match="has no names"):
        marked(pipeline("medkg_sentences", "medkg_linker"), "[fever|Symptom]")


def test_a_usual_short_form_without_a_long_one_is_linked_as_it_stands() -> None:
    """As it is in a paper: nothing is spelled out, so nothing speaks against its own name."""
    kg = graph()
    named = pl.DataFrame({"id": "CHEBI:35475", "kind": "Drug", "name": "NSAID", "synonyms": [[]]})
    kg = kg.with_frames(nodes=pl.concat([kg.nodes, conform(named, NODES)]))
    component = LinkerComponent().use(kg)
    links = []
    for note in (False, True):
        doc = marked(pipeline("medkg_sentences"), "[NSAID|Drug]")
        doc._.note = note
        (mention,) = component(doc).spans["mentions"]
        links.append((mention._.identifier, mention._.link_score))
    assert links[0] == links[1]
    assert links[0][0] == "CHEBI:35475"
