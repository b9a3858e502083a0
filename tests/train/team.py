"""Teams of processes that train together, as torchrun would start them but cheaper and without a port to lose.

A server imports torch once and forks every team; `Server.run` asks for one. The store at which a team meets lies
in the tests' own process, on a port that the system gave it and that stays taken: nobody can come between, as
they can when a port is found free first and used later. There is no time limit of ours: on a machine under load
everything is slow and nothing is wrong. pytest's own limit ends what hangs.

A job is the arguments of `python -m curate train`, and what is to happen on the way:

    record: PATH        write which tokens each process read, by step
    stop_at: [r, s]     process r gets SIGTERM in step s
    kill_at: [s, m]     all processes get SIGKILL while the checkpoint of step s is at the moment m:
                        "shares" (half a file of weights), "state" (all but state.json), "name" (not yet renamed),
                        "removal" (the older checkpoint half removed)
"""

import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import traceback
from pathlib import Path

OURS = (
    "curate.cli.app",
    "curate.train.loop",
    "curate.train.estimate",
    "curate.results.training",
    "tokenizers",
)


class Server:
    """Forks teams; made once for the tests of one process."""

    def __init__(self, folder):
        environment = os.environ | {
            "OMP_NUM_THREADS": "1",
            "OMP_WAIT_POLICY": "passive",
            "GLOO_SOCKET_IFNAME": "lo",
        }
        self._folder = folder
        self._n_teams = 0
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, n_processes, *jobs, code=0):
        """Do `jobs` one after another in a team; returns what the processes wrote, checks their exit codes."""
        from torch.distributed import TCPStore

        stores = [TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False) for _ in jobs]
        self._n_teams += 1
        logs = self._folder / f"team-{self._n_teams}"
        logs.mkdir(parents=True)
        ports = [store.port for store in stores]
        request = {"n_processes": n_processes, "jobs": jobs, "ports": ports, "logs": str(logs)}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        codes = json.loads(self._process.stdout.readline())
        texts = [(logs / str(rank)).read_text() for rank in range(n_processes)]
        assert codes == [code] * n_processes, f"{codes}\n" + "\n".join(texts)
        return texts

    def close(self):
        """End the server."""
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def order_windows():
    """Load the kernels that say which tokens a step reads."""
    from curate.mixture.order import build_order

    group = {"name": "a", "source": "a", "domain": "d", "bucket": "q", "max_passes": 1}
    plan = {"groups": [group], "budget_tokens": None, "stages": [{"name": "m", "share": 1}]}
    build_order(plan, [64], context_tokens=8, windows_per_step=1).window(0, 0)


def serve():
    # What a team uses is loaded here, so that forked processes have it: a second for each of them.
    for module in ("typer", "torch._dynamo", "torch.distributed.checkpoint", "torch.distributed.fsdp", *OURS):
        importlib.import_module(module)
    order_windows()

    for line in sys.stdin:
        print(json.dumps(fork_team(**json.loads(line))), flush=True)


def fork_team(n_processes, jobs, ports, logs):
    ranks = {}
    for rank in range(n_processes):
        child = os.fork()
        if not child:
            become_member(rank, n_processes, jobs, ports, Path(logs))
        ranks[child] = rank
        os.setpgid(child, next(iter(ranks)))
    codes = [0] * n_processes
    while ranks:
        child, status = os.wait()
        codes[ranks.pop(child)] = code = os.waitstatus_to_exitcode(status)
        if code > 0:  # the others would wait for it
            for other in ranks:
                os.kill(other, signal.SIGKILL)
    return codes


def become_member(rank, n_processes, jobs, ports, logs):
    code = 1
    try:
        log = os.open(logs / str(rank), os.O_WRONLY | os.O_CREAT)
        os.dup2(log, 1)
        os.dup2(log, 2)
        names = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": n_processes, "MASTER_ADDR": "127.0.0.1"}
        os.environ |= {name: str(value) for name, value in names.items()} | {
            "TORCHELASTIC_USE_AGENT_STORE": "True"
        }
        for job, port in zip(jobs, ports, strict=True):
            os.environ["MASTER_PORT"] = str(port)
            code = do(job, rank)
            if code:
                break
    except BaseException:  # noqa: BLE001  (this process must end here, whatever happened)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def do(job, rank):
    from unittest import mock

    from curate.cli import run
    from curate.tokens import TokenGroup
    from curate.train import loop

    step, read, reads = loop._step, TokenGroup.read, []
    stop_rank, stop_step = job.get("stop_at", (None, None))

    def watched_step(run, number, stop):
        reads.append([])
        if rank == stop_rank and number + 1 == stop_step:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(run, number, stop)

    def watched_read(group, offset, n_tokens):
        if reads:
            reads[-1].append([group.name, offset, n_tokens])
        return read(group, offset, n_tokens)

    if "kill_at" in job:
        kill_while_saving(*job["kill_at"])
    with mock.patch.object(loop, "_step", watched_step), mock.patch.object(TokenGroup, "read", watched_read):
        code = run(["train", *job["arguments"]])
    if "record" in job:
        Path(f"{job['record']}-{rank}.json").write_text(json.dumps(reads))
    return code


def kill_while_saving(kill_step, moment):
    """Replace what a checkpoint is written with by something that kills the team half way."""
    from curate.train import checkpoint

    save, fsync, write_json, rmtree = (
        checkpoint.Checkpoints.save,
        os.fsync,
        checkpoint.write_json,
        shutil.rmtree,
    )
    saving = []

    def kill():
        os.killpg(0, signal.SIGKILL)
        signal.pause()

    def watched_save(self, decoder, optimiser, facts, **options):
        # Under load the checkpoint before is still being written here: what it writes is not of this step.
        self.finish()
        saving.append(facts["step"])
        save(self, decoder, optimiser, facts, **options)

    def is_now(which):
        return moment == which and saving and saving[-1] >= kill_step

    def watched_fsync(number):
        fsync(number)
        if is_now("shares"):
            os.truncate(number, os.fstat(number).st_size // 2)
            kill()

    def watched_write(path, value):
        if is_now("state"):
            kill()
        write_json(path, value)
        if is_now("name"):
            kill()

    def watched_rmtree(path, **options):
        if is_now("removal") and Path(path).exists():
            next(Path(path).glob("*.distcp")).unlink()
            kill()
        rmtree(path, **options)

    checkpoint.Checkpoints.save = watched_save
    os.fsync = watched_fsync
    checkpoint.write_json = watched_write
    shutil.rmtree = watched_rmtree


if __name__ == "__main__":
    serve()
