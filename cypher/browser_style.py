"""A style sheet for Neo4j Browser (`.grass`): the colours of the schema, names as captions.

Browser's newer form has no file for it and takes the colours by hand; Bloom's is in
`bloom_perspective`.
"""

from __future__ import annotations

from ..graph.schema import Schema
from ..graph.store.names import PREDICTED

_NODE = """node {
  diameter: 50px;
  color: #adb5bd;
  border-color: #868e96;
  border-width: 2px;
  text-color-internal: #1b1b1b;
  font-size: 10px;
  caption: '{name}';
}
"""
_RELATIONSHIP = """relationship {
  color: #868e96;
  shaft-width: 1px;
  font-size: 8px;
  padding: 3px;
  text-color-external: #343a40;
  text-color-internal: #ffffff;
  caption: '<type>';
}
"""
PREDICTED_COLOUR = "#b5179e"
RELATION_COLOUR = "#868e96"


def browser_style(schema: Schema) -> str:
    """The style sheet: a colour for every kind, and one for all that models predict."""
    kinds = (
        f"node.{kind.label} {{\n  color: {kind.colour};\n  border-color: {kind.colour};\n"
        f"  text-color-internal: {_readable_on(kind.colour)};\n  caption: '{{name}}';\n}}\n"
        for kind in schema.kinds.values()
    )
    own = "node.Evidence {\n  diameter: 25px;\n  caption: '{source}';\n}\n"
    predictions = (
        f"relationship.{PREDICTED}{relation} {{\n  color: {PREDICTED_COLOUR};\n"
        "  shaft-width: 3px;\n  caption: '{probability}';\n}\n"
        for relation in schema.relations
    )
    return "".join((_NODE, *kinds, own, _RELATIONSHIP, *predictions))


def _readable_on(colour: str) -> str:
    """Black or white, whichever is easier to read on a colour (by its luma)."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return "#1b1b1b" if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else "#ffffff"
