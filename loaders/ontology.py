"""Ontologies as graphs: MONDO, DOID, ChEBI, UBERON, GO, any other in OBO, OWL or OBO Graphs JSON.

A file is read twice: first what is obsolete and by what replaced, then the terms.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import polars as pl

from ..core.errors import DataError, MissingError
from ..core.progress import progress
from ..core.quarantine import Quarantine
from ..graph.frames import Source
from ..graph.kg import KnowledgeGraph, Part
from ..graph.schema import Schema
from .frames import JsonValue, NodeRow, as_json, nodes_frame
from .info import Download, SourceInfo
from .stream import plain_suffix, published_files
from .term import SCOPES, Link, Term
from .terms import read_terms, release_of, scan_terms

PART_ROWS = 20_000  # terms of a part

# Identifiers of one substance or finding, beside the prefixes that the schema lists.
_IDENTITY = {"Drug": ("CAS", "UNII"), "Symptom": ("NCIT", "MEDDRA")}


@dataclass(frozen=True)
class _Ontology:
    """One of the ontologies that are sources of their own.

    Attributes:
        kind: of its terms; or, for each namespace, of the terms in it.
        prefix: of its own terms; others that its files repeat are left out.
        classes: the root below which terms are DrugClasses, which has_role leads to.
    """

    name: str
    kind: str | Mapping[str, str]
    prefix: str
    classes: str = ""


def load(
    path: Path | None, quarantine: Quarantine, *, about: _Ontology | None = None, **options: str
) -> KnowledgeGraph:
    """An ontology as a graph: SUBCLASS_OF, PART_OF, and ChEBI's roles by IN_CLASS.

    Names and exact synonyms are a node's `synonyms`; others, which text must not be linked by, are
    its properties `broad_synonyms`, `narrow_synonyms` and `related_synonyms`. Cross-references
    that are equivalences are its `xrefs`: those that MONDO marks as such or SKOS calls exact
    matches, and, where the ontology marks none, those whose prefix the schema lists for the kind.
    Others are the properties `broad_xrefs`, `narrow_xrefs` and `related_xrefs`.

    Obsolete terms are no nodes. `replaces` of the term that took their place names them; one
    without a single replacement is set aside. Of the links that close a cycle one is set aside.

    Args:
        path: the file (.obo, .owl, .json, plain or compressed), or a folder with one.
        quarantine: gets the rows that can't be used.
        about: which ontology; None for any, by the options `kind`, `prefix` and `source`.

    Raises:
        MissingError: no path, or no file there.
        DataError: the file can't be read as what it should be, or has no term that is wanted.
    """
    name = about.name if about else "ontology"
    about = about or _Ontology(
        options.get("source", name), _kind(options), options.get("prefix", "")
    )
    if path is None:
        raise MissingError(f"{name} needs a path (--path): the ontology as .obo, .owl or .json")
    file = ontology_file(path)
    info = _INFO[name]
    # Curated by experts, though not each edge by itself.
    source = Source(about.name, release_of(file), info.licence, info.home_page, reliability=0.98)
    return KnowledgeGraph.from_parts(
        _parts(file, about, source, quarantine), [source], quarantine=quarantine, origin=str(file)
    )


def _kind(options: Mapping[str, str]) -> str:
    kinds = list(Schema.default().kinds)
    if options.get("kind") not in kinds:
        raise MissingError(
            "ontology needs the option kind (--option kind=Disease), what its terms are: one of"
            f" {', '.join(kinds)}"
        )
    return options["kind"]


def ontology_file(path: Path) -> Path:
    """The ontology's file: the path, or the one in a folder, .obo before .owl before .json.

    Raises:
        MissingError: nothing there, or a folder without an ontology.
        DataError: a folder with several of one form.
    """
    files = published_files(path, "*.obo", "*.owl", "*.json")
    order = (".obo", ".owl", ".json")
    first = [file for suffix in order for file in files if plain_suffix(file) == suffix] or files
    same = [file for file in files if plain_suffix(file) == plain_suffix(first[0])]
    if len(same) > 1:
        names = ", ".join(file.name for file in same)
        raise DataError(f"has several ontologies ({names}); give the file", path=path)
    return first[0]


@dataclass
class _FirstPass:
    """What must be known before a term becomes a node.

    Attributes:
        replaces: for a current identifier the obsolete ones that it replaces.
        current: for an obsolete identifier the one that replaces it.
        unreplaced: obsolete terms without a single replacement.
        classes: identifiers of the terms whose kind is DrugClass.
    """

    replaces: dict[str, list[str]] = field(default_factory=dict)
    current: dict[str, str] = field(default_factory=dict)
    unreplaced: list[Term] = field(default_factory=list)
    classes: set[str] = field(default_factory=set)


def _first_pass(path: Path, about: _Ontology) -> _FirstPass:
    """Read the file once for what is obsolete, and what is below the root of classes."""
    first_pass = _FirstPass()
    children: dict[str, list[str]] = {}
    retired: dict[str, Term] = {}
    for item in scan_terms(path):
        if isinstance(item, Link):
            if about.classes and item.relation == "is_a":
                children.setdefault(item.object, []).append(item.subject)
        elif item.obsolete:
            retired[item.id] = item
    for term in retired.values():
        if now := current_of(term, retired):
            first_pass.current[term.id] = now
            first_pass.replaces.setdefault(now, []).append(term.id)
        else:
            first_pass.unreplaced.append(term)
    if about.classes:
        first_pass.classes = descendants(about.classes, children)
    return first_pass


def descendants(root: str, children: Mapping[str, Sequence[str]]) -> set[str]:
    """A term and all below it."""
    terms = {root}
    frontier = [root]
    while frontier:
        below = [child for child in children.get(frontier.pop(), ()) if child not in terms]
        terms.update(below)
        frontier += below
    return terms


def current_of(term: Term, retired: Mapping[str, Term]) -> str:
    """The term that an obsolete one was replaced by in the end; empty where there isn't just one.

    Args:
        retired: all obsolete terms by identifier.
    """
    seen = {term.id}
    while len(term.replaced_by) == 1:
        replacement = term.replaced_by[0]
        if replacement not in retired:
            return replacement
        if replacement in seen:
            break
        seen.add(replacement)
        term = retired[replacement]
    return ""


def _parts(path: Path, about: _Ontology, source: Source, quarantine: Quarantine) -> Iterator[Part]:
    first_pass = _first_pass(path, about)
    own = tuple(f"{prefix.strip()}:" for prefix in about.prefix.split(",") if prefix.strip())
    kinds: dict[str, str] = {}
    # Links wait for the last term, in frames: millions of small objects would slow all else down.
    links: list[Link] = []
    frames: list[pl.DataFrame] = []
    nodes: list[NodeRow] = []
    schema = Schema.default()
    with progress(about.name) as advance:
        for item in read_terms(path, quarantine):
            if isinstance(item, Link):
                if item.subject in kinds:
                    links.append(item)
                if len(links) == PART_ROWS:
                    frames.append(_links_frame(links))
                    links = []
                continue
            if item.obsolete or (own and not item.id.startswith(own)) or item.id in kinds:
                continue
            kind = _kind_of(item, about, first_pass)
            if not item.name or kind is None:
                reason = "term of an unknown namespace" if item.name else "term without a name"
                quarantine.add(reason, path=path, line=item.line, row=item.id)
                continue
            kinds[item.id] = kind
            first_pass.current |= dict.fromkeys(item.alternatives, item.id)
            replaces = [*item.alternatives, *first_pass.replaces.get(item.id, ())]
            nodes.append(node(item, kind, schema, replaces))
            if len(nodes) == PART_ROWS:
                yield Part(nodes=nodes_frame(nodes))
                advance(len(nodes))
                nodes = []
    if not kinds:
        with_prefix = f" with the prefix {about.prefix}" if own else ""
        raise DataError(f"has no term{with_prefix}; is it the right file?", path=path)
    yield Part(nodes=nodes_frame(nodes))
    for term in first_pass.unreplaced:
        if term.id not in first_pass.current and (not own or term.id.startswith(own)):
            instead = f" (consider {', '.join(term.consider)})" if term.consider else ""
            quarantine.add(
                "obsolete term without a replacement",
                path=path,
                line=term.line,
                row=f"{term.id}{instead}",
            )
    all_links = pl.concat([*frames, _links_frame(links)])
    evidence = _evidence(all_links, kinds, first_pass, own, path, quarantine)
    provenance = {"source": pl.lit(source.name), "release": pl.lit(source.release)}
    yield Part(evidence=evidence.with_columns(**provenance))


def _kind_of(term: Term, about: _Ontology, first_pass: _FirstPass) -> str | None:
    if term.id in first_pass.classes:
        return "DrugClass"
    return about.kind if isinstance(about.kind, str) else about.kind.get(term.namespace)


def node(
    term: Term,
    kind: str,
    schema: Schema,
    replaces: Sequence[str],
    names: Sequence[str] = ("EXACT",),
) -> NodeRow:
    """The row of a term among a graph's nodes.

    Args:
        replaces: identifiers of other terms that it took the place of.
        names: scopes of the synonyms that text may be linked by.
    """
    former = sorted(set(replaces) - {term.id})
    properties: dict[str, JsonValue] = {
        "definition": term.definition,
        **term.structure,
        "replaces": former,
    }
    for scope in SCOPES:
        if scope not in names:
            texts = {text for of, text in term.synonyms if of == scope and text}
            properties[f"{scope.lower()}_synonyms"] = sorted(texts)
    prefixes = (*schema.kind(kind).prefixes, *_IDENTITY.get(kind, ()))
    own_prefix = term.id.partition(":")[0]
    references: dict[str, list[str]] = {scope: [] for scope in SCOPES}
    for curie, stated in sorted(term.xrefs.items()):
        prefix = curie.partition(":")[0]
        scope = stated
        if not scope:
            exact = own_prefix != "MONDO" and prefix in prefixes and prefix != own_prefix
            scope = "EXACT" if exact else "RELATED"
        references[scope].append(curie)
    for scope in SCOPES[1:]:
        properties[f"{scope.lower()}_xrefs"] = references[scope]
    synonyms = {text for scope, text in term.synonyms if scope in names} - {term.name, ""}
    return {
        "id": term.id,
        "kind": kind,
        "name": term.name,
        "synonyms": sorted(synonyms),
        # A former identifier is another name of the same term, which is what xrefs hold.
        "xrefs": sorted({*references["EXACT"], *former}),
        "properties": as_json(properties),
    }


_RELATIONS = {"is_a": "SUBCLASS_OF", "part_of": "PART_OF", "has_role": "IN_CLASS"}


def _links_frame(links: list[Link]) -> pl.DataFrame:
    texts = dict.fromkeys(("subject", "relation", "object"), pl.String)
    return pl.DataFrame(links, schema={**texts, "line": pl.Int64}, orient="row")


def _evidence(
    links: pl.DataFrame,
    kinds: Mapping[str, str],
    first_pass: _FirstPass,
    own: tuple[str, ...],
    path: Path,
    quarantine: Quarantine,
) -> pl.DataFrame:
    """Subject, relation and object of the links that the schema allows, without cycles."""
    kinds_of_terms = pl.DataFrame(
        {"id": list(kinds), "kind": list(kinds.values())},
        schema={"id": pl.String, "kind": pl.String},
    )
    current = pl.DataFrame(
        [(old, now) for old, now in first_pass.current.items() if old not in kinds],
        schema={"object": pl.String, "now": pl.String},
        orient="row",
    )
    links = (
        links.join(current, on="object", how="left", maintain_order="left")
        .with_columns(now=pl.coalesce("now", "object"))
        .join(kinds_of_terms, left_on="subject", right_on="id", how="left", maintain_order="left")
        .join(
            kinds_of_terms,
            left_on="now",
            right_on="id",
            how="left",
            maintain_order="left",
            suffix="_2",
        )
    )
    # What another ontology holds is not missing here.
    is_own = pl.any_horizontal(pl.col("now").str.starts_with(prefix) for prefix in own or ("",))
    unknown = links.filter(pl.col("kind_2").is_null() & is_own)
    for subject, relation, object_, line in unknown.select(
        "subject", "relation", "object", "line"
    ).rows():
        quarantine.add(
            "unknown parent", path=path, line=line, row=f"{subject} {relation} {object_}"
        )
    schema = Schema.default()
    allowed = pl.DataFrame(
        [(name, *ends) for name in _RELATIONS.values() for ends in schema.relation(name).joins],
        schema=dict.fromkeys(("relation", "kind", "kind_2"), pl.String),
        orient="row",
    )
    links = (
        links.with_columns(relation=pl.col("relation").replace_strict(_RELATIONS), object="now")
        .join(allowed, on=["relation", "kind", "kind_2"], how="semi", maintain_order="left")
        .unique(["subject", "relation", "object"], keep="first", maintain_order=True)
    )
    return _without_cycles(links, path, quarantine)


def _without_cycles(links: pl.DataFrame, path: Path, quarantine: Quarantine) -> pl.DataFrame:
    """Subject, relation and object of the links, but for is_a links that close a cycle."""
    hierarchy = links.filter(relation="SUBCLASS_OF").select("subject", "object")
    closing = pl.DataFrame(
        cycles(hierarchy.iter_rows()), schema=dict(hierarchy.schema), orient="row"
    ).with_columns(relation=pl.lit("SUBCLASS_OF"))
    ends = ["subject", "relation", "object"]
    for subject, object_, line in (
        links.join(closing, on=ends, how="semi").select("subject", "object", "line").iter_rows()
    ):
        quarantine.add(
            "is_a that closes a cycle", path=path, line=line, row=f"{subject} is_a {object_}"
        )
    return links.join(closing, on=ends, how="anti", maintain_order="left").select(ends)


def cycles(pairs: Iterable[tuple[str, ...]]) -> list[tuple[str, str]]:
    """The pairs (child, parent) that close a cycle among those before them, in order of text.

    What lies on no cycle is peeled off first, leaf by leaf, so that only the rest, mostly nothing,
    is searched.
    """
    parents: dict[str, list[str]] = {}
    children: dict[str, int] = {}
    for child, parent in pairs:
        parents.setdefault(child, []).append(parent)
        children[parent] = children.get(parent, 0) + 1
        children.setdefault(child, 0)
    leaves = [node for node, count in children.items() if not count]
    while leaves:
        for parent in parents.pop(leaves.pop(), ()):
            children[parent] -= 1
            if not children[parent]:
                leaves.append(parent)
    import networkx as nx

    graph: nx.DiGraph[str] = nx.DiGraph()
    closing = []
    for child, parent in sorted((c, p) for c, above in parents.items() for p in above):
        if child == parent or (
            graph.has_node(parent) and graph.has_node(child) and nx.has_path(graph, parent, child)
        ):
            closing.append((child, parent))
        else:
            graph.add_edge(child, parent)
    return closing


_OBO_FOUNDRY = "https://purl.obolibrary.org/obo"
_FORMAT = ".obo, .owl (RDF/XML) or .json (OBO Graphs), plain or .gz, .xz, .bz2, .zip"


def _info(about: _Ontology, title: str, licence: str, home_page: str, yields: str) -> SourceInfo:
    file = f"{about.name}.obo"
    return SourceInfo(
        about.name,
        title,
        licence,
        home_page,
        "that of the file, or the latest where it is downloaded",
        _FORMAT,
        yields,
        False,
        partial(load, about=about),
        downloads=(Download(f"{_OBO_FOUNDRY}/{file}", file),),
    )


_GO_KINDS = {
    "biological_process": "BiologicalProcess",
    "molecular_function": "MolecularFunction",
    "cellular_component": "CellularComponent",
}
_CC0 = "CC0-1.0"
_CC_BY = "CC-BY-4.0"

INFOS = (
    _info(
        _Ontology("mondo", "Disease", "MONDO"),
        "Mondo Disease Ontology: diseases, and what OMIM, Orphanet, DOID and others call them",
        _CC_BY,
        "https://mondo.monarchinitiative.org",
        "Disease SUBCLASS_OF Disease",
    ),
    _info(
        _Ontology("doid", "Disease", "DOID"),
        "Human Disease Ontology",
        _CC0,
        "https://disease-ontology.org",
        "Disease SUBCLASS_OF Disease",
    ),
    _info(
        _Ontology("chebi", "Drug", "CHEBI", classes="CHEBI:50906"),
        "ChEBI: chemical entities of biological interest, their structures and roles",
        _CC_BY,
        "https://www.ebi.ac.uk/chebi",
        "Drug SUBCLASS_OF Drug, DrugClass SUBCLASS_OF DrugClass, Drug IN_CLASS DrugClass",
    ),
    _info(
        _Ontology("uberon", "Anatomy", "UBERON"),
        "Uberon: anatomy of animals, man among them",
        "CC-BY-3.0",
        "https://uberon.github.io",
        "Anatomy SUBCLASS_OF and PART_OF Anatomy",
    ),
    _info(
        _Ontology("go", _GO_KINDS, "GO"),
        "Gene Ontology: processes, functions and components (the terms, not the annotations)",
        _CC_BY,
        "https://geneontology.org",
        "SUBCLASS_OF and PART_OF among processes, functions and components",
    ),
    SourceInfo(
        "ontology",
        "any other ontology",
        "that of the ontology; look at its home page",
        "https://obofoundry.org",
        "that of the file",
        _FORMAT,
        "SUBCLASS_OF, and PART_OF where the schema has it for the kind",
        True,
        load,
        options={
            "kind": "what its terms are, as Disease",
            "prefix": "only terms with these prefixes, separated by commas, as MONDO",
            "source": "what evidence calls it, as cl (ontology)",
        },
    ),
)
_INFO = {info.name: info for info in INFOS}
