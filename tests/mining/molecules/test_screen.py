"""A molecule's targets, and a library ranked for a target."""

from __future__ import annotations

import gzip
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import AllChem

from medkg.core.errors import DataError, MissingError
from medkg.core.quarantine import Quarantine
from medkg.mining.links.model import LinkModel
from medkg.mining.molecules import library as library_module
from medkg.mining.molecules import screen as screening
from medkg.mining.molecules.nearest_ligands import UNLIKE
from medkg.mining.molecules.screen import ScreeningResult, screen
from medkg.mining.molecules.screen_page import page, write_page
from tests.mining.conftest import SCAFFOLDS

LIBRARY = [
    (scaffold.format(group), f"m{s}-{g}")
    for s, scaffold in enumerate(SCAFFOLDS)
    for g, group in enumerate(("CCC", "CCN", "CCO", "Br", "C(C)C", "C#N"))
]


@pytest.fixture
def library(tmp_path: Path) -> Callable[[str, str], Path]:
    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        data = text.encode()
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return path

    return write


def smiles_file(library: Callable[[str, str], Path], extra: str = "") -> Path:
    return library("molecules.smi", "".join(f"{s}\t{n}\n" for s, n in LIBRARY) + extra)


def test_molecules_like_the_targets_ligands_come_first(
    structure_model: LinkModel, library: Callable[[str, str], Path]
) -> None:
    result = screen(structure_model, "GABRA1", smiles_file(library), top=8)
    assert (result.target, result.target_name) == ("NCBIGene:10", "GABRA1")
    assert {row["name"][:2] for row in result.rows[:6]} == {"m1"}
    assert [row["rank"] for row in result.rows] == list(range(1, 9))
    scores = [row["score"] for row in result.rows]
    assert scores == sorted(scores, reverse=True)
    best = result.rows[0]
    assert best["nearest_name"].startswith("drug 1-")
    assert best["nearest_sources"] == ["made"]
    assert not best["known"]
    assert result.counts == {"read": 30, "ranked": 30, "duplicates": 0, "invalid": 0}


def test_every_form_of_file_gives_the_same(
    structure_model: LinkModel, library: Callable[[str, str], Path]
) -> None:
    smi = "".join(f"{s} {n}\n" for s, n in LIBRARY)
    csv = "name,SMILES,price\n" + "".join(f'"{n}","{s}",1\n' for s, n in LIBRARY)
    sdf = ""
    for s, n in LIBRARY:
        molecule = Chem.MolFromSmiles(s)
        AllChem.Compute2DCoords(molecule)
        molecule.SetProp("_Name", n)
        sdf += Chem.MolToMolBlock(molecule) + f">  <note>\nx{n}\n\n$$$$\n"
    inchi = "id\tinchi\n" + "".join(
        f"{n}\t{Chem.MolToInchi(Chem.MolFromSmiles(s))}\n" for s, n in LIBRARY
    )
    files = {
        "a.smi": smi,
        "b.smi.gz": "smiles name\n" + smi,
        "c.csv": csv,
        "d.csv.gz": csv.replace("\n", "\r\n"),
        "e.sdf": sdf,
        "f.sdf.gz": sdf.replace("\n", "\r\n"),
        "g.tsv": inchi,
        "h.csv": "\ufeff" + csv,  # as Excel saves it
        "i.csv": csv.replace("name,SMILES", "Molecule Name;Smiles").replace(",", ";"),
    }
    results = []
    for name, text in files.items():
        rows = screen(structure_model, "NCBIGene:20", library(name, text), top=5).rows
        results.append([(row["name"], row["smiles"], row["score"]) for row in rows])
    assert all(result == results[0] for result in results)


def test_bad_molecules_are_set_aside_with_line_and_reason(
    structure_model: LinkModel, library: Callable[[str, str], Path]
) -> None:
    extra = (
        f"nonsense bad\n\nC(C)(C)(C)(C)C worse\n{'C' * 6000} long\n{'C' * 1_200_000}\nCCO last\n"
    )
    aside = Quarantine()
    result = screen(structure_model, "AR", smiles_file(library, extra), top=50, quarantine=aside)
    assert {(row.line, row.reason) for row in aside} == {
        (31, "no SMILES"),
        (33, "impossible structure (valences or aromatic rings)"),
        (34, "structure of more than 5,000 characters"),
        (35, "line of more than 1,000,000 bytes"),
    }
    assert {row["name"]: row["line"] for row in result.rows}["last"] == 36
    assert result.counts == {"read": 35, "ranked": 31, "duplicates": 0, "invalid": 4}


