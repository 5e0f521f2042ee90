"""`benchmarks/fuzz.py` finds what it is for, goes on where it stopped, and finds nothing here."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fuzz_inputs import CORPUS, mutated

ROOT = Path(__file__).resolve().parents[2]


def _fuzz(folder: Path, *options: str) -> tuple[int, dict[str, Any]]:
    """The exit status and what is printed of the one family."""
    script = ROOT / "benchmarks" / "fuzz.py"
    command = [sys.executable, script, "--json", "--state", folder, *options]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stdout, done.stderr
    families: dict[str, Any] = json.loads(done.stdout)["families"]
    (family,) = families.values()
    return done.returncode, family


def test_each_sort_of_finding_is_found_once_and_kept(tmp_path: Path) -> None:
    options = ("--family", "bad", "--readers", "tests.benchmarks.bad_readers", "--seconds", "2")
    code, family = _fuzz(tmp_path, *options, "--inputs", "10", "--memory", "1000")
    assert code == 1
    assert {f["reader"]: (f["outcome"], f["times"]) for f in family["findings"]} == {
        sort: (sort, 2) for sort in ("hang", "crash", "memory", "traceback")
    }
    assert family["refused"] == 2
    assert family["inputs"] == sum(family["next"].values()) == 10
    assert "KeyError at bad_readers.py" in json.dumps(family["findings"])
    assert sorted(f.name for f in (tmp_path / "findings").rglob("*.txt")) == ["a.txt"] * 4
    _, further = _fuzz(tmp_path, *options, "--inputs", "5", "--memory", "1000")
    assert further["inputs"] == 15
    assert set(further["next"].values()) == {3}


@pytest.mark.parametrize("family", ["json", "queries"])
def test_a_short_run_finds_nothing(tmp_path: Path, family: str) -> None:
    code, counts = _fuzz(tmp_path, "--family", family, "--inputs", "60", "--seconds", "120")
    assert counts["findings"] == []
    assert code == 0
    assert counts["read"] + counts["refused"] == counts["inputs"] == 60


def test_the_same_seed_gives_the_same_inputs(tmp_path: Path) -> None:
    data = b'{"a": [1, "x"]}\n<a b="c">d</a>\n1\t2\n'
    made = [[mutated(data, random.Random(f"{seed}")) for seed in range(50)] for _ in range(2)]
    assert made[0] == made[1]
    assert data not in made[0]
    assert len(set(made[0])) > 30


@pytest.mark.parametrize("name", [name for name in CORPUS if "MB" not in name])
def test_the_corpus_can_be_made_of_any_file(name: str, tmp_path: Path) -> None:
    sound = (b"", b"\xff\0", b'{"a": [1, "x"]}', b"<a><b>c</b></a>")
    for number, data in enumerate(sound):
        folder = tmp_path / str(number)
        folder.mkdir()
        file = folder / "a.json"
        file.write_bytes(data)
        made = CORPUS[name](file)
        assert made.parent == folder
        assert [made] == list(folder.iterdir())
