"""CURIEs (compact identifiers such as HP:0001945), name keys, and content ids."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from ..core.errors import SchemaError

if TYPE_CHECKING:
    from curies import Converter

CURIE = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*):(\S+)")

NO_CURIE = "no CURIE"
MALFORMED = "malformed identifier"

# HP_0001945, as OWL and Open Targets write it.
_UNDERSCORED = re.compile(r"([A-Za-z.]+)_(\S+)")
# Addresses that registries give to any prefix, and OBO to any ontology.
_REGISTRY = re.compile(
    r"https?://(?:www\.)?(?:identifiers\.org|bioregistry\.io|n2t\.net)/([\w.-]+)[:/](\S+)", re.I
)
_OBO = re.compile(r"https?://purl\.obolibrary\.org/obo/([A-Za-z]+)_(\S+)")


def normalise_curie(text: str) -> str:
    """The identifier as a CURIE with its prefix in the standard spelling.

    `ORPHANET:558` → `ORPHA:558`, `hgnc:HGNC:5` → `HGNC:5`, `HP_0001945` and
    `http://purl.obolibrary.org/obo/HP_0001945` → `HP:0001945`. A prefix that `prefixes.json`
    doesn't know stays as it is, and so does its identifier.

    Raises:
        SchemaError: the text is no CURIE, or not what that prefix's identifiers look like.
    """
    curie, reason = _standard(text)
    if curie is not None:
        return curie
    if reason == MALFORMED:
        raise SchemaError(f"{text!r} is a malformed identifier; look up how that source writes it")
    raise SchemaError(f"{text!r} is no CURIE; write prefix:identifier, as in HP:0001945")


def spellings_of_curie(curie: str) -> list[str]:
    """A CURIE as it is written, then in the standard spelling where that is another."""
    return list(dict.fromkeys((curie, _standard(curie)[0] or curie)))


def normalise_curies(texts: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Identifiers in the standard spelling, and why some are none; see `normalise_curie`.

    Returns:
        The CURIEs, null where there is none, and the reasons ("no CURIE", "malformed identifier"),
        null where there is one; both as long as `texts`.
    """
    distinct = texts.unique().drop_nulls()
    results = [_standard(text) for text in distinct]
    table = pl.DataFrame(
        {"text": distinct, "curie": [c for c, _ in results], "reason": [r for _, r in results]},
        schema={"text": pl.String, "curie": pl.String, "reason": pl.String},
    )
    rows = texts.alias("text").to_frame().join(table, on="text", how="left", maintain_order="left")
    reasons = rows["reason"].fill_null(
        pl.select(pl.when(rows["curie"].is_null()).then(pl.lit(NO_CURIE))).to_series()
    )
    return rows["curie"].alias(texts.name), reasons


# A file names its genes and diseases again and again.
@lru_cache(maxsize=1 << 16)
def _standard(text: str) -> tuple[str | None, str | None]:
    """The CURIE and no reason, or no CURIE and the reason."""
    text = text.strip().removeprefix("<").removesuffix(">")
    if text.startswith(("http://", "https://")):
        pair = _of_address(text)
    elif match := CURIE.fullmatch(text):
        pair = match[1], match[2]
    else:
        match = _UNDERSCORED.fullmatch(text)
        pair = (match[1], match[2]) if match and _spelling(match[1])[1] else None
    if pair is None:
        return None, NO_CURIE
    prefix, pattern = _spelling(pair[0])
    if pattern is None:
        return f"{prefix}:{pair[1]}", None
    local = pair[1]
    while len(again := re.split("[:_]", local, maxsplit=1)) == 2 and again[1]:
        if _spelling(again[0])[0] != prefix:
            break
        local = again[1]
    # Written small, or without the letters that each of them begins with (WP:554).
    for form in (local, local.upper(), f"{prefix}{local}"):
        if pattern.fullmatch(form):
            return f"{prefix}:{form}", None
    return None, MALFORMED


