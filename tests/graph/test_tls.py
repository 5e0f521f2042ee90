"""Encrypted connections: on a real Neo4j, and certificates that are refused before one is asked."""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from medkg.core.errors import StoreError
from medkg.graph.store import connect

from .certificates import make_authority, make_certificate
from .faults import Neo4j
from .graphs import small

HOSTS = "DNS:localhost,IP:127.0.0.1"
SCHEMES = ["bolt+s", "neo4j+s"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates of one's own authority, `ca`, and of another."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make certificates with")
    folder = tmp_path_factory.mktemp("certificates")
    authority = make_authority(folder, "ca")
    make_authority(folder, "other")
    make_certificate(folder, "good", authority, HOSTS)
    make_certificate(folder, "elsewhere", authority, "DNS:kg.example.org")
    make_certificate(folder, "expired", authority, HOSTS, days=-1)
    return folder


@contextmanager
def encrypting(folder: Path, name: str) -> Iterator[str]:
    """A port that encrypts with a certificate, and says nothing; yields host and port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")

    def answer() -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(client, server_side=True) as encrypted:
                    encrypted.recv(100)
            except OSError:
                client.close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(10)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(
    ("name", "ca", "message"),
    [
        ("good", "other", r"none of the authorities .* signed it; set NEO4J_CA to the file"),
        ("good", None, r"none of the authorities .* signed it; set NEO4J_CA to the file"),
        ("elsewhere", "ca", "write the host by a name that the certificate has"),
        ("expired", "ca", "give the server a new one, and look at this machine's clock"),
    ],
)
def test_a_certificate_that_is_not_trusted_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, scheme: str, name: str, ca: str | None,
    message: str,
) -> None:  # fmt: skip
    monkeypatch.delenv("NEO4J_CA", raising=False)
    if ca is not None:
        monkeypatch.setenv("NEO4J_CA", str(folder / f"{ca}.pem"))
    with encrypting(folder, name) as host:
        uri = f"{scheme}://{host}"
        expected = f"^{re.escape(uri)}: the server's certificate is refused .*{message}"
        with pytest.raises(StoreError, match=expected):
            connect(uri, password="x")


def test_one_that_is_trusted_is_not_what_is_wrong(folder: Path) -> None:
    with encrypting(folder, "good") as host, pytest.raises(StoreError, match="no server answers"):
        connect(f"bolt+s://{host}", password="x", ca=folder / "ca.pem")


def test_a_server_that_does_not_encrypt_is_said_to(embedded_uri: str) -> None:
    with connect(embedded_uri) as store:
        assert store.server is not None
        uri = store.server.uri.replace("bolt:", "bolt+s:")
        with pytest.raises(StoreError, match=r"doesn't encrypt .* without \+s|no server answers"):
            connect(uri, password="x")


def test_a_file_of_no_certificates_is_named(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("not one")
    for name, problem in (("key.pem", "can't be used"), ("missing.pem", "is not there")):
        with pytest.raises(StoreError, match=rf"{name}: {problem}; NEO4J_CA names .* PEM"):
            connect("bolt+s://127.0.0.1:1", password="x", ca=tmp_path / name)


@pytest.mark.parametrize("scheme", ["bolt", "neo4j+ssc"])
def test_certificates_count_for_encrypted_addresses_alone(tmp_path: Path, scheme: str) -> None:
    with pytest.raises(StoreError, match=r"verified for bolt\+s:// and neo4j\+s:// alone"):
        connect(f"{scheme}://127.0.0.1:1", password="x", ca=tmp_path)


@pytest.fixture(scope="module")
def host(folder: Path, tmp_path_factory: pytest.TempPathFactory, neo4j_uri: str) -> Iterator[Neo4j]:
    """A Neo4j that takes encrypted connections alone."""
    server = Neo4j(tmp_path_factory.mktemp("neo4j") / "server", certificate=folder / "good.pem")
    yield server
    server.stop()


@pytest.mark.neo4j
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_neo4j_is_written_to_and_read_under_ones_own_certificate(
    host: Neo4j, folder: Path, monkeypatch: pytest.MonkeyPatch, scheme: str, name: str
) -> None:
    monkeypatch.setenv("NEO4J_PASSWORD", host.password)
    monkeypatch.setenv("NEO4J_USERNAME", "neo4j")
    monkeypatch.setenv("NEO4J_CA", str(folder / "ca.pem"))
    with connect(f"{scheme}://{name}:{host.port}") as store:
        store.write(small())
        assert store.read().checksum() == small().checksum()


@pytest.mark.neo4j
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_neo4j_whose_certificate_is_not_trusted_is_refused(
    host: Neo4j, folder: Path, scheme: str
) -> None:
    uri = f"{scheme}://127.0.0.1:{host.port}"
    with pytest.raises(StoreError, match=r"none of the authorities .* set NEO4J_CA"):
        connect(uri, password=host.password, ca=folder / "other.pem")
    with pytest.raises(StoreError, match=f"no server answers at bolt://127.0.0.1:{host.port}"):
        connect(f"bolt://127.0.0.1:{host.port}", password=host.password)
