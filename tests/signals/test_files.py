"""Which files are read of folders, and what is said of the others."""

from __future__ import annotations

from pathlib import Path

from medkg.core.quarantine import Quarantine
from medkg.signals.files import read_files


def test_files_of_another_kind_in_a_folder_are_counted(tmp_path: Path) -> None:
    folder = tmp_path / "films"
    (folder / "old").mkdir(parents=True)
    # 100.dat belongs to 100.hea; a hidden file is the system's.
    for name in ("100.hea", "100.dat", "a.gif", "old/b.gif", "old/README", ".DS_Store"):
        (folder / name).touch()
    remarks: list[str] = []

    def read(path: Path) -> tuple[list[str], list[str]]:
        return [path.name], []

    given, n_read = read_files(
        [folder], (".hea",), "Files", read, quarantine=Quarantine(), remarks=remarks
    )
    assert (given, n_read) == (["100.hea"], 1)
    assert remarks == ["films: 3 files are of another kind (.gif, without a suffix)"]
