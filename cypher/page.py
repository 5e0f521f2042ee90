"""The page of the documentation that lists the query library, made of the files themselves.

python -m medkg.cypher.page > docs/queries.md
"""

from __future__ import annotations

from collections.abc import Iterable

from .library import TOPICS, Parameter, Query, by_topic, load

_HEAD = """# The query library

Made of the files by `python -m medkg.cypher.page > docs/queries.md`.

```sh
medkg query                                              # the list
medkg query repurposing --list                           # what one takes and gives
medkg query repurposing --on embedded:server --param disease=asthma
medkg query repurposing --on embedded:server --param disease=asthma --csv drugs.csv
medkg query repurposing --on embedded:server --param disease=asthma --print
```

Each of these commands starts the server of `embedded:server` and stops it, which takes seconds;
while `medkg serve server` runs, they share its server and answer at once.

`--print` gives the Cypher with its parameters filled in, to be pasted into Neo4j Browser or any
driver; with `--on` names are looked up, without it identifiers are taken as they are and examples
stand for what isn't given. In Python: `store.query("repurposing", disease="asthma")`. An entity may
be given by identifier, by one that merging took away, or by name; several as
`--param drugs=warfarin,amiodarone`, or by one `--param drugs=…` for each. Targets that take part in
a drug's fate (enzymes, transporters, carriers: the property `adme`) are left out unless `adme` is
true.

**Questions of your own**: a folder of `.cypher` files with such a head joins the library by
`--library DIR`, or by `MEDKG_LIBRARY=DIR`, for Python too. Look at any file of `cypher/` for the
form. A file that is none is left out of the list, with the reason.

**Neo4j Browser and Bloom in medkg's colours**: `medkg query --style medkg.grass` writes a style
file; drop it onto Browser's window. `medkg query --style medkg.json` writes a perspective; import
it in Bloom's gallery of perspectives. Its form is that of perspectives which Bloom 2 exports; it
has not been tried in Bloom, which comes with Neo4j's own installers alone.

**Betweenness and communities** take more than one query. `medkg central` (in Python
`medkg.centrality`) has them: of a whole Neo4j by its Graph Data Science library where that is
installed, of a folder, the embedded server or a part of any of them by networkx:

```sh
medkg central graphs/all --relation TARGETS --relation ASSOCIATED_WITH
medkg central --on embedded:server --around imatinib
medkg central --on bolt://localhost:7687 --csv central.csv
```

How well `repurposing` ranks and how long each question takes is [measured](benchmarks/queries.md).
"""


def page(queries: Iterable[Query]) -> str:
    """The page as Markdown."""
    parts = [_HEAD]
    for topic, of_topic in by_topic(queries).items():
        parts.append(f"## {TOPICS[topic]}\n")
        parts += [_entry(query) for query in of_topic]
    return "\n".join(parts)


def _entry(query: Query) -> str:
    lines = [f"### {query.name}", "", f"{query.title}. {query.description}", ""]
    if query.parameters:
        lines += ["| parameter | type | default | |", "|---|---|---|---|"]
        lines += [
            f"| `{p.name}` | {_type(p)} | {_default(p)} | {p.description} |"
            for p in query.parameters
        ]
        lines.append("")
    lines.append(
        "Columns: " + "; ".join(f"`{name}` {about}" for name, about in query.columns.items())
    )
    return "\n".join([*lines, ""])


def _type(parameter: Parameter) -> str:
    return (
        f"{parameter.type} of {' or '.join(parameter.kinds)}" if parameter.kinds else parameter.type
    )


def _default(parameter: Parameter) -> str:
    if parameter.required:
        return ""
    return "none" if parameter.default is None else str(parameter.default).lower()


if __name__ == "__main__":
    print(page(load().values()), end="")
