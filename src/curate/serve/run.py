"""Loads the scorers, opens the port, and serves until the process is told to stop."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from curate.errors import MissingPackageError, SettingError
from curate.scoring import ask, load_scorer
from curate.serve.settings import HOST, ServeSettings


def make_server(settings: ServeSettings) -> tuple[Any, socket.socket]:
    """A uvicorn server and the socket that it is to serve; scorers are loaded, and their kernels compiled.

    Raises:
        SettingError: there is no such scorer, or another program has the port.
        MissingPackageError: the extra `serve` is not installed.
    """
    try:
        import uvicorn
    except ImportError as error:
        raise MissingPackageError("Serving", "uvicorn", "serve") from error
    from curate.serve.app import make_app

    scorers = [load_scorer(name) for name in settings.scorer]
    names = [scorer.name for scorer in scorers]
    if len(set(names)) < len(names):
        raise SettingError(f"Two scorers have one name ({', '.join(names)}). Serve one of them.")
    for scorer in scorers:
        ask(scorer, ["The first request is not to wait for kernels to be compiled."])
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((HOST, settings.port))
        bound.listen()  # so that who is told the address can call at once
    except OSError as error:
        bound.close()
        raise SettingError(
            f"Port {settings.port} at {HOST} cannot be had: {error.strerror}. Name another --port."
        ) from None
    config = uvicorn.Config(
        make_app(scorers, settings),
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
    )
    return uvicorn.Server(config), bound


def serve(settings: ServeSettings, *, tell: Callable[[str], None] = lambda _address: None) -> None:
    """Serve until Ctrl-C or SIGTERM, which lets requests at work end; `tell` is called with the address."""
    server, bound = make_server(settings)
    with bound:
        tell(f"http://{HOST}:{bound.getsockname()[1]}")
        server.run(sockets=[bound])
