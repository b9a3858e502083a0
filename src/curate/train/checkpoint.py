"""Checkpoints: whole or not there, and loadable by any number of processes.

    checkpoints/
      step-00000100/       committed: weights and optimiser (torch distributed checkpoint), tokenizer.json, state.json
      .saving-00000200/    being written; removed at the next start
      .removing-00000000/  being removed; the rest of it goes at the next start

A folder is renamed to its final name once every process has written its share and `state.json` is on disk, so
a process killed at any moment leaves the last committed checkpoint as it was.
"""

from __future__ import annotations

import shutil
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from torch.distributed.checkpoint.state_dict_saver import AsyncSaveResponse, async_save, save
from torch.optim import Optimizer

from curate.errors import ChangedSettingsError
from curate.train.folders import STATE, TOKENIZER, committed_steps, read_state
from curate.train.model import Decoder
from curate.train.parallel import Team
from curate.train.restricted import load_state
from curate.work.files import write_json

_HYPERPARAMETERS = ("weight_decay", "betas", "eps")


@dataclass(slots=True)
class Checkpoints:
    """The checkpoints of one run; every process calls each method at the same step."""

    folder: Path
    keep: int
    team: Team
    tokenizer: Path
    """Copied into each: a checkpoint says by itself which text its ids mean."""
    _pending: tuple[Future[Any], Path, Path, dict[str, Any]] | None = field(default=None, init=False)

    def save(self, decoder: Decoder, optimiser: Optimizer, facts: dict[str, Any], *, wait: bool) -> None:
        """Save after `facts["step"]` steps; without `wait` the disk is written beside the next steps.

        Weights are copied before this returns, so that the next steps do not change what is saved.
        """
        self.finish()
        final, beside = _paths(self.folder, facts["step"])
        if self.team.leads:
            shutil.rmtree(beside, ignore_errors=True)
            beside.mkdir(parents=True)
        self.team.wait()
        model, optim = get_state_dict(decoder, optimiser)
        state = {"model": model, "optim": optim}
        if wait:
            save(state, checkpoint_id=beside, process_group=self.team.saving)
            self._commit(beside, final, facts)
            self.team.wait()
            return
        answer = async_save(state, checkpoint_id=beside, process_group=self.team.saving)
        done = answer.upload_completion if isinstance(answer, AsyncSaveResponse) else answer
        self._pending = (done, beside, final, facts)

    def poll(self) -> None:
        """Commit the checkpoint that is being written, if it has become whole."""
        if self._pending and self._pending[0].done():
            self.finish()

    def finish(self) -> None:
        """Wait for the checkpoint that is being written, and commit it."""
        if self._pending is None:
            return
        done, beside, final, facts = self._pending
        self._pending = None
        done.result()
        # In the leading process this is done once every process has written its share.
        self._commit(beside, final, facts)

    def newest(self) -> dict[str, Any] | None:
        """Facts of the last committed checkpoint, None if there is none; removes what a killed run left."""
        found: dict[str, Any] | None = None
        if self.team.leads:
            for leftover in [*self.folder.glob(".saving-*"), *self.folder.glob(".removing-*")]:
                shutil.rmtree(leftover)
            steps = committed_steps(self.folder)
            found = read_state(steps[-1]) if steps else None
        return cast("dict[str, Any] | None", self.team.shared([found]))

    def load(self, decoder: Decoder, optimiser: Optimizer, step: int) -> None:
        """Set weights and optimiser from the checkpoint of `step`."""
        model, optim = get_state_dict(decoder, optimiser)
        state: dict[str, Any] = {"model": model, "optim": optim}
        load_state(state, _paths(self.folder, step)[0], group=self.team.saving)
        wanted = [{name: group[name] for name in _HYPERPARAMETERS} for group in optimiser.param_groups]
        set_state_dict(decoder, optimiser, model_state_dict=state["model"], optim_state_dict=state["optim"])
        # The saved groups bring their own: those of the settings are meant, which may have changed.
        for group, values in zip(optimiser.param_groups, wanted, strict=True):
            group.update(values)

    def _commit(self, beside: Path, final: Path, facts: dict[str, Any]) -> None:
        if not self.team.leads:
            return
        shutil.copyfile(self.tokenizer, beside / TOKENIZER)
        write_json(beside / STATE, facts)
        shutil.rmtree(final, ignore_errors=True)
        beside.rename(final)
        for old in committed_steps(self.folder)[: -self.keep]:
            # Renamed first: a folder of that name is whole, also when this process is killed here.
            going = old.with_name(old.name.replace("step-", ".removing-"))
            old.rename(going)
            shutil.rmtree(going)


def refuse_change(saved: dict[str, Any], current: dict[str, Any]) -> None:
    """Raise if a run would go on with another model, other data or another order of data."""
    what = {
        "model": "Another model shape",
        "data": "Other token files",
        "order": "Another seed, context or number of windows a step",
    }
    for name, said in what.items():
        if saved[name] != current[name]:
            raise ChangedSettingsError(
                f"{said} than at the start of this run: {_difference(saved, current) or name + ' differs'}. "
                "Go back to it, or give another output folder (init_from begins with these weights)."
            )


def _difference(saved: dict[str, Any], current: dict[str, Any]) -> str:
    """What decides the model and the order of data, where it is not as it was."""
    before, now = (facts["settings"] | facts["shape"] for facts in (saved, current))
    names = [*current["shape"], "seed", "batch_windows", "budget_tokens", "tokens"]
    return ", ".join(
        f"{name} was {before.get(name)}, now {now.get(name)}"
        for name in names
        if before.get(name) != now.get(name)
    )


def _paths(folder: Path, step: int) -> tuple[Path, Path]:
    return folder / f"step-{step:08d}", folder / f".saving-{step:08d}"
