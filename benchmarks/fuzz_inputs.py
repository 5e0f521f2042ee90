"""Inputs for `fuzz.py`: a corpus of nasty files that is made here, and mutations of sound ones."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import random
import re
import socket
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Reader:
    """A reader: `write` puts a sound example into a new folder and gives the path, `read` reads."""

    write: Callable[[Path], Path]
    read: Callable[[Path], object]


# What a nasty file is made by: it gets the path of a sound one, and gives that of what it leaves.
Spoil = Callable[[Path], Path]

_MANY = 300 << 20  # bytes that a bomb unpacks to


def _content(make: Callable[[bytes], bytes]) -> Spoil:
    def spoil(path: Path) -> Path:
        path.write_bytes(make(path.read_bytes()))
        return path

    return spoil


def _instead(make: Callable[[Path], object]) -> Spoil:
    """Something else in the file's place."""

    def spoil(path: Path) -> Path:
        path.unlink()
        make(path)
        return path

    return spoil


def _packed(suffix: str, pack: Callable[[], bytes]) -> Spoil:
    """A compressed file beside the place of the sound one, which goes."""

    def spoil(path: Path) -> Path:
        path.unlink()
        packed = path.with_name(path.name + suffix)
        packed.write_bytes(pack())
        return packed

    return spoil


