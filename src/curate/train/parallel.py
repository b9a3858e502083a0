"""Processes that train one model together: joining, sharding, and filling in weights.

One path for one process and for hundreds: a process alone is a group of one.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

import torch
import torch.distributed as dist
from torch._C._distributed_c10d import HashStore
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from curate.errors import SettingError
from curate.train.model import Decoder, Layer, WeightSource
from curate.train.shape import ModelShape

TIMEOUT = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Team:
    """This process among those that train together."""

    rank: int
    n_processes: int
    device: torch.device
    saving: dist.ProcessGroup
    """A gloo group of its own for checkpoints, whose collectives would mix with those of training."""

    @property
    def leads(self) -> bool:
        """Whether this process writes what is written once."""
        return self.rank == 0

    def total(self, values: list[float]) -> list[float]:
        """Sum numbers over all processes, in float64."""
        numbers = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(numbers)
        return numbers.tolist()

    def wait(self) -> None:
        """Return once every process is here."""
        dist.barrier(group=self.saving)

    def shared(self, value: list[object]) -> object:
        """Fill `value` in every process with what the leading one put there."""
        dist.broadcast_object_list(value, src=0, group=self.saving)
        return value[0]


@contextmanager
def joined() -> Generator[Team]:
    """Join the processes that torchrun or Slurm started (RANK, WORLD_SIZE, LOCAL_RANK), or be alone."""
    alone = "RANK" not in os.environ
    rank, n_processes = (0, 1) if alone else (int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))
    device = torch.device("cpu")
    if torch.cuda.is_available():
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    store = HashStore() if alone else None
    dist.init_process_group(backend, store=store, rank=rank, world_size=n_processes, timeout=TIMEOUT)
    try:
        saving = cast("dist.ProcessGroup", dist.new_group(backend="gloo", timeout=TIMEOUT))
        yield Team(rank, n_processes, device, saving)
    finally:
        dist.destroy_process_group()


def sharded_decoder(
    shape: ModelShape,
    team: Team,
    weights: WeightSource,
    *,
    bf16: bool,
    recompute: bool,
    compiled: bool,
    shard_processes: int,
    gather: str,
) -> Decoder:
    """Build a decoder whose weights lie spread over the processes, each filled from `weights`.

    Layers are gathered one at a time on the way forward (FSDP2) and again on the way back, or kept. With `bf16` the
    gathered copies and the products are bfloat16; weights, gradients' sums and the optimiser stay float32.

    Args:
        shape: the model.
        team: the processes.
        weights: gives the whole first value of a weight by name; called in every process.
        bf16: compute in bfloat16.
        recompute: keep no activations inside layers.
        compiled: run each layer through torch.compile.
        shard_processes: spread over this many, with equal copies beside; 0 for all.
        gather: "step" keeps layers from the way forward on, see `begin_pass`; "pass" gathers them twice.
    """
    with torch.device("meta"):
        decoder = Decoder(shape, recompute=recompute)
    mesh = _mesh(team, shard_processes)
    # Inputs are not cast: the rotary table stays float32, and tokens are integers.
    policy = MixedPrecisionPolicy(
        param_dtype=torch.bfloat16 if bf16 else None, reduce_dtype=torch.float32, cast_forward_inputs=False
    )
    for layer in cast("list[Layer]", decoder.model.layers):
        if compiled:
            layer.compile()
        fully_shard(layer, mesh=mesh, mp_policy=policy, reshard_after_forward=gather == "pass")
    fully_shard(decoder, mesh=mesh, mp_policy=policy, reshard_after_forward=False)
    decoder.to_empty(device=team.device)
    decoder.tie()
    fill(decoder, weights)
    return decoder


@torch.no_grad()
def fill(decoder: Decoder, weights: WeightSource) -> None:
    """Set every weight from its whole value, of which this process takes its share; nothing is sent."""
    for name, weight in decoder.named_parameters():
        whole = weights(name, weight.shape)
        if whole.shape != weight.shape:
            raise SettingError(
                f"The weight {name} is {tuple(whole.shape)}, but the model needs {tuple(weight.shape)}."
            )
        if isinstance(weight, DTensor):
            share = distribute_tensor(
                whole.to(weight.device), weight.device_mesh, weight.placements, src_data_rank=None
            )
            weight.copy_(share)
        else:
            weight.copy_(whole)


def begin_pass(decoder: Decoder, *, last: bool, gather: str) -> None:
    """Say before a pass what becomes of weights and gradients after it.

    With `gather` = "step" weights stay gathered, and gradients stay where they were computed, until the `last`
    of the passes that are added up; with "pass" both are given away after every pass.
    """
    if isinstance(decoder, FSDPModule):
        at_end = last or gather == "pass"
        decoder.set_requires_gradient_sync(at_end)
        decoder.set_reshard_after_backward(at_end)


def give_away(decoder: Decoder) -> None:
    """Keep only this process's share of the weights, after a pass that has no way back."""
    for module in decoder.modules():
        if isinstance(module, FSDPModule):
            module.reshard()


def _mesh(team: Team, shard_processes: int) -> DeviceMesh:
    n = team.n_processes
    if not shard_processes or shard_processes == n:
        return init_device_mesh(team.device.type, (n,))
    if n % shard_processes:
        raise SettingError(f"shard_processes ({shard_processes}) must divide the number of processes ({n}).")
    names = ("copy", "shard")
    return init_device_mesh(team.device.type, (n // shard_processes, shard_processes), mesh_dim_names=names)