def test_a_molecule_counts_once_however_it_is_written(
    structure_model: LinkModel, library: Callable[[str, str], Path]
) -> None:
    again = Chem.MolToRandomSmilesVect(Chem.MolFromSmiles(LIBRARY[0][0]), 3, randomSeed=1)
    extra = "".join(f"{s} again\n" for s in again) + f"{LIBRARY[0][0]}.Cl salt\n"
    result = screen(structure_model, "HTR1A", smiles_file(library, extra), top=50)
    assert result.counts["duplicates"] == 4
    assert len(result.rows) == 30
    assert {row["name"] for row in result.rows} == {name for _, name in LIBRARY}


def test_the_result_does_not_depend_on_the_number_of_workers(
    structure_model: LinkModel,
    library: Callable[[str, str], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(screening, "_CHUNK", 7)
    # Duplicates in the same part and in others, which another process may have.
    again = "".join(f"{s} again\n" for s, _ in [LIBRARY[0], *LIBRARY, LIBRARY[-1]])
    path = smiles_file(library, f"bad row\n{again}")
    one = screen(structure_model, "OPRM1", path, workers=1)
    assert one.counts == {"read": 63, "ranked": 30, "duplicates": 32, "invalid": 1}
    assert {row["name"] for row in one.rows} == {name for _, name in LIBRARY}
    for workers in (2, 3):
        assert screen(structure_model, "OPRM1", path, workers=workers) == one


def test_a_process_that_screens_does_not_wait_for_what_it_does_not_need() -> None:
    script = "import sys, medkg.mining.molecules.screen; sys.exit('torch_geometric' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_molecules_unlike_all_known_ones_are_counted_and_marked(
    structure_model: LinkModel, library: Callable[[str, str], Path]
) -> None:
    strange = "C1CC2CC1C3(C2)OOC4(CCCCC4)O3"
    result = screen(structure_model, "AR", smiles_file(library, f"{strange} odd\n"), top=31)
    unlike = [row["name"] for row in result.rows if row["largest_similarity"] < UNLIKE]
    assert "odd" in unlike
    assert result.unlike == len(unlike) < 31
    # A ligand of any target counts: these are like those of GABRA1 alone.
    of_others = [row for row in result.rows if row["name"].startswith("m1-")]
    assert all(row["largest_similarity"] > UNLIKE for row in of_others)
    html = page(result, "lib.smi", "links-structure-1")
    assert html.count(">unlike all known ligands<") == result.unlike
    assert f"{result.unlike} of these 31 have a similarity below 0.35" in html
    alike = screen(structure_model, "AR", smiles_file(library), top=3)
    assert alike.unlike == 0
    assert "unlike" not in page(alike, "lib.smi", "links-structure-1")


def test_a_known_ligand_in_the_library_is_marked(
    structure_model: LinkModel, library: Callable[[str, str], Path]
) -> None:
    known = SCAFFOLDS[1].format("Cl")
    result = screen(structure_model, "GABRA1", smiles_file(library, f"{known}.Cl old\n"), top=31)
    assert [row["name"] for row in result.rows if row["known"]] == ["old"]
    assert next(row for row in result.rows if row["known"])["nearest_id"] == "drugbank:DB01006"


def test_diverse_takes_the_best_of_each_series(
    structure_model: LinkModel, library: Callable[[str, str], Path]
) -> None:
    path = smiles_file(library)
    everything = screen(structure_model, "AR", path, top=30).rows
    diverse = screen(structure_model, "AR", path, top=30, diverse=True).rows
    leaders = [row["name"] for row in everything if row["series"] == row["rank"]]
    assert 1 < len(leaders) < 30
    assert [row["name"] for row in diverse] == leaders
    assert [row["rank"] for row in diverse] == list(range(1, len(leaders) + 1))


def test_a_file_cut_off_gives_what_it_holds(structure_model: LinkModel, tmp_path: Path) -> None:
    text = "".join(f"{s} {n}\n" for s, n in LIBRARY * 40).encode()
    (tmp_path / "cut.smi.gz").write_bytes(gzip.compress(text)[:-300])
    aside = Quarantine()
    result = screen(structure_model, "AR", tmp_path / "cut.smi.gz", quarantine=aside)
    assert aside.counts() == {"file is damaged or cut off here": 1}
    assert result.counts["ranked"] + result.counts["duplicates"] > 10


def test_a_packed_line_without_end_does_not_fill_the_memory(
    structure_model: LinkModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library_module, "_MOST_SKIPPED", 30_000_000)
    path = tmp_path / "bomb.smi.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b"CCO good\n")
        for _ in range(60):
            file.write(b"C" * 1_000_000)
    aside = Quarantine()
    result = screen(structure_model, "AR", path, quarantine=aside)
    assert [row["name"] for row in result.rows] == ["good"]
    assert [row.line for row in aside] == [2]


def test_a_record_of_blank_lines_does_not_fill_the_memory(
    structure_model: LinkModel,
    library: Callable[[str, str], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(library_module, "_MOST_LINE", 2_000)
    good = f"good{Chem.MolToMolBlock(Chem.MolFromSmiles('CCO'))}$$$$\n"
    aside = Quarantine()
    bomb = library("bomb.sdf", good + "\n" * 3_000 + "$$$$\n")
    result = screen(structure_model, "AR", bomb, quarantine=aside)
    assert [row["name"] for row in result.rows] == ["good"]
    assert aside.counts() == {"record of more than 2,000 characters": 1}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.pdf", "", "no library of a known kind"),
        ("a.csv", "name,price\nx,1\n", "has no column smiles"),
        ("a.smi", "", "holds no molecule"),
        ("a.smi", "rubbish\n", r"holds no molecule \(line 1: no SMILES\)"),
    ],
)
def test_files_that_are_no_library_say_why(
    structure_model: LinkModel,
    library: Callable[[str, str], Path],
    name: str,
    text: str,
    message: str,
) -> None:
    with pytest.raises(DataError, match=message):
        screen(structure_model, "AR", library(name, text))


def test_an_unknown_target_or_file_is_missing(structure_model: LinkModel, tmp_path: Path) -> None:
    with pytest.raises(MissingError):
        screen(structure_model, "NCBIGene:nothing", tmp_path / "a.smi")
    with pytest.raises(DataError, match="no such file"):
        screen(structure_model, "AR", tmp_path / "a.smi")


def test_seen_before_is_exact_beyond_its_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screening, "_RECENT", 50)
    seen = screening._SeenBefore()
    numbers = np.random.default_rng(0).integers(0, 300, size=1000)
    held: set[int] = set()
    for number in numbers.tolist():
        assert seen.before(str(number)) == (number in held)
        held.add(number)


