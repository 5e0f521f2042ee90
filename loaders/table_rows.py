"""What the rows of a table become by its mapping: nodes and evidence."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from ..core.input_files import COMPRESSED
from ..core.quarantine import Quarantine
from ..graph.frames import EVIDENCE_VALUES, empty
from ..graph.identifiers import name_key, normalise_curies
from ..graph.kg import Part
from ..graph.store.property_graph import Pattern
from .databases import read_parquet_parts, read_sql_parts
from .mapping import (
    FORMATS,
    Condition,
    EdgeRule,
    NodeRule,
    SplitRows,
    Table,
    TableMapping,
    Value,
    Values,
)
from .text_tables import read_table_parts

# Where rows come from: a file, a database by its URL, or what a pattern matches on a server.
Origin = Path | str | Pattern


def without_compression(path: Path) -> Path:
    """The name without the ending of a compression."""
    return path.with_suffix("") if path.suffix in COMPRESSED else path


def table_format(table: Table, file: Path) -> str:
    """The format of a table's file, one of `FORMATS`: as stated, or by the ending of its name."""
    if table.format:
        return table.format
    if file.is_dir():
        return "parquet"
    ending = without_compression(file).suffix.lower().removeprefix(".")
    return ending if ending in FORMATS else "tsv"


def separator_of(table: Table, file: Path) -> str:
    """What separates the fields of a table's file."""
    return table.separator or FORMATS[table_format(table, file)]


