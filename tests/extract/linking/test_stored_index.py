"""Name indexes that are kept in the cache folder."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from medkg.extract.linking import index_folder, stored_index
from medkg.extract.linking.linker import Linker
from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph

QUERIES = [("muscle spasms", "Symptom"), ("imatinip", "Drug"), ("nothing", "Disease")]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of indexes, in an empty cache; the smallest graph's index is kept."""
    monkeypatch.setenv("MEDKG_CACHE", str(tmp_path))
    monkeypatch.setattr(stored_index, "_FEWEST", 1)
    return tmp_path / "names"


def graph(*more: str, source: str = "curated", kind: str = "Symptom") -> KnowledgeGraph:
    names = ["Muscle spasm", *more]
    nodes = pl.DataFrame(
        {
            "id": [*(f"HP:{n:07}" for n in range(len(names))), "drugbank:DB00619"],
            "kind": [*("Symptom" for _ in names[1:]), kind, "Drug"],
            "name": [*names, "Imatinib"],
        }
    )
    ends = dict.fromkeys(("subject", "relation", "object", "source"), pl.String)
    return KnowledgeGraph.build(nodes, pl.DataFrame(schema=ends), [Source(source, "1", "CC0-1.0")])


def forbid_building(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(names: pl.DataFrame) -> None:
        raise AssertionError("an index was built")

    monkeypatch.setattr(stored_index, "index_arrays", refuse)


def folders(cache: Path) -> set[str]:
    return {folder.name for folder in cache.iterdir()} if cache.exists() else set()


def test_an_index_is_built_once_and_gives_the_same_links(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as without:
        without.setattr(stored_index, "_FEWEST", 1_000)
        expected = Linker(graph("Cough", "Fever")).candidates(QUERIES)
    assert not cache.exists()
    assert expected[0][0].identifier == "HP:0000000"
    assert Linker(graph("Cough", "Fever")).candidates(QUERIES) == expected
    forbid_building(monkeypatch)
    assert Linker(graph("Cough", "Fever")).candidates(QUERIES) == expected
    (folder,) = cache.iterdir()
    assert folder.stat().st_mode & 0o077 == 0


def test_other_names_and_other_code_make_another_index(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Linker(graph("Cough"))
    Linker(graph("Fever"))
    assert len(folders(cache)) == 2
    monkeypatch.setattr(index_folder, "_CODE", ("extract.linking",))
    Linker(graph("Fever"))
    assert len(folders(cache)) == 3


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("0-names.npy", "missing"),
        ("0-names.npy", "changed"),
        ("0-table_0_hashes.npy", "cut"),
        ("index.json", "cut"),
    ],
)
def test_a_damaged_index_is_made_anew(cache: Path, name: str, damage: str) -> None:
    expected = Linker(graph("Cough")).candidates(QUERIES)
    (folder,) = cache.iterdir()
    file = folder / name
    before = file.read_bytes()
    if damage == "missing":
        file.unlink()
    else:
        changed = before[:-1] + bytes([before[-1] ^ 1])
        # A file of its own: the old one may still be mapped.
        file.unlink()
        file.write_bytes(changed if damage == "changed" else before[:-1])
    assert Linker(graph("Cough")).candidates(QUERIES) == expected
    assert file.read_bytes() == before


def test_nothing_in_an_index_is_unpickled(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Linker(graph("Cough"))
    (folder,) = cache.iterdir()
    file = folder / "0-names.npy"
    file.unlink()
    np.save(file, np.array([print], dtype=object), allow_pickle=True)
    monkeypatch.setattr(index_folder, "sha256", lambda _: True)
    monkeypatch.setattr(index_folder, "json_object", lambda _: {"0-names.npy": True})
    with pytest.raises(ValueError, match="Python objects"):
        stored_index._read(folder, 1)


@pytest.mark.parametrize(
    "private", [graph("Cough", source="text"), graph("Anna", kind="Patient")], ids=str
)
def test_what_was_read_in_texts_is_not_kept(cache: Path, private: KnowledgeGraph) -> None:
    assert Linker(private).candidates([("muscle spasm", "Symptom")])[0]
    assert folders(cache) == set()


def test_where_nothing_can_be_written_only_time_is_lost(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MEDKG_CACHE", str(tmp_path / "file"))
    assert Linker(graph("Cough")).candidates(QUERIES)[0]


def test_indexes_that_nobody_used_for_a_while_are_deleted(cache: Path) -> None:
    Linker(graph("Cough"))
    (old,) = cache.iterdir()
    Linker(graph("Fever"))
    (used,) = set(cache.iterdir()) - {old}
    long_ago = time.time() - 8 * 86_400
    for folder in (old, used):
        os.utime(folder, (long_ago, long_ago))
    Linker(graph("Fever"))  # which it now says that it was used
    Linker(graph("Pain"))
    assert used.exists()
    assert not old.exists()


def test_an_index_of_other_code_is_faulty_once_nobody_used_it_for_a_while(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Linker(graph("Cough"))
    (folder,) = cache.iterdir()
    week_ago = time.time() - 8 * 86_400
    os.utime(folder, (week_ago, week_ago))
    assert list(index_folder.faulty_indexes()) == []
    monkeypatch.setattr(index_folder, "_CODE", ("extract.linking",))
    assert list(index_folder.faulty_indexes()) == [(folder, "an index of names by another medkg")]
    os.utime(folder)
    assert list(index_folder.faulty_indexes()) == []


@pytest.mark.parametrize("name", ["0-names.npy", "index.json"])
def test_a_damaged_index_is_faulty(cache: Path, name: str) -> None:
    Linker(graph("Cough"))
    Linker(graph("Fever"))
    folder, whole = sorted(cache.iterdir())
    content = (folder / name).read_bytes()
    (folder / name).unlink()  # the old one may still be mapped
    (folder / name).write_bytes(content[:-1])
    assert list(index_folder.faulty_indexes()) == [(folder, "a damaged index of names")]
    shutil.rmtree(folder)
    assert whole.exists()
    assert list(index_folder.faulty_indexes()) == []


def _link(_: int) -> list[str]:
    stored_index._FEWEST = 1
    links = Linker(graph(*(f"Name {n}" for n in range(2_000)))).candidates(QUERIES)
    return [link.identifier for of_query in links for link in of_query]


def test_two_processes_may_build_one_index_at_once(cache: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        one, *others = pool.map(_link, range(4), chunksize=1)
    assert one
    assert all(other == one for other in others)
    assert len(folders(cache)) == 1
