"""How the reference reads docstrings: an extension of griffe, which mkdocs.yml names.

A docstring's `Example:` is a doctest. Griffe reads what stands below `Examples:` as one, and below
`Example:` as text, in which `>>>` is a quotation of a quotation.
"""

from __future__ import annotations

import re
from typing import Any

import griffe


class DoctestExamples(griffe.Extension):
    """Reads `Example:` as `Examples:`."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rename the section of an object's docstring."""
        if obj.docstring is not None:
            obj.docstring.value = re.sub(
                r"^Example:$", "Examples:", obj.docstring.value, flags=re.MULTILINE
            )
