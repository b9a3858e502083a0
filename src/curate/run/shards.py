"""One run cut into jobs of a batch system: each reads its shard of the input, and one joins them.

    job 0   curate filter --input crawl/ --output shards/0 --shard 0/3      pass 1 of its share of the input
    job 1   curate filter --input crawl/ --output shards/1 --shard 1/3
    job 2   curate filter --input crawl/ --output shards/2 --shard 2/3
    then    curate join shards/* --output curated                           barrier, scores, cut: the bytes of one run

Every job lists the whole input and cuts it as one run would, so a chunk has the same name in all. A job needs no
other job and no shared folder; shards that are not in a store must have been brought to one place before they are joined.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.crawl import InputFile, Split
from curate.errors import RunError, SettingError
from curate.run.funnel import Funnel
from curate.work.files import committed, read_facts, write_json
from curate.work.folder import MANIFEST, SHARD, ChunkName, RunFolder, changed_settings
from curate.work.json_files import check_shape, read_json
from curate.work.store import Store, at_once
from curate.work.urls import is_url

_SHAPE = {"shard": int, "n_shards": int, "n_splits": int, "n_chunks": int, "plan": dict, "funnel": dict}


@dataclass(frozen=True, slots=True)
class Shard:
    """Share `number` of `n` of the input; the first is 0.

    >>> Shard.parse("0/3")
    Shard(number=0, n=3)
    >>> Shard.parse("3/3")
    Traceback (most recent call last):
    ...
    curate.errors.SettingError: shard must be NUMBER/ALL with a number from 0 to ALL - 1, as 0/3, not '3/3'.
    """

    number: int
    n: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read 'NUMBER/ALL'."""
        number, slash, n = text.partition("/")
        if not (slash and number.isdecimal() and n.isdecimal() and int(number) < int(n)):
            raise SettingError(
                f"shard must be NUMBER/ALL with a number from 0 to ALL - 1, as 0/3, not '{text}'."
            )
        return cls(int(number), int(n))

    def stripes(self, splits: Sequence[Split], n_workers: int) -> list[tuple[Split, int, int]]:
        """What there is to read: (split, stripe, number of stripes). The whole input is shard 0 of 1.

        Few splits are read by all together, chunk by chunk; many are shared out whole, which reads nothing twice.
        Shards that read a split together need not have the same number of workers.
        """
        own, n = list(splits), self.n
        if len(splits) >= 4 * self.n:
            own, n = [split for split in splits if split.index % self.n == self.number], 1
        n_each = n_workers if len(own) < 4 * n_workers else 1
        first = self.number if n > 1 else 0
        return [(split, first + n * k, n * n_each) for split in own for k in range(n_each)]


def write_shard(
    folder: RunFolder,
    shard: Shard,
    plan: Mapping[str, Any],
    n_splits: int,
    n_chunks: int,
    funnel: Funnel,
) -> None:
    """Commit that a shard is read, with its funnel up to there."""
    facts = {"shard": shard.number, "n_shards": shard.n, "n_splits": n_splits, "n_chunks": n_chunks}
    write_json(folder.path / SHARD, facts | {"plan": plan_of_run(plan), "funnel": funnel.to_json()})


def read_shard(folder: RunFolder) -> Funnel:
    """The funnel of a shard that is read."""
    facts = read_json(folder.path / SHARD)
    check_shape(facts, _SHAPE, folder.path / SHARD)
    return Funnel.from_json(facts["funnel"])


def plan_of_run(plan: Mapping[str, Any]) -> dict[str, Any]:
    """The plan of the whole run, from that of one of its shards."""
    return {name: value for name, value in plan.items() if name != "shard"}


