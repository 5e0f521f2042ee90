"""The description of a source; each module of a source has one as `INFO`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..graph.kg import KnowledgeGraph


@dataclass(frozen=True)
class Download:
    """A published file that may be fetched: its address, and its name in the source's folder.

    Attributes:
        sha256: where the publisher states one; else that of the first fetch counts.
        members: patterns of what is used of a zip archive. It is unpacked, and the source gets the
            folder of what was in it.
    """

    url: str
    name: str
    sha256: str | None = None
    members: tuple[str, ...] = ()


@dataclass(frozen=True)
class SourceInfo:
    """A source: what it is, whose it is, and what loading it needs and gives.

    Attributes:
        needs_path: whether the files must be given, since they neither come with medkg nor may be
            fetched (no `downloads`).
        load: takes the path (or None), a Quarantine, and the options as keywords, whose values are
            text as a command line gives it.
        options: what else `load` takes, with a line of help each.
        downloads: what is fetched where no path is given. `load` then gets the file, or, where
            there are several, the folder that holds them by their names.
        bundled: whether files come with medkg. Then `downloads` are newer ones, fetched only if
            asked for.
    """

    name: str
    title: str
    licence: str
    home_page: str
    release: str
    published_format: str
    yields: str
    needs_path: bool
    load: Callable[..., KnowledgeGraph]
    options: Mapping[str, str] = field(default_factory=dict)
    downloads: tuple[Download, ...] = ()
    bundled: bool = False

    @property
    def comes(self) -> str:
        """How one gets its files: with medkg, downloaded, or by --path."""
        if self.bundled:
            return "with medkg"
        return "downloaded" if self.downloads else "--path"
