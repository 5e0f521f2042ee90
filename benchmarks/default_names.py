"""Make the tables of names that come with medkg: genes, their families, diseases and chemicals.

    pip download --no-deps gilda==1.6.1
    python benchmarks/default_names.py DATA GILDA           writes loaders/data/names/*.tsv.xz
    python benchmarks/default_names.py DATA GILDA --check   fails where they hold something else

GILDA is Gilda's wheel, of which the genes of MeSH's records are read. DATA is the folder of data,
with HGNC's table, FamPlex, and the names of MeSH and Mondo in `names/`, and the training parts of
three corpora in `corpora/`; no other part of a corpus is read. `loaders/data/names/CARD.md` says
what is in the tables, under which licences, and by which rules names that several things claim are
given to one of them.
"""

from __future__ import annotations

import argparse
import calendar
import lzma
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from default_gene_names import (
    MAX_LETTERS,
    Family,
    Gene,
    add_family_names,
    add_shorter_names,
    compact_key_of,
    decide,
    gene_names_of_mesh,
    is_protein,
    read_families,
    read_genes,
    references_of_mesh,
    textbook_names,
)

from medkg.core.atomic import atomic_file
from medkg.core.json_reading import read_json
from medkg.core.quarantine import Quarantine
from medkg.extract.corpora.document import Document, flat_mentions
from medkg.extract.corpora.readers import read_annotated
from medkg.extract.linking.dictionary import identifiers
from medkg.loaders.mesh import MeshName, mesh_names
from medkg.loaders.sources import load

ROOT = Path(__file__).resolve().parents[1]
NAMES = ROOT / "loaders" / "data" / "names"
WORDS_OF_GENES = ROOT / "graph" / "data" / "ordinary_words.txt"
DISEASES = ROOT / "graph" / "data" / "disease_terms.tsv.xz"
UNANNOTATED = ROOT / "extract" / "data" / "unannotated_names.tsv"

WORDS_HEAD = "# Words that are names of genes in capital letters: benchmarks/default_names.py"
UNANNOTATED_HEAD = (
    "# Names that texts mostly mean nothing by: benchmarks/default_names.py\nkind\tkey"
)
TRAINING = (
    "bc5cdr/CDR_TrainingSet.PubTator.txt",
    "ncbi_disease/NCBItrainset_corpus.txt",
    "biored/Train.PubTator",
)
# Vocabularies of diseases as Mondo names them, and their prefixes.
PREFIXES = {
    "OMIM": "OMIM",
    "Orphanet": "ORPHA",
    "DECIPHER": "DECIPHER",
    "DOID": "DOID",
    "MESH": "MESH",
}
VIRUS = re.compile(r"[ -]virus")
MANY_DISEASES = 50  # that HPO annotates with one phenotype
AGREEMENT = 0.9  # share of a text's annotations that must give one identifier
WORDS = re.compile(r"[A-Za-z][a-z]+(?:[ -][A-Za-z]?[a-z]+)*")


def main() -> None:
    """Write the tables, or compare them with the files."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("gilda", type=Path)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    names = arguments.data / "names"
    mesh = list(mesh_names(names / "mesh", Quarantine()))
    genes = read_genes(names / "hgnc" / "hgnc_entries.tsv.xz")
    families, of_genes, mesh_of_families = read_families(names / "famplex", genes)
    add_shorter_names(genes)
    gene_names_of_mesh(mesh, genes, mesh_of_families, references_of_mesh(arguments.gilda))
    for gene, texts in of_genes.items():
        genes[gene].curated += texts
    textbook_names(genes.values())
    documents = training_documents(arguments.data / "corpora")
    annotated = annotated_names(documents)
    entrez = {f"NCBIGene:{gene.entrez}": gene for gene in genes.values() if gene.entrez}
    for identifier, texts in annotated.items():
        if identifier in entrez:
            entrez[identifier].annotated += texts
    add_family_names(mesh, families, mesh_of_families)
    decide(
        genes,
        families,
        {
            compact_key_of(name)
            for record in mesh
            if record.kind in ("Disease", "Symptom")
            for name in record.names
        },
    )
    terms = disease_terms(names / "mondo" / "mondo.json.xz")
    elsewhere = Elsewhere.read(arguments.data / "hetionet" / "nodes.tsv.xz", terms)
    records = without_proteins(mesh, genes.values(), families.values(), elsewhere)
    others = [mondo_names(names / "mondo" / "mondo.json.xz"), annotated]
    mesh_rows = list(mesh_lines(records, others, elsewhere))
    tables = {
        NAMES / "genes.tsv.xz": list(gene_lines(genes)),
        NAMES / "families.tsv.xz": list(family_lines(families)),
        NAMES / "mesh.tsv.xz": mesh_rows,
        DISEASES: ["id\tterm\tforms", *terms],
        WORDS_OF_GENES: [WORDS_HEAD, *ordinary_words(genes.values(), documents)],
        UNANNOTATED: [
            UNANNOTATED_HEAD,
            *map("\t".join, unannotated_names(_keys_by_kind(mesh_rows), documents)),
        ],
    }
    differing = [path.name for path, lines in tables.items() if not write(path, lines, arguments)]
    if differing:
        sys.exit(f"hold something else: {', '.join(differing)}")


def write(path: Path, lines: Sequence[str], arguments: argparse.Namespace) -> bool:
    """Write a file, or with --check say whether it holds these lines."""
    content = "".join(f"{line}\n" for line in lines).encode("utf-8")
    print(f"{path.name}: {len(lines):,} lines, {len(content):,} bytes")
    if arguments.check:
        held = path.read_bytes()
        return content == (lzma.decompress(held) if path.suffix == ".xz" else held)
    with atomic_file(path) as draft:
        draft.write_bytes(lzma.compress(content, preset=9) if path.suffix == ".xz" else content)
    return True


def _keys_by_kind(mesh_rows: Sequence[str]) -> dict[str, set[str]]:
    """The compact keys of the table's names, by kind; symptoms are annotated as diseases."""
    keys: dict[str, set[str]] = defaultdict(set)
    for row in mesh_rows[1:]:
        _, kind, name, synonyms, _ = row.split("\t")
        of_kind = keys["Disease" if kind == "Symptom" else kind]
        of_kind.update(map(compact_key_of, [name, *synonyms.split("|")]))
    return keys


