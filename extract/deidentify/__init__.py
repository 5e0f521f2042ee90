"""De-identification of clinical text: what identifies a patient is found, and replaced."""

from typing import TYPE_CHECKING

from .identifiers import KINDS, Identifier

if TYPE_CHECKING:
    from .find import find_identifiers

__all__ = ["KINDS", "Identifier", "find_identifiers"]


def __getattr__(name: str) -> object:
    # spaCy imports this package with every pipeline, for the component in it; presidio, which finds
    # identifiers, and what it imports take seconds and 200 MB.
    if name == "find_identifiers":
        from .find import find_identifiers

        return find_identifiers
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
