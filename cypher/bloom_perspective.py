"""A perspective for Neo4j Bloom (JSON, to be imported there): colours, names and relations.

The fields are those that perspectives have which Bloom 2 exports; Neo4j publishes no description
of them.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from ..graph.schema import Schema
from ..graph.store.names import PREDICTED
from .browser_style import PREDICTED_COLOUR, RELATION_COLOUR

_NAME = "medkg"
_VERSION = "2.3.0"
# What every node and every relationship is told by. Bloom's names of types are its own.
_NODE = {"id": "string", "name": "string"}
_FACT = {"probability": "number", "evidence_count": "number"}
_PREDICTION = {"probability": "number", "rank": "number", "model": "string"}
_TYPE_AS_CAPTION = "0_REL_TYPE_CAPTION_KEY"
_UNDATED = {"createdAt": 0, "lastEditedAt": 0}  # so that the same schema gives the same file


def bloom_perspective(schema: Schema) -> str:
    """The perspective: a category for every kind, and predictions thicker than facts."""
    kinds = schema.kinds.values()
    relations = [
        relationship
        for name in schema.relations
        for relationship in (
            _relationship(name, RELATION_COLOUR, 1, _FACT),
            _relationship(PREDICTED + name, PREDICTED_COLOUR, 2, _PREDICTION),
        )
    ]
    perspective = {
        "name": _NAME,
        "id": str(uuid.uuid5(uuid.NAMESPACE_OID, _NAME)),
        "version": _VERSION,
        **_UNDATED,
        "categories": [
            _category(number, kind.label, kind.colour) for number, kind in enumerate(kinds, 1)
        ],
        "labels": {kind.label: _properties(kind.label, _NODE) for kind in kinds},
        "relationshipTypes": relations,
        "palette": {"colors": sorted({kind.colour for kind in kinds}), "currentIndex": 0},
        "metadata": {
            "pathSegments": [
                {"source": head, "relationshipType": prefix + relation.name, "target": tail}
                for relation in schema.relations.values()
                for prefix in ("", PREDICTED)
                for head, tail in relation.joins
            ],
            "indexes": [
                {"label": kind.label, "type": "native", "propertyKeys": ["id"]} for kind in kinds
            ],
        },
        "templates": [],
        "sceneActions": [],
        "hiddenCategories": [],
        "hiddenRelationshipTypes": [],
        # What the store keeps for itself (evidence, sources, loads) is not in the scene.
        "hideUncategorisedData": True,
        "isAuto": False,
        "history": [],
        "parentPerspectiveId": None,
    }
    return json.dumps(perspective, indent=1) + "\n"


def _category(number: int, label: str, colour: str) -> dict[str, Any]:
    return {
        "id": number,
        "name": label,
        "labels": [label],
        "properties": [
            {"name": name, "exclude": False, "dataType": kind} for name, kind in _NODE.items()
        ],
        **_UNDATED,
        "color": colour,
        "icon": "no-icon",
        "size": 1,
        "captionKeys": ["name"],
        "styleRules": [],
    }


def _relationship(name: str, colour: str, size: int, properties: dict[str, str]) -> dict[str, Any]:
    return {
        "id": name,
        "name": name,
        "color": colour,
        "size": size,
        "properties": _properties(name, properties),
        "captionKeys": [_TYPE_AS_CAPTION],
        "styleRules": [],
    }


def _properties(owner: str, properties: dict[str, str]) -> list[dict[str, str]]:
    return [
        {"propertyKey": name, "type": owner, "dataType": kind} for name, kind in properties.items()
    ]