# Names that MeSH lacks


def mondo_names(path: Path) -> dict[str, list[str]]:
    """What Mondo calls diseases, by MeSH's identifier where Mondo says that it is one to one."""
    rows = []
    for term in read_json(path):
        headings = [ref["id"] for ref in term.get("xrefs", ()) if ref["namespace"] == "MESH"]
        if len(headings) == 1 and term.get("name"):
            rows.append((f"MESH:{headings[0]}", [term["name"], *term.get("synonyms", ())]))
    count = Counter(identifier for identifier, _ in rows)
    return {i: _of_one_spelling(names) for i, names in rows if count[i] == 1}


def disease_terms(path: Path) -> list[str]:
    """Lines of a vocabulary's disease, a term of Mondo that refers to it, and that term's forms.

    The forms are how many narrower terms refer to OMIM.
    """
    terms = {term["id"]: term for term in read_json(path)}
    forms: dict[str, set[str]] = defaultdict(set)
    for term in terms.values():
        if any(ref["namespace"] == "OMIM" for ref in term.get("xrefs", ())):
            wider = list(term.get("relations", {}).get("is_a", ()))
            while wider:
                parent = wider.pop()
                if term["id"] not in forms[parent]:
                    forms[parent].add(term["id"])
                    wider += terms.get(parent, {}).get("relations", {}).get("is_a", ())
    return sorted(
        f"{PREFIXES[ref['namespace']]}:{ref['id']}\tMONDO:{term['id']}\t{len(forms[term['id']])}"
        for term in terms.values()
        for ref in term.get("xrefs", ())
        if ref["namespace"] in PREFIXES
    )


def _of_one_spelling(names: Iterable[str]) -> list[str]:
    return list({compact_key_of(name): name for name in reversed(list(names))}.values())[::-1]


def annotated_names(documents: Iterable[Document]) -> dict[str, list[str]]:
    """What the training parts of corpora call an identifier, wherever they agree on it.

    A gene's is told by two documents: one may say "adipokine" of the one that it is about.
    """
    meant: dict[str, Counter[str]] = defaultdict(Counter)
    within: dict[str, set[str]] = defaultdict(set)
    spelling: dict[str, str] = {}
    for document in documents:
        for mention in flat_mentions(document, "medkg"):
            text = " ".join(document.text[mention.start : mention.end].split())
            key = compact_key_of(text)
            if len(key) > 3 and len(ids := identifiers(mention)) == 1:
                meant[key].update(ids)
                within[key].add(document.id)
                spelling.setdefault(key, text)
    names: dict[str, list[str]] = defaultdict(list)
    for key, counts in meant.items():
        identifier, count = counts.most_common(1)[0]
        is_gene = identifier.startswith("NCBIGene:")
        if count >= AGREEMENT * counts.total() and len(within[key]) > is_gene:
            names[identifier].append(spelling[key])
    return names


# What is no name in most texts


def training_documents(corpora: Path) -> list[Document]:
    """The documents of all training parts."""
    files = [file for part in TRAINING for file in corpora.glob(f"{part}*")]
    return [d for file in files for d in read_annotated(file, Quarantine(), labels={})]


