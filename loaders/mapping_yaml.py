"""The YAML of a mapping as blocks that know their lines, so that complaints can name them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Union

import yaml

from ..core.errors import DataError
from ..core.text import did_you_mean

_OPTION_PATTERN = re.compile(r"\$\{(\w+)\}")

# No mapping of tables comes near these.
MOST_BYTES = 1 << 20
_MOST_DEPTH = 50
_MOST_VALUES = 100_000

# A value of the file: a block, a list, a text, or nothing (null).
YamlValue = Union["Block", list["YamlValue"], str, None]


@dataclass(frozen=True)
class Block:
    """A mapping of the YAML file: its values by key, and the line of each."""

    line: int
    values: dict[str, YamlValue]
    lines: dict[str, int]

    def line_of(self, key: str) -> int:
        """The line of a key; of one that is not there, the block's."""
        return self.lines.get(key, self.line)


def check_depth(text: str, path: Path) -> None:
    """Ask, before YAML is composed, whether it is nested as no mapping of tables is.

    Raises:
        DataError: it is.
        yaml.YAMLError: it is no YAML.
    """
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _MOST_DEPTH:
            line = event.start_mark.line + 1 if event.start_mark else None
            raise DataError(f"is nested more than {_MOST_DEPTH} deep", path=path, line=line)


class YamlReader:
    """Reads values of a form from blocks.

    Every method that reads raises a DataError with the line where the value has another form.

    Args:
        path: of the file, for messages.
        options: values of the options, by name; `${name}` stands for them.
    """

    def __init__(self, path: Path, options: dict[str, str]) -> None:
        self.path, self.options = path, options
        self._values = 0

    def fail(self, line: int, problem: str) -> NoReturn:
        """Raise what is wrong with a line of the file."""
        raise DataError(problem, path=self.path, line=line)

    def plain(self, node: yaml.Node, depth: int = 0) -> YamlValue:
        """A node of the YAML as block, list, text or None, with the options filled in.

        What an alias stands for is copied: one within itself is too deep, and aliases of aliases
        are too many.
        """
        line = node.start_mark.line + 1
        self._values += 1
        if depth > _MOST_DEPTH or self._values > _MOST_VALUES:
            self.fail(line, "has an alias within itself, or aliases of too many values")
        if isinstance(node, yaml.MappingNode):
            values: dict[str, YamlValue] = {}
            lines: dict[str, int] = {}
            for key, value in node.value:
                name = str(key.value)
                if name in values:
                    self.fail(key.start_mark.line + 1, f"{name!r} is there twice")
                values[name] = self.plain(value, depth + 1)
                lines[name] = key.start_mark.line + 1
            return Block(line, values, lines)
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(item, depth + 1) for item in node.value]
        if node.tag == "tag:yaml.org,2002:null":
            return None
        return _OPTION_PATTERN.sub(lambda match: self.option(line, match[1]), str(node.value))

    def option(self, line: int, name: str) -> str:
        """The value of an option."""
        if name not in self.options:
            self.fail(line, f"${{{name}}} is no option; declare it under options")
        return self.options[name]

    def block(self, line: int, value: YamlValue, what: str, allowed: Sequence[str]) -> Block:
        """The value as a block with none but the allowed keys; `what` is its name in messages."""
        if not isinstance(value, Block):
            self.fail(line, f"{what} must be keys with values; allowed are {', '.join(allowed)}")
        for key in value.values:
            if key not in allowed:
                meant = did_you_mean(key, allowed, f"allowed are {', '.join(allowed)}")
                self.fail(value.lines[key], f"{what} has no {key!r}; {meant}")
        return value

    def text(self, block: Block, key: str, default: str | None = None) -> str:
        """A text of a block; without a default, it must be there."""
        value = block.values.get(key)
        if value is None:
            if default is None:
                self.fail(block.line, f"{key!r} is missing")
            return default
        if not isinstance(value, str):
            self.fail(block.line_of(key), f"{key!r} must be one text")
        return value

    def flag(self, block: Block, key: str, default: bool = False) -> bool:
        """A truth value of a block."""
        text = self.text(block, key, str(default)).lower()
        if text not in ("true", "false"):
            self.fail(block.line_of(key), f"{key!r} must be true or false")
        return text == "true"

    def number(self, block: Block, key: str, value: YamlValue) -> float:
        """A number that a block has under a key."""
        if not isinstance(value, str):
            self.fail(block.line_of(key), f"{key!r} must be a number")
        try:
            return float(value)
        except ValueError:
            self.fail(block.line_of(key), f"{key!r}: {value!r} is no number")

    def texts(self, block: Block, key: str) -> tuple[str, ...]:
        """A text or a list of texts of a block."""
        value = block.values.get(key)
        items = [] if value is None else value if isinstance(value, list) else [value]
        texts = tuple(item for item in items if isinstance(item, str))
        if len(texts) < len(items):
            self.fail(block.line_of(key), f"{key!r} must be a text or a list of texts")
        return texts

    def items(self, block: Block, key: str) -> list[YamlValue]:
        """A list of a block; empty where there is none."""
        value = block.values.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            self.fail(block.line_of(key), f"{key!r} must be a list; begin each entry with a hyphen")
        return value
