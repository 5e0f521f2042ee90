"""Chinese names: equal, in everyday words, in traditional characters, miswritten by sound."""

import polars as pl
import pytest

from medkg.extract.lay_names import with_lay_names
from medkg.extract.linking.chinese import ChineseNames, LinkerByScript, formal, key_of
from medkg.extract.linking.linker import Linker
from medkg.extract.linking.links import LinkQuery
from medkg.graph.kg import KnowledgeGraph
from medkg.loaders.sources import load

pytest.importorskip("opencc")
pytest.importorskip("pypinyin")


@pytest.fixture(scope="module")
def terminology() -> KnowledgeGraph:
    return with_lay_names(load("common", language="zh"))


@pytest.fixture(scope="module")
def names(terminology: KnowledgeGraph) -> ChineseNames:
    return ChineseNames(terminology.nodes.filter(pl.col("kind").is_in(["Symptom", "Disease"])))


@pytest.mark.parametrize(
    ("text", "identifier"),
    [
        ("发热", "HP:0001945"),
        ("发烧", "HP:0001945"),
        ("發燒", "HP:0001945"),
        ("肚子疼", "HP:0002027"),
        ("类风湿关节炎", "DOID:7148"),
        ("類風濕關節炎", "DOID:7148"),
        ("类风湿关结炎", "DOID:7148"),  # a character of the same sound
    ],
)
def test_the_first_candidate(names: ChineseNames, text: str, identifier: str) -> None:
    assert names.candidates(text)[0][1] == identifier


def test_equal_names_are_sure_and_others_are_not(names: ChineseNames) -> None:
    assert names.candidates("偏头痛")[0][0] == 1.0
    assert 0.3 < names.candidates("类风湿关结炎")[0][0] < 1.0
    assert all(score < 0.5 for score, *_ in names.candidates("手机号码"))


def test_keys() -> None:
    assert key_of("發熱（高）") == "发热高"
    assert formal("肚子疼") == "腹痛"


def test_mixed_mentions_go_to_the_linker_of_their_script(terminology: KnowledgeGraph) -> None:
    linker = LinkerByScript(terminology, Linker(terminology))
    queries = [LinkQuery("发烧", "Symptom"), LinkQuery("fever", "Symptom")]
    first = [links[0] for links in linker.in_document(queries)]
    assert [link.identifier for link in first] == ["HP:0001945", "HP:0001945"]
    assert first[1].name == "Fever"


def test_a_symptom_that_is_a_disease_too_prefers_the_mentions_kind(
    terminology: KnowledgeGraph,
) -> None:
    linker = LinkerByScript(terminology, Linker(terminology))
    (links,) = linker.in_document([LinkQuery("哮喘", "Disease")])
    assert links[0].kind == "Disease"
