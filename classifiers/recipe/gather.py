"""Gather the files that readers judged in packages: `python -m classifiers.recipe.gather code --archives A --output O`.

The text of a package is its authors', so only what readers said of it lies here (`readings/`): which archive holds a file,
where in it, its digest, and the readings. Given the archives as package indexes hand them out, this writes a folder that the
recipes take as `--more`; a file that is not in them, or differs, is named and left out.

    readings/code.files.tsv   id, package, archive, path, language     readings/code.levels.tsv   id, edu_level, reader, reason
    readings/docs.files.tsv   id, package, archive, path               readings/docs.levels.tsv   the same, and quality_level

An id is the beginning of the SHA-256 of the file's text. Files were drawn by strata of the score that the classifier of the
version before gave them, at most fifteen a package; readers saw the first 2,400 characters of a program, the first 1,600 of
the text of a page, and neither scores nor one another's levels. About a tenth was read twice, and readers of the later rounds
read files of the earlier ones again, which the levels name by their ids.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from classifiers.recipe.bundled_pages import read_levels

READINGS = Path(__file__).parent / "readings"
KINDS = ("code", "docs")
_LARGEST = 200_000_000


def read_members(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Read the files of a Debian package, a tar or a zip archive; what lies in it as .gz or .zip is opened too."""
    if archive.suffix == ".deb":
        unpack = ["dpkg-deb", "--fsys-tarfile", str(archive)]
        with (
            subprocess.Popen(unpack, stdout=subprocess.PIPE) as packed,
            tarfile.open(fileobj=packed.stdout, mode="r|") as members,
        ):
            yield from _read_tar(members)
    elif zipfile.is_zipfile(archive):
        yield from _read_zip(archive.read_bytes())
    else:
        with tarfile.open(archive) as members:
            yield from _read_tar(members)


def _read_tar(members: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    for member in members:
        opened = members.extractfile(member) if member.isfile() and member.size < _LARGEST else None
        if opened is None:
            continue
        name, content = member.name.removeprefix("./"), opened.read()
        if name.endswith("src.zip"):
            yield from _read_zip(content)
        elif name.endswith(".gz"):
            yield name[:-3], _gunzip(content)
        else:
            yield name, content


def _read_zip(content: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(content)) as members:
        for member in members.infolist():
            if not member.is_dir() and member.file_size < _LARGEST:
                yield member.filename, members.read(member)


def _gunzip(content: bytes) -> bytes:
    try:
        return gzip.decompress(content)
    except (OSError, EOFError):
        return b""


def identify(text: str) -> str:
    """Return the id of a file: 16 hexadecimal digits of its text's SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def decode(content: bytes) -> str:
    """Decode a file as the readers' copies were: UTF-8, else Latin-1."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def gather(kind: str, archives: Path, output: Path, readings: Path = READINGS) -> list[str]:
    """Write the files of `kind` that the archives hold, with their readings; return what is missing, a line each.

    Args:
        kind: one of `KINDS`.
        archives: folder of archives under the names that the table gives them.
        output: folder to write; made where it is not there.
        readings: folder of the tables.
    """
    by_archive: dict[str, dict[str, dict[str, str]]] = defaultdict(dict)
    for row in read_levels(readings / f"{kind}.files.tsv"):
        by_archive[row["archive"]][row["id"]] = row
    found: list[dict[str, str]] = []
    missing: list[str] = []
    for name, wanted in sorted(by_archive.items()):
        path = archives / name
        if not path.is_file():
            package = next(iter(wanted.values()))["package"]
            missing.append(f"{name} ({len(wanted)} files of {package}): put it into {archives}")
            continue
        left = dict(wanted)
        for member, content in read_members(path):
            for row in [row for row in left.values() if row["path"] == member]:
                text = decode(content)
                if identify(text) == row["id"]:
                    found.append(_to_row(kind, row, text))
                    del left[row["id"]]
        missing += [f"{name} has no such file as was read: {row['path']}" for row in left.values()]
    output.mkdir(parents=True, exist_ok=True)
    with gzip.open(output / "files.jsonl.gz", "wt", encoding="utf-8") as lines:
        lines.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in found)
    # A level of a file that the table does not name is of one in the first folder, read again.
    lost = {row["id"] for rows in by_archive.values() for row in rows.values()} - {row["id"] for row in found}
    kept = [row for row in read_levels(readings / f"{kind}.levels.tsv") if row["id"] not in lost]
    with (output / "levels.tsv").open("w", encoding="utf-8", newline="") as lines:
        table = csv.DictWriter(
            lines, kept[0] if kept else ["id"], delimiter="\t", quoting=csv.QUOTE_NONE, quotechar=None
        )
        table.writeheader()
        table.writerows(kept)
    return missing


def _to_row(kind: str, row: dict[str, str], text: str) -> dict[str, str]:
    if kind == "code":
        return {name: row[name] for name in ("id", "package", "path", "language")} | {"text": text}
    return {"id": row["id"], "source": f"{row['package']}/{row['path']}", "html": text}


def main(arguments: list[str] | None = None) -> None:
    """Gather one kind of files."""
    parser = argparse.ArgumentParser(prog="python -m classifiers.recipe.gather", description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--archives", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    settings = parser.parse_args(arguments)
    if shutil.which("dpkg-deb") is None:
        sys.exit("Debian packages are opened by dpkg-deb, which is not on the path; install dpkg.")
    for line in gather(settings.kind, settings.archives, settings.output):
        print(line, file=sys.stderr)


if __name__ == "__main__":
    main()
