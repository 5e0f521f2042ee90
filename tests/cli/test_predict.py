"""`medkg predict` of several queries and of given pairs, and where their rows go."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner, Result

from medkg.access import connect
from medkg.cli import app
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.links.candidate_ranks import CandidateRanks
from medkg.mining.links.load import load_link_model
from medkg.mining.links.model import LinkModel
from medkg.mining.links.train import train_links
from tests.gnn.graphs import family_graph
from tests.graph.other_server import server_graph
from tests.servers import EVERYTHING, change


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("predict")
    family_graph().save(folder / "graph")
    run("train", "links", folder / "graph", "--model", "neighbours", "--out", folder / "model")
    return folder / "model"


@pytest.fixture(scope="module")
def model(folder: Path) -> LinkModel:
    return load_link_model(folder)


def predict(folder: Path, *arguments: object) -> Result:
    return CliRunner().invoke(app, ["predict", str(folder), *map(str, arguments)])


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    assert result.exit_code == 0, result.output
    return result


def test_heads_of_a_file(folder: Path, model: LinkModel, tmp_path: Path) -> None:
    file = tmp_path / "heads.txt"
    file.write_text("# drugs of ours\ndrug 0-3\n\nwarfarine\ndrugbank:DB24\ndrug 0-3\n")
    result = predict(folder, "--heads", file, "--top", 3, "--json")
    rows = json.loads(result.stdout)
    expected = model.predict(heads=["drug 0-3", "drugbank:DB24"], top=3).to_dicts()
    base_rate = model.stated["tail"].base_rate
    assert rows == [{**row, "base_rate": base_rate} for row in expected]
    assert "1 × the model has no head of that name" in result.stderr
    assert "heads.txt, line 4" in result.stderr
    file.write_text("warfarine\n")
    assert "names no head that the model knows" in str(predict(folder, "--heads", file).exception)


def test_heads_that_get_no_new_pair_are_named(tmp_path: Path) -> None:
    graph = family_graph()
    made = pl.when(name="drug 0-3").then(pl.lit('{"modality": "siRNA"}')).otherwise("properties")
    nodes = graph.nodes.with_columns(properties=made)
    evidence = graph.evidence.drop("id", "edge")
    KnowledgeGraph.build(nodes, evidence, graph.sources).save(tmp_path / "graph")
    run("train", "links", tmp_path / "graph", "--model", "degree", "--out", tmp_path / "model")
    (tmp_path / "heads.txt").write_text("drug 0-3\ndrugbank:DB24\n")
    shown = predict(tmp_path / "model", "--heads", tmp_path / "heads.txt", "--top", 1).stdout
    assert "1 of 2 heads have no new pair (drug 0-3): nothing" in " ".join(shown.split())


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet"])
def test_all_heads_into_a_table(
    folder: Path, model: LinkModel, tmp_path: Path, ending: str
) -> None:
    out = tmp_path / f"rows.{ending}"
    result = predict(folder, "--all", "--top", 2, "--out", out)
    assert result.stdout == ""
    expected = model.predict(heads=model.task.heads, top=2)
    assert f"{expected.height:,} rows" in result.stderr
    if ending == "parquet":
        assert pl.read_parquet(out).equals(expected)
    else:
        written = pl.read_csv(out, separator="\t" if ending == "tsv" else ",")
        assert written.columns == expected.columns
        columns = ["head", "tail", "rank", "status", "explanation"]
        assert written.select(columns).rows() == expected.select(columns).rows()
        known = predict(folder, "--head", "drug 0-3", "--known", "--out", out)
        assert known.exit_code == 0
        sources = pl.read_csv(out, separator="\t" if ending == "tsv" else ",")["sources"]
        rows = model.predict(head="drug 0-3", known=True)["sources"]
        assert sources.to_list() == ["; ".join(each) for each in rows]


def test_given_pairs(folder: Path, model: LinkModel, tmp_path: Path) -> None:
    new = model.predict(head="drug 0-3", top=1)["tail"][0]
    file = tmp_path / "pairs.csv"
    file.write_text(f"assay,head,tail\n1,drug 0-3,{new}\n2,nodrug,GENE10\n3,drug 0-3,GENE10,4\n")
    result = predict(folder, "--pairs", file, "--json")
    expected = model.score([("drug 0-3", new), ("nodrug", "GENE10")])
    assert json.loads(result.stdout) == expected.to_dicts()
    assert "1 of 2 pairs have no rank: note says why" in result.stderr
    assert "line 4" in result.stderr
    printed = " ".join(predict(folder, "--pairs", file).stdout.split())
    assert "the graph has no Drug 'nodrug'" in printed
    assert f"by {model.name}, trained on the graph" in printed
    frame = expected.select("head", "tail")
    frame.write_parquet(tmp_path / "pairs.parquet")
    again = predict(folder, "--pairs", tmp_path / "pairs.parquet", "--json")
    assert json.loads(again.stdout) == expected.to_dicts()


def test_given_pairs_keep_the_rows_of_empty_cells(
    folder: Path, model: LinkModel, tmp_path: Path
) -> None:
    file = tmp_path / "pairs.csv"
    file.write_text("head,tail\n,\ndrug 0-3,\n,GENE10\ndrug 0-3,GENE10\n")
    rows = json.loads(predict(folder, "--pairs", file, "--json").stdout)
    notes = [row["note"] for row in rows]
    assert notes == ["head is empty; tail is empty", "tail is empty", "head is empty", None]
    pairs = [(None, None), ("drug 0-3", None), (None, "GENE10"), ("drug 0-3", "GENE10")]
    assert model.score(pairs).to_dicts() == rows


def test_all_heads_into_a_server(folder: Path, model: LinkModel, tmp_path: Path) -> None:
    uri = f"embedded:{tmp_path / 'server'}"
    run("write", folder.parent / "graph", "--into", uri)
    result = predict(folder, "--all", "--top", 2, "--into", uri, "--json")
    assert result.exit_code == 0, result.output
    expected = model.predict(heads=model.task.heads, top=2)
    rows = pl.DataFrame(json.loads(result.stdout), schema_overrides=expected.schema)
    assert rows.drop("base_rate").equals(expected)
    with connect(uri) as store:
        counts = store.query(
            "MATCH (d:Drug)-[p:PREDICTED_TARGETS]->(:Target) RETURN count(p) AS pairs,"
            " count(DISTINCT d.id) AS drugs"
        )
    assert counts.row(0) == (2 * len(model.task.heads), len(model.task.heads))


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("embedded:{}/typo", "there is no such folder"),
        ("graphs/x", "is no address of a server"),
        ("bolt://localhost:9", "needs a password"),
    ],
)
def test_a_server_that_is_not_there_is_refused_before_anything_is_computed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str, message: str
) -> None:
    monkeypatch.delenv("NEO4J_PASSWORD", raising=False)
    result = predict(folder, "--head", "drug 0-3", "--into", uri.format(tmp_path))
    assert message in str(result.exception)
    assert result.stdout == ""
    assert not list(tmp_path.iterdir())


def test_a_mapping_that_is_not_there_is_refused_before_anything_is_computed(
    folder: Path, tmp_path: Path, embedded_uri: str
) -> None:
    mapping = ("--mapping", tmp_path / "lab.yaml")
    result = predict(folder, "--head", "drug 0-3", "--into", embedded_uri, *mapping)
    assert "lab.yaml" in str(result.exception)
    assert result.stdout == ""


def test_of_several_queries_that_are_written_the_number_of_rows_is_printed(
    folder: Path, model: LinkModel, tmp_path: Path
) -> None:
    uri = f"embedded:{tmp_path / 'server'}"
    run("write", folder.parent / "graph", "--into", uri)
    result = predict(folder, "--all", "--top", 2, "--into", uri)
    heads = len(model.task.heads)
    first, signed, *summary = result.stdout.splitlines()
    assert first == f"New TARGETS of {heads} heads: {2 * heads} pairs"
    assert signed.startswith(f"by {model.name}")
    assert "".join(summary).startswith(uri)  # of a long path a line ends within it


def test_a_server_keeps_its_own_identifiers_and_names(folder: Path, embedded_uri: str) -> None:
    there = server_graph(
        ("Drug", "drugbank:DB03", "drugbank:DB999"),
        ("Target", "NCBIGene:06", "HGNC:6"),
        ("Target", "NCBIGene:02", "NCBIGene:02"),
    )
    with connect(embedded_uri) as store:
        store.write(there)
        try:
            result = predict(folder, "--head", "drug 0-3", "--top", 2, "--into", embedded_uri)
            kg = store.read()
        finally:
            change(store, EVERYTHING)
    assert result.exit_code == 0, result.output
    assert kg.nodes.equals(there.nodes)
    pairs = set(kg.predictions.select("head", "tail").rows())
    assert pairs == {("drugbank:DB999", "HGNC:6"), ("drugbank:DB999", "NCBIGene:02")}
    assert "under another identifier, by merging: 2" in " ".join(result.stderr.split())


def test_what_is_written_is_ranked_once(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = f"embedded:{tmp_path / 'server'}"
    run("write", folder.parent / "graph", "--into", uri)
    ranked, new = [], CandidateRanks.new

    def watch(ranks: CandidateRanks, direction: str, query: int, top: int) -> pl.DataFrame:
        ranked.append((direction, query))
        return new(ranks, direction, query, top)

    monkeypatch.setattr(CandidateRanks, "new", watch)
    result = predict(folder, "--head", "drug 0-3", "--top", 2, "--into", uri)
    assert result.exit_code == 0, result.output
    assert len(ranked) == 1


def test_all_rows_of_one_query_are_printed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medkg.cli.show_predictions._MOST_ROWS", 1)
    for query in (("--head", "drug 0-3"), ("--tail", "GENE10")):
        printed = predict(folder, *query, "--top", 5).stdout
        assert "more; --json shows all" not in printed
    assert "more; --json shows all" in predict(folder, "--all", "--top", 1).stdout


def test_an_empty_name_is_no_query_for_all(folder: Path) -> None:
    result = predict(folder, "--head", "")
    assert result.exit_code == 1
    assert "the graph has no Drug ''" in str(result.exception)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give one of --head"),
        (("--head", "drug 0-3", "--all"), "give one of --head"),
        (("--all", "--out", "rows.xlsx"), "must end in .csv, .tsv, .parquet"),
        (("--all", "--known", "--into", "embedded:x"), "leave out --known"),
        (("--pairs", "pairs.csv", "--into", "embedded:x"), "nor of pairs that are given"),
        (("--smiles", "", "--into", "embedded:x"), "not of a molecule"),
        (("--smiles", "C", "--out", "rows.csv"), "of a molecule --json has all"),
        (("--pairs", "pairs.txt"), "--pairs: pairs.txt must end in .csv, .tsv, .parquet"),
        (("--pairs", "pairs.csv", "--known"), "each row says whether it is known"),
    ],
)
def test_refused(folder: Path, arguments: tuple[str, ...], message: str) -> None:
    result = predict(folder, *arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.replace("│", " ").split())


@pytest.mark.slow
def test_of_a_drug_without_facts_it_is_said_what_there_is(
    tmp_path: Path,
) -> None:
    kg = family_graph()
    alone = pl.DataFrame({"id": ["drugbank:DB99"], "kind": ["Drug"], "name": ["drug alone"]})
    with_alone = kg.with_frames(nodes=pl.concat([kg.nodes, alone], how="diagonal"))
    with_alone.save(tmp_path / "graph")
    train_links(with_alone, refit=False, out=tmp_path / "model", graph_path=tmp_path / "graph")
    result = predict(tmp_path / "model", "--head", "drug alone")
    assert result.exit_code == 0, result.output
    printed = " ".join(result.stdout.split())
    assert "New TARGETS of drug alone: none" in printed
    assert "the graph holds 0 edges and no structure of drug alone" in printed
    assert "--smiles" not in printed  # no drug here has a structure


def test_a_row_says_what_the_title_does_not(tmp_path: Path) -> None:
    """Of one query: neither the query nor the relation again; what handles drugs; what denies."""
    graph = family_graph()
    is_gene = pl.col("kind") == "Target"
    enzyme = pl.when(is_gene).then(pl.lit('{"adme": "enzyme"}')).otherwise("properties")
    folder = tmp_path / "graph"
    graph.with_frames(nodes=graph.nodes.with_columns(properties=enzyme)).save(folder)
    run("train", "links", folder, "--model", "degree", "--out", tmp_path / "model")
    question = (tmp_path / "model", "--head", "drug 0-3", "--top", 3)
    shown = predict(*question).stdout
    assert shown.splitlines()[0].strip() == "New TARGETS of drug 0-3 (drugbank:DB03)"
    other_way = predict(tmp_path / "model", "--tail", "GENE12").stdout
    assert other_way.splitlines()[0].strip().startswith("New: Drug TARGETS GENE12 (")
    rows = shown.partition("probability:")[0]
    assert rows.count("(enzyme)") == 3
    assert rows.count("drugbank:DB03") == 1  # the title's
    assert "status" not in rows
    assert "sources" not in rows
    first = load_link_model(tmp_path / "model").predict("drug 0-3", top=1)["tail"][0]
    denied = pl.DataFrame(
        {"subject": ["drugbank:DB03"], "relation": ["TARGETS"], "object": [first],
         "source": ["made"], "polarity": ["negated"]}
    )  # fmt: skip
    evidence = pl.concat([graph.evidence.drop("id", "edge"), denied], how="diagonal")
    KnowledgeGraph.build(graph.nodes, evidence, graph.sources).save(tmp_path / "denied")
    shown = predict(*question, "--graph", tmp_path / "denied").stdout
    assert "contradicted" in shown
    assert "(enzyme)" not in shown
