"""Orphanet's prevalences of rare diseases (Orphadata's product 9).

Orphanet gives a disease several estimates: of how many have it, or are born with it, by region and
by class ("1-9 / 100 000"). A disease gets one number, `per_100000`: the middle of the class of its
best estimate. Point prevalence goes before prevalence at birth, worldwide before Europe before any
other region, and of several the highest.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from ..core.errors import DataError, MissingError
from ..core.quarantine import Quarantine
from ..graph.frames import Source
from ..graph.kg import KnowledgeGraph
from .frames import as_json
from .info import Download, SourceInfo
from .stream import line_of, published_files, xml_records

if TYPE_CHECKING:
    from lxml.etree import _Element

_FILE = "en_product9_prev.xml"
# The geometric middle of each class, of 100,000 people.
_CLASSES = {
    ">1 / 1000": 200.0,
    "6-9 / 10 000": 73.0,
    "1-5 / 10 000": 22.0,
    "1-9 / 100 000": 3.0,
    "1-9 / 1 000 000": 0.3,
    "<1 / 1 000 000": 0.03,
}
_NO_ESTIMATE = ("Unknown", "Not yet documented", "")
_TYPES = ("Point prevalence", "Prevalence at birth")
_REGIONS = ("Worldwide", "Europe")


def load(path: Path | None, quarantine: Quarantine) -> KnowledgeGraph:
    """Orphanet's diseases with their prevalence, as nodes.

    Args:
        path: Orphadata's en_product9_prev.xml, plain or compressed, or a folder with it.
        quarantine: gets the diseases without a code and the estimates of no known class.

    Raises:
        MissingError: no path, or the file is not there.
        DataError: the file is no such file.
    """
    if path is None:
        raise MissingError(f"give Orphadata's {_FILE} (--path), or let it be downloaded")
    file = published_files(path, _FILE)[0]
    records = xml_records(file, quarantine)
    root = next(records)
    if root.tag != "JDBOR":
        raise DataError(f"is no {_FILE}: its root is {root.tag}, not JDBOR", path=file)
    source = Source(
        "orphanet", root.get("version") or root.get("date") or "unknown", "CC-BY-4.0", _HOME_PAGE
    )
    nodes = [
        node
        for record in records
        if record.tag == "DisorderList"
        for node in _diseases(record, file, quarantine)
    ]
    return KnowledgeGraph.build(
        pl.DataFrame(
            nodes,
            schema=dict.fromkeys(("id", "kind", "name", "properties"), pl.String),
            orient="row",
        ),
        pl.DataFrame(schema=dict.fromkeys(("subject", "relation", "object", "source"), pl.String)),
        [source],
        quarantine=quarantine,
        origin=str(file),
    )


def _diseases(
    disorders: _Element, file: Path, quarantine: Quarantine
) -> Iterator[tuple[str, str, str, str | None]]:
    """Identifier, kind, name and properties of each disease."""
    for disorder in disorders.iterfind("Disorder"):
        code, name = disorder.findtext("OrphaCode") or "", disorder.findtext("Name") or ""
        if not code.isdigit() or not name:
            quarantine.add("disease without code or name", path=file, line=line_of(disorder))
            continue
        number = _prevalence(disorder, file, quarantine)
        yield f"ORPHA:{code}", "Disease", name, as_json({"per_100000": number})


def _prevalence(disorder: _Element, file: Path, quarantine: Quarantine) -> float | None:
    """How many of 100,000 people have a disease; None where no estimate says."""
    best: tuple[int, int, float] | None = None
    for estimate in disorder.iterfind("PrevalenceList/Prevalence"):
        kind = estimate.findtext("PrevalenceType/Name") or ""
        stated = estimate.findtext("PrevalenceClass/Name") or ""
        if kind not in _TYPES or stated in _NO_ESTIMATE:
            continue
        if stated not in _CLASSES:
            quarantine.add("prevalence of no known class", path=file, line=line_of(estimate))
            continue
        region = estimate.findtext("PrevalenceGeographic/Name") or ""
        place = _REGIONS.index(region) if region in _REGIONS else len(_REGIONS)
        rank = -_TYPES.index(kind), -place, _CLASSES[stated]
        best = rank if best is None else max(best, rank)
    return None if best is None else best[2]


_HOME_PAGE = "https://www.orphadata.com"

INFO = SourceInfo(
    "orphanet",
    "Orphanet: how common rare diseases are",
    "CC-BY-4.0",
    _HOME_PAGE,
    "as the file states it",
    f"{_FILE}, plain or compressed, or a folder with it",
    "Disease, with the property per_100000",
    False,
    load,
    downloads=(Download(f"https://www.orphadata.com/data/xml/{_FILE}", _FILE),),
)
