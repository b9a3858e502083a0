"""A Ray cluster of two nodes gives what one process gives, whatever is killed, and says which node is wrong with what.

Slow, run with --run-slow: every cluster takes ten seconds and a gigabyte.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import cloudpickle
import pyarrow as pa
import pytest

import curate
from common import EXAMPLE_CRAWL, bytes_of
from curate.dedup import DedupPlan, TextShard, compute_keys, resolve, resolve_duplicates
from curate.errors import MissingPackageError, RunError, SettingError
from curate.jobs.dedup import dedup_files
from curate.work import ray as ray_engine
from curate.work.ray import RayEngine
from planted import plant_texts

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
Cluster: Any = pytest.importorskip("ray.cluster_utils", reason="Ray is not installed").Cluster
STORE = 80 << 20


@contextmanager
def cluster_of(*n_cpus: int, **head: Any) -> Iterator[Any]:
    """A head without cores, and nodes with so many."""
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": STORE, **head}
    )
    try:
        for n in n_cpus:
            cluster.add_node(num_cpus=n, object_store_memory=STORE)
        yield cluster
    finally:
        import ray

        ray.shutdown()
        cluster.shutdown()


@pytest.fixture(autouse=True)
def unblocked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests may reach loopback only, and a node has another address."""
    if "nothing_answers" not in request.node.name:
        monkeypatch.setattr(ray_engine, "_knock", lambda _: None)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with cluster_of(1, 1) as made:
        yield made


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("local") / "out"
    curate.filter_crawl(str(EXAMPLE_CRAWL), output, chunk_bytes=2000, workers=1, progress=False)
    return output


def command(cluster: Any, output: Path | str, *more: str) -> list[str]:
    flags = ["--engine", "ray", "--ray-address", cluster.address, "--chunk-bytes", "2000"]
    return [
        sys.executable,
        "-m",
        "curate",
        "filter",
        "-i",
        str(EXAMPLE_CRAWL),
        "-o",
        str(output),
        *flags,
        *more,
    ]


def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=280, **options)


cloudpickle.register_pickle_by_value(sys.modules[__name__])  # nodes cannot import tests


def add(factor: int, number: int) -> int:
    return factor + number


