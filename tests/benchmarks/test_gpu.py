"""`benchmarks/gpu.py` on a CPU with small sizes: each step works, and a second call goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gpu
import pytest
from sklearn.ensemble import GradientBoostingClassifier

from medkg.extract.relations import train_documents

from ..extract.relation_corpora import write_relation_corpora

STEPS = [
    "tests cpu -",
    "links cpu float32",
    "links cpu bfloat16",
    "diagnosis cpu -",
    "mentions cpu -",
    "relations cpu -",
    "embeddings cpu 1e2",
    "embeddings cpu 1e3",
]
MARKED = """
import pytest

@pytest.mark.gpu
def test_that_needs_none():
    pass

@pytest.mark.gpu
def test_that_needs_one():
    pytest.skip("no GPU")

def test_that_is_not_marked():
    raise AssertionError
"""


def _gpu(patch: pytest.MonkeyPatch, state: Path, *options: str) -> int:
    """Call the script, whose steps are processes; its exit status."""
    given = ["--device", "cpu", "--small", "--state", str(state), *options]
    patch.setattr("sys.argv", ["gpu.py", *given])
    return gpu.main()


def _few_trees(**options: Any) -> GradientBoostingClassifier:
    return GradientBoostingClassifier(**{**options, "n_estimators": 8})


def test_all_steps_on_a_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Not all tests that a GPU would run, which take seconds to be skipped.
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_marked.py").write_text(MARKED, encoding="utf-8")
    monkeypatch.setattr(gpu, "ROOT", tmp_path)
    monkeypatch.setattr(train_documents, "GradientBoostingClassifier", _few_trees)
    write_relation_corpora(tmp_path / "corpora", documents=12)
    assert gpu.names_of("cpu", tmp_path, small=True) == STEPS
    for name in STEPS:
        step, device, size = name.split()
        figures = gpu.STEPS[step](gpu.Given(device, size, tmp_path, small=True))
        assert figures["seconds"] > 0, name
        if step == "tests":
            assert figures["result"] == "1 passed, 0 failed, 1 skipped"
        else:
            assert figures["gb"] > 0, name


def test_a_call_goes_on_after_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "state.json"
    others = ("tests cpu -", "links cpu float32", "links cpu bfloat16", "diagnosis cpu -")
    state.write_text(json.dumps({name: {"seconds": 1.0, "result": "was there"} for name in others}))
    assert _gpu(monkeypatch, state, "--seconds", "0") == 1
    assert list(json.loads(state.read_text())) == list(others)
    capsys.readouterr()
    code = _gpu(monkeypatch, state)
    printed = capsys.readouterr().out
    assert code == 0, printed
    assert "All is done." in printed
    finished = json.loads(state.read_text())
    assert list(finished) == [*others, "embeddings cpu 1e2", "embeddings cpu 1e3"]
    for name in finished:
        assert f"| {' | '.join(name.split())} |" in printed
    assert finished["tests cpu -"]["result"] == "was there"
    assert "mentions, relations" in printed


def test_what_fails_or_takes_too_long_is_set_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "state.json"
    assert _gpu(monkeypatch, state, "--seconds", "0.2") == 2
    assert json.loads(state.read_text())["tests cpu -"] == {"failed": "longer than 0.2 s"}
    (tmp_path / "corpora").mkdir()
    rest = {name: {"result": "was there"} for name in ("tests cpu -", "relations cpu -")}
    rest |= {f"links cpu {size}": {"result": "was there"} for size in ("float32", "bfloat16")}
    rest |= {f"embeddings cpu 1e{n}": {"result": "was there"} for n in (2, 3)}
    state.write_text(json.dumps(rest | {"diagnosis cpu -": {"result": "was there"}}))
    assert _gpu(monkeypatch, state, "--data", str(tmp_path)) == 2
    assert json.loads(state.read_text())["mentions cpu -"] == {"failed": "exit status 1"}
