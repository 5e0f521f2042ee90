"""De-identification of clinical text: what identifies a patient is found, and replaced."""

from .find import find_identifiers
from .identifiers import KINDS, Identifier

__all__ = ["KINDS", "Identifier", "find_identifiers"]