def _of_address(address: str) -> tuple[str, str] | None:
    """Prefix and identifier of a web address."""
    if match := _REGISTRY.fullmatch(address) or _OBO.fullmatch(address):
        return match[1], match[2]
    reference = _converter().parse_uri(re.sub("^https", "http", address))
    return None if reference is None else (reference.prefix, reference.identifier)


def _without_release(prefix: str) -> str:
    """A prefix without the year, and what counts on from it, that it ends with."""
    parts = prefix.split("_")
    end = len(parts)
    for number in range(end - 1, 0, -1):
        if not parts[number].isdecimal():
            break
        if len(parts[number]) == 4:
            end = number
    return "_".join(parts[:end])


@lru_cache(maxsize=10_000)
def _spelling(prefix: str) -> tuple[str, re.Pattern[str] | None]:
    """Our spelling of a prefix, and what its identifiers look like; none for unknown ones."""
    # UMLS's cross-references carry releases: SNOMEDCT_US_2023_03_01.
    plain = _without_release(prefix)
    ours = _converter().standardize_prefix(plain) or _converter().standardize_prefix(plain.lower())
    if ours is None:
        return prefix, None
    return ours, re.compile(_converter().get_record(ours, strict=True).pattern or r"\S+")


@cache
def _converter() -> Converter:
    # Not above: it takes a fifth of a second, and many who import this module need none of it.
    from curies import Converter

    return Converter.from_extended_prefix_map(Path(__file__).with_name("prefixes.json"))


def is_standard(prefix: str) -> bool:
    """Whether the prefix is a published vocabulary's, in any spelling."""
    return _spelling(prefix)[1] is not None


def is_curie(text: str) -> bool:
    """Whether the text has the form prefix:identifier, without white space."""
    return CURIE.fullmatch(text) is not None


def name_key(column: pl.Expr) -> pl.Expr:
    """Names as keys for look-up: lower case, letters and digits, single spaces."""
    return (
        column.str.normalize("NFKC")
        .str.to_lowercase()
        .str.replace_all(r"[^\p{L}\p{N}]+", " ")
        .str.strip_chars()
    )


@lru_cache(maxsize=10_000)
def name_key_of(name: str) -> str:
    """The key of one name; see `name_key`."""
    return str(pl.select(name_key(pl.lit(name))).item())


_GREEK = {
    letter: unicodedata.name(letter).split()[-1].lower() for letter in "αβγδεζηθικλμνξοπρστυφχψω"
}


def compact_key(column: pl.Expr) -> pl.Expr:
    """Names as looser keys, of letters and digits alone: `COX-2` is `cox2`, `TNFα` `tnfalpha`."""
    return (
        name_key(column)
        .str.replace_many(list(_GREEK), list(_GREEK.values()))
        .str.replace_all(" ", "", literal=True)
    )


def compact_key_of(name: str) -> str:
    """The looser key of one name; see `compact_key`."""
    key = unicodedata.normalize("NFKC", name).lower()
    return "".join(_GREEK.get(letter, letter) for letter in key if letter.isalnum())


def content_ids(rows: Iterable[str]) -> list[str]:
    """An id for each text: 72 bits of BLAKE2b as 12 URL-safe characters.

    Twelve characters are what an Arrow string view holds without a second look-up. Among ten
    million ids the probability of any collision is about 1e-8.
    """
    return content_id_column(pl.Series(list(rows), dtype=pl.String)).to_list()


def content_id_column(texts: pl.Series) -> pl.Series:
    """The id of each text of a column; see `content_ids`."""
    parts = []
    for part in texts.cast(pl.Binary).to_frame("text").iter_slices(100_000):
        digests = b"".join(
            [hashlib.blake2b(text, digest_size=9).digest() for text in part["text"].to_list()]
        )
        # Nine bytes are twelve characters, so that one call encodes them all.
        ids = np.frombuffer(urlsafe_b64encode(digests), dtype="S12")
        parts.append(pl.Series(ids, dtype=pl.Binary).cast(pl.String))
    return pl.concat(parts) if parts else pl.Series(dtype=pl.String)
