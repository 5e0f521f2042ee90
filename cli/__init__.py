"""The command line. Every command is a few lines over what Python offers too.

A file a group of commands; each registers itself on the applications in `app`. Nothing heavy is
imported at the top of these files: `medkg -h` must answer at once.
"""

from __future__ import annotations

import os
import signal
import sys
import warnings
from contextlib import suppress
from importlib import import_module
from typing import NoReturn, TextIO

from medkg.cli.app import app, list_by_topic, refuse_repetitions

# The files of commands under the topics of `medkg -h`, in the order in which it lists them. Each
# registers its commands when it is imported.
_TOPICS = {
    "Begin": ("start",),
    "Read sources and texts": (
        "sources",
        "texts",
        "opinions",
        "signals",
        "eeg",
        "segmentation",
        "detection",
        "translation",
        "restoration",
        "slides",
        "speech",
    ),
    "Graphs": ("graphs", "central"),
    "Servers and questions": ("servers", "query"),
    "Hypotheses and patients": (
        "predict",
        "diagnose",
        "recommend",
        "course",
        "cohort",
        "molecules",
    ),
    "Models": ("split", "train_models", "train_text", "evaluate_models", "evaluate_text"),
    "Private data": ("deidentify", "seal"),
}
for _name in (name for files in _TOPICS.values() for name in files):
    import_module(f"medkg.cli.{_name}")
list_by_topic({f"medkg.cli.{name}": topic for topic, files in _TOPICS.items() for name in files})
refuse_repetitions()


def _warned(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,  # noqa: ARG001 (of the function that this takes the place of)
    line: str | None = None,
) -> None:
    """What is said to users, without the place in the code."""
    from medkg.core.terminal import printable

    if category is UserWarning:
        print(printable(f"medkg: {message}"), file=sys.stderr)
    else:
        sys.stderr.write(warnings.formatwarning(message, category, filename, lineno, line))


def _use_utf8() -> None:
    """Start again in Python's UTF-8 mode where names of files would not be UTF-8.

    Under `LC_ALL=C PYTHONUTF8=0` Python reads them as ASCII, and polars can't find them then.
    """
    if sys.getfilesystemencoding() != "utf-8" and sys.executable:
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def _keep_temporary_folder_clean() -> None:
    """Don't let PyTorch make a folder in TMPDIR for what its compiler keeps; medkg uses none."""
    import tempfile

    with suppress(FileNotFoundError):  # there is no such folder; who needs one says so
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", tempfile.gettempdir())


def main() -> None:
    """Run the command line: exit code 1 for what the user can put right, 2 for wrong usage."""
    from medkg.core.extras import explained_imports
    from medkg.core.interruption import was_interrupted
    from medkg.core.memory import is_limited, is_too_little, run_in_child

    _use_utf8()
    if is_too_little():
        _fail(_NO_MEMORY)
    if is_limited():
        run_in_child(lambda: _fail(_NO_MEMORY))
    _keep_temporary_folder_clean()
    # OpenMP's threads spin while they wait for another: where other programs want the cores they
    # take these from the one that is waited for. Libraries read it when they are loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    warnings.showwarning = _warned
    # Python's own answer leaves temporary files with text, and an embedded server running.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with explained_imports():
            app()
    except SystemExit as ended:
        if ended.code != 130:  # so Typer answers to Ctrl-C
            raise
        _stop()
    except BaseException as error:  # what panics in Rust is no Exception
        if was_interrupted(error):
            _stop()
        if isinstance(error, BrokenPipeError):
            sys.stderr.close()
            sys.exit(0)
        if (problem := _explained(error)) is None:
            raise
        _fail(problem)


def _stop() -> NoReturn:
    from medkg.core.interruption import is_kept

    goes_on = "; the same command goes on from what was finished"
    _fail(f"stopped{goes_on}" if is_kept() else "stopped", code=130)


_NO_MEMORY = (
    "the memory that this process may use is not enough; nothing half-done was put in place; give"
    " it more (ulimit -v shows a limit), or less to do at once"
)


def _shortage(error: BaseException) -> str | None:
    """What to say where memory is limited, and that is why."""
    from medkg.core.memory import end_soon, is_limited, is_shortage

    if not (is_limited() and is_shortage(error)):
        return None
    end_soon()
    return _NO_MEMORY


def _explained(error: BaseException) -> str | None:
    """What an error says, where a user can put it right."""
    from medkg.core.disk import disk_error
    from medkg.core.errors import MedkgError

    if _shortage(error) or isinstance(error, MemoryError):
        return _NO_MEMORY
    if not isinstance(error, Exception):
        return None
    if isinstance(error, MedkgError):
        return str(error)
    if (explained := disk_error(error)) is not None:
        return str(explained)
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror or error}"
    if isinstance(error, UnicodeError | TypeError):  # the latter is what polars says
        for argument in sys.argv[1:]:
            if any("\ud800" <= character <= "\udfff" for character in argument):
                return f"{argument}: the name is not UTF-8, and can't be used; rename it"
    return None


def _fail(message: str, code: int = 1) -> NoReturn:
    from medkg.cli import language
    from medkg.core.terminal import printable

    print(printable(f"medkg: {language.message(message)}"), file=sys.stderr)
    sys.exit(code)
