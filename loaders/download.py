"""Fetching what a source publishes into the user's cache: checked, and resumed where it broke."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pooch
import requests

from ..core.atomic import atomic_file, sha256
from ..core.cache import cache_folder
from ..core.disk import writing
from ..core.errors import DataError, MissingError
from ..core.input_files import unpack_zip
from ..core.interruption import mark_kept
from ..core.json_reading import read_json
from ..core.progress import progress
from .info import Download, SourceInfo

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_TIMEOUTS = (20, 60)  # seconds: to connect, and between two pieces of the answer
_TRIES = 5
_PIECE = 1 << 18
_TEMPORARY = re.compile(r"tmp[a-z0-9_]{8}")  # how Python's tempfile, which pooch uses, calls them
_LONGEST = 86_400  # seconds that a download may take
_SUMS = "SHA256SUMS"  # in the form that sha256sum --check reads

# Its messages go to standard error whatever a program's logging is set to.
pooch.get_logger().setLevel("WARNING")


def fetch(info: SourceInfo, folder: Path | None = None) -> Path:
    """The published files of a source, fetched where they aren't in the cache yet.

    A file is used only if its checksum is the one that the publisher states or, where none is
    stated, the one of the first fetch, which is kept beside it (in SHA256SUMS).

    Args:
        folder: where to keep them; by default a folder of the source's name in `cache_folder()`.

    Returns:
        The file, or, where the source is several files, their folder.

    Raises:
        MissingError: the publisher's server can't be reached, or doesn't have the file.
        DataError: the file that comes is not the one that the checksum is of.
    """
    folder = folder or cache_folder() / _plain_name(info.name)
    files = []
    for download in info.downloads:
        file = _fetch_file(info.name, download, folder)
        files.append(_unpacked(file, download.members) if download.members else file)
    if not files:
        raise MissingError(
            f"{info.name} may not be fetched; get it from {info.home_page} and give --path"
        )
    return files[0] if len(files) == 1 else folder


def abandoned_downloads(sources: Iterable[str]) -> list[Path]:
    """Temporary files in the cache's folders of sources that a killed command can't need any more.

    What came of a broken download is none: the same command goes on from there.
    """
    return [
        path
        for source in sources
        for path in (cache_folder() / _plain_name(source)).glob("tmp*")
        if _TEMPORARY.fullmatch(path.name) and time.time() - path.lstat().st_mtime > _LONGEST
    ]


def _plain_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise DataError(f"{name!r} is no plain file name; a download never leaves its folder")
    return name


def _fetch_file(source: str, download: Download, folder: Path) -> Path:
    file = folder / _plain_name(download.name)
    if not download.url.startswith(("https://", "http://")):
        raise DataError(f"{download.url} is not fetched: only http and https are")
    checksum = download.sha256 or _recorded(folder).get(file.name)
    try:
        pooch.retrieve(
            download.url,
            known_hash=None if checksum is None else f"sha256:{checksum}",
            fname=file.name,
            path=folder,
            downloader=_Resuming(source, folder / f".{file.name}.part"),
        )
    except ValueError as error:  # what pooch raises where the checksum differs
        whose = "the publisher states" if download.sha256 else "the first fetch had"
        remedy = "" if download.sha256 else f"; to take the new one, delete {folder}"
        raise DataError(
            f"{download.url} has another checksum than {whose}; it was not used{remedy}", path=file
        ) from error
    if checksum is None:
        sums = {**_recorded(folder), file.name: sha256(file)}
        with atomic_file(folder / _SUMS, shared=True) as draft:
            lines = (f"{digest}  {name}\n" for name, digest in sorted(sums.items()))
            draft.write_text("".join(lines), encoding="ascii")
    return file


def _unpacked(archive: Path, members: tuple[str, ...]) -> Path:
    """The folder of what an archive has of these members; unpacked once for each checksum."""
    folder = archive.with_name(f"{archive.stem}-{sha256(archive)[:12]}")
    if folder.is_dir():
        return folder
    with TemporaryDirectory(dir=archive.parent) as draft:
        whole = Path(draft) / "whole"
        whole.mkdir()
        unpack_zip(archive, whole, members)
        whole.rename(folder)
    return folder


def _recorded(folder: Path) -> dict[str, str]:
    """The checksums of the first fetches, by file name."""
    if not (folder / _SUMS).is_file():
        return {}
    text = (folder / _SUMS).read_text(encoding="ascii", errors="replace")
    return {name: digest for digest, name in re.findall(r"^(\w+)  (\S+)$", text, re.MULTILINE)}


class _Resuming:
    """A downloader for pooch that goes on where a broken download stopped.

    What came so far lies in `part`, and beside it what the server called that version of the file
    (ETag or Last-Modified). It is sent as If-Range, so that a file which changed meanwhile comes
    whole and two versions are never glued together.
    """

    def __init__(self, source: str, part: Path):
        self.source = source
        self.part = part
        self.version = part.with_name(f"{part.name}.json")

    def __call__(self, url: str, output_file: str | os.PathLike[str], _pooch: object) -> None:
        """Fetch `url` to `output_file`; called by pooch, which hands itself over too."""
        for attempt in range(1, _TRIES + 1):
            try:
                self._go_on(url)
                break
            except KeyboardInterrupt:
                if self.part.is_file():
                    mark_kept()
                raise
            except requests.RequestException as error:
                refused = error.response is not None and error.response.status_code < 500
                offline = attempt == 1 and isinstance(error, requests.ConnectionError)
                if refused or offline or attempt == _TRIES:
                    raise MissingError(self._message(url, error)) from error
                time.sleep(min(0.5 * attempt, 5))
        shutil.move(self.part, output_file)
        self.version.unlink(missing_ok=True)

    def _message(self, url: str, error: requests.RequestException) -> str:
        if error.response is not None:
            problem = f"{url} answers {error.response.status_code} {error.response.reason}"
        else:
            problem = f"{url} can't be reached"
        there = self.part.stat().st_size if self.part.is_file() else 0
        so_far = f" ({there:,} bytes came; the same command goes on from there)" if there else ""
        return (
            f"{self.source} can't be fetched: {problem}{so_far}; try again later, or download it"
            f" yourself and give --path (medkg sources {self.source} lists the files)"
        )

    def _go_on(self, url: str) -> None:
        there = self.part.stat().st_size if self.part.is_file() else 0
        validator = self._validator(url)
        headers = {"Accept-Encoding": "identity"}
        if there and validator:
            headers |= {"Range": f"bytes={there}-", "If-Range": validator}
        with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUTS) as response:
            if response.status_code == requests.codes.requested_range_not_satisfiable:
                self.part.unlink()
                raise requests.exceptions.ChunkedEncodingError(f"{url}: nothing after {there}")
            response.raise_for_status()
            start = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
            goes_on = response.status_code == 206 and start is not None and int(start[1]) == there
            if not goes_on:
                there = 0
                self._remember(url, response)
            length = response.headers.get("Content-Length")
            total = None if length is None else there + int(length)
            with (
                self.part.open("ab" if goes_on else "wb") as file,
                progress(f"{self.part.name[1:-5]}, KiB", total and total >> 10) as advance,
            ):
                advance(there >> 10)
                # raw: as sent, for a .gz that a server calls a coding is a .gz to its reader.
                for piece in _pieces(response):
                    with writing(self.part):
                        file.write(piece)
                    advance(len(piece) >> 10)
        if total is not None and self.part.stat().st_size != total:
            raise requests.exceptions.ChunkedEncodingError(f"{url} broke off")

    def _validator(self, url: str) -> str | None:
        try:
            remembered = read_json(self.version)
            return (
                str(remembered["validator"])
                if remembered["url"] == url and remembered["validator"]
                else None
            )
        except (DataError, KeyError, TypeError):
            return None

    def _remember(self, url: str, response: requests.Response) -> None:
        tag = response.headers.get("ETag", "")
        strong = tag if tag and not tag.startswith("W/") else None  # a weak one can't be resumed by
        validator = strong or response.headers.get("Last-Modified")
        self.version.write_text(json.dumps({"url": url, "validator": validator}), encoding="utf-8")


def _pieces(response: requests.Response) -> Iterator[bytes]:
    """The bytes as they are sent; the connection's errors as those of requests."""
    from urllib3.exceptions import HTTPError

    try:
        yield from response.raw.stream(_PIECE, decode_content=False)
    except HTTPError as error:
        raise requests.exceptions.ChunkedEncodingError(str(error)) from error
