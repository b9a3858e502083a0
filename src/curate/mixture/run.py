"""The job of `curate mix`: scan, separate, plan; then, once the plan has been seen, write."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from curate.config import stable_hash
from curate.crawl import InputFile, find_files
from curate.dedup import DedupPlan
from curate.errors import SettingError, UnknownNameError
from curate.mixture.keywords import MixtureKeywords
from curate.mixture.plan import build_plan, group_documents
from curate.mixture.scan import Documents, ScanPlan, load_benchmarks, read_scans, scan_piece
from curate.mixture.separate import cap_seeds, choose_validation, remove_duplicates, remove_near_validation
from curate.mixture.settings import MixtureSettings, mixture_settings_from, read_mixture_settings
from curate.mixture.sources import Piece, describe_pieces, list_pieces
from curate.mixture.write import REMOVED_SCHEMA, WriteTask, read_hashes, write_piece
from curate.tokens.plan import read_plan
from curate.work.engine import EngineSettings
from curate.work.files import committed, read_arrow, write_arrow, write_json
from curate.work.output import Layout, opened_output
from curate.work.progress import ProgressDisplay
from curate.work.urls import is_url

BEGUN = "settings.json"
_LAYOUT = Layout(
    "curate mix",
    re.compile(
        r"(settings|plan)\.json|removed/part-[^/]+\.parquet|(train|validation)/[^/]+/part-[^/]+\.parquet|work/.+",
        re.DOTALL,
    ),
    (BEGUN,),
    lambda record: set(record) == {"settings", "input_hash"} and isinstance(record["settings"], dict),
)

OnPlan = Callable[[dict[str, Any]], None]
"""Called with the plan before anything but the work folder is written."""


def mix(
    input: str | PathLike[str] | MixtureSettings | Mapping[str, Any],  # noqa: A002  (as in every job)
    output: str | Path | None,
    *,
    overwrite: bool = False,
    progress: bool | ProgressDisplay = True,
    workers: int | None = None,
    engine: str = "local",
    ray_address: str | None = None,
    on_plan: OnPlan = lambda _plan: None,
    **settings: Unpack[MixtureKeywords],
) -> dict[str, Any]:
    """Plan a mixture and write it; run it again to go on after a stop.

    The result depends on the settings and the files alone: neither on the number of workers nor on a stop
    between.

    Args:
        input: what to mix: the TOML file of a mixture, `MixtureSettings`, or sources by name, each a path or a table as
            in that file.
        output: the mixture folder; None to plan only, in a temporary folder.
        overwrite: delete an earlier mixture in `output` first.
        progress: show progress on stderr; or a display to show it on.
        workers: processes; None for one for each core.
        engine: 'local' or 'ray'.
        ray_address: of the cluster.
        on_plan: told the plan before the mixture is written; may raise to stop.
        **settings: fields of `MixtureSettings`, in place of those of `input`.

    Returns:
        The plan, as `plan.json` holds it.

    Raises:
        SettingError: A source has no text, or weights and caps cannot be met.
        ChangedSettingsError: `output` was begun with other settings or files.
    """
    found = _settings_of(input, settings)
    where = EngineSettings(workers=workers, engine=engine, ray_address=ray_address)
    if is_url(str(output)):
        raise SettingError(
            f"The mixture must be written to a local folder, not '{output}'. Give --output with a folder, on a cluster one "
            "that every node sees, and copy it to the store when it is done."
        )
    pieces = list_pieces(found)
    with ExitStack() as stack:
        folder = Path(output or stack.enter_context(tempfile.TemporaryDirectory(prefix="curate-mix-")))
        if output is not None:
            stack.enter_context(_opened(folder, found, pieces, overwrite=overwrite))
            if (folder / "plan.json").exists():
                shutil.rmtree(folder / "work", ignore_errors=True)  # a stop may have come just before
                plan = read_plan(folder)
                on_plan(plan)
                return plan
        job = _Job(found, folder, pieces, where, ProgressDisplay.of(progress))
        plan = job.plan()
        on_plan(plan)
        return plan if output is None else job.write(plan)


def _settings_of(
    given: str | PathLike[str] | MixtureSettings | Mapping[str, Any], changes: Mapping[str, Any]
) -> MixtureSettings:
    if isinstance(given, Mapping):
        tables = {
            name: {"path": fspath(path)} if isinstance(path, str | PathLike) else path
            for name, path in given.items()
        }
        given = mixture_settings_from({"sources": tables})
    elif not isinstance(given, MixtureSettings):
        given = read_mixture_settings(fspath(given))
    for name in changes:
        if name not in MixtureSettings.__dataclass_fields__:
            raise UnknownNameError("setting", name, MixtureSettings.__dataclass_fields__)
    return replace(given, **changes)


@dataclass(frozen=True, slots=True)
class _Placed:
    """Where every document goes: its group (-1 for none), and whether that is for validation."""

    scan: ScanPlan
    documents: Documents
    is_validation: NDArray[np.bool_]
    groups: NDArray[np.int32]


@dataclass(slots=True)
class _Job:
    settings: MixtureSettings
    folder: Path
    pieces: list[Piece]
    where: EngineSettings
    progress: ProgressDisplay
    _placed: _Placed = field(init=False)

    def plan(self) -> dict[str, Any]:
        """Scan, separate, group and plan; nothing is written but the scans in the work folder."""
        settings = self.settings
        scan = self._scan()
        documents = read_scans(self.pieces, scan)
        remove_duplicates(documents, self.pieces, scan, settings, self.folder / "work" / "dedup")
        cap_seeds(documents, self.pieces, scan)
        chosen = choose_validation(documents.split_key, settings.validation_fraction, settings.seed)
        chosen &= documents.reason == ""
        if not settings.keep_near_validation:
            remove_near_validation(documents, chosen, self.pieces, scan)
        grouping = group_documents(documents, settings)
        self._placed = _Placed(scan, documents, chosen, grouping.group)
        return build_plan(documents, chosen, grouping, settings)

    def write(self, plan: dict[str, Any]) -> dict[str, Any]:
        """Write the groups piece by piece, and the plan last; `plan` has been called before."""
        self._commit_assignments(self._placed)
        tasks = [WriteTask(piece, self._assignment(piece)) for piece in self.pieces]
        self._map("Writing", partial(write_piece, folder=self.folder, groups=plan["groups"]), tasks)
        plan = plan | {"data_hash": stable_hash(read_hashes(self.folder, self.pieces))}
        write_json(self.folder / "plan.json", plan)
        shutil.rmtree(self.folder / "work")
        return plan

    def _scan(self) -> ScanPlan:
        settings = self.settings
        benchmarks = tuple(file.path for file in _benchmark_files(settings))
        if benchmarks:
            load_benchmarks(benchmarks, settings.ngram_words)  # what is wrong with them shows here
        dedup = DedupPlan(jaccard=settings.jaccard)
        plan = ScanPlan(self.folder / "work" / "scan", dedup, benchmarks, settings.ngram_words)
        waiting = [piece for piece in self.pieces if not plan.path(piece).exists()]
        self._map("Scanning", partial(scan_piece, plan=plan), waiting)
        return plan

    def _map(self, title: str, function: Callable[[Any], None], tasks: Sequence[Any]) -> None:
        inputs = [stretch.file.path for piece in self.pieces for stretch in piece.stretches]
        with self.where.start(self.folder, inputs) as engine:
            self.progress.count(title, engine.map(function, tasks), len(tasks), "pieces")

    def _assignment(self, piece: Piece) -> Path:
        return self.folder / "work" / "assigned" / f"{piece.name}.arrow"

    def _commit_assignments(self, placed: _Placed) -> None:
        for number, piece in enumerate(self.pieces):
            rows = placed.documents.rows(number)
            table = pa.table(
                {"group": placed.groups[rows], "is_validation": placed.is_validation[rows].astype(np.uint8)}
            )
            write_arrow(self._assignment(piece), table, {})
            removed = _list_removed(placed, number, piece)
            if len(removed):
                path = self.folder / "removed" / f"part-{piece.name}.parquet"
                with committed(path) as temporary:
                    pq.write_table(removed, temporary, compression="zstd")


def _list_removed(placed: _Placed, number: int, piece: Piece) -> pa.Table:
    documents = placed.documents
    begin = int(documents.begins[number])
    reasons = documents.reason[documents.rows(number)]
    rows = np.flatnonzero(reasons != "")
    if not len(rows):
        return REMOVED_SCHEMA.empty_table()
    kept = [documents.kept.get(begin + row, (None, None)) for row in rows.tolist()]
    scanned = read_arrow(placed.scan.path(piece)).select(["id", "detail"]).take(pa.array(rows))
    columns = {
        "id": scanned["id"],
        "source": [piece.source.name] * len(rows),
        "reason": reasons[rows].tolist(),
        "kept_id": [kept_id for kept_id, _ in kept],
        "jaccard": [similarity for _, similarity in kept],
        "detail": scanned["detail"],
    }
    return pa.table(columns, schema=REMOVED_SCHEMA)


def _benchmark_files(settings: MixtureSettings) -> list[InputFile]:
    return find_files(settings.decontaminate) if settings.decontaminate else []


@contextmanager
def _opened(
    folder: Path, settings: MixtureSettings, pieces: Sequence[Piece], *, overwrite: bool
) -> Generator[None]:
    """Hold the mixture folder: new, one to go on with, or one to begin again."""
    benchmarks = [[file.source, file.size_bytes] for file in _benchmark_files(settings)]
    values, input_hash = settings.to_json(), stable_hash([describe_pieces(pieces), benchmarks])

    def compare(before: dict[str, Any]) -> list[str]:
        changed = [name for name in values if values[name] != before["settings"].get(name)]
        return sorted(
            [*changed, *(["the files of the sources"] if before["input_hash"] != input_hash else [])]
        )

    inputs = [stretch.file.path for piece in pieces for stretch in piece.stretches]
    inputs += [file.path for file in _benchmark_files(settings)]
    with opened_output(folder, _LAYOUT, compare=compare, inputs=inputs, overwrite=overwrite):
        if not (folder / BEGUN).exists():
            write_json(folder / BEGUN, {"settings": values, "input_hash": input_hash})
        yield
