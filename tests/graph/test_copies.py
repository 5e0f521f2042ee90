"""Forgetting reaches what was made of a graph, or of the same notes."""

from __future__ import annotations

import bz2
import errno
import gzip
import hashlib
import io
import json
import lzma
import os
import sys
import tarfile
import zipfile
from pathlib import Path

import polars as pl
import pytest

from medkg.core import input_files
from medkg.core.errors import DataError
from medkg.core.pdf_reading import pdf_text
from medkg.core.sealing import new_key, open_sealed, seal
from medkg.graph import copies
from medkg.graph.copies import Copy, forget_copies
from medkg.graph.document_readings import reading_properties
from medkg.graph.export import export
from medkg.graph.forget import forget, forget_in_folder, identifiers
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.store import connect

from ..pdf import pdf
from .clinic import ANNA, BEN, NOTE, SECOND, SECRET, clinic
from .test_forget import text_of


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """A folder `all` with the target, within a folder for copies."""
    clinic().save(tmp_path / "all")
    return tmp_path / "all"


def forget_anna(graph: Path) -> dict[str, Copy]:
    kg = KnowledgeGraph.open(graph)
    ids = identifiers(kg, patient=ANNA)
    listed = forget_copies([graph.parent], ids, kg, skip=graph)
    assert KnowledgeGraph.open(graph).checksum() == clinic().checksum()  # the target comes last
    forget_in_folder(graph, patient=ANNA)
    return {Path(copy.path).relative_to(graph.parent).as_posix(): copy for copy in listed}


def test_a_patient_s_identifiers_are_those_of_their_documents_too() -> None:
    assert {ANNA, NOTE, SECOND} <= identifiers(clinic(), patient=ANNA)
    assert BEN not in identifiers(clinic(), patient=ANNA)
    assert identifiers(clinic()) == frozenset()


def test_other_graphs_forget_as_the_graph_itself_does(graph: Path) -> None:
    clinic().save(graph.parent / "deeper" / "part")
    assert forget_anna(graph) == {
        "deeper/part": Copy(str(graph.parent / "deeper" / "part"), "graph", True)
    }
    part = KnowledgeGraph.open(graph.parent / "deeper" / "part")
    assert SECRET not in text_of(part)
    assert part.checksum() == forget(clinic(), patient=ANNA)[0].checksum()


def test_a_graph_without_them_is_left_alone(graph: Path) -> None:
    other = forget(clinic(), patient=ANNA)[0]
    other.save(graph.parent / "other")
    before = (graph.parent / "other" / "graph.json").stat()
    assert forget_anna(graph) == {}
    assert (graph.parent / "other" / "graph.json").stat().st_mtime_ns == before.st_mtime_ns


def test_a_served_graph_forgets(graph: Path) -> None:
    server = graph.parent / "server"
    with connect(f"embedded:{server}") as store:
        store.write(clinic())
    assert forget_anna(graph)["server"] == Copy(str(server), "server", True)
    with connect(f"embedded:{server}") as store:
        assert store.query("MATCH (n) WHERE n.id = $id RETURN n.id", id=ANNA).is_empty()
        assert SECRET not in text_of(store.read())


@pytest.mark.parametrize("form", ["kgx", "kgx-jsonl", "graphml", "turtle", "parquet"])
def test_an_export_is_made_again_from_what_is_left(graph: Path, form: str) -> None:
    export(clinic(), graph.parent / "exported", form)
    assert forget_anna(graph)["exported"].rewritten
    left = forget(clinic(), patient=ANNA)[0]
    export(left, graph.parent / "expected", form)
    files = sorted(file.name for file in (graph.parent / "expected").iterdir())
    assert sorted(file.name for file in (graph.parent / "exported").iterdir()) == files
    for name in files:
        expected = (graph.parent / "expected" / name).read_bytes()
        assert (graph.parent / "exported" / name).read_bytes() == expected


