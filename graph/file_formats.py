"""Where a BioC JSON file has its documents."""

from __future__ import annotations

from collections.abc import Iterable


def bioc_documents_path(events: Iterable[tuple[str, str, object]]) -> str | None:
    """Where a JSON file of BioC has its documents, in ijson's notation; None: nowhere.

    Args:
        events: as `json_events` gives them.
    """
    for prefix, event, key in events:
        if event == "map_key" and key in ("documents", "PubTator3"):
            return ".".join(part for part in (prefix, str(key), "item") if part)
        if event == "map_key" and key == "passages":
            return prefix
    return None
