"""What the benchmark of large graphs makes and prints, small; and that memory changes no result."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from medkg.graph import graph_frames, spill
from medkg.graph.edges import edges_from
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.merge import merge, unmerge

from .test_kg import same


@pytest.fixture(scope="module")
def scale() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "scale.py"
    spec = importlib.util.spec_from_file_location("scale", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_beyond_memory_building_merging_and_undoing_give_the_same(
    scale: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    parts = [list(scale.made_up(1_500)), list(scale.made_up(500, other=True))]
    small = [KnowledgeGraph.from_parts(given, scale.SOURCES) for given in parts]
    joined = merge(*small)
    merged = joined.merges.filter("applied")["merged"][0]
    undone = unmerge(joined, merged)
    assert undone.merges.filter("applied").height == joined.merges.filter("applied").height - 1

    with monkeypatch.context() as little:
        little.setattr(spill, "MOST_IN_MEMORY", 300)
        little.setattr(spill, "_FLUSH", 250)
        little.setattr(spill, "BATCH", 200)
        little.setattr(spill, "_HASHED", 0)
        little.setattr(graph_frames, "_SMALL_FILE", 0)
        for name, given in zip(("one", "other"), parts, strict=True):
            KnowledgeGraph.from_parts(given, scale.SOURCES).save(tmp_path / name)
        both = merge(*(KnowledgeGraph.open(tmp_path / name) for name in ("one", "other")))
        parted = unmerge(both, merged)
        parted.save(tmp_path / "parted")
        near = KnowledgeGraph.open(tmp_path / "parted").neighbourhood(scale.FOCUS, hops=2)
        assert both.checksum() == joined.checksum()
        assert parted.info() == undone.info()
    same(KnowledgeGraph.open(tmp_path / "one"), small[0])
    same(both, joined)
    same(parted, undone)
    same(near, undone.neighbourhood(scale.FOCUS, hops=2))
    assert edges_from(parted.evidence, parted.sources, parted.schema).equals(parted.edges)


def test_the_table_has_a_row_a_step(
    scale: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["scale.py", "--edges", "1000", "2000", "--steps", "make"])
    scale.main()
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert lines[0] == "| step | 1,000 edges | 2,000 edges |"
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| build", "| save"]
    assert all(line.count(" GB") == 2 for line in lines[2:])