def test_an_export_of_a_graph_that_is_not_there_is_named(graph: Path) -> None:
    part = clinic().neighbourhood([ANNA])
    export(part, graph.parent / "exported", "kgx")
    copy = forget_anna(graph)["exported"]
    assert (copy.kind, copy.rewritten) == ("export", False)
    assert "again" in copy.to_do


def test_a_second_time_nothing_is_left_to_do(graph: Path) -> None:
    clinic().save(graph.parent / "part")
    export(clinic(), graph.parent / "exported", "kgx")
    assert set(forget_anna(graph)) == {"part", "exported"}
    kg = KnowledgeGraph.open(graph)
    assert forget_copies([graph.parent], [ANNA, NOTE, SECOND], kg, skip=graph) == []


def model(folder: Path, **graph: str | None) -> None:
    folder.mkdir()
    config = {"model_version": 3, "kind": "links", "graph": graph}
    (folder / "config.json").write_text(json.dumps(config))


def test_models_that_learned_from_them_are_named(graph: Path) -> None:
    model(graph.parent / "by-checksum", checksum=clinic().checksum(), path=None)
    model(graph.parent / "by-path", checksum="0", path=str(graph.resolve()))
    model(graph.parent / "other", checksum="1", path="/elsewhere")
    model(graph.parent / "by-name", checksum="2", path=None)
    (graph.parent / "by-name" / "vocabulary.json").write_text(json.dumps({"Patient": [ANNA]}))
    listed = forget_anna(graph)
    assert set(listed) == {"by-checksum", "by-path", "by-name"}
    assert all(copy.kind == "model" and not copy.rewritten for copy in listed.values())
    assert all("learned" in copy.to_do for copy in listed.values())


def test_unfinished_work_goes_or_is_named(graph: Path) -> None:
    parts = graph.parent / ".other.parts"
    parts.mkdir()
    with_her, without = parts / f"{'a' * 64}.parquet", parts / f"{'b' * 64}.parquet"
    pl.DataFrame({"document": ["x", NOTE]}).write_parquet(with_her)
    pl.DataFrame({"document": ["x", f"{NOTE}7"]}).write_parquet(without)
    checkpoint = graph.parent / "model.checkpoint"
    checkpoint.mkdir()
    (checkpoint / "checkpoint.json").write_text("{}")
    listed = forget_anna(graph)
    assert set(listed) == {f".other.parts/{with_her.name}", "model.checkpoint"}
    assert not with_her.exists()
    assert without.exists()
    assert "may have learned" in listed["model.checkpoint"].to_do


def test_rows_that_were_set_aside_go(graph: Path) -> None:
    aside = graph.parent / "other.quarantine.jsonl"
    other = '{"path": "note:caf\xe9"}\n'.encode("latin-1")
    aside.write_bytes(f'{{"path": "{NOTE}"}}\n'.encode() + other)
    assert forget_anna(graph)["other.quarantine.jsonl"].rewritten
    assert aside.read_bytes() == other


def test_files_that_name_them_are_named(graph: Path) -> None:
    folder = graph.parent
    (folder / "page.html").write_text(f"<p>{'x ' * 524_285}{ANNA}</p>")
    (folder / "run.log.gz").write_bytes(gzip.compress(f"read {NOTE}, 3 mentions".encode()))
    pl.DataFrame({"who": [[ANNA]]}).write_parquet(folder / "table.parquet", compression="zstd")
    (folder / "other.html").write_text(f"{ANNA}-bell {BEN}")
    listed = forget_anna(graph)
    assert set(listed) == {"page.html", "run.log.gz", "table.parquet"}
    assert all("delete it" in copy.to_do for copy in listed.values())