def ordinary_words(genes: Iterable[Gene], documents: Iterable[Document]) -> list[str]:
    """Words in small letters that are names of genes in capital ones, sorted."""
    text = (ROOT / "benchmarks" / "deidentifier" / "words.txt").read_text(encoding="utf-8")
    words = Counter(dict.fromkeys(text.split(), 2))
    for document in documents:
        genes_of = [m for m in document.mentions if m.kind == "Target"]
        for match in re.finditer(r"\b[a-z]{2,}\b", document.text):
            if not any(m.start <= match.start() < m.end for m in genes_of):
                words[match[0]] += 1
    capitals = {
        name.lower()
        for gene in genes
        for name in (gene.symbol, *gene.previous, *gene.aliases, *gene.curated)
        if name.isupper()
    }
    return sorted(word for word in capitals if words[word] > 1)


def unannotated_names(
    names: Mapping[str, set[str]], documents: Iterable[Document]
) -> list[tuple[str, str]]:
    """(kind, key) of names that most often stand in texts without being annotated, sorted.

    Months and days are among them: corpora have few, and "March" is a syndrome's short form, too,
    which is not found any more. Where a name is a part of a longer annotation ("disease" in "heart
    disease"), or of a virus' ("dengue virus"), it says nothing.

    Args:
        names: compact keys by kind.
    """
    seen: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for document in documents:
        tokens = list(re.finditer(r"\w+", document.text))
        kinds = {mention.kind for mention in document.mentions}
        for start, first in enumerate(tokens):
            for last in tokens[start : start + 4]:
                key = compact_key_of(document.text[first.start() : last.end()])
                for kind in kinds & names.keys():
                    if key in names[kind]:
                        here = [m for m in document.mentions
                                if m.kind == kind and m.start < last.end()
                                and first.start() < m.end]  # fmt: skip
                        longer = (m.start < first.start() or last.end() < m.end for m in here)
                        if not any(longer) and not VIRUS.match(document.text, last.end()):
                            seen[kind, key][bool(here)] += 1
    unannotated = {
        name for name, (out, within) in seen.items() if len(name[1]) > 4 and out > max(1, within)
    }
    dates = {compact_key_of(name) for name in (*calendar.month_name, *calendar.day_name) if name}
    return sorted(unannotated | {(kind, key) for kind in names for key in names[kind] & dates})


# The tables


def gene_lines(genes: Mapping[str, Gene]) -> Iterator[str]:
    """The table of genes, in HGNC's order."""
    yield "\t".join(("id", "symbol", "name", "previous", "synonyms", "ncbigene", "uniprot"))
    for gene in sorted(genes.values(), key=lambda gene: int(gene.id.split(":")[1])):
        more = "|".join(_plain([*gene.aliases, *gene.curated, *gene.shorter, *gene.annotated]))
        previous = "|".join(_plain(gene.previous))
        uniprot = gene.uniprot.split(", ")[0]
        yield "\t".join((gene.id, gene.symbol, gene.name, previous, more, gene.entrez, uniprot))


def family_lines(families: Mapping[str, Family]) -> Iterator[str]:
    """The table of families, by identifier."""
    yield "id\tname\tsynonyms\tmembers"
    for family in sorted(families.values(), key=lambda family: family.id):
        name = family.id.replace("_", " ")
        if not name.lower().endswith(("family", "complex")):
            name = f"{name} family"
        members = "|".join(sorted(family.members))
        yield "\t".join((f"FPLX:{family.id}", name, "|".join(_plain(family.names)), members))


