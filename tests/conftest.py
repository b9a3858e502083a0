"""What all tests share: real data where it is, sockets of this machine only, the example crawl filtered."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from common import EXAMPLE_CRAWL, ROOT

# Before numpy and torch are loaded: pytest runs a process for each core, and threads that spin would take each other's.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

# No test cuts the power; to wait for the disk at each of the thousand files of the tests takes a tenth of their time.
os.fsync = lambda _: None

# A loaded machine is no failure.
settings.register_profile("curate", deadline=None)
settings.load_profile("curate")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--run-slow", action="store_true", help="also run the tests marked slow")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    data = data_folder()
    for item in items:
        if "slow" in item.keywords and not config.getoption("--run-slow"):
            item.add_marker(pytest.mark.skip(reason="slow; run with --run-slow"))
        if "realdata" in item.keywords and not data.is_dir():
            item.add_marker(pytest.mark.skip(reason=f"no real data in {data}; set CURATE_TEST_DATA"))


def data_folder() -> Path:
    """Where real web data may lie; it is no part of the project."""
    return Path(os.environ.get("CURATE_TEST_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    return data_folder()


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else ""
        if self.family in {socket.AF_INET, socket.AF_INET6} and host not in {"127.0.0.1", "localhost", "::1"}:
            raise AssertionError(f"a test tried to reach {host}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def _only_reasons_of_the_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every reason of every run of the tests stands in the ledger, so that no page and no `explain` lacks its words."""
    from curate.reasons import REASONS, plain_reason
    from curate.run.funnel import Funnel

    known = {(reason.stage, reason.name) for reason in REASONS}
    to_json = Funnel.to_json

    def checked(self: Funnel) -> dict[str, Any]:
        for stage, reason, _ in self.reasons():
            assert stage in {"rules", "craft"} or (stage, plain_reason(reason)) in known, (
                f"{reason} of {stage} is not in the ledger"
            )
        return to_json(self)

    monkeypatch.setattr(Funnel, "to_json", checked)


@pytest.fixture(scope="session")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example crawl, filtered with default settings; not to be changed."""
    import curate

    output = tmp_path_factory.mktemp("example") / "out"
    curate.filter_crawl(str(EXAMPLE_CRAWL), output, workers=1, progress=False)
    return output
