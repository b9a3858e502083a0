"""An S3 server of this machine, behind a server that can break what it is asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from benchmarks.peers.faulty_store import BUCKET, Faults


@pytest.fixture(scope="session")
def _moto() -> Iterator[tuple[str, int]]:
    pytest.importorskip("s3fs")
    server = pytest.importorskip("moto.server").ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    yield server.get_host_and_port()
    server.stop()


@pytest.fixture
def s3(_moto, monkeypatch, tmp_path) -> Iterator[Faults]:
    """A bucket `runs`, and the server before it; `s3.url` is its address."""
    boto3 = pytest.importorskip("boto3")
    import fsspec

    server = Faults(*_moto)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": server.url,
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setitem(
        fsspec.config.conf, "s3", {"config_kwargs": {"read_timeout": 1, "retries": {"max_attempts": 1}}}
    )
    monkeypatch.setattr("curate.work.store.PAUSES_S", (0.0, 0.0, 0.0, 0.0))
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    client = boto3.client("s3", endpoint_url=f"http://{_moto[0]}:{_moto[1]}")
    client.create_bucket(Bucket=BUCKET)
    yield server
    server.shutdown()
    server.server_close()
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    for item in client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        client.delete_object(Bucket=BUCKET, Key=item["Key"])
    client.delete_bucket(Bucket=BUCKET)
