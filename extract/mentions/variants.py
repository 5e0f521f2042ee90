"""Sequence variants: "p.Arg150Pro", "677C>T", "rs1042522", "methionine to valine at codon 404".

They are no drugs, targets or diseases, though they are made of the names of amino acids and
nucleotides. The forms are those of the nomenclature of the Human Genome Variation Society (den
Dunnen et al. 2016), the older ones that texts use, dbSNP's numbers, and substitutions in words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_ACIDS = """
alanine Ala arginine Arg asparagine Asn aspartic#acid aspartate Asp cysteine Cys glutamic#acid
glutamate Glu glutamine Gln glycine Gly histidine His isoleucine Ile leucine Leu lysine Lys
methionine Met phenylalanine Phe proline Pro serine Ser threonine Thr tryptophan Trp tyrosine Tyr
valine Val
"""
_BASES = "adenine adenosine cytosine cytidine guanine guanosine thymine thymidine"
_UNITS = """
amino#acid amino-acid nucleotide base#pair codon residue stop#codon termination#codon
"""


def _any(names: str) -> str:
    return "|".join(name.replace("#", " ") for name in names.split())


_RESIDUE = rf"(?:{_any(_ACIDS)}|{_any(_BASES)})"
# "arginine", "Arg84", "arginine (CGG) 84", "Arg residue".
_PLACED = rf"{_RESIDUE}(?: ?\([A-Z]{{1,3}}\))?(?:[- ]?\d{{1,4}})?(?: residue)?"
_CHANGE = r"(?: ?-+>? ?| ?[>→/] ?|[- ]to[- ]| (?:by|with|for|into) )(?:an? )?"
_POSITION = (
    r"(?: (?:substitution|mutation|change|exchange|transversion|transition))?"
    r"(?:,? (?:at|in|of) (?:the )?(?:amino acid |nucleotide )?"
    r"(?:codon|position|residue)s? \d{1,5})?"
)
_ACID_LETTER = "[ACDEFGHIKLMNPQRSTVWY]"
_VARIANT = re.compile(
    r"(?<![\w.])(?:"
    r"rs\d{3,}"
    r"|[cgmnpr]\.[-+*]?[\w()>+*-]*\d[\w()>+*-]*"
    rf"|{_ACID_LETTER}\d{{2,4}}(?:{_ACID_LETTER}|X|fs|\*)"
    r"|[-+]?\d{1,5} ?[ACGT] ?(?:-*>|→|/) ?[ACGT]"
    r"|[ACGT][- ]?\d{2,5} ?[ACGT]"
    r"|\d+(?:_\d+)?(?:del|ins|dup)[ACGT]*\d*"
    rf"|{_PLACED}{_CHANGE}{_PLACED}{_POSITION}"
    rf"|{_RESIDUE}[- ]?\d{{1,4}}(?:[- ]?{_RESIDUE})?"
    rf"|{_PLACED} at (?:amino acid |nucleotide )?(?:codon|position|residue) \d{{1,5}}"
    r")(?!\w)",
    re.IGNORECASE,
)
# "A118G allele", "Val158Met genotype".
_OF_VARIANT = r"(?: (?:alleles?|genotypes?|polymorphisms?|haplotypes?|variants?|mutations?))"
_CALLED_VARIANT = re.compile(f"{_OF_VARIANT}+")
# A polymorphism by the enzyme that cuts there, as "FokI", "Bsm I"; those are named after species.
_OF_ENZYME = re.compile(
    rf"(?<!\w)[A-Z][a-z]{{2}}[A-Z]?\d{{0,3}} ?[IV]{{1,4}}"
    rf"(?:{_OF_VARIANT}| RFLPs?| restriction(?: site| fragment)?)+(?!\w)"
)
# "CAG repeats", "GAA/TTC triplets", "(CTG)n expansion", "expansion of the CAG repeat"; CAG and GAA
# are genes elsewhere.
_REPEATED = r"\(?[ACGT]{2,6}\)?(?:n|\d{1,4})?"
_REPEATED_UNITS = rf"{_REPEATED}(?:(?:/|-|,? and |,? or ){_REPEATED}){{0,3}}"
OF_REPEAT = re.compile(
    rf"(?<!\w)(?:(?:expansions?|repeats?) of (?:an? |the )?)?{_REPEATED_UNITS}"
    r"[- ](?:(?:tri|tetra|penta|hexa)nucleotide[- ]|triplet[- ])?"
    r"(?:repeats?|expansions?|triplets?)(?:[- ]expansions?)?(?!\w)"
    rf"|(?<!\w)(?:expansions?|repeats?) of (?:an? |the )?{_REPEATED}(?!\w)"
)
# Nomenclature is written in capitals; "to" and the names of acids needn't be.
_CASED = re.compile(
    rf"{_ACID_LETTER}\d{{2,4}}(?:{_ACID_LETTER}|X|fs|\*)|[ACGT][- ]?\d{{2,5}} ?[ACGT]"
    r"|[-+]?\d{1,5} ?[ACGT] ?(?:-*>|→|/) ?[ACGT]"
)
_LETTERS_ALONE = re.compile(_CASED.pattern, re.IGNORECASE)
_UNIT = re.compile(rf"(?:{_any(_UNITS)})s?", re.IGNORECASE)


def variants(text: str) -> Iterable[tuple[int, int]]:
    """The characters [start, end) of each variant in a text, with "allele" behind it."""
    for match in _VARIANT.finditer(text):
        if not _LETTERS_ALONE.fullmatch(match[0]) or _CASED.fullmatch(match[0]):
            called = _CALLED_VARIANT.match(text, match.end())
            yield match.start(), called.end() if called else match.end()
    for pattern in (_OF_ENZYME, OF_REPEAT):
        yield from (match.span() for match in pattern.finditer(text))


def is_sequence_unit(name: str) -> bool:
    """Whether a name is what sequences are counted in: "amino acids", "nucleotide"."""
    return bool(_UNIT.fullmatch(name))
