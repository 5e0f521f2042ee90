"""Names of a package that are imported when they are first used, so that the package is quick."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from .extras import explained_imports


def lazy_names(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """A package's `__getattr__`, by which its names are imported; Python asks it once for each.

    Args:
        package: its full name.
        modules: for each name the module that has it, as `import_module` takes it in the package;
            a module of that name itself, where they are called the same.
    """

    def attribute(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        place = modules[name]
        with explained_imports():
            module = import_module(place, package)
        value = module if place == f".{name}" else getattr(module, name)
        setattr(sys.modules[package], name, value)
        return value

    return attribute