class Elsewhere(NamedTuple):
    """What other sources call things: identifiers by compact key.

    Of MeSH's diseases also those that Mondo has, and of phenotypes those that many diseases have.
    """

    phenotypes: Mapping[str, set[str]]
    diseases: Mapping[str, set[str]]
    drugs: Mapping[str, set[str]]
    of_mondo: frozenset[str]
    frequent: frozenset[str]

    @classmethod
    def read(cls, hetionet: Path, terms: Iterable[str]) -> Self:
        """HPO's phenotypes and diseases, the starter set's diseases and drugs, Hetionet's drugs.

        Args:
            terms: lines of `disease_terms`.
        """
        by_kind: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        hpo = load("hpo", quarantine=Quarantine())
        diseases_of = Counter(hpo.edges.filter(relation="HAS_SYMPTOM")["object"])
        for graph in (hpo, load("starter")):
            for identifier, kind, name, synonyms in graph.nodes.select(
                "id", "kind", "name", "synonyms"
            ).iter_rows():
                for text in (name, *synonyms):
                    by_kind[kind][compact_key_of(text)].add(identifier)
        with lzma.open(hetionet, "rt", encoding="utf-8") as file:
            for identifier, name, kind, *_ in (line.split("\t") for line in file):
                if kind == "Compound":
                    drugbank = f"drugbank:{identifier.partition('::')[2]}"
                    by_kind["Drug"][compact_key_of(name)].add(drugbank)
        of_mondo = frozenset(line.partition("\t")[0] for line in terms)
        frequent = frozenset(i for i, count in diseases_of.items() if count >= MANY_DISEASES)
        return cls(by_kind["Symptom"], by_kind["Disease"], by_kind["Drug"], of_mondo, frequent)

    def place(self, record: MeshName) -> tuple[str, str]:
        """What kind a record is, and the one identifier elsewhere that has its name, or none.

        What HPO calls a phenotype, and neither HPO nor the starter set a disease, is a symptom. Not
        what Mondo has as a disease too, MeSH outside its branch of pathological processes, and few
        diseases as a phenotype: celiac disease has symptoms, ectopia lentis rather is one.
        """
        keys = list(map(compact_key_of, record.names))
        if record.kind == "Drug":
            return "Drug", _only(self.drugs, keys, "drugbank:")
        if any(key in self.diseases for key in keys):
            return record.kind or "", ""
        phenotype = _only(self.phenotypes, keys, "HP:")
        is_process = all(tree.startswith("C23") for tree in record.trees)
        is_disease = record.kind == "Disease" and record.id in self.of_mondo and not is_process
        is_disease = is_disease and phenotype not in self.frequent
        return "Symptom" if phenotype and not is_disease else record.kind or "", phenotype

    def is_of_another_drug(self, name: str, reference: str) -> bool:
        """Whether a name is a drug's elsewhere, and not of the one that a record refers to."""
        ids = self.drugs.get(compact_key_of(name), set())
        return bool(reference and ids) and reference not in ids


def _only(ids_of: Mapping[str, set[str]], keys: Sequence[str], prefix: str) -> str:
    """The one identifier of this prefix that the first key has, or else the others; else none."""
    for some in (keys[:1], keys[1:]):
        ids = {i for key in some for i in ids_of.get(key, ()) if i.startswith(prefix)}
        if ids:
            return ids.pop() if len(ids) == 1 else ""
    return ""


def without_proteins(
    mesh: Iterable[MeshName],
    genes: Iterable[Gene],
    families: Iterable[Family],
    elsewhere: Elsewhere,
) -> list[MeshName]:
    """MeSH's records but for the proteins that are genes or families and no drugs."""
    owned = {
        compact_key_of(name)
        for gene in genes
        for name in (gene.symbol, gene.name, *gene.previous, *gene.aliases, *gene.curated)
    } | {compact_key_of(name) for family in families for name in family.names}
    return [
        record
        for record in mesh
        if not is_protein(record)
        or not any(key in owned for key in map(compact_key_of, record.names))
        or any(key in elsewhere.drugs for key in map(compact_key_of, record.names))
    ]


def mesh_lines(
    mesh: Sequence[MeshName], others: Sequence[Mapping[str, list[str]]], elsewhere: Elsewhere
) -> Iterator[str]:
    """The table of diseases, symptoms and chemicals, in MeSH's order.

    All headings of these kinds, all supplementary diseases, and the supplementary chemicals whose
    name is made of words. Names that others give a record are added where no record has them.
    """
    kept = [
        record
        for record in mesh
        if record.kind in ("Disease", "Symptom")
        or (record.kind == "Drug" and (not record.headings or _is_common(record)))
    ]
    taken = {compact_key_of(name) for record in kept for name in record.names}
    yield "id\tkind\tname\tsynonyms\txrefs"
    added: dict[str, list[str]] = defaultdict(list)
    for names_of in others:
        keys = Counter(key for names in names_of.values() for key in map(compact_key_of, names))
        for identifier, names in names_of.items():
            added[identifier] += [n for n in names if keys[compact_key_of(n)] == 1
                                  and compact_key_of(n) not in taken]  # fmt: skip
        taken |= keys.keys()
    for record in kept:
        kind, reference = elsewhere.place(record)
        # An annotator's "statins" is the one that the text is about.
        own = [n for n in added[record.id] if not elsewhere.is_of_another_drug(n, reference)]
        names = [n for n in (*record.names[1:], *own) if len(n) <= MAX_LETTERS]
        yield "\t".join((record.id, kind, record.name, "|".join(_plain(names)), reference))


def _is_common(record: MeshName) -> bool:
    return WORDS.fullmatch(record.name) is not None and len(record.name) <= MAX_LETTERS // 2


def _plain(names: Iterable[str]) -> list[str]:
    return [name for name in names if "|" not in name and "\t" not in name]


if __name__ == "__main__":
    main()
