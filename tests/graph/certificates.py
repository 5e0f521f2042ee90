"""Certificates that tests make with openssl: of authorities, and of servers that they vouch for."""

from __future__ import annotations

import subprocess
from pathlib import Path

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def make_authority(folder: Path, name: str) -> Path:
    """An authority's certificate, `NAME.pem`, valid for a day; its key lies beside it."""
    key, certificate = folder / f"{name}.key", folder / f"{name}.pem"
    _openssl("req", "-x509", *_KEY, "-keyout", key, "-out", certificate, "-days", 1, name=name)
    return certificate


def make_certificate(folder: Path, name: str, authority: Path, hosts: str, days: int = 1) -> None:
    """A server's `NAME.key` and `NAME.pem`, which an authority signed for some hosts.

    Args:
        hosts: such as `DNS:localhost,IP:127.0.0.1`.
        days: how long it is valid.
    """
    request, extensions = folder / f"{name}.csr", folder / f"{name}.ext"
    key = folder / f"{name}.key"
    _openssl("req", *_KEY, "-keyout", key, "-out", request, name=name)
    extensions.write_text(f"subjectAltName={hosts}\n")
    _openssl(
        *(
            "x509",
            "-req",
            "-in",
            request,
            "-CA",
            authority,
            "-CAkey",
            authority.with_suffix(".key"),
        ),
        *("-CAcreateserial", "-out", folder / f"{name}.pem", "-days", days),
        *("-extfile", extensions),
    )


def _openssl(*arguments: object, name: str | None = None) -> None:
    subject = [] if name is None else ["-subj", f"/CN={name}"]
    command = ["openssl", *map(str, arguments), *subject]
    subprocess.run(command, check=True, capture_output=True)
