"""Downloads from a real server on this machine that breaks off, changes its file, and refuses."""

from __future__ import annotations

import hashlib
import os
import random
import socket
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread

import pytest

from medkg.core.disk import DiskError
from medkg.core.errors import DataError, MissingError
from medkg.core.quarantine import Quarantine
from medkg.loaders import download, hetionet
from medkg.loaders.download import abandoned_downloads, fetch
from medkg.loaders.info import Download, SourceInfo
from medkg.loaders.sources import SOURCES, load

from ..disks import file_limit
from ..killed import kill_when
from .published import write_hetionet

CONTENT = bytes(range(256)) * 8_000  # 2 MB


@dataclass
class Served:
    """What the server says of its one file, and the headers of the requests that it had."""

    content: bytes = CONTENT
    tag: str | None = '"one"'
    cut_after: list[int] = field(default_factory=list)  # bytes of each next answer before it breaks
    status: list[int] = field(default_factory=list)  # of the next answers
    ranges: bool = True
    requests: list[dict[str, str]] = field(default_factory=list)
    url: str = ""


@contextmanager
def serving(served: Served) -> Iterator[Served]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.requests.append(dict(self.headers.items()))
            if served.status:
                self.send_error(served.status.pop(0))
                return
            start = 0
            requested = self.headers.get("Range")
            same = self.headers.get("If-Range") in (None, served.tag)
            if requested and same and served.ranges:
                start = int(requested.removeprefix("bytes=").rstrip("-"))
                if start >= len(served.content):
                    self.send_error(416)
                    return
                self.send_response(206)
                size = len(served.content)
                self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
            else:
                self.send_response(200)
            if served.tag:
                self.send_header("ETag", served.tag)
            self.send_header("Content-Length", str(len(served.content) - start))
            self.end_headers()
            rest = served.content[start:]
            self.wfile.write(rest[: served.cut_after.pop(0)] if served.cut_after else rest)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_port}/file.bin"
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def served() -> Iterator[Served]:
    with serving(Served()) as one:
        yield one


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MEDKG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(download.time, "sleep", lambda seconds: None)


def source(*downloads: Download, name: str = "made-up") -> SourceInfo:
    return SourceInfo(
        name, "Made up", "CC0-1.0", "https://example.org", "1", "bytes", "nothing", False,
        hetionet.load, downloads=downloads,
    )  # fmt: skip


def one(served: Served, sha256: str | None = None, name: str = "file.bin") -> SourceInfo:
    return source(Download(served.url, name, sha256))


def test_fetches_once_and_keeps_the_checksum(served: Served, tmp_path: Path) -> None:
    file = fetch(one(served))
    assert file == tmp_path / "cache" / "made-up" / "file.bin"
    assert file.read_bytes() == CONTENT
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert file.with_name("SHA256SUMS").read_text() == f"{digest}  file.bin\n"
    assert fetch(one(served)) == file
    assert len(served.requests) == 1
    assert sorted(path.name for path in file.parent.iterdir()) == ["SHA256SUMS", "file.bin"]


def test_goes_on_where_the_connection_broke(served: Served) -> None:
    served.cut_after = [700_000, 600_000]
    assert fetch(one(served)).read_bytes() == CONTENT
    assert [headers.get("Range") for headers in served.requests] == [
        None,
        "bytes=700000-",
        "bytes=1300000-",
    ]
    assert served.requests[1]["If-Range"] == '"one"'


def test_goes_on_in_a_later_call(served: Served) -> None:
    served.cut_after = [100_000] * 5
    with pytest.raises(
        MissingError, match=r"500,000 bytes came; the same command goes on"
    ) as raised:
        fetch(one(served))
    assert served.url in str(raised.value)
    assert "or download it yourself and give --path" in str(raised.value)
    n_requests = len(served.requests)
    assert fetch(one(served)).read_bytes() == CONTENT
    assert served.requests[n_requests]["Range"] == "bytes=500000-"


def test_what_a_killed_download_left_is_abandoned_a_day_later(
    served: Served, tmp_path: Path
) -> None:
    served.cut_after = [100_000] * 5
    with pytest.raises(MissingError):
        fetch(one(served))
    folder = tmp_path / "cache" / "made-up"
    # Not at its first temporary file: that one only shows that the folder may be written to.
    fetching = (
        "import time\nfrom pathlib import Path\nfrom medkg.loaders import download, hetionet\n"
        "from medkg.loaders.info import Download, SourceInfo\n"
        "def wait(*_):\n"
        f"    Path({str(tmp_path / 'fetching')!r}).touch()\n    time.sleep(60)\n"
        "download._Resuming._go_on = wait\n"
        "info = SourceInfo('made-up', '', '', '', '', '', '', False, hetionet.load,"
        " downloads=(Download('http://127.0.0.1/', 'file.bin'),))\ndownload.fetch(info)\n"
    )
    kill_when((tmp_path / "fetching").exists, fetching)
    (left,) = folder.glob("tmp*")
    (folder / "tmp-notes.txt").write_text("the user's own")
    assert abandoned_downloads(["made-up"]) == []
    for path in folder.iterdir():
        os.utime(path, (0, 0))
    assert abandoned_downloads(["made-up"]) == [left]
    assert (folder / ".file.bin.part").exists()


def test_two_versions_are_never_glued_together(served: Served) -> None:
    served.cut_after = [100_000] * 5
    with pytest.raises(MissingError):
        fetch(one(served))
    served.content, served.tag = CONTENT[::-1], '"two"'
    assert fetch(one(served)).read_bytes() == CONTENT[::-1]


