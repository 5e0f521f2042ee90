"""Which gene a record of MeSH, and a textbook's name, is of."""

from __future__ import annotations

from pathlib import Path

import default_gene_names as names
import pytest

from medkg.loaders.mesh import MeshName


def gene(number: int, symbol: str, name: str, **more: list[str]) -> names.Gene:
    made = names.Gene(f"HGNC:{number}", symbol, name, "", "", "", [], more.get("aliases", []))
    made.shorter = more.get("shorter", [])
    return made


def heading(number: int, name: str, tree: str = "D08.811.1") -> MeshName:
    return MeshName(f"MESH:D{number}", None, name, [name], [tree], [])


def protein(symbol: str, *of: int) -> MeshName:
    name = f"{symbol} protein, human"
    return MeshName(f"MESH:C{symbol}", None, name, [name], [], [f"D{number}" for number in of])


def curated(
    genes: list[names.Gene], mesh: list[MeshName], references: dict[str, str]
) -> dict[str, list[str]]:
    names.gene_names_of_mesh(mesh, {each.id: each for each in genes}, {}, references)
    return {each.symbol: [n for n in each.curated if n != each.symbol] for each in genes}


def test_an_approved_name_decides_alone() -> None:
    genes = [gene(1, "AAA", "lumirol hydrolase"), gene(2, "BBB", "b")]
    mesh = [heading(1, "Lumirol Hydrolase"), protein("BBB", 1)]
    assert curated(genes, mesh, {"MESH:D1": "HGNC:2"})["AAA"] == ["Lumirol Hydrolase"]


@pytest.mark.parametrize(
    ("reference", "owner"), [("HGNC:1", "AAA"), ("HGNC:2", None), (None, "AAA")]
)
def test_what_a_record_and_a_reference_contradict_each_other_in_is_no_ones(
    reference: str | None, owner: str | None
) -> None:
    genes = [gene(1, "AAA", "a"), gene(2, "BBB", "b")]
    mesh = [heading(1, "Lumirol Hydrolase"), protein("AAA", 1)]
    references = {} if reference is None else {"MESH:D1": reference}
    owners = {symbol for symbol, given in curated(genes, mesh, references).items() if given}
    assert owners == ({owner} if owner else set())


def test_a_reference_counts_where_nothing_else_speaks_and_for_no_class() -> None:
    genes = [gene(1, "AAA", "a"), gene(2, "BBB", "b")]
    mesh = [heading(1, "Lumirolase"), heading(2, "Reductase", "D08.2"), heading(3, "X", "D08.2.1")]
    references = {"MESH:D1": "HGNC:1", "MESH:D2": "HGNC:2"}
    assert curated(genes, mesh, references) == {"AAA": ["Lumirolase"], "BBB": []}


def test_a_class_to_which_many_are_mapped_is_no_genes() -> None:
    genes = [gene(1, "AAA", "lumirol hydrolase"), gene(2, "BBB", "b")]
    mesh = [
        heading(1, "Lumirol Hydrolase", "D08.1"),
        heading(2, "A Narrower One", "D08.1.1"),
        protein("BBB", 1),
        protein("CCC", 1),
    ]
    assert curated(genes, mesh, {})["AAA"] == []


def test_a_name_that_may_be_another_s_by_a_doubtful_name_is_not_it() -> None:
    genes = [
        gene(1, "AAA", "lumirol hydrolase (putative)", shorter=["lumirol hydrolase"]),
        gene(2, "BBB", "b"),
    ]
    mesh = [heading(1, "Lumirol Hydrolase"), protein("BBB", 1)]
    assert curated(genes, mesh, {}) == {"AAA": [], "BBB": ["Lumirol Hydrolase"]}


@pytest.fixture
def textbook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    table = tmp_path / "textbook.tsv"
    monkeypatch.setattr(names, "TEXTBOOK", table)
    return table


def test_a_textbook_s_name_is_taken_from_whom_it_hardly_means(textbook: Path) -> None:
    textbook.write_text("# a head\nAAA\tLumirol receptor\tBBB\n")
    aaa = gene(1, "AAA", "a")
    bbb = gene(2, "BBB", "b", aliases=["lumirol receptor", "Receptors, Lumirol", "LR"])
    names.textbook_names([aaa, bbb])
    assert (aaa.curated, bbb.aliases) == (["Lumirol receptor"], ["LR"])


@pytest.mark.parametrize("row", ["AAA\tLR\t", "BBB\tLR\t", "AAA\tother\tBBB"])
def test_a_textbook_s_name_that_is_another_s_or_ones_own_is_an_error(
    row: str, textbook: Path
) -> None:
    textbook.write_text(f"{row}\n")
    with pytest.raises(ValueError, match="textbook_targets"):
        names.textbook_names([gene(1, "AAA", "a"), gene(2, "BBB", "b", aliases=["LR"])])
