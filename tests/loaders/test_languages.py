"""Names in Chinese: the tables that ship, one's own, and what becomes of them in a graph."""

from pathlib import Path

import polars as pl
import pytest

import medkg
from medkg.core.errors import MissingError
from medkg.core.han import has_han
from medkg.core.quarantine import Quarantine
from medkg.graph.export import export
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.languages import named_in, names_in
from medkg.loaders.languages import _SHIPPED
from medkg.loaders.sources import load
from medkg.loaders.text_tables import read_table

TABLES = {"drugs.tsv": ("Drug", 780), "diseases.tsv": ("Disease", 300)}


@pytest.fixture(scope="module")
def starter() -> KnowledgeGraph:
    return load("starter", language="zh")


@pytest.mark.parametrize("file", TABLES)
def test_shipped_names_are_of_nodes_that_there_are(file: str, hpo: KnowledgeGraph) -> None:
    kind, least = TABLES[file]
    rows = read_table(
        _SHIPPED / "chinese" / file, ["id", "english", "name"], Quarantine(), ["synonyms"]
    )
    sources = [hpo, load("starter"), load("common")]
    nodes = pl.concat([source.nodes for source in sources], how="diagonal")
    named = nodes.filter(kind=kind).select("id", own="name").unique()
    joined = rows.join(named, left_on=["id", "english"], right_on=["id", "own"], how="semi")
    assert rows.height >= least
    assert joined.height == rows.height
    names = [*rows["name"], *rows["synonyms"].drop_nulls().str.split("|").explode()]
    assert all(has_han(name) for name in names)
    assert len(set(names)) == len(names)


def test_phenotypes_have_the_official_labels(hpo: KnowledgeGraph) -> None:
    file = _SHIPPED / "chinese" / "phenotypes.tsv.xz"
    rows = read_table(file, ["subject_id", "translation_value"], Quarantine())
    labels = dict(rows.select("subject_id", "translation_value").iter_rows())
    assert labels["HP:0001945"] == "发热"
    symptoms = hpo.nodes.filter(kind="Symptom")
    assert symptoms["id"].is_in(list(labels)).mean() > 0.95
    assert sum(has_han(name) for name in labels.values()) / len(labels) > 0.99


def test_chinese_names_are_found_and_the_english_ones_stay(starter: KnowledgeGraph) -> None:
    assert starter.resolve("阿司匹林") == starter.resolve("aspirin") == "drugbank:DB00945"
    assert starter.resolve("类风湿性关节炎", "Disease") == starter.resolve("rheumatoid arthritis")
    assert starter.find("Aspirin")["name"].to_list() == ["Aspirin"]
    with pytest.raises(MissingError, match="no entity '没有的药'"):
        starter.resolve("没有的药")


def test_traditional_characters_are_understood(starter: KnowledgeGraph) -> None:
    pytest.importorskip("opencc")
    assert starter.resolve("類風濕關節炎", "Disease") == starter.resolve("类风湿关节炎", "Disease")


def test_names_survive_saving_merging_and_exports(starter: KnowledgeGraph, tmp_path: Path) -> None:
    starter.save(tmp_path / "kg")
    opened = medkg.open(tmp_path / "kg")
    merged = medkg.merge(load("common"), opened)
    for kg in (opened, merged):
        assert names_in("zh", kg.nodes)[kg.resolve("二甲双胍")] == "二甲双胍"
    export(opened, tmp_path / "kgx", "kgx")
    again = load("kgx", tmp_path / "kgx")
    assert names_in("zh", again.nodes) == names_in("zh", opened.nodes)
    export(opened, tmp_path / "turtle", "turtle")
    text = "".join(file.read_text() for file in (tmp_path / "turtle").glob("*.ttl"))
    assert '"二甲双胍"' in text


def test_a_graph_is_shown_in_chinese(starter: KnowledgeGraph) -> None:
    shown = named_in("zh", starter)
    names = dict(shown.nodes.select("id", "name").iter_rows())
    assert names["drugbank:DB00945"] == "阿司匹林"
    assert starter.nodes.filter(id="drugbank:DB00945")["name"].item() == "Aspirin"
    with pytest.raises(MissingError, match="no names in 'xx'; there are zh"):
        named_in("xx", starter)


def test_own_labels_go_before_those_that_ship(tmp_path: Path) -> None:
    own = tmp_path / "own.tsv"
    own.write_text(
        "id\tname\tsynonyms\ndrugbank:DB00945\t乙酰水杨酸片\t拜阿司匹灵|巴米尔\nno id\t药\t\n"
    )
    quarantine = Quarantine()
    kg = load("starter", language="zh", labels=own, quarantine=quarantine)
    assert names_in("zh", kg.nodes)["drugbank:DB00945"] == "乙酰水杨酸片"
    assert {kg.resolve(text) for text in ("拜阿司匹灵", "巴米尔", "阿司匹林")} == {
        "drugbank:DB00945"
    }
    assert quarantine.counts() == {"row without an identifier and a name": 1}


def test_babelon_of_another_language_is_left_out(tmp_path: Path) -> None:
    # As https://github.com/monarch-initiative/babelon describes it.
    file = tmp_path / "hp.babelon.tsv"
    file.write_text(
        "source_language\ttranslation_language\tsubject_id\tpredicate_id\tsource_value"
        "\ttranslation_value\ttranslation_status\n"
        "en\tzh\tHP:0001945\trdfs:label\tFever\t高烧不退\tOFFICIAL\n"
        "en\tfr\tHP:0012735\trdfs:label\tCough\tToux\tOFFICIAL\n"
    )
    kg = load("common", language="zh", labels=file)
    assert names_in("zh", kg.nodes)["HP:0001945"] == "高烧不退"
    assert "Toux" not in kg.nodes["synonyms"].explode().to_list()


def test_labels_need_a_language(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="say which: zh"):
        load("common", labels=tmp_path / "names.tsv")
