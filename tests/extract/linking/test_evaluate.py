"""Scores of links and of whole triples, the dictionaries behind them, and training the ranker."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from medkg.core.errors import DataError, ModelError
from medkg.core.quarantine import Quarantine
from medkg.extract.corpora.pubtator import read_pubtator
from medkg.extract.linking.dictionary import NameDictionary
from medkg.extract.linking.evaluate import evaluate_linking, read_dictionary
from medkg.extract.linking.evaluate_triples import evaluate_triples
from medkg.extract.linking.linker import Linker
from medkg.extract.linking.links import LinkQuery
from medkg.extract.linking.ranker import (
    FEATURES,
    LinkingRanker,
    classifier,
    fit,
)
from medkg.graph.kg import KnowledgeGraph
from tests.extract.made_graph import graph


def pubtator(path: Path, documents: dict[str, list[tuple[str, str, str]]]) -> Path:
    """A PubTator file: for each document its mentions (text, kind, identifier) as its text."""
    lines = []
    for name, mentions in documents.items():
        lines += [f"{name}|t|{' and '.join(text for text, _, _ in mentions)}", f"{name}|a|x"]
        start = 0
        for text, kind, identifier in mentions:
            lines.append(f"{name}\t{start}\t{start + len(text)}\t{text}\t{kind}\t{identifier}")
            start += len(text) + 5
        lines.append("")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def train(tmp_path: Path) -> Path:
    return pubtator(
        tmp_path / "train.txt",
        {
            "1": [("ague", "Disease", "D1"), ("red palsy", "Disease", "D2")],
            "2": [("ague", "Disease", "D1"), ("ague", "Disease", "D9"), ("gin", "Chemical", "C1")],
        },
    )


def test_linking_is_scored_with_the_names_of_another_part(tmp_path: Path, train: Path) -> None:
    development = pubtator(
        tmp_path / "dev.txt",
        {
            "3": [("agues", "Disease", "D1"), ("red palsy", "Disease", "D2")],
            "4": [("gout", "Disease", "D3"), ("green hair", "Disease", "-1")],
        },
    )
    table = evaluate_linking([train], development, "pubtator")
    rows = {row["method"]: row for row in table.iter_rows(named=True)}
    assert (rows["linker"]["mentions"], rows["linker"]["ceiling"]) == (3, 0.6667)
    assert rows["linker"]["nameless"] == ["MESH:D3"]
    # gout has no name in the training part: it is rightly linked to nothing, and counts as missed.
    assert rows["linker"]["accuracy"] == 0.6667
    assert (rows["linker"]["accuracy_reachable"], rows["linker"]["recall_at_5"]) == (1.0, 1.0)
    assert (rows["linker"]["precision"], rows["linker"]["recall"]) == (1.0, 0.6667)
    assert (rows["linker"]["nil"], rows["linker"]["nil_precision"]) == (2, 1.0)
    assert rows["linker"]["nil_recall"] == 1.0
    assert rows["exact name"]["accuracy"] == 0.3333
    assert rows["exact name"]["nil_recall"] == 1.0


def brat(folder: Path, mentions: list[tuple[str, str, str]]) -> Path:
    """A brat folder of one text: (text, label, identifier or nothing) joined by " and "."""
    folder.mkdir()
    text, lines = " and ".join(name for name, _, _ in mentions), []
    start = 0
    for number, (name, label, identifier) in enumerate(mentions, start=1):
        lines.append(f"T{number}\t{label} {start} {start + len(name)}\t{name}")
        if identifier:
            lines.append(f"N{number}\tReference T{number} {identifier}\t{name}")
        start += len(name) + 5
    (folder / "1.txt").write_text(text, encoding="utf-8")
    (folder / "1.ann").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def test_brat_s_normalisations_are_scored_as_pubtator_s(tmp_path: Path, train: Path) -> None:
    mentions = [("agues", "Disease", "D1"), ("red palsy", "Disease", "D2"),
                ("gin", "Drug", "C1"), ("green hair", "Disease", "")]  # fmt: skip
    folder = brat(tmp_path / "brat", [(n, k, i and f"MeSH:{i}") for n, k, i in mentions])
    chemical = {"Drug": "Chemical"}
    file = pubtator(
        tmp_path / "dev.txt", {"1": [(n, chemical.get(k, k), i or "-1") for n, k, i in mentions]}
    )
    table = evaluate_linking([train], folder)
    assert table.equals(evaluate_linking([train], file))
    assert table.filter(method="linker")["accuracy"].to_list() == [1.0, 1.0]
    # A brat folder serves as names, too.
    assert set(read_dictionary([folder]).nodes["id"]) == {"MESH:D1", "MESH:D2", "MESH:C1"}
    ward = brat(tmp_path / "ward", [("agues", "Dx", "MESH:D1")])
    with pytest.raises(DataError, match="--label Dx=KIND"):
        evaluate_linking([train], ward)
    table = evaluate_linking([train], ward, "brat", labels={"Dx": "Disease"})
    assert table.filter(method="linker")["mentions"].to_list() == [1]


def test_genes_are_linked_to_the_names_of_a_graph(tmp_path: Path) -> None:
    nodes = pl.DataFrame(
        {"id": ["NCBIGene:672", "NCBIGene:675"], "kind": "Target", "name": ["BRCA1", "BRCA2"]}
    )
    none = dict.fromkeys(("subject", "relation", "object", "source"), pl.String)
    genes = KnowledgeGraph.build(nodes, pl.DataFrame(schema=none), [])
    corpus = pubtator(tmp_path / "dev.txt", {"1": [("BRCA2", "Gene", "675")]})
    for file in (corpus, brat(tmp_path / "brat", [("BRCA2", "Gene", "NCBIGene:675")])):
        (row,) = evaluate_linking([genes], file).filter(method="linker").iter_rows(named=True)
        assert (row["kind"], row["ceiling"], row["accuracy"]) == ("Target", 1.0, 1.0)


def test_a_corpus_without_identifiers_is_refused(tmp_path: Path, train: Path) -> None:
    with pytest.raises(DataError, match="no identifiers in 'chemprot'"):
        evaluate_linking([train], train, "chemprot")
    bare = brat(tmp_path / "bare", [("ague", "Disease", "")])
    with pytest.raises(DataError, match="no mention has an identifier"):
        evaluate_linking([train], bare)


def test_a_graph_s_names_join_the_identifiers_that_a_corpus_gives(train: Path) -> None:
    nodes = pl.DataFrame(
        [
            # The corpus knows its own name by one identifier; by two: then its cross-reference.
            ("HP:1", "Symptom", "Red palsy", ["rubor"], []),
            ("HP:2", "Symptom", "Ague", ["shakes"], ["MESH:D9", "UMLS:C1"]),
            ("HP:3", "Symptom", "Unheard of", ["never"], []),
            ("OMIM:4", "Disease", "Gout", ["podagra"], []),
        ],
        schema={"id": pl.String, "kind": pl.String, "name": pl.String,
                "synonyms": pl.List(pl.String), "xrefs": pl.List(pl.String)},
        orient="row",
    )  # fmt: skip
    none = dict.fromkeys(("subject", "relation", "object", "source"), pl.String)
    ontology = KnowledgeGraph.build(nodes, pl.DataFrame(schema=none), [])
    dictionary = read_dictionary([ontology, train], ["MESH"])
    linker = Linker(dictionary)
    ids = [
        candidates[0].identifier if candidates else None
        for candidates in linker.candidates([("rubor", "Disease"), ("shakes", "Disease")])
    ]
    assert ids == ["MESH:D2", "MESH:D9"]
    assert set(dictionary.nodes["id"]) == {"MESH:D1", "MESH:D2", "MESH:D9", "MESH:C1"}
    assert "OMIM:4" in set(read_dictionary([ontology, train]).nodes["id"])


def test_of_an_ambiguous_name_the_annotated_node_is_likelier(train: Path) -> None:
    names = NameDictionary()
    names.add_corpus(read_pubtator(train, Quarantine()), "pubtator")
    candidates = Linker(names.graph()).candidates([("ague", "Disease")])[0]
    assert [link.identifier for link in candidates] == ["MESH:D1", "MESH:D9"]
    assert candidates[0].score > candidates[1].score


def test_a_part_of_a_longer_name_takes_its_node() -> None:
    linker = Linker(graph())
    alone = linker.in_document([LinkQuery("angioedema", "Disease")])[0]
    beside = linker.in_document(
        [LinkQuery("hereditary angioedema", "Disease"), LinkQuery("angioedema", "Disease")]
    )[1]
    assert beside[0].identifier == "ORPHA:91378"
    assert beside[0].score > alone[0].score


def test_the_ranker_is_what_scikit_learn_trained(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    inputs = generator.random((600, len(FEATURES)))
    inputs[generator.random(inputs.shape) < 0.1] = np.nan
    right = np.nan_to_num(inputs[:, 2]) + np.nan_to_num(inputs[:, 8]) > 0.9
    ranker = fit(inputs, right, 3)
    ranker.save(tmp_path / "ranker", "card\n")
    read = LinkingRanker.load(tmp_path / "ranker")
    chances = read.probabilities(inputs)
    assert ((chances > 0.5) == right).mean() > 0.95
    assert np.array_equal(chances, ranker.probabilities(inputs))
    model = classifier(3).fit(inputs, right)
    np.testing.assert_allclose(chances, model.predict_proba(inputs)[:, 1])


def test_a_damaged_ranker_is_refused(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    ranker = fit(generator.random((200, len(FEATURES))), generator.random(200) > 0.5)
    ranker.save(tmp_path / "ranker", "card\n")
    weights = tmp_path / "ranker" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(ModelError, match="is damaged"):
        LinkingRanker.load(tmp_path / "ranker")


def test_triples_are_read_from_the_texts_alone(tmp_path: Path) -> None:
    text = "Seizures were caused by ketamine in two patients. Fluclorin caused gout."
    lines = ["5|t|A report", f"5|a|{text}", "5\tCID\tD007649\tD012640", "5\tCID\tC9\tD3", ""]
    corpus = tmp_path / "dev.txt"
    corpus.write_text("\n".join(lines), encoding="utf-8")
    names = pubtator(
        tmp_path / "names.txt",
        {"1": [("ketamine", "Chemical", "D007649"), ("seizures", "Disease", "D012640")]},
    )
    table = evaluate_triples([names], corpus)
    first = table.row(0, named=True)
    assert (first["true"], first["ceiling"], first["recall"]) == (2, 0.5, 0.5)
    assert first["precision"] == 1.0
    assert table["threshold"].is_sorted()
    with pytest.raises(DataError, match="relates no two identifiers"):
        evaluate_triples([names], names)


def test_identifiers_of_several_vocabularies_are_one_node_s(tmp_path: Path) -> None:
    nodes = pl.DataFrame(
        [
            ("MONDO:0000001", "Disease", "Asthma", ["MESH:D000001", "OMIM:100001"]),
            ("MONDO:0000002", "Disease", "Gout", ["MESH:D000002", "OMIM:100002", "OMIM:100003"]),
            ("MONDO:0000003", "Disease", "Ague", []),
        ],
        schema={"id": pl.String, "kind": pl.String, "name": pl.String,
                "xrefs": pl.List(pl.String)},
        orient="row",
    )  # fmt: skip
    none = dict.fromkeys(("subject", "relation", "object", "source"), pl.String)
    ontology = KnowledgeGraph.build(nodes, pl.DataFrame(schema=none), [])
    gold = [("Asthma", "Disease", "MONDO:0000001"), ("asthma", "Disease", "MESH:D000001"),
            ("Asthma", "Disease", "OMIM:100001"), ("Gout", "Disease", "MESH:D000002"),
            ("Gout", "Disease", "OMIM:100003"), ("Ague", "Disease", "MONDO:0000003")]  # fmt: skip
    (row,) = (
        evaluate_linking([ontology], brat(tmp_path / "brat", gold))
        .filter(method="linker")
        .iter_rows(named=True)
    )
    # OMIM has two of MONDO's gout, so that it isn't known which of them a link to it means.
    assert (row["mentions"], row["ceiling"], row["accuracy"]) == (6, 0.8333, 0.8333)
    dictionary = read_dictionary([ontology], ["MONDO", "MESH", "OMIM"])
    assert dict(dictionary.nodes.select("id", "xrefs").iter_rows()) == {
        "MONDO:0000001": ["MESH:D000001", "OMIM:100001"],
        "MONDO:0000002": ["MESH:D000002"],
        "MONDO:0000003": [],
    }
    # Names that a corpus gives to one of the identifiers are the node's too.
    train = pubtator(tmp_path / "train.txt", {"1": [("wheeze", "Disease", "D000001")]})
    dictionary = read_dictionary([ontology, train], ["MONDO", "MESH"])
    (asthma,) = dictionary.nodes.filter(name="Asthma").iter_rows(named=True)
    assert (asthma["id"], asthma["synonyms"], asthma["xrefs"]) == (
        "MESH:D000001",
        ["wheeze"],
        ["MONDO:0000001"],
    )
