"""The address: POST /score, GET /health, GET /metrics.

    curl -H 'Content-Type: application/json' -d '{"texts": ["Water boils ..."]}' http://127.0.0.1:8000/score
    {"scorer": "edu", "fingerprint": "…", "scores": [0.41], "levels": [2.6], "n_bytes_read": [15]}

A null among the texts has null for its numbers. What is refused has `{"error": …}`: 400 no such request, 404 no such
scorer, 413 too large, 415 no JSON, 503 too many at a time.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

import anyio
import numpy as np
import orjson
import pyarrow as pa
from anyio import to_thread

from curate._version import __version__
from curate.errors import MissingPackageError, TextsError
from curate.protocols import Scorer
from curate.scoring import ask
from curate.serve.settings import HOST, ServeSettings
from curate.text.gate import as_texts

try:
    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.requests import ClientDisconnect, Request
    from starlette.responses import Response
    from starlette.routing import Route
except ImportError as error:
    raise MissingPackageError("Serving", (error.name or "starlette").partition(".")[0], "serve") from error

_TEXTS_BUCKETS = (1, 4, 16, 64, 256, 1024, 4096)
_SECONDS_BUCKETS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10)


class RefusedError(Exception):
    """A request that is answered by an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Meters:
    """What `/metrics` tells, in Prometheus's own format."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "curate_requests", "Requests to score, by answer.", ["status"], registry=self.registry
        )
        self.texts = Counter("curate_texts", "Texts scored.", ["scorer"], registry=self.registry)
        self.text_bytes = Counter(
            "curate_text_bytes", "UTF-8 bytes of texts scored.", ["scorer"], registry=self.registry
        )
        self.batch = Histogram(
            "curate_request_texts", "Texts in a request.", buckets=_TEXTS_BUCKETS, registry=self.registry
        )
        self.seconds = Histogram(
            "curate_score_seconds",
            "Seconds that scoring a request took, without waiting.",
            buckets=_SECONDS_BUCKETS,
            registry=self.registry,
        )
        self.waiting = Gauge(
            "curate_requests_waiting", "Requests at work and waiting.", registry=self.registry
        )


def make_app(scorers: Sequence[Scorer], settings: ServeSettings) -> Starlette:
    """Make the ASGI application for some scorers, the first of which is asked where a request names none."""
    meters, by_name = Meters(), {scorer.name: scorer for scorer in scorers}
    turns = anyio.CapacityLimiter(settings.threads)
    n_waiting = 0

    async def score(request: Request) -> Response:
        nonlocal n_waiting
        if n_waiting >= settings.max_waiting:
            return _answer(meters, 503, {"error": f"More than {settings.max_waiting} requests at a time."})
        n_waiting += 1
        meters.waiting.set(n_waiting)
        try:
            asked = _parse(await _read_body(request, settings.max_body_bytes), settings.max_texts)
            scorer = _find_scorer(by_name, asked.get("scorer") or scorers[0].name)
            texts = _texts_of(asked["texts"])
            found = await to_thread.run_sync(_score, scorer, texts, meters, limiter=turns)
        except RefusedError as error:
            return _answer(meters, error.status, {"error": str(error)})
        except ClientDisconnect:
            return _answer(meters, 400, {"error": "The request was cut off."})
        finally:
            n_waiting -= 1
            meters.waiting.set(n_waiting)
        return _answer(meters, 200, found)

    async def health(request: Request) -> Response:
        del request
        return _json(200, {"status": "ok", "version": __version__, "scorers": list(by_name)})

    async def metrics(request: Request) -> Response:
        del request
        return Response(
            generate_latest(meters.registry), media_type="text/plain; version=0.0.4; charset=utf-8"
        )

    # Else a page in a browser here could reach the address by a name of its own that leads to this machine.
    hosts = Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])
    routes = [
        Route("/score", score, methods=["POST"]),
        Route("/health", health),
        Route("/metrics", metrics),
    ]
    return Starlette(routes=routes, middleware=[hosts])


async def _read_body(request: Request, max_bytes: int) -> bytes:
    """Read a JSON body, and no more of it than is allowed."""
    # A page in a browser may send other kinds to any address without asking.
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise RefusedError(415, "Send JSON, with the header Content-Type: application/json.")
    if request.headers.get("content-encoding", "identity") != "identity":
        raise RefusedError(415, "Send JSON as it is, not compressed.")
    too_large = RefusedError(413, f"A request may have {max_bytes} bytes. Send fewer texts at a time.")
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > max_bytes:
        raise too_large
    parts: list[bytes] = []
    n_bytes = 0
    async for part in request.stream():
        n_bytes += len(part)
        if n_bytes > max_bytes:
            raise too_large
        parts.append(part)
    return b"".join(parts)


def _parse(body: bytes, max_texts: int) -> dict[str, Any]:
    try:
        asked = json.loads(body)  # orjson refuses half a surrogate pair, which other languages send
    except (ValueError, RecursionError):
        raise RefusedError(400, "The request is no JSON in UTF-8.") from None
    if not isinstance(asked, dict) or not isinstance(asked.get("texts"), list):
        raise RefusedError(400, 'Send an object with a list of texts: {"texts": ["..."]}.')
    unknown = [str(name) for name in asked if name not in {"texts", "scorer"}]
    if unknown or not isinstance(asked.get("scorer", ""), str | None):
        raise RefusedError(
            400, "An object has 'texts' and, where you choose one, 'scorer', the name of one; no more."
        )
    if len(asked["texts"]) > max_texts:
        raise RefusedError(413, f"A request may have {max_texts} texts, not {len(asked['texts'])}.")
    return asked


def _find_scorer(by_name: dict[str, Scorer], name: str) -> Scorer:
    if name not in by_name:
        raise RefusedError(404, f"No scorer {name!r} is served here, but: {', '.join(by_name)}.")
    return by_name[name]


def _texts_of(texts: list[Any]) -> pa.Array:
    try:
        return as_texts(texts)
    except TextsError as error:
        raise RefusedError(400, str(error)) from None


def _score(scorer: Scorer, texts: pa.Array, meters: Meters) -> dict[str, Any]:
    """The answer for N texts, in a thread of its own; kernels let go of the GIL."""
    began_s = time.perf_counter()
    scored = ask(scorer, texts)
    meters.seconds.observe(time.perf_counter() - began_s)
    meters.batch.observe(len(texts))
    meters.texts.labels(scorer.name).inc(len(texts))
    meters.text_bytes.labels(scorer.name).inc(texts.nbytes)
    missing = np.flatnonzero(texts.is_null().to_numpy(zero_copy_only=False)).tolist()
    answer: dict[str, Any] = {
        "scorer": scorer.name,
        "fingerprint": getattr(scorer, "fingerprint", None) or None,
    }
    for name, values in zip(("scores", "levels", "n_bytes_read"), scored, strict=True):
        if values is not None:
            answer[name] = orjson.loads(
                orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY)
            )
            for place in missing:
                answer[name][place] = None
    return answer


def _answer(meters: Meters, status: int, content: dict[str, Any]) -> Response:
    meters.requests.labels(str(status)).inc()
    return _json(status, content)


def _json(status: int, content: dict[str, Any]) -> Response:
    headers = {"Retry-After": "1"} if status == 503 else None
    return Response(orjson.dumps(content), status, headers, "application/json")
