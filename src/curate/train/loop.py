"""Training, from top to bottom. Read `train`, then `_step`.

What a step reads is a function of (plan, seed, step, slot); weights, optimiser and the step number are the
whole state. So a run resumes exactly, and on another number of processes it differs by rounding alone.
"""

from __future__ import annotations

import math
import os
import re
import signal
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from types import FrameType
from typing import Any, Unpack

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor
from torch.optim import AdamW

from curate.config import hashed_settings, settings_from, to_toml
from curate.errors import RunError, SettingError
from curate.mixture.order import WindowOrder, build_order
from curate.tokens import TokenFolder, TokenGroup, check_hashes, open_tokens
from curate.tokens.identity import tokenizer_identity
from curate.train.attention import chosen_kind
from curate.train.checkpoint import Checkpoints, refuse_change
from curate.train.data import make_batch, slots_of
from curate.train.evaluate import NamedText, Window, bits_per_byte, plan_validation, read_named_texts
from curate.train.folders import CONFIG, METRICS, TOKENIZER, committed_steps, find_checkpoint
from curate.train.grow import weights_for
from curate.train.keywords import TrainKeywords
from curate.train.metrics import Sink, open_sinks, peak_flops
from curate.train.model import Decoder
from curate.train.optimise import learning_rate, make_optimiser
from curate.train.parallel import Team, begin_pass, joined, sharded_decoder
from curate.train.settings import TrainSettings
from curate.train.shape import ModelShape, padded_vocabulary
from curate.work.files import committed, remove_leftovers
from curate.work.lock import locked
from curate.work.output import Layout, delete_own, is_overwritten, refuse_links
from curate.work.progress import ProgressDisplay

SETTINGS = "run.toml"
_NOTE = "# The settings of this run, as 'curate train' took them; it replaces this file.\n"
_LINKED = "wandb"  # W&B links to its latest run there
_LAYOUT = Layout(
    "curate train",
    re.compile(
        r"run\.toml|metrics\.jsonl|report\.html|wandb_id\.txt|(tensorboard|wandb)/.+"
        r"|checkpoints/(step-|\.saving-|\.removing-)[0-9]+/(__[0-9]+_[0-9]+\.distcp|\.metadata(\.tmp)?|(state|tokenizer)\.json)",
        re.DOTALL,
    ),
    (),
    lambda _record: True,
)
STOP_SIGNALS = (signal.SIGTERM, signal.SIGUSR1)


@dataclass(frozen=True, slots=True)
class TrainResult:
    """How a run ended."""

    step: int
    """Steps done, over all runs of this output folder."""
    n_steps: int
    stopped: bool
    """Ended by a signal before the last step; the checkpoint of `step` is committed."""
    loss: float | None
    """Nats a token of the last step; None if there was none to do."""
    bits_per_byte: dict[str, float]
    """Of the last validation; empty if there was none."""
    notes: tuple[str, ...] = ()
    """What the settings made of the plan that its author may not expect."""


@dataclass(slots=True)
class _Run:
    """What the steps of one run share."""

    settings: TrainSettings
    team: Team
    tokens: TokenFolder
    order: WindowOrder
    shape: ModelShape
    n_steps: int
    kind: str
    decoder: Decoder
    optimiser: AdamW
    checkpoints: Checkpoints
    sinks: list[Sink]
    judged: tuple[TokenGroup | NamedText, ...]
    validation: list[Window]
    facts: dict[str, Any]
    notes: tuple[str, ...]
    n_done: int = 0


def train(
    input: str | PathLike[str],  # noqa: A002  (as in every job)
    output: str | PathLike[str],
    *,
    overwrite: bool = False,
    progress: bool | ProgressDisplay = True,
    **settings: Unpack[TrainKeywords],
) -> TrainResult:
    """Train a model on token files, or go on from the last checkpoint; the same job as `curate train`.

    Args:
        input: folder that `tokenize_mixture` wrote.
        output: folder for checkpoints, metrics and settings.
        overwrite: delete an earlier run's checkpoints first; for a process that trains alone.
        progress: show progress on stderr; or a display to show it on. The first process of a team shows it.
        **settings: the other fields of `TrainSettings`.

    Raises:
        SettingError: a setting is wrong, or contradicts the checkpoint in the output folder.
        RunError: the loss is no longer a number.
    """
    checked = settings_from(TrainSettings, settings | {"tokens": fspath(input), "output": fspath(output)})
    if overwrite:
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            raise SettingError(
                "overwrite is for one process: others may have begun. Delete the output folder before."
            )
        _delete_run(Path(checked.output))
    return run_training(checked, display=ProgressDisplay.of(progress))


