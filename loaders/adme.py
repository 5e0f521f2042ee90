"""Which genes take part in the absorption, distribution, metabolism and excretion of drugs."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from ..core.quarantine import Quarantine
from .text_tables import read_table


def adme_roles(symbols: pl.Series) -> pl.Series:
    """What a gene's product does with many drugs: enzyme, transporter or carrier; null for others.

    The rules are in `data/adme.tsv`: a gene takes the role of the first pattern that fits its
    whole symbol.
    """
    path = Path(__file__).parent / "data" / "adme.tsv"
    rules = read_table(path, ["pattern", "role"], Quarantine())
    role: pl.Expr = pl.lit(None, dtype=pl.String)
    for pattern, name in reversed(rules.select("pattern", "role").rows()):
        fits = pl.col("symbol").str.contains(f"^(?:{pattern})$")
        value = pl.lit(None if name == "none" else name, dtype=pl.String)
        role = pl.when(fits).then(value).otherwise(role)
    return pl.DataFrame({"symbol": symbols}).select(adme=role)["adme"]