def test_two_nodes_write_what_one_process_writes_also_to_a_relative_folder(
    cluster: Any, local: Path, tmp_path: Path
) -> None:
    done = run(*command(cluster, "out"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert bytes_of(tmp_path / "out") == bytes_of(local)
    assert "Traceback" not in done.stderr


def test_results_come_out_once_and_workers_are_those_of_the_cluster(cluster: Any) -> None:
    with RayEngine(7, cluster.address) as engine:
        assert engine.n_workers == 2
        assert sorted(engine.map(partial(add, 3), range(40))) == [number + 3 for number in range(40)]


def meet(folder: Path, number: int) -> int:
    """Ends when both tasks run at the same time: on two nodes, where each has one core."""
    (folder / str(number)).touch()
    while len(list(folder.iterdir())) < 2:
        time.sleep(0.05)
    return number


def test_what_each_node_has_done_is_told_at_the_end(cluster: Any, tmp_path: Path) -> None:
    told: list[str] = []
    (tmp_path / "met").mkdir()
    with RayEngine(1, cluster.address, tmp_path, say=told.append) as engine:
        assert sorted(engine.map(partial(meet, tmp_path / "met"), range(2))) == [0, 1]
    assert len(told) == 1
    assert re.fullmatch(r"Tasks by Ray node: 1 on [0-9.]+, 1 on [0-9.]+\.", told[0])


def fail(number: int) -> int:
    if number == 3:
        raise RunError("three is too many")
    return number


def test_an_error_of_ours_comes_out_as_it_was_raised(cluster: Any) -> None:
    told: list[str] = []
    with (
        pytest.raises(RunError, match="^three is too many$"),
        RayEngine(1, cluster.address, say=told.append) as engine,
    ):
        list(engine.map(fail, range(6)))
    assert told[0].startswith("A task failed on the Ray node ")


def wait_unless_second(folder: Path, number: int) -> int:
    """The first try of task 5 does not end before the second has begun, and not before it is cancelled."""
    if number == 5:
        try:
            (folder / "5-first").touch(exist_ok=False)
        except FileExistsError:
            (folder / "5-second").touch()
        else:
            threading.Event().wait()
    return number


def test_a_straggler_is_begun_a_second_time(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However long the other tasks took under load, this one counts as slow when a worker is idle.
    monkeypatch.setattr(ray_engine, "_SLOW", 0.0)
    monkeypatch.setattr(ray_engine, "_LOOK_EVERY_S", 0.1)
    with RayEngine(1, cluster.address) as engine:
        assert sorted(engine.map(partial(wait_unless_second, tmp_path), range(6))) == list(range(6))
    assert len(list(tmp_path.glob("5-*"))) == 2


def die_always(number: int) -> int:
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_a_task_that_kills_its_process_is_begun_again_a_stated_number_of_times(cluster: Any) -> None:
    with (
        RayEngine(1, cluster.address) as engine,
        pytest.raises(RunError, match="lost with its process .* 4 times"),
    ):
        list(engine.map(die_always, range(3)))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_driver_with_one_line_and_the_same_command_goes_on(
    cluster: Any, local: Path, tmp_path: Path, number: signal.Signals
) -> None:
    process = subprocess.Popen(
        command(cluster, tmp_path / "out"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_until(lambda: any((tmp_path / "out" / ".curate" / "documents").glob("0*.arrow")))
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == (143 if number == signal.SIGTERM else 130)
    assert said.splitlines()[-1] == (
        "curate: Stopped. What is committed is kept: run the same command again to go on."
    )
    assert "stack trace" not in said.lower()
    assert run(*command(cluster, tmp_path / "out")).returncode == 0
    assert bytes_of(tmp_path / "out") == bytes_of(local)


def wait_until(holds: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_node_killed_in_the_middle_changes_nothing(local: Path, tmp_path: Path) -> None:
    with cluster_of(1, 1) as cluster:
        process = subprocess.Popen(command(cluster, tmp_path / "out"), stderr=subprocess.PIPE, text=True)
        wait_until(lambda: any((tmp_path / "out" / ".curate" / "documents").glob("0*.arrow")))
        cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)
        _, said = process.communicate(timeout=200)
        assert process.returncode == 0, said
    assert bytes_of(tmp_path / "out") == bytes_of(local)


def test_a_node_that_is_lost_is_named(tmp_path: Path) -> None:
    told: list[str] = []
    with cluster_of(1, 1) as cluster, RayEngine(1, cluster.address, tmp_path, say=told.append) as engine:
        assert sorted(engine.map(partial(add, 1), range(2))) == [1, 2]
        cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=True)

        def is_told() -> bool:
            engine._look(now=True)
            return bool(told)

        wait_until(is_told)
        assert sorted(engine.map(partial(add, 1), range(2))) == [1, 2]
    assert re.fullmatch(r"The Ray node [0-9.]+ is lost\. Its tasks are begun again elsewhere\.", told[0])


def test_never_more_than_two_tasks_a_worker_are_handed_over(
    cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting: list[int] = []
    begin = ray_engine._Flight.begin

    def noted(flight: Any, number: int) -> None:
        begin(flight, number)
        waiting.append(len(flight.numbers))

    monkeypatch.setattr(ray_engine._Flight, "begin", noted)
    with RayEngine(1, cluster.address) as engine:
        assert len(list(engine.map(partial(add, 1), range(60)))) == 60
    assert max(waiting) == ray_engine.TASKS_A_WORKER * 2


def test_the_cluster_of_this_machine_is_joined_where_none_is_named(
    local: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As docs/scale.md has it: 'ray start', no address; and a run that one engine began, another one ends."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    short = tempfile.mkdtemp(dir="/tmp")  # a socket's path has some 100 letters at the most
    environment = os.environ | {"RAY_TMPDIR": short}
    start = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--num-cpus", "1"]
    start += ["--port", "0", "--include-dashboard", "false", "--object-store-memory", str(STORE)]
    head = subprocess.Popen(start, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    filter_it = [sys.executable, "-m", "curate", "filter", "-i", str(EXAMPLE_CRAWL), "--chunk-bytes", "2000"]
    filter_it += ["-o", str(tmp_path / "out")]
    try:
        begun = subprocess.Popen([*filter_it, "--workers", "1"], stderr=subprocess.DEVNULL)
        wait_until(lambda: any((tmp_path / "out" / ".curate" / "documents").glob("0*.arrow")))
        begun.kill()
        begun.wait()
        wait_until(lambda: any(Path(short).glob("ray/ray_current_cluster")))
        done = run(*filter_it, "--engine", "ray", env=environment)
        assert done.returncode == 0, done.stderr
        assert bytes_of(tmp_path / "out") == bytes_of(local)
    finally:
        head.terminate()
        head.wait(60)
        shutil.rmtree(short, ignore_errors=True)


OTHER_VERSION = "import sys, types; m = types.ModuleType('curate._version'); m.__version__ = '0.0.9'; sys.modules['curate._version'] = m"
NO_PACKAGE = """
import sys
class Refuse:
    def find_spec(self, name, *rest):
        if name.split(".")[0] == "curate":
            raise ModuleNotFoundError("No module named 'curate'")
sys.meta_path.insert(0, Refuse())
"""


@pytest.mark.parametrize(
    ("site", "said"), [(OTHER_VERSION, r"has curate 0\.0\.9 \(here "), (NO_PACKAGE, r"has no curate \(here ")]
)
def test_a_node_with_another_curate_or_none_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, site: str, said: str
) -> None:
    (tmp_path / "sitecustomize.py").write_text(site)
    with cluster_of(1) as cluster:
        with monkeypatch.context() as patch:
            patch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
            cluster.add_node(num_cpus=1, object_store_memory=STORE)
        done = run(*command(cluster, tmp_path / "out"))
    assert done.returncode == 1
    line = done.stderr.strip().splitlines()[-1]
    assert line.startswith("curate: The Ray node ")
    assert re.search(said, line), done.stderr


def test_a_cluster_without_workers_is_waited_for_with_a_word_and_not_for_ever(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ray_engine, "WAIT_FOR_WORKERS_S", 3.0)
    with cluster_of() as cluster, RayEngine(1, cluster.address) as engine:
        with pytest.raises(RunError, match="no node with a core for 3 s"):
            list(engine.map(partial(add, 1), range(3)))
        assert "has no node with a core. Waiting for one" in capsys.readouterr().err


def take_memory(number: int) -> int:
    held = bytearray(200 << 20)
    held[::4096] = b"x" * len(held[::4096])
    time.sleep(100)
    return len(held)


def test_a_task_killed_for_memory_is_begun_again_a_stated_number_of_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(RayEngine, "_check_nodes", lambda *_: None)  # which would be killed, too
    limits = {"memory_usage_threshold": 0.01, "memory_monitor_refresh_ms": 100}
    with cluster_of(1, _system_config=limits) as cluster, RayEngine(1, cluster.address) as engine:
        with pytest.raises(RunError, match="killed for want of memory, also when begun again"):
            list(engine.map(take_memory, range(1)))


def test_an_address_where_nothing_answers_is_one_line() -> None:
    with pytest.raises(SettingError, match="No Ray cluster can be joined at '127.0.0.1:9'"):
        RayEngine(1, "127.0.0.1:9")


def test_a_folder_that_a_node_does_not_see_is_named(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from contextlib import contextmanager

    @contextmanager
    def elsewhere(_: object) -> Iterator[Path]:
        yield Path("/nowhere/seen")

    monkeypatch.setattr(RayEngine, "_token", elsewhere)
    with (
        RayEngine(1, cluster.address, tmp_path) as engine,
        pytest.raises(RunError, match="does not see the output folder"),
    ):
        list(engine.map(partial(add, 1), range(3)))


def test_an_input_that_a_node_does_not_see_is_named_and_not_taken_for_unreadable(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, unseen = tmp_path / "a.jsonl", tmp_path / "elsewhere" / "b.jsonl"
    seen.touch()
    with RayEngine(1, cluster.address, tmp_path, [seen, "s3://bucket/c.jsonl"]) as engine:
        assert sorted(engine.map(partial(add, 1), range(3))) == [1, 2, 3]
    said = f"does not see the input {unseen}"
    with RayEngine(1, cluster.address, tmp_path, [seen, unseen]) as engine:
        with pytest.raises(RunError, match=said):
            list(engine.map(partial(add, 1), range(3)))
        monkeypatch.setattr(
            RayEngine, "_check_nodes", lambda *_: None
        )  # a node that came after they were asked
        with pytest.raises(RunError, match=said):
            list(engine.map(partial(add, 1), range(3)))


def test_of_each_folder_one_file_is_looked_for_that_is_no_link_to_nowhere(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").symlink_to("nowhere")
    for name in ("b.jsonl", "c.jsonl"):
        (tmp_path / name).touch()
    paths = [tmp_path / "a.jsonl", tmp_path / "b.jsonl", tmp_path / "c.jsonl", "s3://bucket/d.jsonl"]
    assert ray_engine._one_of_each_folder(paths) == (str(tmp_path / "b.jsonl"),)


def test_a_worker_goes_where_its_task_belongs_also_when_it_was_elsewhere_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    been: list[str] = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    for name in ("a", "b", "a", "none", "b", "none"):
        ray_engine.go_to(str(tmp_path / name))
        been.append(os.getcwd())
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    assert been == [a, b, a, been[3], b, been[3]]
    assert os.listdir(been[3]) == []


def look_around(_: int) -> tuple[str, list[str]]:
    return os.getcwd(), os.listdir()


def test_a_node_without_the_folder_of_the_driver_finds_nothing_under_relative_paths(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_engine.os, "getcwd", lambda: str(tmp_path / "elsewhere"))
    with RayEngine(1, cluster.address, tmp_path) as engine:
        ((folder, files),) = engine.map(look_around, range(1))
    assert files == []
    assert folder != str(tmp_path / "elsewhere")


def test_ray_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingPackageError):
        RayEngine(1)


def test_the_barrier_on_two_nodes_gives_the_ledger_of_one_process(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, texts = DedupPlan(), pa.array(plant_texts(600, seed=5))
    shards: list[TextShard] = []
    for begin in range(0, len(texts), 100):
        some = texts[begin : begin + 100]
        ids = pa.array([f"{begin + row:05d}" for row in range(len(some))])
        shards.append(TextShard(some, compute_keys(some, plan), ids=ids, name=f"{begin:05d}"))
    alone = resolve_duplicates(shards, plan, tmp_path / "x")
    monkeypatch.setattr(resolve, "_WORTH_WORKERS", 0)
    monkeypatch.setattr(resolve, "KEYS_A_RANGE", 2000)
    monkeypatch.setattr(resolve, "GROUP_BYTES", 50_000)
    with RayEngine(1, cluster.address, tmp_path) as engine:
        assert resolve_duplicates(shards, plan, tmp_path / "x", engine=engine).equals(alone)
    assert len(alone) > 10


def test_dedup_shares_its_barrier_among_the_nodes(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = plant_texts(600, seed=5)
    for number in range(6):
        lines = [json.dumps({"id": f"{n:05d}", "text": texts[n]}) for n in range(number, len(texts), 6)]
        (tmp_path / f"{number}.jsonl").write_text("\n".join(lines))
    inputs = [str(tmp_path / f"{number}.jsonl") for number in range(6)]
    dedup_files(inputs, tmp_path / "here", workers=1, progress=False)
    monkeypatch.setattr(resolve, "_WORTH_WORKERS", 0)
    monkeypatch.setattr(resolve, "KEYS_A_RANGE", 2000)
    monkeypatch.setattr(resolve, "GROUP_BYTES", 50_000)
    steps: list[str] = []
    share = RayEngine.map

    def noted(engine: Any, function: Any, tasks: Any) -> Any:
        steps.extend([getattr(function, "_function", function).__name__] if len(tasks) > 1 else [])
        return share(engine, function, tasks)

    monkeypatch.setattr(RayEngine, "map", noted)
    dedup_files(inputs, tmp_path / "there", engine="ray", ray_address=cluster.address, progress=False)
    assert bytes_of(tmp_path / "there") == bytes_of(tmp_path / "here")
    assert {"match_bands", "verify"} <= set(steps)  # of one piece there is one task that reads


def jobs_of(folder: Path) -> dict[str, list[str]]:
    """The other jobs that share work, on what `curate filter` kept; all paths relative."""
    (folder / "mixture.toml").write_text('[sources.pages]\npath = "kept"\n')
    return {
        "dedup": ["dedup", "--input", "kept", "dropped", "--output", "dedup"],
        "score": ["score", "--input", "kept", "dropped", "--output", "score"],
        "index": ["index", "build", "index", "--input", "kept"],
        "mix": ["mix", "--config", "mixture.toml", "--output", "mix"],
        "tokenize": ["tokenize", "--input", "mix", "--output", "tokenize"],
    }


def test_every_job_that_shares_work_writes_on_two_nodes_what_it_writes_here(
    cluster: Any, local: Path, tmp_path: Path
) -> None:
    folders = [tmp_path / "here", tmp_path / "there"]
    for folder, flags in zip(
        folders, (["--workers", "1"], ["--engine", "ray", "--ray-address", cluster.address]), strict=True
    ):
        folder.mkdir()
        for name in ("kept", "dropped"):
            shutil.copytree(local / name, folder / name)
        for job, arguments in jobs_of(folder).items():
            done = run(sys.executable, "-m", "curate", *arguments, *flags, cwd=folder)
            assert done.returncode == 0, (job, done.stderr)
    here, there = (
        {
            str(path.relative_to(folder)): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file() and path.suffix != ".json"
        }
        for folder in folders
    )
    assert here == there
    assert {name.split("/")[0] for name in here} >= set(jobs_of(folders[0]))
