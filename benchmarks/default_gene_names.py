"""The genes and families of the tables of names (`default_names.py`), and who has which name."""

from __future__ import annotations

import csv
import lzma
import re
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from medkg.graph.identifiers import compact_key_of as key_of
from medkg.loaders.mesh import MeshName

TEXTBOOK = Path(__file__).parent / "data" / "textbook_targets.tsv"

compact_key_of = lru_cache(maxsize=None)(key_of)

# Locus types without which texts do well; `medkg load hgnc --path` reads them all.
LEFT_OUT = re.compile(
    "pseudogene|unknown|phenotype only|transfer|fragile|readthrough|cluster|retrovirus|region|"
    "integration|transposable|non-human"
)
# Names of clones, which no text uses.
CLONE = re.compile(r"(FLJ|MGC|DKFZ|dJ|bA|bK|bB|LOC|HSPC|IMAGE|PRO)[\w.]*\d[\w.]*", re.I)
MAX_LETTERS = 60  # longer names are systematic, and nobody writes them twice alike
PROTEIN = re.compile(r"(.+?)(?: protein)?, human")
IN_PARENTHESES = re.compile(r" \([^()]+\)$")
PROTEIN_OF = re.compile(r"(\S+) protein, (?:human|mouse|rat)")


@dataclass
class Gene:
    """A gene's names, by what vouches for them."""

    id: str
    symbol: str
    name: str
    entrez: str
    uniprot: str
    ensembl: str
    previous: list[str]
    aliases: list[str]
    curated: list[str] = field(default_factory=list)
    shorter: list[str] = field(default_factory=list)
    annotated: list[str] = field(default_factory=list)


# Genes


