"""Reads the mapping of tables from YAML, and checks all that can be checked without the tables."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
import yaml

from ..core.errors import DataError, MissingError, SchemaError
from ..core.input_files import read_whole
from ..core.text import decode
from ..graph.frames import EVIDENCE_VALUES, Source
from ..graph.schema import Schema
from ..graph.store.names import quoted
from ..graph.store.property_graph import Pattern
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
from .mapping_yaml import MOST_BYTES, Block, YamlReader, YamlValue, check_depth

# The keys that only a table of files (or of a database) has, and one of a graph server.
_OF_FILES = (
    *("file", "may_lack", "format", "separator", "quoted", "comment", "header", "columns"),
    *("split_rows", "query", "database"),
)
_OF_SERVERS = ("label", "relationship", "start", "end")


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
    text = decode(read_whole(path, MOST_BYTES), path)
    try:
        check_depth(text, path)
        node = yaml.compose(text, yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else mark.line + 1
        problem = getattr(error, "problem", None) or error
        raise DataError(f"is no YAML: {problem}", path=path, line=line) from error
    return _MappingReader(path, dict(options or {})).mapping(node)


class _MappingReader(YamlReader):
    """Turns the blocks of a mapping into rules; every complaint names the line."""

    def __init__(self, path: Path, options: dict[str, str]) -> None:
        super().__init__(path, options)
        self.source_name = ""
        self.schema = Schema.default()

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
        self.source_name = source.name
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
        chosen, self.options = self.options, {}
        block = self.plain(node)
        names = () if not isinstance(block, Block) else tuple(block.values)
        block = self.block(line, block, "options", names)
        helps, defaults = {}, {}
        for name, value in block.values.items():
            option = self.block(block.line_of(name), value, f"option {name}", ("default", "help"))
            helps[name] = self.text(option, "help")
            defaults[name] = self.text(option, "default")
        self.options = {**defaults, **chosen}
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

    def table(self, line: int, item: YamlValue) -> Table:
        names = (*_OF_FILES, *_OF_SERVERS, "optional", "missing", "where", "nodes", "edges")
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
            pattern=self.pattern(block),
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

    def pattern(self, table: Block) -> Pattern | None:
        """What a table of a graph server reads there; None of any other table."""
        texts = {name: self.text(table, name, "") for name in _OF_SERVERS}
        if not any(texts.values()):
            return None
        for name in _OF_FILES:
            if name in table.values:
                self.fail(table.line_of(name), f"{name!r} is for files, not for a graph server")
        if bool(texts["label"]) == bool(texts["relationship"]):
            self.fail(table.line, "a table of a graph server has either a label or a relationship")
        for end in ("start", "end"):
            if bool(texts[end]) != bool(texts["relationship"]):
                self.fail(
                    table.line, f"a relationship, and nothing else, has the label of its {end}"
                )
        for name, text in texts.items():
            try:
                quoted(text or "none")
            except SchemaError as error:
                self.fail(table.line_of(name), str(error))
        return Pattern(**texts)

    def split_rows(self, table: Block) -> SplitRows | None:
        value = table.values.get("split_rows")
        if value is None:
            return None
        line = table.line_of("split_rows")
        block = self.block(line, value, "split_rows", ("columns", "by"))
        columns = self.texts(block, "columns")
        if not columns:
            self.fail(line, "'split_rows' needs the columns that hold several values")
        return SplitRows(line, columns, self.text(block, "by"))

    def node(self, line: int, item: YamlValue, what: str, more: Sequence[str] = ()) -> NodeRule:
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

    def edge(self, line: int, item: YamlValue) -> EdgeRule:
        names = (
            *("head", "relation", "tail", *TEXT_FIELDS),
            *("probability", "references", "qualifiers", "where"),
        )
        block = self.block(line, item, "an edge", names)
        for end in ("head", "tail"):
            if end not in block.values:
                self.fail(block.line, f"the edge has no {end}")
        scale = (0.0, 1.0)
        probability = block.values.get("probability")
        if isinstance(probability, Block) and "scale" in probability.values:
            ends = [
                self.number(probability, "scale", end) for end in self.items(probability, "scale")
            ]
            if len(ends) != 2 or ends[0] == ends[1]:
                self.fail(
                    probability.line_of("scale"), "'scale' must be [lowest, highest], as [0, 1000]"
                )
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
                        allowed_values = ", ".join(allowed or ())
                        self.fail(
                            value.line, f"{name} can't be {text!r}; it is one of {allowed_values}"
                        )
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
        outcomes = value.outcomes()
        if outcomes is None:
            self.fail(value.line, f"a {what} of a column needs a map: theirs to the schema's")
        return outcomes

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
        value = block.values.get(key)
        if value is None:
            if required:
                self.fail(block.line, f"{key!r} is missing")
            return ()
        line = block.line_of(key)
        items = value if isinstance(value, list) else [value]
        return tuple(self.value(line, item, key) for item in items)

    def group(self, block: Block, key: str) -> dict[str, Values]:
        group = block.values.get(key)
        if group is None:
            return {}
        if not isinstance(group, Block):
            self.fail(block.line_of(key), f"{key!r} must be names with values")
        return {name: self.values(group, name, required=True) for name in group.values}

    def value(self, line: int, item: YamlValue, key: str) -> Value:
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
        replacements = block.values.get("map")
        if replacements is not None and not isinstance(replacements, Block):
            self.fail(block.line_of("map"), "'map' must be theirs: ours")
        return Value(
            line=block.line_of("value"),
            template=self.text(block, "value"),
            split=self.text(block, "split", "") or None,
            extract=extract,
            map=None
            if replacements is None
            else {key: self.text(replacements, key) for key in replacements.values},
            otherwise=self.text(block, "otherwise", "") or None,
            slug=slug,
            prefix=self.text(block, "prefix", f"{self.source_name}:" if slug else ""),
            number=self.flag(block, "number"),
        )

    def conditions(self, block: Block) -> tuple[Condition, ...]:
        tests = ("is", "is_not", "in", "not_in", "at_least", "at_most", "matches", "present")
        conditions = []
        for item in self.items(block, "where"):
            entry = self.block(block.line_of("where"), item, "a condition", ("column", *tests))
            column = self.text(entry, "column")
            stated = [test for test in tests if test in entry.values]
            if len(stated) != 1:
                self.fail(entry.line, f"a condition needs one of {', '.join(tests)}")
            test = stated[0]
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
            conditions.append(Condition(entry.line, column, test, operand))
        return tuple(conditions)
