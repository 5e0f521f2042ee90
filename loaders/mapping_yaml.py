"""The YAML of a mapping as blocks that know their lines, for complaints that name them."""

from __future__ import annotations

import re
from typing import Any

OPTION_PATTERN = re.compile(r"\$\{(\w+)\}")


class Block:
    """A mapping of the YAML file: its values by key, and the line of each."""

    def __init__(self, line: int, values: dict[str, Any], lines: dict[str, int]) -> None:
        self.line, self.values, self.lines = line, values, lines

    def line_of(self, key: str) -> int:
        return self.lines.get(key, self.line)
