import pytest
from team import Server


@pytest.fixture(scope="session")
def team(tmp_path_factory):
    """A server of teams; see team.py."""
    server = Server(tmp_path_factory.mktemp("teams"))
    yield server
    server.close()


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Models as small as these are slower on several threads, much slower where processes share the cores."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
