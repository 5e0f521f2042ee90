"""Reads the mapping of tables from YAML, and checks all that can be checked without the tables."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

import polars as pl
import yaml

from ..core.errors import DataError, MissingError, SchemaError
from ..core.text import decode
from ..graph.frames import EVIDENCE_VALUES, Source
from ..graph.schema import Schema
from .mapping import (
    FORMATS,
    TEXT_FIELDS,
    Condition,
    EdgeRule,
    NodeRule,
    SplitRows,
    Table,
    TableMapping,
    Value,
    Values,
)
from .mapping_yaml import OPTION_PATTERN, Block


def read_mapping(path: Path, options: Mapping[str, str] | None = None) -> TableMapping:
    """Read a mapping, and check all that can be checked without its tables.

    Args:
        options: values for the options that the mapping declares; `${name}` stands for them.

    Raises:
        MissingError: there is no such file, or no such option.
        DataError: what is wrong with it, and in which line.
    """
    if not path.is_file():
        raise MissingError(f"{path}: there is no such mapping")
    text = decode(path.read_bytes(), path)
    try:
        node = yaml.compose(text, yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else mark.line + 1
        problem = getattr(error, "problem", None) or error
        raise DataError(f"is no YAML: {problem}", path=path, line=line) from error
    return _Reader(path, dict(options or {})).mapping(node)


class _Reader:
    """Turns the YAML into rules; every complaint names the line."""

    def __init__(self, path: Path, options: dict[str, str]) -> None:
        self.path, self.options = path, options
        self.source = ""
        self.schema = Schema.default()

    def fail(self, line: int, problem: str) -> NoReturn:
        raise DataError(problem, path=self.path, line=line)

    # From YAML to blocks, lists and text

    def plain(self, node: yaml.Node) -> Any:
        line = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            values: dict[str, Any] = {}
            lines: dict[str, int] = {}
            for key, value in node.value:
                name = str(key.value)
                if name in values:
                    self.fail(key.start_mark.line + 1, f"{name!r} is there twice")
                values[name] = self.plain(value)
                lines[name] = key.start_mark.line + 1
            return Block(line, values, lines)
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(item) for item in node.value]
        if node.tag == "tag:yaml.org,2002:null":
            return None
        return OPTION_PATTERN.sub(lambda found: self.option(line, found[1]), str(node.value))

    def option(self, line: int, name: str) -> str:
        if name not in self.options:
            self.fail(line, f"${{{name}}} is no option; declare it under options")
        return self.options[name]

    def block(self, line: int, value: Any, what: str, allowed: Sequence[str]) -> Block:
        if not isinstance(value, Block):
            self.fail(line, f"{what} must be keys with values; allowed are {', '.join(allowed)}")
        for key in value.values:
            if key not in allowed:
                near = get_close_matches(key, allowed, 1)
                hint = f"did you mean {near[0]}?" if near else f"allowed are {', '.join(allowed)}"
                self.fail(value.lines[key], f"{what} has no {key!r}; {hint}")
        return value

    def text(self, block: Block, key: str, default: str | None = None) -> str:
        value = block.values.get(key)
        if value is None:
            if default is None:
                self.fail(block.line, f"{key!r} is missing")
            return default
        if not isinstance(value, str):
            self.fail(block.line_of(key), f"{key!r} must be one text")
        return value

    def flag(self, block: Block, key: str, default: bool = False) -> bool:
        text = self.text(block, key, str(default)).lower()
        if text not in ("true", "false"):
            self.fail(block.line_of(key), f"{key!r} must be true or false")
        return text == "true"

    def texts(self, block: Block, key: str) -> tuple[str, ...]:
        value = block.values.get(key)
        given = [] if value is None else value if isinstance(value, list) else [value]
        if not all(isinstance(item, str) for item in given):
            self.fail(block.line_of(key), f"{key!r} must be a text or a list of texts")
        return tuple(given)

    def items(self, block: Block, key: str) -> list[Any]:
        value = block.values.get(key)
        if value is not None and not isinstance(value, list):
            self.fail(block.line_of(key), f"{key!r} must be a list; begin each entry with a hyphen")
        return value or []

    # From blocks to rules

    def mapping(self, node: yaml.Node | None) -> TableMapping:
        if not isinstance(node, yaml.MappingNode):
            self.fail(1, "must begin with keys: source and tables")
        # The options come first, since all else may name them.
        declared = {str(key.value): value for key, value in node.value}.get("options")
        helps = self.declared(declared)
        if unknown := sorted(set(self.options) - set(helps)):
            raise MissingError(
                f"{self.path}: has no option {unknown[0]!r}; it has: {', '.join(helps) or 'none'}"
            )
        top = self.block(
            1, self.plain(node), "a mapping", ("about", "options", "source", "schema", "tables")
        )
        about = top.values.get("about")
        if about is not None:
            names = ("title", "published_format", "yields")
            about = self.block(top.line_of("about"), about, "about", names)
        source = self.read_source(top)
        self.source = source.name
        if extension := self.text(top, "schema", ""):
            self.schema = self.schema.extended(self.path.parent / extension)
        tables = tuple(
            self.table(top.line_of("tables"), item) for item in self.items(top, "tables")
        )
        if not tables:
            self.fail(top.line_of("tables"), "has no tables; list them under tables")
        return TableMapping(
            self.path,
            source,
            self.schema,
            {} if about is None else {key: self.text(about, key) for key in about.values},
            helps,
            tables,
        )

    def declared(self, node: yaml.Node | None) -> dict[str, str]:
        """The options with their help; their values, where none is given, are the defaults."""
        if node is None:
            return {}
        line = node.start_mark.line + 1
        given, self.options = self.options, {}
        block = self.plain(node)
        names = () if not isinstance(block, Block) else tuple(block.values)
        block = self.block(line, block, "options", names)
        helps, defaults = {}, {}
        for name, value in block.values.items():
            option = self.block(block.line_of(name), value, f"option {name}", ("default", "help"))
            helps[name] = self.text(option, "help")
            defaults[name] = self.text(option, "default")
        self.options = {**defaults, **given}
        return helps

    def read_source(self, top: Block) -> Source:
        names = ("name", "release", "licence", "home_page", "reliability")
        if "source" not in top.values:
            self.fail(1, "'source' is missing: say whose the tables are (name, licence, release)")
        block = self.block(top.line_of("source"), top.values["source"], "source", names)
        reliability = self.number(block, "reliability", self.text(block, "reliability", "1"))
        if not 0 < reliability <= 1:
            self.fail(block.line_of("reliability"), "'reliability' must be above 0 and at most 1")
        name = self.text(block, "name")
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]*", name):
            self.fail(block.line_of("name"), "'name' may hold letters, digits, and . _ - only")
        return Source(
            name,
            self.text(block, "release"),
            self.text(block, "licence"),
            self.text(block, "home_page", ""),
            reliability,
        )

    def number(self, block: Block, key: str, text: Any) -> float:
        try:
            return float(text)
        except (TypeError, ValueError):
            self.fail(block.line_of(key), f"{key!r}: {text!r} is no number")

    def table(self, line: int, item: Any) -> Table:
        names = (
            *("file", "may_lack", "format", "separator", "quoted", "comment", "header", "columns"),
            *("optional", "missing", "split_rows", "query", "database", "where", "nodes", "edges"),
        )
        block = self.block(line, item, "a table", names)
        query, file = self.text(block, "query", ""), self.text(block, "file", "")
        form = self.text(block, "format", "sql" if query else "")
        if form and form not in FORMATS:
            allowed = ", ".join(FORMATS)
            self.fail(block.line_of("format"), f"unknown format {form!r}; there are {allowed}")
        if form == "sql" and not query:
            self.fail(block.line, "a table of format sql needs a query")
        aliases = block.values.get("columns")
        if aliases is not None:
            keys = tuple(aliases.values) if isinstance(aliases, Block) else ("ours: [theirs]",)
            aliases = self.block(block.line_of("columns"), aliases, "columns", keys)
        separator = self.text(block, "separator", "")
        if len(separator) > 1:
            self.fail(block.line_of("separator"), 'the separator must be one character, as "\\t"')
        table = Table(
            line=block.line,
            file=file,
            may_lack=self.flag(block, "may_lack"),
            format=form,
            separator=separator,
            quoted=self.flag(block, "quoted") if "quoted" in block.values else None,
            comment=self.text(block, "comment", ""),
            header=self.texts(block, "header"),
            columns={} if aliases is None else {k: self.texts(aliases, k) for k in aliases.values},
            optional=self.texts(block, "optional"),
            missing=self.texts(block, "missing"),
            split_rows=self.split_rows(block),
            query=query,
            database=os.path.expandvars(self.text(block, "database", "")),
            where=self.conditions(block),
            nodes=tuple(
                self.node(block.line_of("nodes"), rule, "a node", ("where",))
                for rule in self.items(block, "nodes")
            ),
            edges=tuple(
                self.edge(block.line_of("edges"), rule) for rule in self.items(block, "edges")
            ),
        )
        if not table.nodes and not table.edges:
            self.fail(block.line, "the table has neither nodes nor edges; say what its rows become")
        return table

    def split_rows(self, table: Block) -> SplitRows | None:
        given = table.values.get("split_rows")
        if given is None:
            return None
        line = table.line_of("split_rows")
        block = self.block(line, given, "split_rows", ("columns", "by"))
        columns = self.texts(block, "columns")
        if not columns:
            self.fail(line, "'split_rows' needs the columns that hold several values")
        return SplitRows(line, columns, self.text(block, "by"))

    def node(self, line: int, item: Any, what: str, more: Sequence[str] = ()) -> NodeRule:
        names = ("kind", "id", "name", "synonyms", "xrefs", "properties", *more)
        block = self.block(line, item, what, names)
        rule = NodeRule(
            line=block.line,
            kind=self.one(block, "kind"),
            id=self.values(block, "id", required=True),
            name=self.values(block, "name"),
            synonyms=self.values(block, "synonyms"),
            xrefs=self.values(block, "xrefs"),
            properties=self.group(block, "properties"),
            where=self.conditions(block),
        )
        for kind in self.outcomes(rule.kind, "kind"):
            try:
                self.schema.kind(kind)
            except SchemaError as error:
                self.fail(rule.kind.line, str(error))
        for key, values in (("id", rule.id), ("name", rule.name)):
            self.single(values, key)
        return rule

    def edge(self, line: int, item: Any) -> EdgeRule:
        names = (
            *("head", "relation", "tail", *TEXT_FIELDS),
            *("probability", "references", "qualifiers", "where"),
        )
        block = self.block(line, item, "an edge", names)
        for end in ("head", "tail"):
            if end not in block.values:
                self.fail(block.line, f"the edge has no {end}")
        scale = (0.0, 1.0)
        given = block.values.get("probability")
        if isinstance(given, Block) and "scale" in given.values:
            ends = [self.number(given, "scale", end) for end in self.items(given, "scale")]
            if len(ends) != 2 or ends[0] == ends[1]:
                self.fail(given.line_of("scale"), "'scale' must be [lowest, highest], as [0, 1000]")
            scale = (ends[0], ends[1])
        rule = EdgeRule(
            line=block.line,
            head=self.node(block.line_of("head"), block.values["head"], "head"),
            relation=self.one(block, "relation"),
            tail=self.node(block.line_of("tail"), block.values["tail"], "tail"),
            fields={name: self.values(block, name) for name in TEXT_FIELDS if name in block.values},
            probability=self.values(block, "probability"),
            scale=scale,
            references=self.values(block, "references"),
            qualifiers=self.group(block, "qualifiers"),
            where=self.conditions(block),
        )
        self.single(rule.probability, "probability")
        for name, values in rule.fields.items():
            self.single(values, name)
            for value in values:
                allowed = EVIDENCE_VALUES.get(name)
                for text in (value.outcomes() or set()) if allowed else ():
                    if text not in (allowed or ()):
                        listed = ", ".join(allowed or ())
                        self.fail(value.line, f"{name} can't be {text!r}; it is one of {listed}")
        self.check_joins(rule)
        return rule

    def check_joins(self, rule: EdgeRule) -> None:
        heads = self.outcomes(rule.head.kind, "kind")
        tails = self.outcomes(rule.tail.kind, "kind")
        for name in self.outcomes(rule.relation, "relation"):
            try:
                joins = self.schema.relation(name).joins
            except SchemaError as error:
                self.fail(rule.relation.line, str(error))
            if not any(head in heads and tail in tails for head, tail in joins):
                allowed = ", ".join(f"{head} → {tail}" for head, tail in joins)
                self.fail(
                    rule.relation.line,
                    f"{name} joins {allowed}; here it joins {' or '.join(sorted(heads))} →"
                    f" {' or '.join(sorted(tails))}",
                )

    def outcomes(self, value: Value, what: str) -> set[str]:
        found = value.outcomes()
        if found is None:
            self.fail(value.line, f"a {what} of a column needs a map: theirs to the schema's")
        return found

    def single(self, values: Values, key: str) -> None:
        for value in values:
            if value.split is not None:
                self.fail(value.line, f"{key!r} is one value; it can't be split")

    def one(self, block: Block, key: str) -> Value:
        values = self.values(block, key, required=True)
        if len(values) > 1:
            self.fail(block.line_of(key), f"{key!r} must be one value")
        self.single(values, key)
        return values[0]

    def values(self, block: Block, key: str, required: bool = False) -> Values:
        given = block.values.get(key)
        if given is None:
            if required:
                self.fail(block.line, f"{key!r} is missing")
            return ()
        line = block.line_of(key)
        items = given if isinstance(given, list) else [given]
        return tuple(self.value(line, item, key) for item in items)

    def group(self, block: Block, key: str) -> dict[str, Values]:
        given = block.values.get(key)
        if given is None:
            return {}
        if not isinstance(given, Block):
            self.fail(block.line_of(key), f"{key!r} must be names with values")
        return {name: self.values(given, name, required=True) for name in given.values}

    def value(self, line: int, item: Any, key: str) -> Value:
        if isinstance(item, str):
            return Value(line, item)
        names = ["value", "split", "extract", "map", "otherwise", "slug", "prefix", "number"]
        block = self.block(line, item, key, [*names, *(["scale"] * (key == "probability"))])
        slug = self.flag(block, "slug")
        extract = self.text(block, "extract", "") or None
        if extract is not None:
            try:
                pl.Series([""]).str.extract(extract, 1)
                groups = re.compile(extract).groups
            except (pl.exceptions.PolarsError, re.error) as error:
                self.fail(block.line_of("extract"), f"is no regular expression: {error}")
            if not groups:
                self.fail(block.line_of("extract"), "'extract' needs a group, as in ^9606\\.(.+)$")
        given = block.values.get("map")
        if given is not None and not isinstance(given, Block):
            self.fail(block.line_of("map"), "'map' must be theirs: ours")
        return Value(
            line=block.line_of("value"),
            template=self.text(block, "value"),
            split=self.text(block, "split", "") or None,
            extract=extract,
            map=None if given is None else {key: self.text(given, key) for key in given.values},
            otherwise=self.text(block, "otherwise", "") or None,
            slug=slug,
            prefix=self.text(block, "prefix", f"{self.source}:" if slug else ""),
            number=self.flag(block, "number"),
        )

    def conditions(self, block: Block) -> tuple[Condition, ...]:
        tests = ("is", "is_not", "in", "not_in", "at_least", "at_most", "matches", "present")
        found = []
        for item in self.items(block, "where"):
            entry = self.block(block.line_of("where"), item, "a condition", ("column", *tests))
            column = self.text(entry, "column")
            given = [test for test in tests if test in entry.values]
            if len(given) != 1:
                self.fail(entry.line, f"a condition needs one of {', '.join(tests)}")
            test = given[0]
            operand = self.texts(entry, test)
            if test not in ("in", "not_in") and len(operand) != 1:
                self.fail(entry.line_of(test), f"{test!r} must be one value")
            if test in ("at_least", "at_most"):
                self.number(entry, test, operand[0])
            if test == "present":
                self.flag(entry, test)
            if test == "matches":
                try:
                    pl.Series([""]).str.contains(operand[0])
                except pl.exceptions.PolarsError as error:
                    self.fail(entry.line_of(test), f"is no regular expression: {error}")
            found.append(Condition(entry.line, column, test, operand))
        return tuple(found)
