"""An object store as Amazon's S3 is one, on this machine, for tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

BUCKET = "hospital"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A bucket of a store that the environment tells of, as boto's resource."""
    for module in ("obstore", "moto", "boto3", "flask_cors"):
        pytest.importorskip(module, reason="NOT RUN: object stores; install the extra cloud, moto")
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    variables = {
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ALLOW_HTTP": "true",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    made = boto3.resource("s3").create_bucket(Bucket=BUCKET)
    try:
        yield made
    finally:
        made.objects.all().delete()
        made.delete()
        server.stop()
