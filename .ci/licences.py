"""The licences of all that medkg installs, held against the ones that it may rest on.

    python .ci/licences.py            # where medkg is installed: a table, and what is not allowed
    python .ci/licences.py --json

Walks from medkg's own dependencies, with the extras asked for, through all that they need here, and
takes each licence from the package's metadata. `licences.toml` beside this file holds the licences
that are allowed, the ways in which packages write them, and what was read by hand where a package's
metadata doesn't say. Ends with 1 where a licence is unknown or not allowed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_CLASSIFIER = "License :: "


class Package(NamedTuple):
    """A package that is installed, and its licence as an SPDX expression where there is one."""

    name: str
    version: str
    licence: str
    allowed: bool


def main() -> int:
    """Print the licences; the exit status says whether all are allowed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--extras", nargs="*", default=["all", "test"], help="medkg's extras")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rules = tomllib.loads((Path(__file__).parent / "licences.toml").read_text(encoding="utf-8"))
    packages = [_package(each, rules) for each in _dependencies(options.extras)]
    refused = [package for package in packages if not package.allowed]
    if options.json:
        print(json.dumps([package._asdict() for package in packages], indent=1))
    else:
        packages.sort(key=lambda package: (package.licence, package.name))
        for licence, group in groupby(packages, key=lambda package: package.licence):
            print(f"{licence}: {', '.join(f'{p.name} {p.version}' for p in group)}")
        print(f"{len(packages)} packages, {len(refused)} with a licence that is not allowed")
    for package in refused:
        print(
            f"{package.name} {package.version}: {package.licence or 'no licence in its metadata'}; "
            "if it may stay, say so in .ci/licences.toml",
            file=sys.stderr,
        )
    return 1 if refused else 0


def _dependencies(extras: list[str]) -> Iterator[Distribution]:
    """Every package that medkg with these extras needs on this platform, each once."""
    waiting: list[tuple[str, frozenset[str]]] = [("medkg", frozenset(extras))]
    seen = set(waiting)
    names = {"medkg"}
    while waiting:
        name, wanted = waiting.pop()
        try:
            package = distribution(name)
        except PackageNotFoundError:
            raise SystemExit(f"{name} is not installed here, so its licence isn't known") from None
        if name not in names:
            names.add(name)
            yield package
        for text in package.requires or ():
            requirement = Requirement(text)
            marker = requirement.marker
            if marker and not any(marker.evaluate({"extra": e}) for e in (*wanted, "")):
                continue
            needed = (canonicalize_name(requirement.name), frozenset(requirement.extras))
            if needed not in seen:
                seen.add(needed)
                waiting.append(needed)


def _package(package: Distribution, rules: Mapping[str, Any]) -> Package:
    name = canonicalize_name(package.name)
    reviewed = rules["reviewed"].get(name)
    licence = reviewed["licence"] if reviewed else _declared(package, rules["spellings"])
    return Package(name, package.version, licence, _is_allowed(licence, set(rules["allowed"])))


def _declared(package: Distribution, spellings: Mapping[str, str]) -> str:
    """What a package's metadata says: the expression, else its classifiers, else the free text."""
    metadata = package.metadata
    if expression := metadata.get("License-Expression"):
        return str(expression)
    classifiers = [
        str(text).rpartition(" :: ")[2]
        for text in metadata.get_all("Classifier", [])
        if str(text).startswith(_CLASSIFIER) and str(text).count(" :: ") > 1
    ]
    licences = classifiers or [str(metadata.get("License") or "").split("\n")[0].strip()]
    return " AND ".join(spellings.get(licence, licence) for licence in licences)


def _is_allowed(expression: str, allowed: set[str]) -> bool:
    """Whether an SPDX expression without brackets is met by the licences that are allowed."""
    return all(
        any(choice.strip("() ") in allowed for choice in part.split(" OR "))
        for part in expression.split(" AND ")
    )


if __name__ == "__main__":
    sys.exit(main())