def _delete_run(folder: Path) -> None:
    """Delete an earlier run's files, where there is one, and nothing else is there; a run that is at work keeps its."""
    if not (folder / "checkpoints").is_dir():
        return
    with locked(folder):
        refuse_links(folder, but=_LINKED)
        delete_own(folder, _LAYOUT)


def run_training(settings: TrainSettings, *, display: ProgressDisplay | None = None) -> TrainResult:
    """Run the job with checked settings, in this process and its team; see `train`.

    Every process of a torchrun or Slurm job calls this with the same settings. A repeated call goes on from
    the last checkpoint in the output folder. SIGTERM and SIGUSR1 end the run after the step at hand, with a
    checkpoint.

    Raises:
        SettingError: a setting is wrong, or contradicts the checkpoint in the output folder.
        RunError: the loss is no longer a number.
    """
    with joined() as team, _noted_signals() as stop, ExitStack() as held:
        run, done = _prepare(settings, team, held)
        shown = display if display and team.leads else ProgressDisplay(quiet=True)
        try:
            with shown.step(
                "Training", run.n_steps, lambda: (run.n_done, f"step {run.n_done} of {run.n_steps}")
            ):
                return _steps(run, done, stop)
        finally:
            for sink in run.sinks:
                sink.close()


def _prepare(settings: TrainSettings, team: Team, held: ExitStack) -> tuple[_Run, int]:
    """Everything before the first step, and how many steps are done already; `held` keeps the folder's lock."""
    settings.n_passes(team.n_processes)
    folder = Path(settings.output)
    kind = chosen_kind(settings.attention, team.device, bf16=settings.dtype == "bf16")
    tokens = open_tokens(settings.tokens)
    shape = settings.shape(padded_vocabulary(tokens.vocab_size))
    if shape.n_vocabulary < tokens.vocab_size:
        raise SettingError(
            f"n_vocabulary ({shape.n_vocabulary}) is below the tokenizer's {tokens.vocab_size}."
        )
    identity = tokenizer_identity(tokens.tokenizer_path)
    judged = (*tokens.validation, *read_named_texts(settings.eval_texts, tokens))
    order, n_steps = order_of(settings, tokens, shape)
    if team.leads:
        held.enter_context(locked(folder))
        _look_at(folder)
    checkpoints = Checkpoints(folder / "checkpoints", settings.keep, team, tokens.tokenizer_path)
    facts = {
        "model": shape.fingerprint,
        "data": tokens.fingerprint,
        "order": order.fingerprint,
        "shape": shape_facts(shape),
        "eos_id": tokens.eos_id,
        "tokenizer": identity,
        "settings": hashed_settings(settings),
    }
    saved = checkpoints.newest()
    if saved:
        refuse_change(saved, facts)
        if saved["step"] > n_steps:
            raise SettingError(
                f"{saved['step']} steps are done, and the settings ask for {n_steps}. Set steps to {saved['step']} or "
                "more, or give another output folder."
            )
    elif settings.init_from:
        refuse_other_tokenizer(settings.init_from, identity)
    if settings.check_tokens:
        team.shared([team.leads and check_hashes(tokens)])
    decoder = sharded_decoder(
        shape,
        team,
        weights_for(shape, settings.seed, None if saved else settings.init_from),
        bf16=settings.dtype == "bf16",
        recompute=settings.recompute,
        compiled=settings.compile,
        shard_processes=settings.shard_processes,
        gather=settings.gather,
    )
    optimiser = make_optimiser(decoder, settings)
    done = saved["step"] if saved else 0
    if saved:
        checkpoints.load(decoder, optimiser, done)
    sinks: list[Sink] = []
    if team.leads:
        folder.mkdir(parents=True, exist_ok=True)
        with committed(folder / SETTINGS) as temporary:
            temporary.write_text(_NOTE + to_toml(settings), encoding="utf-8")
        sinks = open_sinks(settings, done, facts)
    run = _Run(
        settings=settings,
        team=team,
        tokens=tokens,
        order=order,
        shape=shape,
        n_steps=n_steps,
        kind=kind,
        decoder=decoder,
        optimiser=optimiser,
        checkpoints=checkpoints,
        sinks=sinks,
        judged=judged,
        validation=plan_validation(judged, shape.context, settings.eval_windows),
        facts=facts,
        notes=notes_on(tokens, order, n_steps),
    )
    return run, done


