"""Make features of the numbers that nodes and edges have (laboratory values, ages, doses, …).

Quantities are brought to one unit (`medkg.graph.units`), then to 0–1 by limits that are fitted on
the training graph and kept with the model, so that a value means the same at prediction.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..core.errors import DataError
from ..core.json_reading import parse_object
from ..graph.document_readings import READING_PROPERTIES
from ..graph.kg import KnowledgeGraph
from ..graph.units import (
    daily_dose,
    frequency_as_fraction,
    normalise_quantity,
    parse_quantity,
    parse_years,
)

Method = Literal["range", "quantiles"]
_LIMITS: dict[str, tuple[float, float]] = {"range": (0.0, 1.0), "quantiles": (0.01, 0.99)}

# Qualifiers of a measured value, which are not read as numbers beside it.
_VALUE_QUALIFIERS = {"unit", "standard_value", "standard_unit", "standard_low", "standard_high"} | {
    "range_low",
    "range_high",
}
_NUMBERS: dict[str, type[pl.DataType]] = {
    "id": pl.String,
    "type": pl.String,
    "property": pl.String,
    "scale": pl.String,
    "value": pl.Float64,
}


def numeric_properties(kg: KnowledgeGraph, *, exclude_edges: Iterable[str] = ()) -> pl.DataFrame:
    """The numbers among the properties of nodes and edges.

    Read are JSON numbers; ages and durations, in years; doses with their frequency, as an amount a
    day; frequencies, as shares; measured values with their unit, in the dimension's canonical unit;
    and texts that are a number and a known unit.

    Args:
        exclude_edges: ids of edges to leave out, such as those held back for a test.

    Returns:
        `id` of the node or edge; `type`, a node's kind or an edge's relation; `property`; `scale`,
        what the number may be compared within: type, property and unit, and, for a measured value,
        what was measured (sodium and glucose have each their own); `value`, finite.
    """
    nodes = kg.nodes.select("id", "properties", type="kind", object=pl.lit(None, pl.String))
    excluded = pl.Series(list(exclude_edges), dtype=pl.String).implode()
    edges = kg.edges.filter(~pl.col("id").is_in(excluded)).select(
        "id", "properties", "object", type="relation"
    )
    return pl.concat([_numbers(nodes, bare=False), _numbers(edges, bare=True)])


def _numbers(frame: pl.DataFrame, *, bare: bool) -> pl.DataFrame:
    """The numbers in a frame's properties.

    Args:
        bare: whether text without a unit may be a number.
    """
    rows = frame.filter(pl.col("properties").str.contains(r"\d"))
    numbers = [
        (text, name, value, unit)
        for text in rows["properties"].unique(maintain_order=True)
        for name, (value, unit) in _read(parse_object(text), bare=bare).items()
        if math.isfinite(value)
    ]
    read = pl.DataFrame(
        numbers,
        schema={
            "properties": pl.String,
            "property": pl.String,
            "value": pl.Float64,
            "unit": pl.String,
        },
        orient="row",
    )
    measured = pl.when(pl.col("property") == "value").then("object")
    scale = pl.concat_str(
        "type", "property", "unit", measured.fill_null(""), separator=" "
    ).str.strip_chars_end()
    return (
        rows.join(read, on="properties", maintain_order="left")
        .with_columns(scale=scale)
        .select(list(_NUMBERS))
    )


def _read(properties: Mapping[str, object], *, bare: bool) -> dict[str, tuple[float, str]]:
    """The numbers of one object of properties, each with its unit."""
    quantities: dict[str, tuple[float, str]] = {}
    # Hashes, which may begin as a number and a unit do.
    left = {name: v for name, v in properties.items() if name not in READING_PROPERTIES}
    if "value" in left:
        value, unit = left.pop("value"), str(left.get("unit") or "")
        left = {name: other for name, other in left.items() if name not in _VALUE_QUALIFIERS}
        if (number := _number(value)) is not None:
            quantities["value"] = normalise_quantity(number, unit) if unit else (number, "")
    if "dose" in left:
        amount = daily_dose(str(left.pop("dose")), str(left.pop("frequency", "daily")))
        if amount is not None:
            quantities["dose"] = amount
    for name, value in left.items():
        if isinstance(value, str) and not bare and _number(value) is not None:
            continue  # digits of a node are as likely a code
        if (number := _number(value)) is not None:
            quantities[name] = (number, "")
        elif isinstance(value, str) and (read := _quantity(name, value)) is not None:
            quantities[name] = read
    return quantities


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _quantity(name: str, text: str) -> tuple[float, str] | None:
    if name == "frequency":
        rate = pl.select(frequency_as_fraction(pl.lit(text))).item()
        return None if rate is None else (rate, "")
    if (age := parse_years(text)) is not None:
        return age, "a"
    quantity = parse_quantity(text)
    return quantity if quantity is not None and quantity[1] not in ("", "1") else None


class ScaleRecord(TypedDict):
    """A `Scale` as JSON."""

    low: float
    high: float
    count: int


class ScalerRecord(TypedDict):
    """A `Scaler` as JSON."""

    method: Method
    scales: dict[str, ScaleRecord]
    columns: dict[str, list[str]]


@dataclass(frozen=True)
class Scale:
    """The values that become 0 and 1, and the number of values that they were fitted on."""

    low: float
    high: float
    count: int

    def to_dict(self) -> ScaleRecord:
        """The scale for JSON."""
        return {"low": self.low, "high": self.high, "count": self.count}


@dataclass(frozen=True)
class Scaler:
    """Scales the numbers of properties to 0–1:

        x' = (x - low) / (high - low), cut off at 0 and 1; 0.5 where low = high.

    Each property becomes two features: x', 0 where it is missing, and 1 where it is missing.

    Attributes:
        method: what low and high are: the least and the largest value of training (`range`), or
            its 1 % and 99 % quantiles (`quantiles`), which single typing errors can't move.
        scales: by `scale`; see `numeric_properties`.
        columns: the properties of each kind and each relation, in the order of the features.
    """

    method: Method
    scales: dict[str, Scale]
    columns: dict[str, list[str]]

    @classmethod
    def fit(cls, numbers: pl.DataFrame, method: Method = "quantiles") -> Scaler:
        """The scaler of these numbers (`numeric_properties` of the training graph).

        Raises:
            DataError: there is no such method.
        """
        if method not in _LIMITS:
            raise DataError(f"there is no scaling by {method!r}; there is {', '.join(_LIMITS)}")
        low, high = (pl.col("value").quantile(q, "linear") for q in _LIMITS[method])
        limits = numbers.group_by("scale").agg(low=low, high=high, count=pl.len()).sort("scale")
        columns = numbers.group_by("type").agg(pl.col("property").unique().sort()).sort("type")
        return cls(
            method,
            {scale: Scale(*row) for scale, *row in limits.iter_rows()},
            dict(columns.iter_rows()),
        )

    def names(self, of: str) -> list[str]:
        """The features of a kind or a relation: each property, then whether it is missing."""
        return [f"{name}{flag}" for name in self.columns.get(of, ()) for flag in ("", " missing")]

    def scaled(self, numbers: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
        """Numbers with `value` as 0–1.

        Returns:
            The rows whose scale is known, and counts: `scaled`, of these `out_of_range`, which were
            cut off, and `unseen`, which training had none to compare with; they count as missing.
        """
        limits = pl.DataFrame(
            [(name, scale.low, scale.high) for name, scale in self.scales.items()],
            schema={"scale": pl.String, "_low": pl.Float64, "_high": pl.Float64},
            orient="row",
        )
        seen = numbers.join(limits, on="scale", maintain_order="left")
        # In numpy, where a number is the same whichever stand beside it. Halved, since the width of
        # a range of floats may be more than a float can hold.
        low, high, value = (seen[name].to_numpy() / 2 for name in ("_low", "_high", "value"))
        share_of_range = np.full(seen.height, 0.5)
        cut_off = value.clip(low, high)
        np.divide(cut_off - low, high - low, out=share_of_range, where=high > low)
        out_of_range = int((cut_off != value).sum())
        scaled = seen.with_columns(value=pl.Series(share_of_range, dtype=pl.Float64))
        counts = {
            "scaled": seen.height,
            "out_of_range": out_of_range,
            "unseen": numbers.height - seen.height,
        }
        return scaled.select(numbers.columns), counts

    def features(self, scaled: pl.DataFrame, of: str, ids: pl.Series) -> NDArray[np.float32]:
        """The features of nodes of a kind, or of edges of a relation.

        Args:
            scaled: rows of `scaled`.
            of: the kind or relation.
            ids: of the nodes or edges, in order.

        Returns:
            (ids, 2 · properties), columns as `names` gives them.
        """
        properties = self.columns.get(of, [])
        features = np.tile(np.array([0, 1], np.float32), (ids.len(), len(properties)))
        rows = ids.to_frame("id").with_row_index("row")
        for number, name in enumerate(properties):
            present = rows.join(scaled.filter(type=of, property=name), on="id")
            features[present["row"].to_numpy(), 2 * number] = present["value"].to_numpy()
            features[present["row"].to_numpy(), 2 * number + 1] = 0
        return features

    def to_dict(self) -> ScalerRecord:
        """The scaler for JSON."""
        return {
            "method": self.method,
            "scales": {name: s.to_dict() for name, s in self.scales.items()},
            "columns": self.columns,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Scaler:
        """The scaler of what `to_dict` gave.

        Raises:
            DataError: it is something else.
        """
        try:
            scales = {name: Scale(**limits) for name, limits in values["scales"].items()}
            columns = {name: list(properties) for name, properties in values["columns"].items()}
            if values["method"] not in _LIMITS:
                raise ValueError(values["method"])
            return cls(values["method"], scales, columns)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"is no scaler: {error!r}; train the model anew") from error
