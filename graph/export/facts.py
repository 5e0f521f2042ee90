"""What an export states about itself, in its manifest."""

from __future__ import annotations

from typing import NotRequired, TypedDict


class ExportFacts(TypedDict):
    """What a form of export adds: rows by sort, files by frame, the command that imports them."""

    counts: dict[str, int]
    files: NotRequired[dict[str, str]]
    command: NotRequired[str]


class ExportManifest(ExportFacts):
    """The manifest of an export: its form, and what it was made of.

    `graph` is the graph's checksum, by which `forget` knows it, where it holds patients or texts.
    """

    format: str
    medkg_version: str
    sentences: bool
    sources: list[dict[str, str | float]]
    graph: str | None
