"""Sealing from the command line: where secrets come from, and what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from medkg.core.sealing import new_key

from ..modes import readable_by_others


def medkg(*arguments: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    code = "from medkg.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def patients(tmp_path: Path) -> Path:
    (tmp_path / "patients").mkdir()
    (tmp_path / "patients" / "note.txt").write_text("the sentence of a note")
    return tmp_path / "patients"


def test_a_key_seals_and_opens(tmp_path: Path, patients: Path, usual_umask: None) -> None:
    made = medkg("seal-key", "--out", "keys/key", cwd=tmp_path)
    assert made.stdout.startswith("age1")
    assert not readable_by_others(tmp_path / "keys")
    again = medkg("seal-key", "--out", "keys/key", cwd=tmp_path)
    assert again.returncode == 1
    assert "a key is never replaced" in again.stderr
    sealed = medkg("seal", patients, "--to", made.stdout.strip(), "--out", "x.age", cwd=tmp_path)
    assert (sealed.returncode, sealed.stdout) == (0, "x.age: 1 file sealed, 22 bytes\n")
    missing = medkg("open-sealed", "x.age", "--out", "back", cwd=tmp_path)
    assert missing.returncode == 1
    assert "MEDKG_SEAL_KEY" in missing.stderr
    opened = medkg("open-sealed", "x.age", "--key", "keys/key", "--out", "a", cwd=tmp_path)
    assert (opened.returncode, opened.stdout) == (0, "a: 1 file opened, 22 bytes\n")
    assert (tmp_path / "a" / "patients" / "note.txt").read_text() == "the sentence of a note"
    assert not readable_by_others(tmp_path / "a")
    secret = (tmp_path / "keys" / "key").read_text()
    opened = medkg(
        "open-sealed", "x.age", "--out", "b", "--json", cwd=tmp_path, MEDKG_SEAL_KEY=secret
    )
    assert json.loads(opened.stdout) == {"written": "b", "files": 1, "bytes": 22}


def test_public_keys_may_come_from_a_file(tmp_path: Path, patients: Path) -> None:
    keys = [new_key(), new_key()]
    lines = "".join(f"# of somebody\n{public}\n\n" for _, public in keys)
    (tmp_path / "public").write_text(lines)
    medkg("seal", patients, "--to", "public", "--out", "x.age", cwd=tmp_path)
    for number, (secret, _) in enumerate(keys):
        opened = medkg("open-sealed", "x.age", "--out", number, cwd=tmp_path, MEDKG_SEAL_KEY=secret)
        assert opened.returncode == 0, opened.stderr


def test_a_passphrase_comes_from_a_file_or_the_environment(tmp_path: Path, patients: Path) -> None:
    (tmp_path / "secret").write_text("open sesame\n")
    sealed = medkg("seal", patients, "--passphrase", "secret", "--out", "x.age", cwd=tmp_path)
    assert sealed.returncode == 0, sealed.stderr
    opened = medkg(
        *("open-sealed", "x.age", "--out", "back"),
        cwd=tmp_path,
        MEDKG_SEAL_PASSPHRASE="open sesame",
    )
    assert opened.returncode == 0, opened.stderr


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ([], 2, "give a public key by --to"),
        (["--to", "age1", "--passphrase", "secret"], 2, "give either --to or --passphrase"),
        (["--to", "nobody"], 1, "'nobody' is no public key"),
        (["--passphrase", "empty"], 1, "empty: is empty"),
        (["--passphrase", "missing"], 1, "missing: No such file"),
    ],
)
def test_what_is_missing_or_wrong_is_said(
    tmp_path: Path, patients: Path, options: list[str], code: int, message: str
) -> None:
    (tmp_path / "empty").touch()
    result = medkg("seal", patients, *options, "--out", "x.age", cwd=tmp_path, COLUMNS="200")
    assert result.returncode == code
    assert message in result.stderr
    assert not (tmp_path / "x.age").exists()


def test_what_a_server_is_at_is_not_sealed(tmp_path: Path, patients: Path) -> None:
    for name in ("server.json", "server.lock"):
        (patients / name).touch()
    result = medkg("seal", ".", "--to", new_key()[1], "--out", "../x.age", cwd=patients)
    assert result.returncode == 1
    assert "is served, or its server was killed" in result.stderr
