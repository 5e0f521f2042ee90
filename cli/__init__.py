"""The command line. Every command is a few lines over what Python offers too.

A file a group of commands; each registers itself on the applications in `app`. Nothing heavy is
imported at the top of these files: `medkg -h` must answer at once.
"""

from __future__ import annotations

import signal
import sys
import warnings
from importlib import import_module
from typing import TextIO

from medkg.cli.app import app

# Each registers its commands when it is imported, in the order in which `medkg -h` lists them.
_COMMANDS = (
    "start",
    "sources",
    "texts",
    "graphs",
    "servers",
    "split",
    "predict",
    "diagnose",
    "recommend",
    "train_models",
    "train_text",
    "evaluate_models",
    "evaluate_text",
)
for _name in _COMMANDS:
    import_module(f"medkg.cli.{_name}")


def _warned(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,  # noqa: ARG001 (of the function that this takes the place of)
    line: str | None = None,
) -> None:
    """What is said to users, without the place in the code."""
    if category is UserWarning:
        print(f"medkg: {message}", file=sys.stderr)
    else:
        sys.stderr.write(warnings.formatwarning(message, category, filename, lineno, line))


def main() -> None:
    """Run the command line: exit code 1 for what the user can put right, 2 for wrong usage."""
    from medkg.core.errors import MedkgError
    from medkg.core.extras import explained_imports

    warnings.showwarning = _warned
    # Python's own answer leaves temporary files with text, and an embedded server running.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with explained_imports():
            app()
    except MedkgError as error:
        _fail(str(error))
    except (KeyboardInterrupt, SystemExit) as ended:
        if isinstance(ended, SystemExit) and ended.code != 130:  # so Typer answers to Ctrl-C
            raise
        _fail("stopped; the same command goes on from what was finished", code=130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        _fail(f"{place}{error.strerror or error}")


def _fail(message: str, code: int = 1) -> None:
    print(f"medkg: {message}", file=sys.stderr)
    sys.exit(code)
