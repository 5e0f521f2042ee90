"""Encrypted connections to a server: whose certificates count, and what is wrong with one.

`bolt+s://` and `neo4j+s://` encrypt, and accept a certificate for the host of the address that an
authority of this machine signed, or one's own, which is given by its file. `+ssc` accepts any.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...core.errors import StoreError

CA = "NEO4J_CA"  # the environment's variable that names the file of one's own authority

# OpenSSL's numbers of what is wrong with a certificate.
_EXPIRED = (9, 10)  # not valid yet, not any more
_OTHER_HOST = (62, 64)  # its names, its addresses


def driver_address(uri: str, ca: Path | str | None) -> tuple[str, dict[str, Any]]:
    """The address for the driver, and the settings by which it trusts one's own authority.

    Args:
        ca: a file of certificates in PEM; that of NEO4J_CA where none is given.

    Raises:
        StoreError: the file is none of certificates, or is given for an address without `+s`.
    """
    from neo4j import TrustCustomCAs

    scheme, _, host = uri.partition("://")
    if not scheme.endswith("+s"):
        if ca is not None:
            raise StoreError(f"{uri}: certificates are verified for bolt+s:// and neo4j+s:// alone")
        return uri, {}
    file = str(ca or os.environ.get(CA, ""))
    if not file:
        return uri, {}
    try:
        ssl.create_default_context(cafile=file)
    except (OSError, ssl.SSLError) as error:
        problem = "is not there" if isinstance(error, FileNotFoundError) else "can't be used"
        raise StoreError(
            f"{file}: {problem}; {CA} names a file of certificates in PEM (-----BEGIN CERTIFICATE)"
        ) from error
    # The driver takes authorities of one's own only with the scheme that doesn't name the others.
    settings = {"encrypted": True, "trusted_certificates": TrustCustomCAs(file)}
    return f"{scheme.removesuffix('+s')}://{host}", settings


def encryption_error(uri: str, error: BaseException) -> StoreError | None:
    """What is wrong with the encryption of a connection that failed; None where it isn't that."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return StoreError(f"{uri}: {_certificate_problem(cause)}")
        if isinstance(cause, ssl.SSLError):
            return StoreError(
                f"{uri} doesn't encrypt ({cause.reason}): give the server a certificate"
                " (server.bolt.tls_level), or, on this machine alone, write the address without +s"
            )
    return None


def _certificate_problem(error: ssl.SSLCertVerificationError) -> str:
    problem = f"the server's certificate is refused ({error.verify_message})"
    if error.verify_code in _EXPIRED:
        return f"{problem}; give the server a new one, and look at this machine's clock"
    if error.verify_code in _OTHER_HOST:
        return (
            f"{problem}; write the host by a name that the certificate has, or give the server"
            " one for this name"
        )
    return (
        f"{problem}: none of the authorities that are trusted signed it; set {CA} to the file of"
        " the one that did, after making sure that this is the server you mean"
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and all that it was raised from."""
    if error is None:
        return
    yield error
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from _causes(part)
    yield from _causes(error.__cause__ or error.__context__)