# The page


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))


@pytest.fixture
def result(structure_model: LinkModel, library: Callable[[str, str], Path]) -> ScreeningResult:
    extra = 'O=C1C=CC(=O)C=C1 <script>alert("x")</script>{{FOOT}}\n'
    return screen(structure_model, "AR", smiles_file(library, extra), top=31)


def test_the_page_shows_every_molecule_and_runs_nothing(result: ScreeningResult) -> None:
    html = page(result, "<b>lib</b>.smi", "links-structure-1")
    parser = _Tags()
    parser.feed(html)
    tags = [tag for tag, _ in parser.tags]
    assert tags.count("article") == tags.count("svg") == 31
    assert not {"script", "img", "iframe", "link", "object"} & set(tags)
    assert "&lt;script&gt;" in html
    assert html.count("For research, not for care") == 1
    assert all(not name.startswith("on") for _, attributes in parser.tags for name in attributes)
    assert all(
        "href" not in attributes and "src" not in attributes for _, attributes in parser.tags
    )
    assert "PAINS quinone_A(370)" in html


def test_the_page_is_written_whole(result: ScreeningResult, tmp_path: Path) -> None:
    write_page(result, tmp_path / "out" / "p.html", "lib.smi", "links-structure-1")
    text = (tmp_path / "out" / "p.html").read_text(encoding="utf-8")
    assert text == page(result, "lib.smi", "links-structure-1")
    assert "{{" not in text.replace("{{FOOT}}", "")
