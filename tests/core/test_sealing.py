"""Folders that are sealed and opened again, and sealed files that are damaged or hostile."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pyrage
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medkg.core import sealing
from medkg.core.disk import DiskError
from medkg.core.errors import DataError, MedkgError
from medkg.core.sealing import SealError, new_key, open_sealed, seal

from ..disks import file_limit
from ..modes import readable_by_others

SECRET, PUBLIC = new_key()


def content(folder: Path) -> dict[str, bytes | None]:
    """What a folder holds: the bytes of each file, None of a folder."""
    return {
        path.relative_to(folder).as_posix(): None if path.is_dir() else path.read_bytes()
        for path in folder.rglob("*")
    }


@pytest.fixture
def patients(tmp_path: Path) -> Path:
    folder = tmp_path / "patients"
    (folder / "größe" / "empty").mkdir(parents=True)
    (folder / "größe" / ("n" * 200)).write_bytes(os.urandom(200_000))
    (folder / "nothing").touch()
    (folder / "note.txt").write_text("the sentence of a note")
    (folder / "run.sh").write_text("true")
    (folder / "run.sh").chmod(0o755)
    return folder


@pytest.fixture
def sealed(patients: Path, tmp_path: Path) -> Path:
    file = tmp_path / "sealed.age"
    seal([patients], file, recipients=[PUBLIC])
    return file


def test_what_was_sealed_comes_back(
    patients: Path, sealed: Path, tmp_path: Path, usual_umask: None
) -> None:
    assert b"sentence" not in sealed.read_bytes()
    assert not readable_by_others(sealed)
    opened = open_sealed(sealed, tmp_path / "new" / "back", keys=[new_key()[0], SECRET])
    assert content(tmp_path / "new" / "back" / "patients") == content(patients)
    assert (opened.files, opened.size) == (4, 200_026)
    assert not readable_by_others(tmp_path / "new")
    assert os.access(tmp_path / "new" / "back" / "patients" / "run.sh", os.X_OK)
    assert not os.access(tmp_path / "new" / "back" / "patients" / "note.txt", os.X_OK)


def test_each_of_several_keys_opens_several_paths(patients: Path, tmp_path: Path) -> None:
    (tmp_path / "one").write_text("1")
    other = new_key()
    file = tmp_path / "sealed"
    seal([patients, tmp_path / "one"], file, recipients=[PUBLIC, other[1]])
    for number, key in enumerate((SECRET, other[0])):
        open_sealed(file, tmp_path / f"back{number}", keys=[key])
        assert content(tmp_path / f"back{number}" / "patients") == content(patients)
        assert (tmp_path / f"back{number}" / "one").read_text() == "1"


NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="/\\", min_codepoint=1), min_size=1, max_size=9
).filter(lambda name: name not in (".", ".."))


@settings(max_examples=25)
@given(st.dictionaries(NAMES, st.binary(max_size=2_000), max_size=5))
def test_any_names_and_bytes_come_back(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "in").mkdir()
    for name, data in files.items():
        (folder / "in" / name).write_bytes(data)
    seal([folder / "in"], folder / "sealed", recipients=[PUBLIC])
    open_sealed(folder / "sealed", folder / "out", keys=[SECRET])
    assert content(folder / "out" / "in") == content(folder / "in")


def test_a_passphrase_opens_what_it_sealed(
    patients: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "sealed"
    seal([patients], file, passphrase="open sesame")
    with pytest.raises(SealError, match="is sealed by a passphrase; give it"):
        open_sealed(file, tmp_path / "back", keys=[SECRET])
    with pytest.raises(SealError, match="the passphrase is another one, or the file is damaged"):
        open_sealed(file, tmp_path / "back", passphrase="sesame")
    assert not (tmp_path / "back").exists()
    open_sealed(file, tmp_path / "back", passphrase="open sesame")
    assert content(tmp_path / "back" / "patients") == content(patients)
    monkeypatch.setattr(sealing, "MOST_BY_PASSPHRASE", 200_000)
    with pytest.raises(DataError, match=r"200,026 bytes are too many .*medkg seal-key"):
        seal([patients], tmp_path / "other", passphrase="open sesame")


DAMAGE: list[Callable[[bytes], bytes]] = [
    lambda data: data[:-1],
    lambda data: data[:100_000],
    lambda data: data[: len(data) - 65_552],
    lambda data: data + b"x",
    lambda data: data[:100_000] + bytes([data[100_000] ^ 1]) + data[100_001:],
    lambda data: data[:60] + bytes([data[60] ^ 1]) + data[61:],
    lambda data: data[:30],
    lambda data: data[1:],
    lambda _: b"",
]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_refused_and_nothing_is_left(
    sealed: Path, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    sealed.write_bytes(damage(sealed.read_bytes()))
    before = set(tmp_path.iterdir())
    with pytest.raises(MedkgError, match=f"^{sealed}: (is damaged|is no sealed|none of the keys)"):
        open_sealed(sealed, tmp_path / "back", keys=[SECRET])
    assert set(tmp_path.iterdir()) == before


def test_a_key_that_is_wrong_or_missing_is_said(sealed: Path, tmp_path: Path) -> None:
    with pytest.raises(SealError, match="none of the keys opens it"):
        open_sealed(sealed, tmp_path / "back", keys=[new_key()[0]])
    with pytest.raises(SealError, match="is sealed for a key; give the secret one by --key"):
        open_sealed(sealed, tmp_path / "back", passphrase="x")
    with pytest.raises(SealError, match="a key is no secret key"):
        open_sealed(sealed, tmp_path / "back", keys=[PUBLIC])
    assert not (tmp_path / "back").exists()


def test_what_can_not_be_sealed_for_is_said(patients: Path, tmp_path: Path) -> None:
    out = tmp_path / "sealed"
    with pytest.raises(SealError) as refused:
        seal([patients], out, recipients=[SECRET])
    assert "secret key was given as a public one" in str(refused.value)
    assert SECRET[16:] not in str(refused.value)
    with pytest.raises(SealError, match="'age1x' is no public key"):
        seal([patients], out, recipients=["age1x"])
    with pytest.raises(SealError, match="either public keys or a passphrase"):
        seal([patients], out)
    with pytest.raises(SealError, match="either public keys or a passphrase"):
        seal([patients], out, recipients=[PUBLIC], passphrase="x")
    assert not out.exists()


def test_what_is_no_plain_file_is_not_sealed(patients: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="missing: is not there"):
        seal([tmp_path / "missing"], tmp_path / "sealed", recipients=[PUBLIC])
    with pytest.raises(DataError, match="is given twice"):
        seal([patients, patients], tmp_path / "sealed", recipients=[PUBLIC])
    (patients / "link").symlink_to("/etc/passwd")
    with pytest.raises(DataError, match="patients/link: is a link"):
        seal([patients], tmp_path / "sealed", recipients=[PUBLIC])
    (patients / "link").unlink()
    os.mkfifo(patients / "pipe")
    with pytest.raises(DataError, match="patients/pipe: is a link, or no file"):
        seal([patients], tmp_path / "sealed", recipients=[PUBLIC])
    assert not (tmp_path / "sealed").exists()
    with pytest.raises(DataError, match="pipe: is no file but a pipe"):
        open_sealed(patients / "pipe", tmp_path / "back", keys=[SECRET])


def append(file: Path) -> None:
    with file.open("ab") as opened:
        opened.write(b"more")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("note.txt", append),
        ("note.txt", lambda file: file.write_text("short")),
        ("note.txt", lambda file: file.write_text("THE SENTENCE OF A NOTE")),
        ("added.txt", Path.touch),
        ("nothing", lambda file: file.unlink()),
    ],
)
def test_what_changes_while_it_is_sealed_is_not_sealed(
    patients: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str,
    change: Callable[[Path], object],
) -> None:  # fmt: skip
    listed = sealing._check_target

    def then_changed(*arguments: object) -> None:
        listed(*arguments)  # type: ignore[arg-type]
        change(patients / name)

    monkeypatch.setattr(sealing, "_check_target", then_changed)
    with pytest.raises((DataError, FileNotFoundError), match=r"changed while it|No such file"):
        seal([patients], tmp_path / "sealed", recipients=[PUBLIC])
    assert [path.name for path in tmp_path.iterdir()] == ["patients"]


def test_only_a_sealed_file_is_replaced(patients: Path, sealed: Path, tmp_path: Path) -> None:
    seal([patients / "note.txt"], sealed, recipients=[PUBLIC])
    assert open_sealed(sealed, tmp_path / "back", keys=[SECRET]).files == 1
    (tmp_path / "letter").write_text("not sealed")
    for out in (tmp_path / "letter", tmp_path):
        with pytest.raises(DataError, match=r"is there already|lies in what is sealed"):
            seal([patients / "note.txt"], out, recipients=[PUBLIC])
    with pytest.raises(DataError, match="lies in what is sealed"):
        seal([patients], patients / "sealed", recipients=[PUBLIC])
    for taken in (tmp_path / "letter", tmp_path / "back"):
        with pytest.raises(DataError, match=r"is a file|other things in it"):
            open_sealed(sealed, taken, keys=[SECRET])
    assert (tmp_path / "letter").read_text() == "not sealed"
    assert content(tmp_path / "back").keys() == {"note.txt"}


def member(name: str, kind: bytes = tarfile.REGTYPE, **fields: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    for field, value in fields.items():
        setattr(info, field, value)
    return info


SPARSE = {"GNU.sparse.map": "0,0", "GNU.sparse.size": "9" * 12}
BAD_SPARSE = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9" * 12}


@pytest.mark.parametrize(
    "members",
    [
        [member("../out")],
        [member("a/../../out")],
        [member("/tmp/out")],
        [member("..")],
        [member(".", tarfile.DIRTYPE)],
        [member("a//b")],
        [member("a\\..\\b")],
        [member("link", tarfile.SYMTYPE, linkname="/etc/passwd")],
        [member("link", tarfile.SYMTYPE, linkname=".."), member("link/out")],
        [member("one"), member("two", tarfile.LNKTYPE, linkname="one")],
        [member("pipe", tarfile.FIFOTYPE)],
        [member("device", tarfile.CHRTYPE)],
        [member("one"), member("one")],
        [member("one"), member("one/two")],
        [member("one/two"), member("one")],
        [member("sparse", pax_headers=SPARSE)],
        [member("sparse", pax_headers=BAD_SPARSE)],
        [member("header", tarfile.XHDTYPE)] * 3_000,
    ],
)
def test_an_archive_that_no_seal_makes_is_refused(
    tmp_path: Path, members: list[tarfile.TarInfo]
) -> None:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(member("good"))
        for info in members:
            tar.addfile(info)
    recipient = pyrage.x25519.Recipient.from_str(PUBLIC)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "sealed").write_bytes(pyrage.encrypt(data.getvalue(), [recipient]))
    with pytest.raises(DataError, match="in/sealed: holds "):
        open_sealed(tmp_path / "in" / "sealed", tmp_path / "in" / "back", keys=[SECRET])
    assert content(tmp_path).keys() == {"in", "in/sealed"}


def test_a_disk_that_takes_no_more_is_named(patients: Path, sealed: Path, tmp_path: Path) -> None:
    before = set(tmp_path.iterdir())
    with pytest.raises(DiskError, match=f"^{tmp_path / 'other'}: a file would"), file_limit(90_000):
        seal([patients], tmp_path / "other", recipients=[PUBLIC])
    with pytest.raises(DiskError, match=f"^{tmp_path / 'back'}: a file would"), file_limit(90_000):
        open_sealed(sealed, tmp_path / "back", keys=[SECRET])
    assert set(tmp_path.iterdir()) == before
