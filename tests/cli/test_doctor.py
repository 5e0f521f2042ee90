"""`medkg doctor` names what is broken on a machine, and `--mend` mends it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from medkg import mending, terminology
from medkg.cli import app
from medkg.extract.linking import index_folder
from medkg.graph.store import unused_servers
from tests.graph.graphs import small
from tests.killed import kill_when
from tests.modes import readable_by_others

MINE = "the user's own"


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache, a temporary folder and a workplace, each with something of the user's own."""
    folders = ("cache/hetionet", "cache/names/mine", "cache/terminology/mine", "cache/notes",
               "temporary/medkg.notes", "work/server")  # fmt: skip
    for name in folders:
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "mine.txt").write_text(MINE)
        os.utime(tmp_path / name, (0, 0))
    (tmp_path / "cache" / "names").chmod(0o700)
    monkeypatch.setenv("MEDKG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.chdir(tmp_path / "work")
    # Not what other tests, and others on this machine, have there.
    monkeypatch.setattr(mending, "_OF_RAY", tmp_path / "temporary")
    monkeypatch.setattr(unused_servers, "_running", lambda: iter(()))
    # What it looks at beside that has tests of its own.
    monkeypatch.setattr("medkg.doctor.examine", lambda: {"python": "3"})
    return tmp_path


def killed_in_tmpdir(machine: Path) -> Path:
    folder = machine / "temporary"
    kill_when(
        lambda: list(folder.glob("medkg.*/note.txt")),
        "import time\nfrom medkg.core.temporary import TemporaryFolder\n"
        "folder = TemporaryFolder()\n(folder.path / 'note.txt').write_text('Anna coughs.')\n"
        "time.sleep(60)\n",
    )
    return next(folder.glob("medkg.*/note.txt")).parent


def killed_in_the_cache(machine: Path) -> Path:
    parts = machine / "cache" / "remote" / "0123456789abcdef" / ".graph.parts"
    kill_when(
        lambda: list(parts.glob(".*.draft.*/part.parquet")),
        "import time\nfrom pathlib import Path\nfrom medkg.core.atomic import atomic_file\n"
        f"with atomic_file(Path({str(parts / 'part.parquet')!r})) as draft:\n"
        "    time.sleep(60)\n",
    )
    (parts / "finished.parquet").write_text(MINE)
    return next(parts.glob(".*.draft.*"))


def killed_while_downloading(machine: Path) -> Path:
    folder = machine / "cache" / "hetionet"
    kill_when(
        lambda: list(folder.glob("tmp*")),
        "import time\nfrom pooch.utils import temporary_file\n"
        f"with temporary_file(path={str(folder)!r}):\n    time.sleep(60)\n",
    )
    (left,) = folder.glob("tmp*")
    (folder / ".hetionet.json.bz2.part").write_text(MINE)
    os.utime(left, (0, 0))
    return left


def damaged_terminology(machine: Path) -> Path:
    folder = machine / "cache" / "terminology" / terminology._edition()
    small().save(folder)
    nodes = folder / "nodes.parquet"
    nodes.write_bytes(nodes.read_bytes()[:-20])
    return folder


def terminology_of_an_older_medkg(machine: Path) -> Path:
    folder = machine / "cache" / "terminology" / "0123456789abcdef"
    small().save(folder)
    small().save(folder.with_name("fedcba9876543210"))  # of another one that was just made
    os.utime(folder, (0, 0))
    return folder


def damaged_index(machine: Path) -> Path:
    folder = machine / "cache" / "names" / f"{index_folder.code_digest()}-{16 * '01'}"
    folder.mkdir()
    (folder / "0-names.npy").write_bytes(b"half")
    (folder / "index.json").write_text(json.dumps({"0-names.npy": "0" * 64}))
    return folder


def index_of_an_older_medkg(machine: Path) -> Path:
    folder = machine / "cache" / "names" / (16 * "01")
    folder.mkdir()
    os.utime(folder, (0, 0))
    return folder


REMOVED: list[Callable[[Path], Path]] = [
    killed_in_tmpdir,
    killed_in_the_cache,
    killed_while_downloading,
    damaged_terminology,
    terminology_of_an_older_medkg,
    damaged_index,
    index_of_an_older_medkg,
]


def open_folder(machine: Path) -> Path:
    folder = machine / "cache" / "remote"
    (folder / "0123456789abcdef").mkdir(parents=True)
    (folder / "0123456789abcdef" / "part.parquet").write_text(MINE)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return folder


def server_that_was_killed(machine: Path) -> Path:
    folder = machine / "work" / "server"
    for name in ("databases", "users"):
        (folder / name).mkdir()
    (folder / "databases" / "page").write_text(MINE)
    folder.chmod(0o700)
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    (folder / "server.json").write_text(json.dumps({"pid": ended.pid}))
    for lock in ("server.lock", "users/0123.lock"):
        (folder / lock).touch()
    return folder


MENDED = [*REMOVED, open_folder, server_that_was_killed]


def doctor(*options: str) -> dict[str, list[str]]:
    result = CliRunner().invoke(app, ["doctor", "--json", *options])
    assert result.exit_code == 0, result.output
    report: dict[str, list[str]] = json.loads(result.stdout)
    return report


def own_files(machine: Path) -> list[Path]:
    return [
        path for path in machine.rglob("*") if path.is_file() and path.read_bytes() == MINE.encode()
    ]


@pytest.mark.parametrize("breaks", MENDED)
def test_it_is_named_and_mended_and_nothing_is_left_to_mend(
    breaks: Callable[[Path], Path], machine: Path
) -> None:
    assert doctor()["can be mended"] == []
    broken = breaks(machine)
    files = own_files(machine)
    (line,) = doctor()["can be mended"]
    assert line.startswith(f"{broken}: ")
    assert broken.exists()
    report = doctor("--mend")
    (mended,) = report["mended"]
    assert mended.startswith(f"{line}; ")
    assert "PROBLEM" not in mended
    assert "Anna" not in mended
    assert report["can be mended"] == []
    assert doctor() == {"python": "3", "can be mended": []}
    assert broken.exists() != (breaks in REMOVED)
    assert own_files(machine) == files
    assert len(files) >= 6


def test_folders_of_private_data_are_closed_to_others(machine: Path) -> None:
    folder = open_folder(machine)
    assert len(readable_by_others(folder)) == 3
    doctor("--mend")
    assert readable_by_others(folder) == []


def test_a_dead_server_s_files_go_and_its_databases_stay(machine: Path) -> None:
    folder = server_that_was_killed(machine)
    doctor("--mend")
    assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == [
        "mine.txt", "page", "server.lock",
    ]  # fmt: skip


def test_all_at_once_in_print(machine: Path) -> None:
    broken = [breaks(machine) for breaks in (*REMOVED, server_that_was_killed)]
    runner = CliRunner(env={"COLUMNS": "80"})
    for options, title in (
        ([], "can be mended: medkg doctor --mend"),
        (["--mend"], "mended:"),
    ):
        printed = runner.invoke(app, ["doctor", *options]).stdout.splitlines()
        lines = printed[printed.index(title) + 1 :]
        assert [line.startswith("  ") for line in lines] == [True] * len(broken)
        assert {line.strip().partition(": ")[0] for line in lines} == {*map(str, broken)}
    assert "mended" not in runner.invoke(app, ["doctor"]).stdout


def test_what_can_t_be_mended_is_a_problem_and_the_rest_is_mended(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused, other = damaged_terminology(machine), index_of_an_older_medkg(machine)

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    checks = [
        check._replace(mend=refuse) if check.find is terminology.faulty_editions else check
        for check in mending._CHECKS
    ]
    monkeypatch.setattr(mending, "_CHECKS", checks)
    report = doctor("--mend")
    first, second = report["mended"]
    assert f"PROBLEM: {refused}: permission denied" in first
    assert second.startswith(f"{other}: ")
    assert [line.partition(": ")[0] for line in report["can be mended"]] == [str(refused)]
    assert not other.exists()
