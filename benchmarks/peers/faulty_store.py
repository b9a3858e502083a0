"""A store that fails: a server before an S3 server, which breaks some of what it is asked: `faulty_store.py ADDRESS SEED`.

By itself it starts moto's server with a bucket `runs`, breaks one request in eight, at random, and writes where it listens into the
file ADDRESS. Tests of stores use the same, and say themselves what is broken.
"""

from __future__ import annotations

import http.client
import random
import sys
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BUCKET = "runs"
BROKEN = 1 / 8

Fault = Callable[[str, str], str | None]
"""Method and path of a request -> what to do to it: '500', '503', 'cut' (half the answer), 'late' (done, not answered)."""


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

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (its name)
        pass


def main() -> None:
    import boto3
    from moto.server import ThreadedMotoServer

    address, seed = sys.argv[1:]
    behind = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    behind.start()
    host, port = behind.get_host_and_port()
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    boto3.client("s3", endpoint_url=f"http://{host}:{port}", **keys).create_bucket(Bucket=BUCKET)
    server, chance = Faults(host, port), random.Random(int(seed))

    def fault(method: str, _path: str) -> str | None:
        if chance.random() >= BROKEN:
            return None
        return chance.choice(
            ["500", "503", *(["cut"] if method == "GET" else []), *(["late"] if method == "PUT" else [])]
        )

    server.fault = fault
    beside = Path(f"{address}.new")
    beside.write_text(server.url, encoding="utf-8")
    beside.replace(address)
    server.serve_forever()


if __name__ == "__main__":
    main()