def read_genes(path: Path) -> dict[str, Gene]:
    """HGNC's approved genes by identifier, without pseudogenes and the like."""
    genes = {}
    with lzma.open(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            if row["Status"] != "Approved" or LEFT_OUT.search(row["Locus type"]):
                continue
            genes[row["HGNC ID"]] = Gene(
                row["HGNC ID"],
                row["Approved symbol"],
                row["Approved name"],
                row["NCBI Gene ID(supplied by NCBI)"],
                row["UniProt ID(supplied by UniProt)"],
                row["Ensembl gene ID"],
                _listed(row["Previous symbols"]),
                [name for name in _listed(row["Alias symbols"]) if not CLONE.fullmatch(name)],
            )
    return genes


def _listed(text: str) -> list[str]:
    return [part for part in text.split(", ") if part]


def gene_names_of_mesh(
    mesh: Sequence[MeshName],
    genes: Mapping[str, Gene],
    families: Mapping[str, str],
    references: Mapping[str, str],
) -> None:
    """Give genes MeSH's names of their proteins.

    MeSH has supplementary records "PTGS2 protein, human", mapped to headings, and headings that are
    proteins themselves (neprilysin, to which "MMEL1 protein, human" is mapped as the nearest).

    Args:
        references: genes of records, which count where nothing is narrower in MeSH's tree: a class
            of proteins is no gene's.
    """
    by_symbol = {gene.symbol.lower(): gene for gene in genes.values()}
    by_name = _by_key((gene.id, gene.name) for gene in genes.values())
    # "Saccharopine dehydrogenase (putative)" is not the one that MeSH means.
    certain = (gene for gene in genes.values() if "(putative)" not in gene.name)
    by_shorter = _by_key((gene.id, name) for gene in certain for name in gene.shorter)
    mapped: dict[str, set[str]] = defaultdict(set)
    for record in mesh:
        if record.headings and (match := PROTEIN_OF.fullmatch(record.name)):
            for heading in record.headings:
                mapped[f"MESH:{heading}"].add(match[1].lower())
            gene = by_symbol.get(match[1].lower())
            if gene is not None and record.name.endswith(", human"):
                names = (PROTEIN.fullmatch(name) for name in record.names)
                gene.curated += [name[1] for name in names if name]
    with_record = {
        by_symbol[symbol].id for symbol in set().union(*mapped.values()) & set(by_symbol)
    }
    broader = {tree.rsplit(".", 1)[0] for record in mesh for tree in record.trees}
    for record in mesh:
        if record.id in families:
            continue
        is_class = not broader.isdisjoint(record.trees)
        reference = references.get(record.id)
        referred = {reference} if reference in genes and not is_class else set()
        named: set[str] = set()
        nearly: set[str] = set()
        of_records: set[str] = set()
        if is_protein(record):
            keys = {key for name in record.names for key in _keys_of(name)}
            symbols = mapped.get(record.id, set())
            of_records = {by_symbol[symbol].id for symbol in symbols if symbol in by_symbol}
            named, nearly = (
                (by_one & of_records) or (by_one - with_record)
                for by_one in (
                    set().union(*(names.get(key, set()) for key in keys))
                    for names in (by_name, by_shorter)
                )
            )
            if len(symbols) > 1:
                of_records = set()
                if is_class:  # to which many proteins are mapped; it is no gene's
                    named = nearly = set()
        # But for approved names each errs now and then: where two contradict each other, the name
        # is left out. A record that is mapped to the nearest heading says less than a name.
        claims = [owners for owners in (nearly or of_records, referred) if owners]
        owners = named or (set.intersection(*claims) if claims else set())
        if len(owners) == 1:
            genes[owners.pop()].curated += record.names


def _by_key(names: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    """The genes that have each key (`_keys_of`), from (gene, name)."""
    genes: dict[str, set[str]] = defaultdict(set)
    for gene, name in names:
        for key in _keys_of(name):
            genes[key].add(gene)
    return genes


def references_of_mesh(gilda: Path) -> dict[str, str]:
    """HGNC's gene of a record of MeSH, by the table in Gilda's wheel."""
    with zipfile.ZipFile(gilda) as wheel:
        text = wheel.read("gilda/resources/mesh_mappings.tsv").decode("utf-8")
    rows = [line.split("\t") for line in text.splitlines()]
    return {f"MESH:{row[1]}": f"HGNC:{row[4]}" for row in rows if row[3] == "HGNC"}


def add_shorter_names(genes: Mapping[str, Gene]) -> None:
    """Give genes their names but for what tells them from no other.

    That is what stands in parentheses or behind a comma ("smoothened, frizzled class receptor"),
    and the number of a first member without a second ("opioid receptor kappa 1").
    """
    names = {gene.name for gene in genes.values()}
    shorter = {gene.id: IN_PARENTHESES.sub("", gene.name).split(", ")[0] for gene in genes.values()}
    for gene in genes.values():
        name = shorter[gene.id]
        if name.endswith(" 1") and f"{name[:-1]}2" not in names:
            shorter[gene.id] = name[:-2]
    count = Counter(shorter.values())
    for gene in genes.values():
        name = shorter[gene.id]
        if count[name] == 1 and name not in names:
            gene.shorter.append(name)


def textbook_names(genes: Iterable[Gene]) -> None:
    """Give genes the names by which textbooks know their proteins, where no source has them.

    Genes that the table says texts hardly mean by a name lose it.

    Raises:
        ValueError: a name is another gene's that the table does not say, or the gene's own alone.
    """
    genes = list(genes)
    by_symbol = {gene.symbol: gene for gene in genes}
    owners: dict[str, set[str]] = defaultdict(set)
    for gene in genes:
        for name in (gene.symbol, gene.name, *gene.previous, *gene.aliases, *gene.curated):
            owners[compact_key_of(name)].add(gene.symbol)
    wrong = []
    for symbol, names, others in (row for row in _rows(TEXTBOOK, "\t") if row[0][0] != "#"):
        expected = set(others.split("|")) if others else set()
        for name in names.split("|"):
            having = owners[compact_key_of(name)]
            if having - {symbol} != expected or having == {symbol}:
                wrong.append(f"{name} of {symbol}: {sorted(having)} have it")
        taken = {_singular(name) for name in names.split("|")}
        for other in expected:
            for held in (by_symbol[other].aliases, by_symbol[other].curated):
                held[:] = [name for name in held if _singular(name) not in taken]
        by_symbol[symbol].curated += names.split("|")
    if wrong:
        raise ValueError("textbook_targets.tsv: " + "; ".join(wrong))


def _singular(name: str) -> str:
    """A name's words in any order, without endings of the plural."""
    words = (word.removesuffix("s") for word in re.findall(r"[^\W_]+", name.lower()))
    return " ".join(sorted(words))


def _keys_of(name: str) -> set[str]:
    """A protein's name in any spelling, and its words in any order, but for "protein"."""
    words = re.findall(r"[^\W_]+", name.lower())
    return {compact_key_of(name), " ".join(sorted(word for word in words if word != "protein"))}


def is_protein(record: MeshName) -> bool:
    return any(tree.startswith(("D08", "D12")) for tree in record.trees)


# Families


@dataclass
class Family:
    """A family or complex of FamPlex."""

    id: str
    names: list[str]
    members: set[str] = field(default_factory=set)  # identifiers of HGNC


def read_families(
    folder: Path, genes: Mapping[str, Gene]
) -> tuple[dict[str, Family], dict[str, list[str]], dict[str, str]]:
    """FamPlex's families; what it calls genes, by identifier; its families by MeSH's headings."""
    families = {row[0]: Family(row[0], []) for row in _rows(folder / "entities.csv")}
    by_uniprot = {gene.uniprot: gene.id for gene in genes.values() if gene.uniprot}
    by_symbol = {gene.symbol: gene.id for gene in genes.values()}
    of_genes: dict[str, list[str]] = defaultdict(list)
    for text, *references in _rows(folder / "grounding_map.csv"):
        pairs = [pair for pair in zip(references[::2], references[1::2], strict=False) if pair[0]]
        if len(pairs) != 1:
            continue
        space, identifier = pairs[0]
        if space == "FPLX" and identifier in families:
            families[identifier].names.append(text)
        elif space == "UP" and identifier in by_uniprot:
            of_genes[by_uniprot[identifier]].append(text)
        elif space == "HGNC" and identifier in by_symbol:
            of_genes[by_symbol[identifier]].append(text)
    for space, name, relation, _, family in _rows(folder / "relations.csv"):
        if space == "HGNC" and relation == "isa" and name in by_symbol and family in families:
            families[family].members.add(by_symbol[name])
    mesh = {
        f"MESH:{identifier}": family
        for space, identifier, family in _rows(folder / "equivalences.csv")
        if space == "MESH" and family in families
    }
    return families, of_genes, mesh


def _rows(path: Path, delimiter: str = ",") -> Iterator[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from (row for row in csv.reader(file, delimiter=delimiter) if row)


def add_family_names(
    mesh: Iterable[MeshName], families: Mapping[str, Family], of_headings: Mapping[str, str]
) -> None:
    """Give families the names of the headings of MeSH that FamPlex says they are."""
    count = Counter(of_headings.values())
    for record in mesh:
        family = of_headings.get(record.id)
        if family is not None and count[family] == 1:
            families[family].names += record.names


# Who has which name


def decide(genes: Mapping[str, Gene], families: Mapping[str, Family], diseases: set[str]) -> None:
    """Leave each name to those with the best claim on it, best first:

    a gene's approved symbol or name; its previous symbol, unless FamPlex has a family of that name
    without it ("ERK", once EPHB2); what FamPlex, MeSH or a textbook calls a gene or a family; an
    alias; its name but for what tells it from no other, and what training texts call it. Where
    several of equal claim are left, all keep it. What MeSH calls a
    disease ("Wiskott-Aldrich syndrome", of WAS) is no name of a gene's but where HGNC says so.
    """
    claims: dict[str, dict[str, int]] = defaultdict(dict)

    def claim(owner: str, names: Iterable[str], rank: int) -> None:
        for name in names:
            of_name = claims[compact_key_of(name)]
            of_name[owner] = min(rank, of_name.get(owner, rank))

    for gene in genes.values():
        claim(gene.id, [gene.symbol, gene.name], 0)
        claim(gene.id, gene.previous, 1)
        claim(gene.id, gene.curated, 2)
        claim(gene.id, gene.aliases, 3)
        claim(gene.id, [*gene.shorter, *gene.annotated], 4)
    for family in families.values():
        family.names = [family.id.replace("_", " "), *family.names]
        claim(family.id, family.names, 2)
        of_name = claims[compact_key_of(family.id)]
        for owner, rank in of_name.items():
            if rank == 1 and owner in genes and owner not in family.members:
                of_name[owner] = 3
    owners = {
        key: {owner for owner, rank in ranks.items() if rank == min(ranks.values())}
        for key, ranks in claims.items()
    }
    for gene in genes.values():
        taken = {compact_key_of(gene.symbol), compact_key_of(gene.name)}
        gene.previous = _own(gene.previous, gene.id, owners, set())
        gene.aliases = _own(gene.aliases, gene.id, owners, set())
        taken |= {compact_key_of(name) for name in (*gene.previous, *gene.aliases)}
        gene.curated = _own(gene.curated, gene.id, owners, taken | diseases)
        taken |= {compact_key_of(name) for name in gene.curated}
        gene.shorter = _own(gene.shorter, gene.id, owners, taken | diseases)
        taken |= {compact_key_of(name) for name in gene.shorter}
        gene.annotated = _own(gene.annotated, gene.id, owners, taken | diseases)
    for family in families.values():
        family.names = _own(family.names, family.id, owners, set())


def _own(
    names: Iterable[str], owner: str, owners: Mapping[str, set[str]], taken: set[str]
) -> list[str]:
    """The names that are the owner's and not taken, of those of one key the first."""
    kept: dict[str, str] = {}
    for name in names:
        key = compact_key_of(name)
        if len(key) > 1 and key not in taken and owner in owners[key] and len(name) <= MAX_LETTERS:
            # "HER2" and "HER-2" are both looked for.
            kept.setdefault(name if name.isascii() and len(name) < 8 else key, name)
    return list(kept.values())
