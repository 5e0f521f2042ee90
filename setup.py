"""The packages of medkg: each room, a folder of the repository's top level, installs as one.

`graph/` installs as `medkg.graph`, and so on; `api/` is `medkg` itself. A new room is added here
alone; a package inside a room is found by its `__init__.py`.
"""

from setuptools import find_packages, setup

ROOMS = {
    "medkg": "api",
    "medkg.core": "core",
    "medkg.graph": "graph",
    "medkg.extract": "extract",
    "medkg.signals": "signals",
    "medkg.loaders": "loaders",
    "medkg.gnn": "gnn",
    "medkg.mining": "mining",
    "medkg.cypher": "cypher",
    "medkg.web": "web",
    "medkg.cli": "cli",
}

folders = dict(ROOMS)
for name, room in ROOMS.items():
    for package in find_packages(room):
        folders[f"{name}.{package}"] = f"{room}/{package.replace('.', '/')}"

setup(packages=list(folders), package_dir=folders)
