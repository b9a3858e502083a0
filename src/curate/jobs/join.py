"""The shards of a run into one: `curate join`. The bytes are those that one run over the whole input would have written."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from curate.config import Paths, input_paths, settings_from
from curate.errors import ChangedSettingsError, SettingError
from curate.pipeline import Job, run_from_chunks
from curate.run.funnel import Funnel
from curate.run.lanes import code_scorer_of
from curate.run.manifest import build_plan
from curate.run.reading import all_chunks
from curate.run.settings import FilterSettings
from curate.run.shards import Shards
from curate.work.disk import disk_errors
from curate.work.folder import SHARD, changed_settings, opened_run, run_path
from curate.work.progress import ProgressDisplay
from curate.work.store import Store
from curate.work.urls import is_url, open_filesystem, public_name


def join_shards(
    shards: Paths,
    output: str | PathLike[str],
    *,
    workers: int | None = None,
    engine: str = "local",
    ray_address: str | None = None,
    memory: str = "4GB",
    scratch: str | None = None,
    overwrite: bool = False,
    progress: bool | ProgressDisplay = True,
) -> Funnel:
    """Join the shards of a run into `output`/kept and `output`/dropped, and return the funnel.

    What was read stays as it is: duplicates are found over all shards, survivors scored and cut with the settings that
    the shards were read with. The input is not needed.

    Args:
        shards: the output folders of all `curate filter --shard` jobs, local or in a store, in any order, or a glob of them.
        output: a new or empty folder, or that of an earlier join of these shards, which is continued.
        workers: processes; all cores if None.
        engine: 'local' or 'ray'.
        ray_address: of the cluster.
        memory: that deduplication may use.
        scratch: local folder for the work files, where the output is in a store.
        overwrite: delete the result of an earlier run in `output` first.
        progress: show progress on stderr; or a display to show it on.

    Raises:
        SettingError: a shard is missing, not read to its end, or of another run; nothing has been written.
        RunError: the run could not go on; what is committed is kept.
    """
    display = ProgressDisplay.of(progress)
    found = Shards.open(_list_shards(input_paths(shards), fspath(output)))
    settings = settings_from(
        FilterSettings,
        {name: value for name, value in found.plan["settings"].items() if name != "contents"}
        | {"input": found.plan["input"], "output": fspath(output), "workers": workers, "engine": engine}
        | {"ray_address": ray_address, "memory": memory, "scratch": scratch},
    )
    job = Job.prepare(settings, [], settings.scorers, code_scorer_of(settings), display)
    _refuse_changes(job, found.plan)
    work_path = run_path(settings.output, scratch)
    places = [place.url if isinstance(place, Store) else place for place in found.places]
    with (
        disk_errors(work_path),
        opened_run(
            settings.output,
            found.plan,
            overwrite=overwrite,
            inputs=places,
            scratch=scratch,
            display=display,
        ) as folder,
        settings.start(work_path, say=display.say) as started,
    ):
        earlier = folder.manifest()
        if earlier:
            return Funnel.from_json(earlier["funnel"])
        display.expect(2 + bool(job.score_columns()) + bool(folder.store))
        splits = found.bring_together(folder)
        chunks = all_chunks(folder, splits)
        return run_from_chunks(job, found.plan, folder, chunks, started, display)


def _list_shards(named: Sequence[str], output: str) -> list[str]:
    """Folders and what globs find, without the output: `shards/*` meets it where an earlier call has made it there."""
    found: list[str] = []
    for name in named:
        is_folder = not glob.has_magic(name) or (not is_url(name) and Path(name).exists())
        matches = [name] if is_folder else _list_in_store(name) if is_url(name) else _list_folders(name)
        if not matches:
            raise SettingError(f"'{public_name(name)}' finds no shard.")
        found += matches
    others = [name for name in found if not _is_same(name, output)]
    if len(others) < len(found) and not is_url(output) and (Path(output) / SHARD).is_file():
        raise SettingError(f"The output {output} is one of the shards. Name another --output.")
    return others


def _list_folders(pattern: str) -> list[str]:
    """What a glob finds; the folders that it begins with, where they are there, have the names that are written."""
    there = next((str(parent) for parent in Path(pattern).parents if parent.exists()), "")
    rest = os.path.relpath(pattern, there or ".")
    return sorted(glob.glob(os.path.join(glob.escape(there), rest)))


def _is_same(name: str, output: str) -> bool:
    if is_url(name) or is_url(output):
        return name.rstrip("/") == output.rstrip("/")
    return Path(output).exists() and Path(name).exists() and Path(output).samefile(name)


def _list_in_store(pattern: str) -> list[str]:
    """Addresses of the folders that a glob in a store finds."""
    system, path = open_filesystem(pattern)
    scheme = pattern.partition("://")[0]
    return [f"{scheme}://{name.lstrip('/')}" for name in sorted(system.glob(path))]


def _refuse_changes(job: Job, plan: dict[str, Any]) -> None:
    """What the settings name (scorers, lists) and curate itself must be what the shards were read with."""
    of_input = {name: value for name, value in plan.items() if name.startswith(("input", "n_input"))}
    changes: Sequence[str] = changed_settings(plan, build_plan(job.settings, [], job.contents()) | of_input)
    if changes:
        raise ChangedSettingsError(f"The shards were read with other settings ({'; '.join(changes)}).")
