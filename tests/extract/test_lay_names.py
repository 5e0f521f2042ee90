"""What laymen say for a phenotype is found and linked as its names are."""

from __future__ import annotations

import polars as pl
import pytest

from medkg.extract.lay_names import lay_names, with_lay_names
from medkg.extract.pipeline import build_pipeline
from medkg.graph.identifiers import name_key_of
from medkg.graph.kg import KnowledgeGraph
from medkg.loaders.sources import load


@pytest.fixture(scope="module")
def hpo() -> KnowledgeGraph:
    return load("hpo")


def test_each_is_a_term_that_lacks_the_name_and_nobody_elses(hpo: KnowledgeGraph) -> None:
    terms = hpo.nodes.filter(kind="Symptom")
    named = terms.select("id", pl.concat_list(pl.concat_list("name"), "synonyms")).explode("name")
    taken = {name_key_of(name) for name in named["name"].drop_nulls()}
    phrases = lay_names().explode("words")
    assert set(phrases["id"]) <= set(terms["id"])
    keys = [name_key_of(words) for words in phrases["words"]]
    assert len(set(keys)) == len(keys) > 500
    assert taken.isdisjoint(keys)


def test_only_phenotypes_of_the_graph_get_names(hpo: KnowledgeGraph) -> None:
    few = hpo.subgraph(["HP:0000545", "HP:0000098", "OMIM:154700"])
    found = with_lay_names(few)
    assert found.nodes["id"].to_list() == few.nodes["id"].to_list()
    more = dict(found.nodes.select("id", "synonyms").iter_rows())
    before = dict(few.nodes.select("id", "synonyms").iter_rows())
    assert more["OMIM:154700"] == before["OMIM:154700"]
    assert more["HP:0000545"][: len(before["HP:0000545"])] == before["HP:0000545"]
    assert "short-sightedness" in more["HP:0000545"]


def test_a_plain_note_is_read(hpo: KnowledgeGraph) -> None:
    nlp = build_pipeline(hpo)
    doc = nlp(
        "He is tall for his age, short-sighted and double-jointed, with subluxed lenses. He has no"
        " nosebleeds. She has no appetite, and her sister bruises easily. He does not sweat and"
        " does not have chest pain."
    )
    found = {m.text: (m._.identifier, m._.polarity) for m in doc.spans["mentions"]}
    assert found == {
        "tall for his age": ("HP:0000098", "asserted"),
        "short-sighted": ("HP:0000545", "asserted"),
        "double-jointed": ("HP:0001382", "asserted"),
        "subluxed lenses": ("HP:0001083", "asserted"),
        "nosebleeds": ("HP:0000421", "negated"),
        "no appetite": ("HP:0004396", "asserted"),
        "bruises easily": ("HP:0000978", "asserted"),
        "does not sweat": ("HP:0000970", "asserted"),
        "chest pain": ("HP:0100749", "negated"),
    }
