"""Safe options for parsing XML, and where a BioC JSON file has its documents."""

from __future__ import annotations

from collections.abc import Iterable

# For lxml's `iterparse`: neither a DTD nor an external entity is read, nothing comes over the
# network, and the parser's own limits on depth and expansion stand, so that a hostile file can do
# no more than fail.
SAFE_XML_OPTIONS: dict[str, bool] = {
    "load_dtd": False,
    "no_network": True,
    "resolve_entities": False,
    "remove_comments": True,
    "remove_pis": True,
}


def bioc_documents_path(events: Iterable[tuple[str, str, object]]) -> str | None:
    """Where a JSON file of BioC has its documents, in ijson's notation; None: nowhere.

    Args:
        events: as `ijson.parse` gives them.
    """
    for prefix, event, key in events:
        if event == "map_key" and key in ("documents", "PubTator3"):
            return ".".join(part for part in (prefix, str(key), "item") if part)
        if event == "map_key" and key == "passages":
            return prefix
    return None
