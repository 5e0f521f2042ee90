"""The kinds of nodes and the relations between them, as data (`schema.toml`)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from ..core.errors import DataError, SchemaError
from ..core.text import read_toml

SCHEMA_VERSION = 2

# The shapes by which a view tells kinds apart; `graph/view/view.html` draws them in its legend.
SHAPES = ("circle", "square", "triangle", "inverted_triangle", "diamond", "hex", "star")

TomlTable = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """A kind of node: its label in Neo4j, Biolink category, prefixes (preferred first), looks."""

    label: str
    biolink: str
    prefixes: tuple[str, ...]
    colour: str = "#999999"
    shape: str = "circle"


@dataclass(frozen=True)
class Relation:
    """A relation: its type in Neo4j, Biolink predicate, and the pairs of kinds it may join.

    `entails`: the relations that it says, too, of a pair that it joins (in either direction).
    """

    name: str
    biolink: str
    joins: tuple[tuple[str, str], ...]
    symmetric: bool = False
    properties: tuple[str, ...] = ()
    entails: tuple[str, ...] = ()


@dataclass(frozen=True)
class Schema:
    """All kinds and relations, by name."""

    kinds: Mapping[str, Kind]
    relations: Mapping[str, Relation]

    @staticmethod
    @cache
    def default() -> Schema:
        """The schema that comes with medkg."""
        text = resources.files(__package__).joinpath("schema.toml").read_text(encoding="utf-8")
        return _read(tomllib.loads(text), "schema.toml", Schema({}, {}))

    def extended(self, path: Path | str) -> Schema:
        """This schema with the kinds and relations of a TOML file added.

        Raises:
            DataError: the file can't be read, or redefines what is there.
        """
        return _read(read_toml(Path(path)), str(path), self)

    def additions(self) -> TomlTable:
        """The kinds and relations that medkg's own schema lacks, as a file would state them."""
        own = Schema.default()
        kinds = [kind for label, kind in self.kinds.items() if label not in own.kinds]
        relations = [r for name, r in self.relations.items() if name not in own.relations]
        return {
            "kind": {kind.label: _entry(kind, "label") for kind in kinds},
            "relation": {relation.name: _entry(relation, "name") for relation in relations},
        }

    def joined(self, other: Schema) -> Schema:
        """This schema and another's kinds and relations.

        Raises:
            SchemaError: one name means something else in each.
        """
        for ours, theirs in ((self.kinds, other.kinds), (self.relations, other.relations)):
            for name in set(ours) & set(theirs):
                if ours[name] != theirs[name]:
                    raise SchemaError(f"{name} means something else in another graph's schema")
        return Schema({**self.kinds, **other.kinds}, {**self.relations, **other.relations})

    def with_additions(self, data: TomlTable, path: Path | str) -> Schema:
        """This schema with what `additions` gave; `path` is for the message.

        Raises:
            DataError: it isn't of that form, or redefines what is there.
        """
        return _read(data, str(path), self)

    def kind(self, label: str) -> Kind:
        """The kind of that label, or a SchemaError that lists the labels there are."""
        try:
            return self.kinds[label]
        except KeyError:
            raise SchemaError(
                f"unknown kind {label!r}; the schema has {', '.join(sorted(self.kinds))}"
            ) from None

    def relation(self, name: str) -> Relation:
        """The relation of that name, or a SchemaError that lists the names there are."""
        try:
            return self.relations[name]
        except KeyError:
            raise SchemaError(
                f"unknown relation {name!r}; the schema has {', '.join(sorted(self.relations))}"
            ) from None


def _entry(item: Kind | Relation, key: str) -> TomlTable:
    return {name: value for name, value in asdict(item).items() if name != key}


def _read(data: TomlTable, path: str, base: Schema) -> Schema:
    kinds, relations = dict(base.kinds), dict(base.relations)
    try:
        for label, entry in data.get("kind", {}).items():
            if label in kinds or not label.isidentifier():
                raise DataError(f"kind {label!r} is there already or is no plain name", path=path)
            kinds[label] = Kind(label, **{**entry, "prefixes": tuple(entry["prefixes"])})
            if kinds[label].shape not in SHAPES:
                raise DataError(f"kind {label}: a shape is one of {', '.join(SHAPES)}", path=path)
        for name, entry in data.get("relation", {}).items():
            if name in relations or not name.isidentifier():
                raise DataError(f"relation {name!r} is there already or no plain name", path=path)
            joins = tuple((head, tail) for head, tail in entry["joins"])
            lists = {field: tuple(entry.get(field, ())) for field in ("properties", "entails")}
            relations[name] = Relation(name, **{**entry, "joins": joins, **lists})
            for label in {label for pair in joins for label in pair} - set(kinds):
                raise DataError(f"relation {name} joins unknown kind {label!r}", path=path)
        for name in data.get("relation", {}):
            for other in set(relations[name].entails) - set(relations):
                raise DataError(f"relation {name} entails unknown relation {other!r}", path=path)
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise DataError(f"an entry has a wrong or missing field: {error}", path=path) from error
    return Schema(kinds, relations)
