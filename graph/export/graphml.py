"""GraphML (http://graphml.graphdrawing.org), for Gephi, yEd, Cytoscape and networkx.

Nodes with kind, name and what else is a single value; edges with relation, probability and
sources. GraphML has no lists: their items are joined by ` | `. Evidence has no place in it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import IO
from xml.sax.saxutils import escape, quoteattr

import polars as pl

from ..frames import Row
from .facts import ExportFacts
from .slices import Slices

_OWN = {
    "node": {
        "kind": "string",
        "name": "string",
        "synonyms": "string",
        "xrefs": "string",
        "properties": "string",
    },
    "edge": {
        "relation": "string",
        "probability": "double",
        "evidence_count": "int",
        "sources": "string",
        "properties": "string",
        "model": "string",
        "predicted": "boolean",
    },
}
_KEYS = {(of, name): f"{of}_{name}" for of, names in _OWN.items() for name in names}
# XML 1.0 has no way to write these characters.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(given: Slices, folder: Path) -> ExportFacts:
    """`graph.graphml`; an edge that is a model's prediction has `predicted` true and `model`."""
    counts = dict.fromkeys(("nodes", "edges", "predictions"), 0)
    with (folder / "graph.graphml").open("w", encoding="utf-8", newline="\n") as file:
        file.write(
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n'
        )
        for (of, name), key in _KEYS.items():
            kind = _OWN[of][name]
            file.write(f'<key id="{key}" for="{of}" attr.name="{name}" attr.type="{kind}"/>\n')
        file.write('<graph edgedefault="directed">\n')
        for part in given.of("nodes"):
            for row in part.drop("name_key").iter_rows(named=True):
                file.write(f"<node id={_attribute(row.pop('id'))}>")
                _write_data(file, "node", row)
                file.write("</node>\n")
            counts["nodes"] += part.height
        for part in given.of("edges"):
            for row in part.iter_rows(named=True):
                _write_edge(file, row.pop("id"), row)
            counts["edges"] += part.height
        for part in given.of("predictions"):
            rows = part.select(
                "relation", "probability", "model", subject="head", object="tail"
            ).with_columns(predicted=pl.lit(True))
            for at, row in enumerate(rows.iter_rows(named=True), start=counts["predictions"]):
                _write_edge(file, f"prediction-{at}", row)
            counts["predictions"] += part.height
        file.write("</graph>\n</graphml>\n")
    return {"counts": counts}


def _write_edge(file: IO[str], identifier: str, row: Row) -> None:
    ends = f"source={_attribute(row.pop('subject'))} target={_attribute(row.pop('object'))}"
    file.write(f"<edge id={_attribute(identifier)} {ends}>")
    _write_data(file, "edge", row)
    file.write("</edge>\n")


def _write_data(file: IO[str], of: str, row: Row) -> None:
    for name, value in row.items():
        if value is None or value == [] or (of, name) not in _KEYS:
            continue
        if isinstance(value, list):
            value = " | ".join(value)
        elif isinstance(value, bool):
            value = json.dumps(value)
        file.write(f'<data key="{_KEYS[of, name]}">{_text(str(value))}</data>')


def _text(value: str) -> str:
    # A reader turns \r\n and \r into \n unless they are written so.
    return escape(_NO_XML.sub("\ufffd", value), {"\r": "&#13;"})


def _attribute(value: str) -> str:
    return quoteattr(_NO_XML.sub("\ufffd", value))