def _look_at(folder: Path) -> None:
    """Complete an overwrite that was killed; refuse links, and files of the user's in the place of those of a run."""
    refuse_links(folder, but=_LINKED)
    if is_overwritten(folder, _LAYOUT):
        delete_own(folder, _LAYOUT)
    remove_leftovers(folder)
    noted = folder / SETTINGS
    is_ours = committed_steps(folder / "checkpoints") or (
        noted.is_file() and noted.read_bytes().startswith(_NOTE.encode())
    )
    for path in (noted, folder / METRICS):
        if path.exists() and not is_ours:
            raise SettingError(
                f"{path} is not of a run of 'curate train', which would replace it. Name another --output."
            )


def notes_on(tokens: TokenFolder, order: WindowOrder, n_steps: int) -> tuple[str, ...]:
    """Say which stages of the plan `n_steps` does not come to."""
    missed = [stage["name"] for stage in tokens.plan["stages"][order.stage(n_steps - 1) + 1 :]]
    if not missed:
        return ()
    note = (
        f"{n_steps:,} steps end before the plan's stage {', '.join(missed)} (the plan has {order.n_steps:,} steps). "
        "Set budget_tokens instead of steps to keep the stages' shares."
    )
    return (note,)


def refuse_other_tokenizer(init_from: str, identity: str) -> None:
    """Raise if the model to begin with reads its ids by another tokenizer, where it brings one."""
    place = Path(init_from) if (Path(init_from) / CONFIG).exists() else find_checkpoint(Path(init_from))
    theirs = place / TOKENIZER
    if theirs.exists() and tokenizer_identity(theirs) != identity:
        raise SettingError(
            f"The model in {init_from} was trained with another tokenizer than these tokens: its ids mean other "
            f"text. Write the tokens with: curate tokenize --tokenizer {theirs}"
        )


def order_of(settings: TrainSettings, tokens: TokenFolder, shape: ModelShape) -> tuple[WindowOrder, int]:
    """The order of windows and the number of steps: the plan's, unless the settings name fewer."""
    order = build_order(
        tokens.plan,
        [group.n_tokens for group in tokens.train],
        context_tokens=shape.context,
        windows_per_step=settings.batch_windows,
        seed=settings.seed,
        budget_tokens=settings.budget_tokens,
    )
    n_steps = settings.steps or order.n_steps
    if n_steps > order.n_steps:
        raise SettingError(
            f"steps ({n_steps}) is more than the {order.n_steps} steps of the plan's token budget. "
            f"Set budget_tokens to {n_steps * settings.batch_windows * shape.context}, or fewer steps."
        )
    if not n_steps:
        raise SettingError(
            f"The token budget is below one step of {settings.batch_windows * shape.context} tokens."
        )
    return order, n_steps


def shape_facts(shape: ModelShape) -> dict[str, Any]:
    """The shape as JSON-able values, from which `ModelShape(**facts)` is made again."""
    return {name: getattr(shape, name) for name in shape.__dataclass_fields__}


def _steps(run: _Run, done: int, stop: list[int]) -> TrainResult:
    settings, checkpoints = run.settings, run.checkpoints
    peak = settings.peak_flops or peak_flops(run.team.device, bf16=settings.dtype == "bf16")
    loss, bits, stopped = None, {}, False
    for step in range(done, run.n_steps):
        begun = time.perf_counter()
        numbers, stopped = _step(run, step, stop)
        loss, done = numbers["loss"], step + 1
        run.n_done = done
        elapsed_s = time.perf_counter() - begun
        last = done == run.n_steps
        numbers |= _speeds(run, elapsed_s, peak)
        numbers["stage"] = run.tokens.plan["stages"][run.order.stage(step)]["name"]
        numbers["passes"] = passes_by_source(run.order, run.tokens, done)
        if settings.eval_every and run.validation and (last or done % settings.eval_every == 0):
            bits = bits_per_byte(
                run.decoder,
                run.judged,
                run.validation,
                run.team,
                eos_id=run.tokens.eos_id,
                kind=run.kind,
                micro_windows=settings.micro_windows,
            )
            numbers["bits_per_byte"] = bits
        for sink in run.sinks:
            sink.write(done, numbers)
        checkpoints.poll()
        if stopped or last or done % settings.save_every == 0:
            wait = stopped or last or not settings.save_async
            checkpoints.save(run.decoder, run.optimiser, run.facts | {"step": done}, wait=wait)
        if stopped:
            break
    checkpoints.finish()
    run.team.wait()
    return TrainResult(done, run.n_steps, stopped and done < run.n_steps, loss, bits, run.notes)


