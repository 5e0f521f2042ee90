"""`benchmarks/gpu.py` on a CPU with small sizes: each step works, and a second call goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import gpu

from ..extract.relation_corpora import write_relation_corpora

ROOT = Path(__file__).resolve().parents[2]
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


def _gpu(state: Path, *options: str) -> subprocess.CompletedProcess[str]:
    script = ROOT / "benchmarks" / "gpu.py"
    command = [sys.executable, script, "--device", "cpu", "--small", "--state", state, *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_all_steps_on_a_cpu(tmp_path: Path) -> None:
    write_relation_corpora(tmp_path / "corpora", documents=12)
    assert gpu.names_of("cpu", tmp_path, small=True) == STEPS
    for name in STEPS:
        step, device, size = name.split()
        figures = gpu.STEPS[step](gpu.Given(device, size, tmp_path, small=True))
        assert figures["seconds"] > 0, name
        if step == "tests":
            assert " 0 failed," in figures["result"]
        else:
            assert figures["gb"] > 0, name


def test_a_call_goes_on_after_the_last(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    others = ("tests cpu -", "links cpu float32", "links cpu bfloat16", "diagnosis cpu -")
    state.write_text(json.dumps({name: {"seconds": 1.0, "result": "was there"} for name in others}))
    no_time = _gpu(state, "--seconds", "0")
    assert no_time.returncode == 1
    assert list(json.loads(state.read_text())) == list(others)
    done = _gpu(state)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All is done." in done.stdout
    finished = json.loads(state.read_text())
    assert list(finished) == [*others, "embeddings cpu 1e2", "embeddings cpu 1e3"]
    for name in finished:
        assert f"| {' | '.join(name.split())} |" in done.stdout
    assert finished["tests cpu -"]["result"] == "was there"
    assert "mentions, relations" in done.stdout


def test_what_fails_or_takes_too_long_is_set_down(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    done = _gpu(state, "--seconds", "0.2")
    assert done.returncode == 2
    assert json.loads(state.read_text())["tests cpu -"] == {"failed": "longer than 0.2 s"}
    (tmp_path / "corpora").mkdir()
    rest = {name: {"result": "was there"} for name in ("tests cpu -", "relations cpu -")}
    rest |= {f"links cpu {size}": {"result": "was there"} for size in ("float32", "bfloat16")}
    rest |= {f"embeddings cpu 1e{n}": {"result": "was there"} for n in (2, 3)}
    state.write_text(json.dumps(rest | {"diagnosis cpu -": {"result": "was there"}}))
    done = _gpu(state, "--data", str(tmp_path))
    assert done.returncode == 2
    assert json.loads(state.read_text())["mentions cpu -"] == {"failed": "exit status 1"}
