"""The shards of a run into one: `curate join`. The bytes are those that one run over the whole input would have written."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from curate.config import Paths, input_paths, settings_from
from curate.errors import ChangedSettingsError
from curate.pipeline import Job, run_from_chunks
from curate.run.funnel import Funnel
from curate.run.lanes import code_scorer_of
from curate.run.manifest import build_plan
from curate.run.reading import all_chunks
from curate.run.settings import FilterSettings
from curate.run.shards import Shards
from curate.work.disk import disk_errors
from curate.work.folder import changed_settings, opened_run
from curate.work.progress import ProgressDisplay


def join_shards(
    shards: Paths,
    output: str | PathLike[str],
    *,
    workers: int | None = None,
    engine: str = "local",
    ray_address: str | None = None,
    memory: str = "4GB",
    overwrite: bool = False,
    progress: bool | ProgressDisplay = True,
) -> Funnel:
    """Join the shards of a run into `output`/kept and `output`/dropped, and return the funnel.

    What was read stays as it is: duplicates are found over all shards, survivors scored and cut with the settings that
    the shards were read with. The input is not needed.

    Args:
        shards: the output folders of all `curate filter --shard` jobs, in any order, or a glob of them.
        output: a new or empty folder, or that of an earlier join of these shards, which is continued.
        workers: processes; all cores if None.
        engine: 'local' or 'ray'.
        ray_address: of the cluster.
        memory: that deduplication may use.
        overwrite: delete the result of an earlier run in `output` first.
        progress: show progress on stderr; or a display to show it on.

    Raises:
        SettingError: a shard is missing, not read to its end, or of another run; nothing has been written.
        RunError: the run could not go on; what is committed is kept.
    """
    display = ProgressDisplay.of(progress)
    found = Shards.open(_list_shards(input_paths(shards), Path(output)))
    settings = settings_from(
        FilterSettings,
        {name: value for name, value in found.plan["settings"].items() if name != "contents"}
        | {"input": found.plan["input"], "output": fspath(output), "workers": workers, "engine": engine}
        | {"ray_address": ray_address, "memory": memory},
    )
    job = Job.prepare(settings, [], settings.scorers, code_scorer_of(settings), display)
    _refuse_changes(job, found.plan)
    with (
        disk_errors(settings.output),
        opened_run(
            Path(output), found.plan, overwrite=overwrite, inputs=[folder.path for folder in found.folders]
        ) as folder,
        settings.start(settings.output) as started,
    ):
        earlier = folder.manifest()
        if earlier:
            return Funnel.from_json(earlier["funnel"])
        display.expect(3 if job.score_columns() else 2)
        splits = found.bring_together(folder)
        chunks = all_chunks(folder, splits)
        return run_from_chunks(job, found.plan, folder, chunks, started, display)


def _list_shards(named: Sequence[str], output: Path) -> list[str]:
    """Folders and what globs find, without the output: `shards/*` meets it where an earlier call has made it there."""
    found: list[str] = []
    for name in named:
        matches = sorted(glob.glob(name)) if glob.has_magic(name) and not Path(name).exists() else [name]
        found += matches or [name]
    return [name for name in found if not (output.exists() and Path(name).exists() and output.samefile(name))]


def _refuse_changes(job: Job, plan: dict[str, Any]) -> None:
    """What the settings name (scorers, lists) and curate itself must be what the shards were read with."""
    of_input = {name: value for name, value in plan.items() if name.startswith(("input", "n_input"))}
    changes: Sequence[str] = changed_settings(plan, build_plan(job.settings, [], job.contents()) | of_input)
    if changes:
        raise ChangedSettingsError(f"The shards were read with other settings ({'; '.join(changes)}).")
