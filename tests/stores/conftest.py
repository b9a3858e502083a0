"""An S3 server of this machine, behind a server that can break what it is asked."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

Fault = Callable[[str, str], str | None]
"""Method and path of a request -> what to do to it: '500', '503', 'cut' (half the answer), 'late' (done, not answered)."""
BUCKET = "runs"


class Faults(ThreadingHTTPServer):
    """Passes requests on to a server, but for those that `fault` names one for."""

    daemon_threads = True

    def __init__(self, host: str, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind = (host, port)
        self.fault: Fault = lambda _method, _path: None
        self.requests: list[tuple[str, str]] = []
        self.n_faults = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def every(self, n: int, kind: str, methods: str = "GET PUT POST DELETE HEAD") -> None:
        """Break every n-th request of these methods."""
        seen = []

        def fault(method: str, _path: str) -> str | None:
            if method not in methods.split():
                return None
            seen.append(method)
            return kind if len(seen) % n == 0 else None

        self.fault = fault


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _pass_on(self) -> None:
        server: Faults = self.server  # type: ignore[assignment]
        n_bytes = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(n_bytes) if n_bytes else b""
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        server.requests.append((self.command, self.path))
        kind = server.fault(self.command, self.path)
        server.n_faults += kind is not None
        if kind in ("500", "503"):
            code = "InternalError" if kind == "500" else "SlowDown"
            self._answer(
                int(kind), [], f"<Error><Code>{code}</Code><Message>try again</Message></Error>".encode()
            )
            return
        connection = http.client.HTTPConnection(*server.behind)
        headers = {k: v for k, v in self.headers.items() if k.lower() != "transfer-encoding"}
        headers["Content-Length"] = str(len(body))
        connection.request(self.command, self.path, body, headers)
        answer = connection.getresponse()
        data = answer.read()
        if kind == "late":
            time.sleep(1.5)
            self.close_connection = True
            return
        kept = [
            (k, v) for k, v in answer.getheaders() if k.lower() not in ("transfer-encoding", "connection")
        ]
        self._answer(answer.status, kept, data, cut=kind == "cut")

    def _answer(self, status: int, headers: list[tuple[str, str]], data: bytes, *, cut: bool = False) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if not any(name.lower() == "content-length" for name, _ in headers):
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data[: len(data) // 2] if cut else data)
        if cut:
            self.close_connection = True

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass_on  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


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