@dataclass
class TableReader:
    """Makes nodes and evidence of one table's rows."""

    mapping: TableMapping
    table: Table
    quarantine: Quarantine
    _joins: pl.DataFrame = field(init=False)

    def __post_init__(self) -> None:
        relations = self.mapping.schema.relations.items()
        joins = [(name, *pair) for name, relation in relations for pair in relation.joins]
        self._joins = pl.DataFrame(
            joins, schema=["relation", "head.kind", "tail.kind"], orient="row"
        ).with_columns(_joins=True)

    def rows(self, file: Path | str, *, rows: int) -> Iterator[pl.DataFrame]:
        """The rows of a file that the table's conditions let through, in parts."""
        table = self.table
        used = list(table.used())
        names = {name: table.columns.get(name, (name,)) for name in used}
        optional = {name: names[name] for name in used if name in table.optional}
        required = {name: names[name] for name in used if name not in optional}
        parts: Iterator[pl.DataFrame]
        if isinstance(file, str):
            parts = (_renamed(part, names) for part in read_sql_parts(file, table.query, rows=rows))
        elif table_format(table, file) == "parquet":
            parts = read_parquet_parts(file, required, optional, rows=rows)
        else:
            parts = read_table_parts(
                file,
                required,
                self.quarantine,
                optional,
                separator=separator_of(table, file),
                quoted=table.quoted,
                comment=table.comment,
                names=table.header,
                rows=rows,
            )
        return self.usable_rows(file, parts)

    def usable_rows(self, origin: Origin, parts: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        """The rows of parts that the table's conditions let through."""
        table = self.table
        for part in parts:
            if table.missing:
                is_missing = pl.col(pl.String).is_in(list(table.missing))
                part = part.with_columns(pl.when(~is_missing).then(pl.col(pl.String)))
            if table.split_rows is not None:
                part = self._split_rows(origin, part, table.split_rows)
            selected = part.filter(_all_hold(table.where))
            if selected.height:
                yield selected

    def _split_rows(self, origin: Origin, part: pl.DataFrame, split: SplitRows) -> pl.DataFrame:
        part = part.with_columns(pl.col(split.columns).str.split(split.by))
        lengths = [pl.col(name).list.len() for name in split.columns]
        level = pl.all_horizontal(length.eq_missing(lengths[0]) for length in lengths)
        for line, *held in part.filter(~level).select("line", *split.columns).rows():
            row = " ".join("|".join(texts or ()) for texts in held)
            reason = "columns with different numbers of values"
            self.quarantine.add(reason, path=self._origin(origin), line=line, row=row[:500])
        part = part.filter(level).explode(list(split.columns))
        return part.with_columns(pl.col(split.columns).str.strip_chars().replace("", None))

    def _origin(self, origin: Origin) -> str:
        """What names rows: of a query the mapping, since a URL may hold a password."""
        return str(self.mapping.path if isinstance(origin, str) else origin)

    def parts_of(self, origin: Origin, rows: pl.DataFrame) -> Iterator[Part]:
        """What rows become.

        Args:
            rows: the columns that the table uses, `line`, and of a server `_element`, which names
                what is set aside.
        """
        where = self._origin(origin)
        make = _ValueExpressions(rows.schema)
        for rule, values in self._node_values(where, rows):
            yield Part(nodes=self._nodes(values, "node", rule, where))
        for edge in self.table.edges:
            selected = rows.filter(_all_hold(edge.where))
            values = selected.select(pl.col("^(line|_element)$"), *make.edge(edge))
            values = self._usable(values, where, ["head", "tail"], edge)
            for end, rule in (("head", edge.head), ("tail", edge.tail)):
                yield Part(nodes=self._nodes(values, end, rule, where))
            yield Part(evidence=self._evidence(values, edge))

    def _node_values(
        self, where: str, rows: pl.DataFrame
    ) -> Iterator[tuple[NodeRule, pl.DataFrame]]:
        """Each rule of nodes, and the values that it makes of the rows."""
        make = _ValueExpressions(rows.schema)
        for rule in self.table.nodes:
            selected = rows.filter(_all_hold(rule.where))
            values = selected.select(pl.col("^(line|_element)$"), *make.node(rule, "node"))
            yield rule, self._usable(values, where, ["node"])

    def identifiers(self, origin: Origin, rows: pl.DataFrame) -> pl.DataFrame:
        """The identifiers of the nodes that rows of a server become: `id`, `element`."""
        values = [each for _, each in self._node_values(self._origin(origin), rows)]
        columns = [pl.col("node.id").alias("id"), pl.col("_element").alias("element")]
        frames = [each.select(columns) for each in values]
        return pl.concat([empty({"id": pl.String, "element": pl.String}), *frames])

    def _usable(
        self, values: pl.DataFrame, where: str, ends: list[str], edge: EdgeRule | None = None
    ) -> pl.DataFrame:
        """Rows with identifiers and kinds, and (of an edge) a relation and fields that may be."""
        problem = pl.lit(None, pl.String)
        for end in ends:
            curies, reasons = normalise_curies(values[f"{end}.id"])
            values = values.with_columns(
                curies.alias(f"{end}.id"),
                pl.when(pl.col(f"{end}.id").is_null())
                .then(pl.lit("no identifier"))
                .otherwise(reasons)
                .alias(f"{end}.problem"),
                pl.col(f"{end}.id").alias(f"{end}.written"),
            )
            no_kind = pl.when(pl.col(f"{end}.kind").is_null()).then(pl.lit("kind is in no map"))
            problem = pl.coalesce(problem, f"{end}.problem", no_kind)
        if edge is not None:
            kinds = ["relation", "head.kind", "tail.kind"]
            values = values.join(self._joins, on=kinds, how="left", maintain_order="left")
            wrong = pl.when(pl.col("relation").is_null()).then(pl.lit("relation is in no map"))
            joined = pl.when(pl.col("_joins").is_null()).then(pl.lit("ends of the wrong kinds"))
            problem = pl.coalesce(problem, wrong, joined)
            for name in edge.fields:
                allowed = list(EVIDENCE_VALUES.get(name, ()))
                if allowed:
                    is_bad = pl.col(name).is_in(allowed).not_().fill_null(False)
                    problem = pl.coalesce(problem, pl.when(is_bad).then(pl.lit(f"unknown {name}")))
            if edge.probability:
                low, high = edge.scale
                number = pl.col("probability").cast(pl.Float64, strict=False)
                values = values.with_columns(_number=(number - low) / (high - low))
                is_given = pl.col("probability").is_not_null()
                is_bad = is_given & ~pl.col("_number").is_between(0, 1).fill_null(False)
                problem = pl.coalesce(
                    problem, pl.when(is_bad).then(pl.lit("probability is no number from 0 to 1"))
                )
        values = values.with_columns(_problem=problem)
        bad_rows = values.filter(pl.col("_problem").is_not_null())
        names = ["head.written", "relation.written", "tail.written"] if edge else ["node.written"]
        names += [name for name in ("_element",) if name in values.columns]
        names += [f"{end}.kind.written" for end in ends if f"{end}.kind.written" in values.columns]
        for line, reason, *written in bad_rows.select("line", "_problem", *names).rows():
            row = " ".join("?" if text is None else str(text) for text in written)
            self.quarantine.add(reason, path=where, line=line, row=row[:500])
        return values.filter(pl.col("_problem").is_null())

    def _nodes(self, values: pl.DataFrame, end: str, rule: NodeRule, where: str) -> pl.DataFrame:
        properties = {name: f"{end}.properties.{name}" for name in rule.properties}
        frame = values.select(
            "line",
            *(pl.col(f"{end}.{name}").alias(name) for name in ("id", "kind", "name")),
            *(pl.col(f"{end}.{name}").alias(name) for name in ("synonyms", "xrefs")),
            properties=_objects(values, properties, rule.properties),
        ).unique(["id", "kind", "name", "synonyms", "xrefs", "properties"], maintain_order=True)
        if rule.xrefs:
            frame = self._normal_xrefs(frame, where)
        return frame.drop("line")

    def _normal_xrefs(self, frame: pl.DataFrame, where: str) -> pl.DataFrame:
        """With cross-references in the standard spelling; those that are none are set aside."""
        each = frame.with_row_index("_row").select("_row", "line", "xrefs").explode("xrefs")
        each = each.filter(pl.col("xrefs").is_not_null())
        curies, reasons = normalise_curies(each["xrefs"])
        each = each.with_columns(curies.alias("curie"), reasons.alias("reason"))
        for line, text, reason in (
            each.filter(pl.col("curie").is_null()).select("line", "xrefs", "reason").rows()
        ):
            self.quarantine.add(f"{reason} as cross-reference", path=where, line=line, row=text)
        lists = each.filter(pl.col("curie").is_not_null()).group_by("_row").agg(xrefs="curie")
        return (
            frame.with_row_index("_row")
            .drop("xrefs")
            .join(lists, on="_row", how="left", maintain_order="left")
            .with_columns(pl.col("xrefs").fill_null(pl.lit([], dtype=pl.List(pl.String))))
            .drop("_row")
            .select(frame.columns)
        )

    def _evidence(self, values: pl.DataFrame, edge: EdgeRule) -> pl.DataFrame:
        qualifiers = {name: f"qualifiers.{name}" for name in edge.qualifiers}
        source = self.mapping.source
        columns = [pl.col(name) for name in edge.fields]
        if "release" not in edge.fields:
            columns.append(pl.lit(source.release).alias("release"))
        if edge.probability:
            columns.append(pl.col("_number").alias("probability"))
        return values.select(
            pl.col("head.id").alias("subject"),
            "relation",
            pl.col("tail.id").alias("object"),
            pl.lit(source.name).alias("source"),
            "references",
            *columns,
            qualifiers=_objects(values, qualifiers, edge.qualifiers),
        )


def _renamed(part: pl.DataFrame, names: Mapping[str, Sequence[str]]) -> pl.DataFrame:
    """The columns of a query under our names; null throughout where it lacks them."""
    columns = {}
    for name, aliases in names.items():
        present = [name for name in aliases if name in part.columns]
        columns[name] = pl.col(present[0]) if present else pl.lit(None, pl.String)
    return part.select("line", **columns)


class _ValueExpressions:
    """Values of a mapping as polars expressions over the columns of a part."""

    def __init__(self, schema: pl.Schema) -> None:
        self.schema = schema

    def node(self, rule: NodeRule, end: str) -> Iterator[pl.Expr]:
        yield self.single((rule.kind,)).alias(f"{end}.kind")
        if rule.kind.columns:
            yield self._template(rule.kind).alias(f"{end}.kind.written")
        yield self.single(rule.id).alias(f"{end}.id")
        yield self.single(rule.name).alias(f"{end}.name")
        yield self.several(rule.synonyms).alias(f"{end}.synonyms")
        yield self.several(rule.xrefs).alias(f"{end}.xrefs")
        for name, values in rule.properties.items():
            yield self.joined(values).alias(f"{end}.properties.{name}")

    def edge(self, rule: EdgeRule) -> Iterator[pl.Expr]:
        yield from self.node(rule.head, "head")
        yield self.single((rule.relation,)).alias("relation")
        yield self._template(rule.relation).alias("relation.written")
        yield from self.node(rule.tail, "tail")
        for name, values in rule.fields.items():
            yield self.single(values).alias(name)
        yield self.single(rule.probability).alias("probability")
        yield self.several(rule.references).alias("references")
        for name, values in rule.qualifiers.items():
            yield self.joined(values).alias(f"qualifiers.{name}")

    def single(self, values: Values) -> pl.Expr:
        """The first of the values that is there."""
        expressions = [_transformed(value, self._template(value)) for value in values]
        return pl.coalesce(expressions) if expressions else pl.lit(None, pl.String)

    def several(self, values: Values) -> pl.Expr:
        """All of the values that are there, as a list without repetitions."""
        empty = pl.lit([], dtype=pl.List(pl.String))
        if not values:
            return empty
        lists = []
        for value in values:
            if len(value.pieces) == 1 and self._is_list(value):
                each = pl.col(value.columns[0])
            elif value.split is not None:
                each = self._template(value).str.split(value.split)
            else:
                transformed = _transformed(value, self._template(value))
                lists.append(pl.concat_list(transformed).list.drop_nulls().fill_null(empty))
                continue
            shaped = each.list.eval(_transformed(value, pl.element()))
            lists.append(shaped.list.drop_nulls().fill_null(empty))
        return pl.concat_list(lists).list.unique(maintain_order=True)

    def joined(self, values: Values) -> pl.Expr:
        """A property: one value, or, where it is split or a list, several joined by a bar."""
        if any(value.split is not None or self._is_list(value) for value in values):
            text = self.several(values).list.join("|")
            return pl.when(text != "").then(text)
        return self.single(values)

    def _is_list(self, value: Value) -> bool:
        return any(isinstance(self.schema[name], pl.List) for name in value.columns)

    def _template(self, value: Value) -> pl.Expr:
        """The template filled in; null where any of its columns is."""
        pieces = [pl.col(text) if is_column else pl.lit(text) for text, is_column in value.pieces]
        if self._is_list(value):
            pieces = [
                pl.col(text).list.join(value.split or "|") if is_column else pl.lit(text)
                for text, is_column in value.pieces
            ]
        return pieces[0] if len(pieces) == 1 else pl.concat_str(pieces)


def _transformed(value: Value, text: pl.Expr) -> pl.Expr:
    """What is done to a text, in the order of `Value`; empty is null."""
    text = text.str.strip_chars()
    if value.extract is not None:
        text = text.str.extract(value.extract, 1)
    if value.map is not None:
        default = pl.lit(value.otherwise, pl.String)
        text = text.replace_strict(dict(value.map), default=default, return_dtype=pl.String)
    elif value.otherwise is not None:
        text = text.fill_null(pl.lit(value.otherwise))
    if value.slug:
        text = name_key(text).str.replace_all(" ", "-", literal=True)
    text = pl.when(text != "").then(text)
    return pl.concat_str(pl.lit(value.prefix), text) if value.prefix else text


def _all_hold(conditions: Sequence[Condition]) -> pl.Expr:
    """Whether a row meets all conditions."""
    tests: dict[str, Callable[[pl.Expr, tuple[str, ...]], pl.Expr]] = {
        "is": lambda column, operand: column == operand[0],
        "is_not": lambda column, operand: column.ne_missing(pl.lit(operand[0])),
        "in": lambda column, operand: column.is_in(list(operand)),
        "not_in": lambda column, operand: ~column.is_in(list(operand)).fill_null(False),
        "at_least": lambda column, operand: (
            column.cast(pl.Float64, strict=False) >= float(operand[0])
        ),
        "at_most": lambda column, operand: (
            column.cast(pl.Float64, strict=False) <= float(operand[0])
        ),
        "matches": lambda column, operand: column.str.contains(operand[0]),
        "present": lambda column, operand: column.is_not_null() == (operand[0].lower() == "true"),
    }
    expressions = [tests[c.test](pl.col(c.column), c.operand).fill_null(False) for c in conditions]
    return pl.all_horizontal(pl.lit(True), *expressions)


def _objects(
    rows: pl.DataFrame, columns: Mapping[str, str], values: Mapping[str, Values]
) -> pl.Series:
    """For each row a JSON object of these columns under their names; null where it is empty."""
    if not columns:
        return pl.Series([None] * rows.height, dtype=pl.String)
    numbers = {name for name, group in values.items() if any(value.number for value in group)}
    texts = []
    for row in rows.select(columns.values()).iter_rows():
        members = {
            name: _number(text) if name in numbers else text
            for name, text in zip(columns, row, strict=True)
            if text is not None
        }
        texts.append(json.dumps(members, ensure_ascii=False, sort_keys=True) if members else None)
    return pl.Series(texts, dtype=pl.String)


def _number(text: str) -> int | float | str:
    """The number that a text is; what is none stays text, so that nothing is lost."""
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        return number if number == number and abs(number) != float("inf") else text
    return text
