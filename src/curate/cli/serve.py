"""`curate serve`: scorers over HTTP."""

from __future__ import annotations

import sys
from typing import Any

from curate.cli.options import with_settings
from curate.cli.say import say
from curate.config import settings_from
from curate.serve.settings import ServeSettings


@with_settings(ServeSettings)
def serve_command(given: dict[str, Any]) -> int:
    """Serve scorers over HTTP to programs on this machine, in whatever language they are written.

    POST /score takes `{"texts": [...]}` and gives scores, levels and how much was read; GET /health; GET /metrics for
    Prometheus. There is no authentication, and no other machine is answered. Ctrl-C ends it.

    Example: curate serve --scorer edu --port 8000
    """
    from curate.serve.run import serve

    settings = settings_from(ServeSettings, given)

    def tell(address: str) -> None:
        say(f"Serving {', '.join(settings.scorer)} at {address}")
        sys.stdout.flush()  # who started this may wait for the line

    serve(settings, tell=tell)
    return 0