@dataclass(frozen=True, slots=True)
class Shards:
    """All shards of a run, in order.

    Attributes:
        places: of the shards.
        plan: of the run.
        n_splits: of the run.
        n_chunks: of each shard.
    """

    places: tuple[Path | Store, ...]
    plan: dict[str, Any]
    n_splits: int
    n_chunks: tuple[int, ...]

    @classmethod
    def open(cls, paths: Sequence[str | Path]) -> Shards:
        """Read what each shard says of itself.

        Raises:
            SettingError: a folder holds no shard that is read to its end, one is missing or there twice, or they are of
                different runs.
        """
        if not paths:
            raise SettingError("No shards. Name the --output folders of all 'curate filter --shard' jobs.")
        found: dict[int, tuple[Path | Store, dict[str, Any]]] = {}
        for path in [Store.of(str(path)) if is_url(str(path)) else Path(path) for path in paths]:
            facts = _read(path, SHARD)
            if not facts and _read(path, MANIFEST):
                raise SettingError(f"{path} is a finished run and no shard. Name the shards alone.")
            if not facts:
                raise SettingError(
                    f"{path} holds no shard that is read to its end (no {SHARD}). Run its 'curate filter --shard' again."
                )
            check_shape(facts, _SHAPE, f"{path}/{SHARD}")
            twin = found.setdefault(facts["shard"], (path, facts))[0]
            if twin != path:
                raise SettingError(
                    f"{twin} and {path} are both shard {facts['shard']}. Name each shard once."
                )
        first, one = next(iter(found.values()))
        for path, facts in found.values():
            changes = changed_settings(one["plan"], facts["plan"])
            if facts["n_shards"] != one["n_shards"]:
                changes.append(f"{one['n_shards']} shards, and {facts['n_shards']}")
            if changes:
                raise SettingError(
                    f"{first} and {path} are shards of different runs ({'; '.join(changes)}). Join those of one run."
                )
        lacking = [str(number) for number in range(one["n_shards"]) if number not in found]
        if lacking:
            more = f" and {len(lacking) - 10} more" if len(lacking) > 10 else ""
            raise SettingError(
                f"Of {one['n_shards']} shards these are missing: {', '.join(lacking[:10])}{more}. Name all of them."
            )
        ordered = [found[number] for number in sorted(found)]
        return cls(
            tuple(path for path, _ in ordered),
            one["plan"],
            one["n_splits"],
            tuple(facts["n_chunks"] for _, facts in ordered),
        )

    def bring_together(self, folder: RunFolder) -> list[Split]:
        """Put every shard's chunks into the run's folder, and give the splits that they are of.

        Files are linked where both folders are on one disk, and copied elsewhere; the shards stay as they are.

        Raises:
            RunError: a shard has lost a chunk, or two shards have read different versions of one file.
        """
        inputs: dict[int, dict[str, Any]] = {}
        for place, n_chunks in zip(self.places, self.n_chunks, strict=True):
            n_found = _link_all(place, folder) if isinstance(place, Path) else _get_all(place, folder)
            if n_found != n_chunks:
                raise RunError(
                    f"{place} has {n_found:,} chunks, and had {n_chunks:,}. Run its 'curate filter --shard' again."
                )
            for split, found in _inputs_of(place).items():
                known = inputs.setdefault(split, found)
                if known != found:
                    other = next(
                        mine["source"]
                        for mine, theirs in zip(found["files"], known["files"], strict=True)
                        if mine != theirs
                    )
                    raise RunError(f"{place} has read another version of {other} than the shards before it.")
        for split, found in inputs.items():
            write_json(folder.inputs(split), found)
        return [
            Split(
                index,
                tuple(InputFile(f["source"], f["source"], f["n_bytes"]) for f in inputs[index]["files"]),
            )
            if index in inputs
            else Split(index, ())
            for index in range(self.n_splits)
        ]


def read_inputs(folder: RunFolder) -> dict[int, dict[str, Any]]:
    """What is noted of the input files of each split that was begun."""
    return {int(path.stem): read_json(path) for path in sorted((folder.work / "inputs").glob("[0-9]*.json"))}


def _read(place: Path | Store, name: str) -> dict[str, Any]:
    return place.read_json(name) if isinstance(place, Store) else read_json(place / name)


def _inputs_of(place: Path | Store) -> dict[int, dict[str, Any]]:
    """The same of a shard, in a folder or a store."""
    if isinstance(place, Path):
        return read_inputs(RunFolder(place))
    names = [name for name in place.list() if name.startswith(".curate/inputs/")]
    read = at_once(place.read_json, names)
    return {int(Path(name).stem): found for name, found in zip(names, read, strict=True)}


def _link_all(place: Path, folder: RunFolder) -> int:
    """Bring the chunks of a shard into the run's folder; give how many it has."""
    shard = RunFolder(place)
    names = shard.chunk_names()
    for name in names:
        _bring(shard.documents(name), folder.documents(name))
    return len(names)


def _get_all(store: Store, folder: RunFolder) -> int:
    """The same from a store; those that an earlier call brought are here."""
    found = {name: n for name, n in store.list().items() if name.startswith(".curate/documents/")}
    here = [(name, folder.documents(ChunkName.parse(Path(name).stem)), n) for name, n in found.items()]
    store.get_all([each for each in here if not (each[1].exists() and each[1].stat().st_size == each[2])])
    return len(found)


def _bring(source: Path, target: Path) -> None:
    if target.exists():
        if os.path.samefile(source, target) or read_facts(source) == read_facts(target):
            return
        target.unlink()
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another disk, or a file system without links
        with committed(target) as temporary:
            shutil.copyfile(source, temporary)
