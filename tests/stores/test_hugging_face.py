"""Reading from hf://, against a stand-in of the hub on this machine: its listing and its files, as its protocol has them."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

import curate
from common import EXAMPLE_CRAWL
from curate.crawl import find_files
from curate.errors import SettingError

pytest.importorskip("huggingface_hub")
pytestmark = pytest.mark.filterwarnings("ignore")  # of huggingface_hub, about its own insides
REPO, COMMIT = "datasets/school/pages", "0123456789abcdef0123456789abcdef01234567"


class _Hub(BaseHTTPRequestHandler):
    """One dataset, `REPO`, that holds the example crawl."""

    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        n_bytes = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(n_bytes)
        if path in (f"/api/{REPO}", f"/api/{REPO}/revision/main"):
            self._send_json({"id": "school/pages", "sha": COMMIT, "private": False, "siblings": []})
        elif path.startswith(f"/api/{REPO}/paths-info/"):
            named = parse_qs(body.decode())["paths"] if b"=" in body else json.loads(body)["paths"]
            self._send_json([entry for entry in _entries() if entry["path"] in named])
        elif path.startswith(f"/api/{REPO}/tree/"):
            folder = path.split("/", 7)[7:]
            found = [e for e in _entries() if not folder or e["path"].startswith(f"{folder[0]}/")]
            self._send_json(found) if found else self._send(404, b"", [("X-Error-Code", "EntryNotFound")])
        elif path.startswith(f"/{REPO}/resolve/"):
            self._send_file(path.split("/", 6)[6])
        else:
            self._send(404, b"{}", [("X-Error-Code", "RepoNotFound")])

    def _send_file(self, name: str) -> None:
        file = EXAMPLE_CRAWL / name.removeprefix("crawl/")
        if not file.is_file():
            return self._send(404, b"", [("X-Error-Code", "EntryNotFound")])
        data = file.read_bytes()
        headers = [("ETag", f'"{len(data)}"'), ("X-Repo-Commit", COMMIT), ("Accept-Ranges", "bytes")]
        span = self.headers.get("Range")
        if span is None:
            return self._send(200, data, headers)
        first, last = span.removeprefix("bytes=").split("-")
        end = min(int(last), len(data) - 1) if last else len(data) - 1
        headers.append(("Content-Range", f"bytes {first}-{end}/{len(data)}"))
        return self._send(206, data[int(first) : end + 1], headers)

    def _send_json(self, value: object) -> None:
        self._send(200, json.dumps(value).encode(), [("Content-Type", "application/json")])

    def _send(self, status: int, data: bytes, headers: list[tuple[str, str]]) -> None:
        self.send_response_only(status)
        for name, value in (*headers, ("Content-Length", str(len(data)))):
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_HEAD = do_POST = _answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


def _entries() -> list[dict[str, object]]:
    files = sorted(path for path in EXAMPLE_CRAWL.rglob("*") if path.is_file())
    made = [
        {
            "type": "file",
            "path": f"crawl/{path.relative_to(EXAMPLE_CRAWL)}",
            "size": path.stat().st_size,
            "oid": "0" * 40,
        }
        for path in files
    ]
    return [{"type": "directory", "path": "crawl", "oid": "0" * 40}, *made]


@pytest.fixture
def hub(monkeypatch):
    import fsspec

    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setitem(fsspec.config.conf, "hf", {"endpoint": url})
    fsspec.get_filesystem_class("hf").clear_instance_cache()
    yield url
    server.shutdown()
    server.server_close()
    fsspec.get_filesystem_class("hf").clear_instance_cache()


def test_a_dataset_of_the_hub_is_read_as_the_folder_it_was_made_of(hub, tmp_path, curated):
    found = {file.source: file.size_bytes for file in find_files([f"hf://{REPO}/crawl"])}
    assert found == {file.source: file.size_bytes for file in find_files([str(EXAMPLE_CRAWL)])}
    curate.filter_crawl(f"hf://{REPO}/crawl", tmp_path / "out", workers=1, progress=False)
    for kind in ("kept", "dropped"):
        name = f"{kind}/part-00000.parquet"
        assert (tmp_path / "out" / name).read_bytes() == (curated / name).read_bytes()
    assert [file.source for file in find_files([f"hf://{REPO}/crawl/*.jsonl"])] == ["forum.jsonl"]


def test_what_is_not_on_the_hub_is_one_line(hub):
    for url in (f"hf://{REPO}/nothing", "hf://datasets/nobody/nothing"):
        with pytest.raises(SettingError, match=r"does not exist|cannot be listed") as error:
            find_files([url])
        assert "\n" not in str(error.value)