def _step(run: _Run, step: int, stop: list[int]) -> tuple[dict[str, Any], bool]:
    """One step of the optimiser; also tells whether any process was asked to stop."""
    settings, team, decoder = run.settings, run.team, run.decoder
    slots = slots_of(team.rank, team.n_processes, settings.batch_windows)
    groups, offsets = run.order.windows(step, slots)
    n_passes, n_at_once = settings.n_passes(team.n_processes), settings.micro_windows
    # Every window is full: the number of targets is known, and each target weighs the same wherever it is
    # computed. Gradients are averaged over processes on their way, hence n_processes.
    weight = team.n_processes / (settings.batch_windows * run.shape.context)
    summed = torch.zeros(2, dtype=torch.float64, device=team.device)
    for number in range(n_passes):
        mine = slice(number * n_at_once, (number + 1) * n_at_once)
        windows = [
            run.tokens.train[group].read(offset, run.shape.context + 1)
            for group, offset in zip(groups[mine].tolist(), offsets[mine].tolist(), strict=True)
        ]
        batch = make_batch(
            windows, context=run.shape.context, eos_id=run.tokens.eos_id, kind=run.kind, device=team.device
        )
        begin_pass(decoder, last=number == n_passes - 1, gather=settings.gather)
        loss, sums = decoder(
            batch.tokens, batch.positions, batch.where, targets=batch.targets, z_loss=settings.z_loss
        )
        (weight * loss).backward()
        summed += sums
    norm = _whole(torch.nn.utils.clip_grad_norm_(decoder.parameters(), settings.clip_norm))
    rate = learning_rate(step, settings, run.n_steps)
    for group in run.optimiser.param_groups:
        group["lr"] = rate
    total_nats, total_squares, n_stops = team.total([*summed.tolist(), float(bool(stop))])
    n_targets = settings.batch_windows * run.shape.context
    mean_loss = total_nats / n_targets
    if not (math.isfinite(mean_loss) and math.isfinite(norm)):
        raise RunError(
            f"At step {step + 1} the loss is {mean_loss} and the gradient's norm {norm}. Weights are as before; "
            "the last checkpoint is untouched. Lower learning_rate or raise warmup_steps."
        )
    run.optimiser.step()
    run.optimiser.zero_grad()
    numbers = {"loss": mean_loss, "z": total_squares / n_targets, "grad_norm": norm, "learning_rate": rate}
    return numbers, n_stops > 0


def passes_by_source(order: WindowOrder, tokens: TokenFolder, step: int) -> dict[str, float]:
    """Effective epochs of each source after `step` steps: tokens seen over tokens there are."""
    seen: dict[str, float] = {}
    there: dict[str, int] = {}
    for group, passes in zip(tokens.train, order.passes(step).tolist(), strict=True):
        seen[group.source] = seen.get(group.source, 0.0) + passes * group.n_tokens
        there[group.source] = there.get(group.source, 0) + group.n_tokens
    return {source: seen[source] / there[source] for source in seen if there[source]}


def _speeds(run: _Run, elapsed_s: float, peak: float | None) -> dict[str, Any]:
    tokens_per_s = run.settings.batch_windows * run.shape.context / elapsed_s
    used = tokens_per_s * run.shape.flops_per_token
    return {
        "tokens_per_s": tokens_per_s,
        "mfu": used / (peak * run.team.n_processes) if peak else None,
        "elapsed_s": elapsed_s,
    }


def _whole(norm: Tensor) -> float:
    return float(norm.full_tensor() if isinstance(norm, DTensor) else norm)


@contextmanager
def _noted_signals() -> Generator[list[int]]:
    """Collect stop signals in a list, as clusters send them before they take the machine away."""
    noted: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        noted.append(number)

    try:
        before = {number: signal.signal(number, note) for number in STOP_SIGNALS}
    except ValueError:  # not in the main thread: signals are someone else's
        before = {}
    try:
        yield noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