@pytest.mark.parametrize("tag", [None, 'W/"weak"'])
def test_starts_anew_where_the_server_names_no_version(served: Served, tag: str | None) -> None:
    served.tag = tag
    served.cut_after = [500_000]
    assert fetch(one(served)).read_bytes() == CONTENT
    assert "Range" not in served.requests[1]


def test_starts_anew_where_the_server_knows_no_ranges(served: Served) -> None:
    served.ranges = False
    served.cut_after = [500_000]
    assert fetch(one(served)).read_bytes() == CONTENT


def test_a_rest_that_is_longer_than_the_file_is_thrown_away(served: Served) -> None:
    served.cut_after = [100_000] * 5
    with pytest.raises(MissingError):
        fetch(one(served))
    served.content = CONTENT[:1000]
    assert fetch(one(served)).read_bytes() == CONTENT[:1000]


def test_tries_again_after_a_server_error_but_not_after_a_refusal(served: Served) -> None:
    served.status = [503]
    assert fetch(one(served)).read_bytes() == CONTENT
    served.requests.clear()
    served.status = [404] * 9
    with pytest.raises(MissingError, match=r"made-up can't be fetched: .* answers 404 Not Found"):
        fetch(one(served, name="other.bin"))
    assert len(served.requests) == 1


def test_offline_says_what_to_do() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/file.bin"
    with pytest.raises(MissingError, match=r"can't be reached; try again later, or download it"):
        fetch(source(Download(url, "file.bin")))


def test_what_may_not_be_fetched_says_where_to_get_it() -> None:
    with pytest.raises(MissingError, match=r"drugbank may not be fetched; get it from https://go"):
        load("drugbank", fetch=True)


def test_the_publishers_checksum_counts(served: Served) -> None:
    digest = hashlib.sha256(CONTENT).hexdigest()
    file = fetch(one(served, digest))
    assert file.read_bytes() == CONTENT
    file.write_bytes(b"damaged")
    assert fetch(one(served, digest)).read_bytes() == CONTENT
    served.content = b"something else"
    file.unlink()
    with pytest.raises(DataError, match="another checksum than the publisher states"):
        fetch(one(served, digest))
    assert not file.exists()


def test_a_good_file_is_never_overwritten_by_another(served: Served) -> None:
    file = fetch(one(served))
    file.write_bytes(b"damaged")
    served.content = b"a new release"
    with pytest.raises(DataError, match=r"than the first fetch had; .* delete .*made-up"):
        fetch(one(served))
    assert file.read_bytes() == b"damaged"
    served.content = CONTENT
    assert fetch(one(served)).read_bytes() == CONTENT


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden", "a\\b", "/etc/passwd", ".."])
def test_no_name_leads_out_of_the_folder(served: Served, name: str) -> None:
    with pytest.raises(DataError, match="no plain file name"):
        fetch(one(served, name=name))
    with pytest.raises(DataError, match="no plain file name"):
        fetch(source(Download(served.url, "file.bin"), name=name))
    assert not served.requests


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/x", "/etc/passwd"])
def test_only_http_is_fetched(url: str) -> None:
    with pytest.raises(DataError, match="only http and https"):
        fetch(source(Download(url, "file.bin")))


def test_an_archive_is_unpacked_once_and_nothing_leads_out_of_it(
    tmp_path: Path, served: Served
) -> None:
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        for name in ("a/one.json", "../../two.json", "other.txt"):
            zipped.writestr(name, name)
    served.content = archive.getvalue()
    info = source(Download(served.url, "all.zip", members=("*.json",)))
    folder = fetch(info)
    assert folder.parent == tmp_path / "cache" / "made-up"
    assert sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.*")) == [
        "a/one.json",
        "two.json",
    ]
    assert fetch(info) == folder
    served.content, served.tag = b"no archive", '"two"'
    with pytest.raises(DataError, match=r"all\.zip: is no readable zip archive"):
        fetch(source(Download(served.url, "all.zip", members=("*",)), name="other"))


@pytest.mark.parametrize("limit", [50_000, 500_000])  # too little to fetch it, or to unpack it
def test_a_disk_that_takes_no_more_is_not_the_archives_fault(served: Served, limit: int) -> None:
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("random.json", random.Random(0).randbytes(100_000))
        zipped.writestr("large.json", bytes(1_000_000))
    served.content = archive.getvalue()
    info = source(Download(served.url, "all.zip", members=("*.json",)))
    with pytest.raises(DiskError, match="a file would be larger than"), file_limit(limit):
        fetch(info)
    assert len(list(fetch(info).iterdir())) == 2


def test_what_comes_with_medkg_is_fetched_only_if_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, served: Served
) -> None:
    served.status = [404] * 2
    bundled = replace(SOURCES["starter"], downloads=(Download(served.url, "x.tsv"),))
    monkeypatch.setitem(SOURCES, "starter", bundled)
    assert load("starter").nodes.height
    assert not served.requests
    with pytest.raises(MissingError, match="answers 404"):
        load("starter", fetch=True)


def test_load_without_a_path_fetches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, served: Served
) -> None:
    folder = write_hetionet(tmp_path / "in")
    with serving(Served((folder / "nodes.tsv").read_bytes())) as nodes:
        served.content = (folder / "edges.sif").read_bytes()
        downloads = (Download(nodes.url, "nodes.tsv"), Download(served.url, "edges.sif"))
        monkeypatch.setitem(SOURCES, "hetionet", source(*downloads, name="hetionet"))
        graph = load("hetionet", quarantine=Quarantine())
        assert graph.checksum() == load("hetionet", folder, quarantine=Quarantine()).checksum()