@cache
def _bomb(suffix: str, block: bytes = bytes(1 << 20)) -> bytes:
    buffer = io.BytesIO()
    if suffix == ".zip":
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a", block * (_MANY // len(block)))
        return buffer.getvalue()
    if suffix == ".gz":
        packer: Any = gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=1)
    elif suffix == ".xz":
        packer = lzma.LZMAFile(buffer, "wb", preset=0)  # noqa: SIM115
    else:
        packer = bz2.BZ2File(buffer, "wb", compresslevel=1)
    with packer:
        for _ in range(_MANY // len(block)):
            packer.write(block)
    return buffer.getvalue()


def _tar(_: bytes) -> bytes:
    """An archive with names out of the folder, links, a device, and a sparse file of a terabyte."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, type_, size in (
            ("../../outside.json", tarfile.REGTYPE, 2),
            ("/tmp/outside.xml", tarfile.REGTYPE, 2),
            ("a.json", tarfile.SYMTYPE, 0),
            ("b.json", tarfile.LNKTYPE, 0),
            ("c.json", tarfile.CHRTYPE, 0),
            ("d.json", tarfile.GNUTYPE_SPARSE, 0),
            ("e" * 5_000 + ".json", tarfile.REGTYPE, 2),
        ):
            member = tarfile.TarInfo(name)
            member.type, member.size, member.linkname = type_, size, "/dev/zero"
            archive.addfile(member, io.BytesIO(b"{}"))
    return buffer.getvalue()


def _laughs() -> bytes:
    entities = "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 10))
    return f"<!DOCTYPE a [<!ENTITY a0 'ha'>{entities}]><a><b>&a9;</b></a>".encode()


def _aliases() -> bytes:
    rows = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    return "\n".join(["a0: &a0 [x, x]", *rows]).encode()


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        place = os.getcwd()
        os.chdir(path.parent)  # since the whole path of a socket may have 107 characters only
        try:
            made.bind(path.name)
        finally:
            os.chdir(place)


def _with_entity(declared: str, reference: str) -> Spoil:
    def make(data: bytes) -> bytes:
        head = f"<!DOCTYPE a SYSTEM 'a.dtd' [{declared}]>".encode()
        start = re.search(rb"<[A-Za-z]", data)
        place = data.rfind(b"</", 0, max(data.rfind(b"</") - 1, 0))
        if start is None or place < 0:
            return head + data
        return b"".join([data[: start.start()], head, data[start.start() : place],
                         reference.encode(), data[place:]])  # fmt: skip

    return _content(make)


CORPUS: dict[str, Spoil] = {
    "empty": _content(lambda data: b""),
    "a line's end": _content(lambda data: b"\n"),
    "NUL": _content(lambda data: b"\0" * 1_000),
    "NUL inside": _content(lambda data: data[: len(data) // 2] + b"\0" + data[len(data) // 2 :]),
    "no UTF-8": _content(lambda data: data + b"\xff\xfe\xfa"),
    "Latin 1": _content(lambda data: data.decode(errors="replace").encode("latin-1", "replace")),
    "UTF-16": _content(lambda data: data.decode(errors="replace").encode("utf-16")),
    "UTF-32": _content(lambda data: data.decode(errors="replace").encode("utf-32")),
    "a mark alone": _content(lambda data: b"\xef\xbb\xbf"),
    "two marks": _content(lambda data: b"\xef\xbb\xbf" * 2 + data),
    "old line ends": _content(lambda data: data.replace(b"\n", b"\r")),
    "cut": _content(lambda data: data[: len(data) // 2]),
    "twice": _content(lambda data: data * 2),
    "a line of 70 MB": _content(lambda data: b"x" * (70 << 20)),
    "a last line of 70 MB": _content(lambda data: data + b"x" * (70 << 20)),
    "many lines": _content(lambda data: b"x\n" * 50_000),
    "an open quote": _content(lambda data: data + b'"' + b"x\n" * 100_000),
    "many columns": _content(lambda data: b"\t".join([b"id,x"] * 50_000) + b"\n" + data),
    "brackets": _content(lambda data: b"[" * 200_000),
    "objects": _content(lambda data: b'{"a":' * 200_000),
    "digits": _content(lambda data: re.sub(rb"\d+", b"7" * 5_000, data, count=3)),
    "all digits": _content(lambda data: b'{"a": ' + b"7" * 5_000 + b"}"),
    "exponent": _content(lambda data: re.sub(rb"\b\d+\b", b"1e999999999", data)),
    "a string of 65 MB": _content(lambda data: b'{"a": "' + b"x" * (65 << 20) + b'"}'),
    "a key of 65 MB": _content(lambda data: b'{"' + b"x" * (65 << 20) + b'": 1}'),
    "three million lists": _content(lambda data: b"[" + b"[]," * 3_000_000 + b"[]]"),
    "half a pair": _content(lambda data: re.sub(rb'"[A-Za-z][^"\\]*"', rb'"\\ud83d"', data)),
    "nothing but null": _content(lambda data: re.sub(rb': *("[^"]*"|\d+)', b": null", data)),
    "nothing but lists": _content(lambda data: re.sub(rb': *("[^"]*"|\d+)', b": []", data)),
    "laughs": _content(lambda data: _laughs()),
    "deep elements": _content(lambda data: b"<a>" * 200_000),
    "many attributes": _content(
        lambda data: b"<a " + b" ".join(b"a%d='1'" % n for n in range(200_000)) + b"/>"
    ),
    "declared entity": _with_entity("<!ENTITY x 'fever'>", "&x;"),
    "outer entity": _with_entity("<!ENTITY x SYSTEM 'file:///etc/passwd'>", "&x;"),
    "entity of a device": _with_entity("<!ENTITY x SYSTEM 'file:///dev/zero'>", "&x;"),
    "parameter entity": _with_entity("<!ENTITY % x SYSTEM 'file:///etc/passwd'> %x;", "&y;"),
    "aliases of aliases": _content(lambda data: _aliases()),
    "alias of itself": _content(lambda data: b"a: &a [*a, {b: *a}]\nsource: *a\ntables: *a\n"),
    "tags of YAML": _content(lambda data: b"a: !!python/object/apply:os.system ['exit 1']\n"),
    "tar": _content(_tar),
    "gzip by content": _content(gzip.compress),
    "pipe": _instead(os.mkfifo),
    "folder": _instead(os.mkdir),
    "socket": _instead(_socket),
    "device": _instead(lambda path: path.symlink_to("/dev/zero")),
    "link to itself": _instead(lambda path: path.symlink_to(path.name)),
    "link to nothing": _instead(lambda path: path.symlink_to("nothing")),
    **{
        f"{suffix} bomb": _packed(suffix, lambda suffix=suffix: _bomb(suffix))  # type: ignore[misc]
        for suffix in (".gz", ".xz", ".bz2", ".zip")
    },
    **{
        f"{suffix} damaged": _packed(suffix, lambda suffix=suffix: _bomb(suffix)[:1_000])  # type: ignore[misc]
        for suffix in (".gz", ".xz", ".bz2", ".zip")
    },
    "no gzip": _packed(".gz", lambda: b"x" * 100),
}

_TOKENS: list[bytes] = [
    *(b"\0", b"\xff", b"\xef\xbb\xbf", b"\xed\xa0\xbd", b"\\ud83d", b"\\u0000", b"\x1b[31m"),
    b"\x07",
    *(b"0", b"-1", b"1e999999999", b"NaN", b"Infinity", b"999999999999999999999999", b"9" * 5_000),
    *(b"0.1.2", b"1_000", b"0x1F", "٣".encode(), "²".encode(), "½".encode(), b"1e400", b"+5"),
    *(b"null", b"true", b"[]", b"{}", b'""', b"[" * 300, b'{"a":' * 300, b"\\", b'"', b"'", b"`"),
    *(b"\t", b"\n", b"\r", b"\r\n", b"\x85", "\u2028".encode(), b"|", b";", b",", b":", b" " * 500),
    *(b"<", b">", b"&", b"&x;", b"&#0;", b"&#xD800;", b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<?"),
    *(b"../../../../etc/passwd", b"/dev/zero", b"${x}", b"*a", b"&a", b"%", b"=1+1", b"---", b"{{"),
    *(b"A" * 5_000, "é".encode() * 50, "\U0001f600".encode(), "İ".encode(), "ß".encode(), b"("),
]  # fmt: skip
_VALUES: list[Any] = [
    *(None, True, False, 0, -1, 10**18, 10**30, -(10**30), 1.5, 1e308, float("nan"), float("inf")),
    *("", " ", "x", "\0", "\ud83d", "9" * 5_000, "2021-13-45", "P9999999999Y", "1e999", "é" * 300),
    *([], {}, [None], [[]], [{}], {"": None}, [1, "x"], {"a": {"b": {"c": []}}}, ["\ud83d"]),
]  # fmt: skip


def mutated(data: bytes, rng: random.Random) -> bytes:
    """The content of a file with one to four changes, and never as it was."""
    changed = data
    while changed == data:
        for _ in range(rng.randint(1, 4)):
            changed = rng.choice(_MUTATIONS)(changed, rng)
    return changed


def _flipped(data: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(data) + 1)
    return data[:place] + bytes([rng.randrange(256)]) + data[place + 1 :]


def _inserted(data: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(data) + 1)
    return data[:place] + rng.choice(_TOKENS) + data[place:]


def _replaced(data: bytes, rng: random.Random) -> bytes:
    """A word, a number, a string or a cell becomes a token."""
    pattern = rng.choice([rb"\d+", rb"\w+", rb'"[^"\n]*"', rb"[^\t\n]+", rb"[^,\n]+", rb">[^<>]+<"])
    matches = list(re.finditer(pattern, data))
    if not matches:
        return _inserted(data, rng)
    match = rng.choice(matches)
    return data[: match.start()] + rng.choice(_TOKENS) + data[match.end() :]


def _without(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data) + 1)
    return data[:start] + data[start + rng.randint(1, 1 + len(data) // 4) :]


def _repeated(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data) + 1)
    end = start + rng.randint(1, 200)
    return data[:start] + data[start:end] * rng.randint(2, 50) + data[end:]


def _lines_moved(data: bytes, rng: random.Random) -> bytes:
    lines = data.split(b"\n")
    one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return b"\n".join(lines)


def _json_changed(data: bytes, rng: random.Random) -> bytes:
    """A value of JSON, of the whole or of a line, becomes another."""
    lines = data.split(b"\n") if rng.random() < 0.5 else [data]
    place = rng.randrange(len(lines))
    try:
        value = json.loads(lines[place])
    except (ValueError, RecursionError):
        return _replaced(data, rng)
    lines[place] = json.dumps(_changed(value, rng)).encode("utf-8", "replace")
    return b"\n".join(lines)


def _changed(value: Any, rng: random.Random) -> Any:
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(sorted(value))
        if rng.random() < 0.1:
            return {name: member for name, member in value.items() if name != key}
        return {**value, key: _changed(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.9:
        place = rng.randrange(len(value))
        return [*value[:place], _changed(value[place], rng), *value[place + 1 :]]
    return rng.choice(_VALUES)


_MUTATIONS = [_flipped, _inserted, _replaced, _replaced, _without, _repeated, _lines_moved,
              _json_changed, _json_changed]  # fmt: skip