def zipped_bytes(*contents: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, content in enumerate(contents):
            archive.writestr(f"folder/{number}.txt", content)
    return packed.getvalue()


def zipped(*texts: str, encrypted: bool = False) -> bytes:
    data = bytearray(zipped_bytes(*(text.encode() for text in texts)))
    if encrypted:  # its flag (APPNOTE.TXT 4.4.4), in both places
        for magic, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            data[data.index(magic) + place] |= 1
    return bytes(data)


def test_packed_files_that_name_them_are_named(graph: Path) -> None:
    text = f"read {NOTE}, 3 mentions"
    (graph.parent / "a.xz").write_bytes(lzma.compress(text.encode()))
    (graph.parent / "b").write_bytes(bz2.compress(text.encode()))
    (graph.parent / "c.zip").write_bytes(zipped("nobody", f"{'x ' * 700_000}{text}"))
    (graph.parent / "d.docx").write_bytes(zipped(text))
    (graph.parent / "others.zip").write_bytes(zipped(f"{NOTE}7", BEN))
    listed = forget_anna(graph)
    assert set(listed) == {"a.xz", "b", "c.zip", "d.docx"}
    assert all("delete it" in copy.to_do for copy in listed.values())


def tarred(*contents: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for number, content in enumerate(contents):
            member = tarfile.TarInfo(f"folder/{number}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def test_what_is_packed_in_packed_files_is_looked_through(graph: Path) -> None:
    pytest.importorskip("pypdf")
    text = f"read {NOTE}, 3 mentions".encode()
    pack = lzma.compress(text)
    for name, packed in {
        "a.tar.gz": tarred(b"nobody", pack),
        "b.tar": gzip.decompress(tarred(pack)),
        "c.gz": gzip.compress(gzip.compress(gzip.compress(text))),
        "d.zip": zipped_bytes(b"nobody", zipped_bytes(tarred(text))),
        "e.zip": zipped_bytes(b"nobody", pdf(f"read {NOTE}, 3 mentions")),
        "others.zip": zipped_bytes(tarred(lzma.compress(b"nobody"))),
    }.items():
        (graph.parent / name).write_bytes(packed)
    assert set(forget_anna(graph)) == {"a.tar.gz", "b.tar", "c.gz", "d.zip", "e.zip"}


def test_what_is_packed_too_often_or_unpacks_to_too_much_is_named(
    graph: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(input_files, "UNPACKED_FREELY", 1 << 20)
    deep = b"nobody"
    for _ in range(10):
        deep = gzip.compress(deep)
    (graph.parent / "deep.gz").write_bytes(deep)
    parts = [bz2.compress(b" " * 800_000)] * 4  # each within bounds, not all of them
    (graph.parent / "large.zip").write_bytes(zipped_bytes(*parts))
    listed = forget_anna(graph)
    assert "deep.gz: is packed more than 8 times over" in listed["deep.gz"].to_do
    assert "large.zip: unpacks to far more than its size" in listed["large.zip"].to_do


def test_a_packed_file_is_looked_through_within_bounds(
    graph: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(input_files, "UNPACKED_FREELY", 1 << 20)
    for name, packed in (("a.xz", lzma.compress(b" " * (2 << 20))), ("b.zip", zipped(" " * 2**21))):
        (graph.parent / name).write_bytes(packed)
    listed = forget_anna(graph)
    assert set(listed) == {"a.xz", "b.zip"}
    assert all("200 times" in copy.to_do for copy in listed.values())


def test_pdfs_that_name_them_are_named(graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pypdf")
    (graph.parent / "a.pdf").write_bytes(pdf(f"Letter about {ANNA}"))
    (graph.parent / "b").write_bytes(pdf(f"Letter about {ANNA}"))
    (graph.parent / "c.pdf").write_bytes(pdf(f"Letter about {BEN}"))
    listed = forget_anna(graph)
    assert set(listed) == {"a.pdf", "b"}
    assert all("delete it" in copy.to_do for copy in listed.values())
    monkeypatch.setitem(sys.modules, "pypdf", None)  # as if it were not installed
    copies = forget_copies([graph.parent], [ANNA], skip=graph)
    assert {Path(copy.path).name for copy in copies} == {"a.pdf", "b", "c.pdf"}
    assert all("PDF needs pypdf" in copy.to_do for copy in copies)


@pytest.mark.parametrize("missing", ["right to list", "right to open"])
def test_a_folder_that_may_not_be_read_is_named(
    graph: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    closed = graph.parent / "closed"
    closed.mkdir()
    (closed / "page.html").write_text(ANNA)
    (graph.parent / "z.html").write_text(ANNA)
    scandir, access = os.scandir, os.access

    def refuse_to_list(folder: str) -> object:
        if str(folder) == str(closed):  # a number, where a folder is deleted
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), folder)
        return scandir(folder)

    # What the system answers to others than root, whom tests may run as.
    if missing == "right to list":
        monkeypatch.setattr(os, "scandir", refuse_to_list)
    else:
        monkeypatch.setattr(os, "access", lambda path, mode: path != closed and access(path, mode))
    listed = forget_anna(graph)
    assert set(listed) == {"closed", "z.html"}
    assert "who may read it" in listed["closed"].to_do


@pytest.mark.parametrize("form", ["plain", "gz", "zip", "pdf"])
def test_the_notes_themselves_are_named(tmp_path: Path, form: str) -> None:
    text = "Anna has a fever ☂.\r\nShe is well." if form != "pdf" else "Anna has a fever."
    data = text.encode("utf-8-sig")
    packed = {"plain": data, "gz": gzip.compress(data), "zip": zipped("other", text)}
    if form == "pdf":
        packed["pdf"] = pdf(text)
        text = pdf_text(io.BytesIO(packed["pdf"]))
    kg = clinic()
    reading = reading_properties(hashlib.sha256(text.encode()).hexdigest(), "reader")
    is_note = pl.col("id") == NOTE
    nodes = kg.nodes.with_columns(
        properties=pl.when(is_note).then(pl.lit(reading)).otherwise("properties")
    )
    kg.with_frames(nodes=nodes).save(tmp_path / "all")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "1.txt").write_bytes(packed[form])
    (tmp_path / "notes" / "2.txt").write_text("Ben has a rash.", encoding="utf-8")
    kg = KnowledgeGraph.open(tmp_path / "all")
    [copy] = forget_copies([tmp_path], identifiers(kg, patient=ANNA), kg, skip=tmp_path / "all")
    assert (Path(copy.path).name, copy.kind, copy.rewritten) == ("1.txt", "note", False)


def test_sealed_copies_are_named(graph: Path) -> None:
    (graph.parent / "all.age").write_bytes(b"age-encryption.org/v1\n-> X25519 abc\n")
    copy = forget_anna(graph)["all.age"]
    assert (copy.kind, copy.rewritten) == ("sealed", False)


@pytest.mark.parametrize("by_passphrase", [False, True])
def test_sealed_copies_are_opened_and_sealed_again(
    graph: Path, tmp_path_factory: pytest.TempPathFactory, by_passphrase: bool
) -> None:
    pytest.importorskip("pyrage")
    folder = tmp_path_factory.mktemp("sealed")
    clinic().save(folder / "in" / "part")
    (folder / "in" / "page.html").write_text(ANNA)
    secret, public = new_key()
    if by_passphrase:
        seal([folder / "in"], graph.parent / "x.age", passphrase="long one")
    else:
        seal([folder / "in"], graph.parent / "x.age", recipients=[public])
    kg = KnowledgeGraph.open(graph)
    ids = identifiers(kg, patient=ANNA)
    secrets = {"keys": [secret], "passphrase": "long one" if by_passphrase else None}
    listed = forget_copies([graph.parent], ids, kg, skip=graph, **secrets)  # type: ignore[arg-type]
    assert [(copy.path, copy.rewritten) for copy in listed] == [
        (f"{graph.parent / 'x.age'}: in/page.html", False),
        (f"{graph.parent / 'x.age'}: in/part", True),
    ]
    open_sealed(graph.parent / "x.age", folder / "out", **secrets)  # type: ignore[arg-type]
    assert SECRET not in text_of(KnowledgeGraph.open(folder / "out" / "in" / "part"))
    assert (folder / "out" / "in" / "page.html").read_text() == ANNA
    assert sorted(file.name for file in graph.parent.iterdir()) == ["all", "x.age"]


def test_a_sealed_file_of_another_key_is_named(
    graph: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    pytest.importorskip("pyrage")
    folder = tmp_path_factory.mktemp("sealed")
    (folder / "page.html").write_text(ANNA)
    seal([folder / "page.html"], graph.parent / "x.age", recipients=[new_key()[1]])
    before = (graph.parent / "x.age").read_bytes()
    [copy] = forget_copies([graph.parent], [ANNA], keys=[new_key()[0]], skip=graph)
    assert not copy.rewritten
    assert "can't be read" in copy.to_do
    assert (graph.parent / "x.age").read_bytes() == before


def test_what_cannot_be_read_is_named_and_stops_nothing(graph: Path) -> None:
    broken = graph.parent / "broken"
    clinic().save(broken)
    manifest = json.loads((broken / "graph.json").read_text())
    (broken / "graph.json").write_text(json.dumps({**manifest, "schema_version": 999}))
    clinic().save(graph.parent / "part")
    listed = forget_anna(graph)
    assert listed["part"].rewritten
    assert "can't be read" in listed["broken"].to_do


# Named by hand: a packed file holds the time it was made at, and ids made of its bytes would differ
# between the processes that run the tests.
@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("cut.txt.gz", gzip.compress(b"a note " * 1_000)[:30], id="cut gzip"),
        pytest.param(
            "damaged.txt.gz",
            gzip.compress(b"a note " * 1_000)[:12] + b"\xff" * 40,
            id="damaged gzip",
        ),
        pytest.param("cut.zip", zipped("a note " * 1_000)[:-30], id="cut zip"),
        pytest.param("encrypted.zip", zipped("a note", encrypted=True), id="encrypted zip"),
        pytest.param("no.pdf", b"%PDF-1.4 nothing else", id="no PDF"),
    ],
)
def test_a_damaged_file_stops_nothing(graph: Path, name: str, content: bytes) -> None:
    (graph.parent / name).write_bytes(content)
    clinic().save(graph.parent / "part")
    listed = forget_anna(graph)
    assert listed["part"].rewritten
    assert "look yourself" in listed[name].to_do


def test_links_are_not_followed(graph: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    clinic().save(elsewhere / "graph")
    (graph.parent / "link").symlink_to(elsewhere)
    (graph.parent / "page.html").symlink_to(elsewhere / "graph" / "graph.json")
    assert forget_anna(graph) == {}


def test_an_interruption_leaves_the_target_to_the_same_command(
    graph: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clinic().save(graph.parent / "a")
    clinic().save(graph.parent / "b")
    (graph.parent / "page.html").write_text(NOTE)
    calls = []

    def interrupted(folder: Path, forgotten: object) -> list[Copy]:
        calls.append(folder)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return in_graph(folder, forgotten)  # type: ignore[arg-type]  # as it was given

    in_graph = copies._in_graph
    monkeypatch.setitem(copies._FORGET_IN, "graph", interrupted)
    with pytest.raises(KeyboardInterrupt):
        forget_anna(graph)
    monkeypatch.undo()
    assert set(forget_anna(graph)) == {"b", "page.html"}
    assert SECRET not in text_of(KnowledgeGraph.open(graph.parent / "a"))


def test_a_folder_that_is_not_there_is_an_error(graph: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        forget_copies([graph.parent / "none"], [ANNA])
