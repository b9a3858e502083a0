"""The tasks of docs/start.md typed line by line, each in an environment of its own, of just what the page says is installed.

`python tests/start_page.py --cache FOLDER` (or `make start`) needs Python and pip alone. What tasks with the same extras
have installed is one file with several names (hard links), so that ten environments take the disk and the time of one.
Environments and wheels are kept under --cache.
The pytest run types the same lines into the program of the running interpreter (tests/docs/test_typed_lines.py).
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "start.md"
_CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)
_EXTRA = re.compile(r"pip install '\.\[([\w,]+)\]'")


@dataclass(frozen=True)
class Line:
    """A line to type, and the lines that it is said to print; `...` stands for anything."""

    typed: str
    printed: tuple[str, ...]

    def not_in(self, output: str) -> list[str]:
        """What the page promises and `output` lacks."""
        return [
            line
            for line in self.printed
            if not re.search(f"^{'.*'.join(map(re.escape, line.split('...')))}$", output, re.MULTILINE)
        ]


@dataclass(frozen=True)
class Task:
    """A section of the page: what to install beside the base, what to type."""

    title: str
    extras: tuple[str, ...]
    lines: tuple[Line, ...]


def tasks(page: str) -> Iterator[Task]:
    """The sections of a page in their order; the text before the first heading is one too.

    What a section names before its first line is installed for it; what it names behind is for what it points to.
    """
    for number, section in enumerate(re.split(r"^## ", page, flags=re.MULTILINE)):
        lines = []
        for block in _CONSOLE.findall(section):
            for part in block.split("$ ")[1:]:
                typed, *printed = part.splitlines()
                lines.append(Line(typed, tuple(printed)))
        before = _CONSOLE.split(section, maxsplit=1)[0] if number else ""
        title = section.splitlines()[0] if number else "Before the first task"
        yield Task(title, extras_of(before), tuple(lines))


def extras_of(text: str) -> tuple[str, ...]:
    """The extras that a text says to install."""
    return tuple(sorted({name for found in _EXTRA.findall(text) for name in found.split(",")}))


def _digest(*names: str) -> str:
    state = hashlib.sha256(sys.version.encode())
    for path in (ROOT / name for name in names):
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts:
                state.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    return state.hexdigest()


def environment(title: str, extras: tuple[str, ...], cache: Path) -> Path:
    """A task's environment: its folder of programs, all of whose files are those of what was installed for its extras."""
    installed = _installed(extras, cache)
    home = cache / re.sub(r"\W+", "-", title).strip("-")
    mark = (installed / "holds").read_text()
    if (home / "holds").exists() and (home / "holds").read_text() == mark:
        return home / "bin"
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(
        installed, home, symlinks=True, copy_function=os.link, ignore=shutil.ignore_patterns("holds")
    )
    # Programs name the interpreter that they run by: here it is the task's own.
    for file in (home / "bin").iterdir():
        text = b"" if file.is_symlink() else file.read_bytes()
        if str(installed).encode() in text:
            mode = file.stat().st_mode
            file.unlink()
            file.write_bytes(text.replace(str(installed).encode(), str(home).encode()))
            file.chmod(mode)
    # A file of its own, and the last: a link would say of old programs what is written of new ones.
    (home / "holds").write_text(mark)
    return home / "bin"


def _installed(extras: tuple[str, ...], cache: Path) -> Path:
    """An environment with these extras: made anew where its packages would be others, else with the program of now."""
    home = cache / "-".join(["base", *extras])
    programs, mark = home / "bin", home / "holds"
    packages, program = _digest("pyproject.toml", "constraints.txt"), _digest("src", "classifiers")
    held = mark.read_text().split() if mark.exists() else ["", ""]
    if held == [packages, program]:
        return home
    again = held[0] == packages
    if not again:
        shutil.rmtree(home, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
    wanted = [f".[{','.join(extras)}]" if extras else "."]
    pip = [
        programs / "python",
        "-m",
        "pip",
        "--cache-dir",
        cache / "pip",
        "--quiet",
        "--disable-pip-version-check",
    ]
    # Compiled kernels whose source is as it was stay where they lie.
    wanted = ["--force-reinstall", "--no-deps", "."] if again else wanted
    subprocess.run([*pip, "install", "--constraint", "constraints.txt", *wanted], cwd=ROOT, check=True)
    subprocess.run([programs / "curate", "warm"], check=True, capture_output=True)
    mark.write_text(f"{packages}\n{program}")
    return home


def _type(line: Line, programs: Path, folder: Path) -> str:
    """Run a line as a shell would; the reason why it is not what the page says, or nothing."""
    around = {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "VIRTUAL_ENV": str(programs.parent),
    }
    around.pop("PYTHONPATH", None)
    typed = ["bash", "-c", line.typed]
    done = subprocess.run(typed, cwd=folder, env=around, capture_output=True, text=True, check=False)
    if done.returncode:
        return f"exit code {done.returncode}\n{done.stdout}{done.stderr}"
    missing = line.not_in(done.stdout)
    return f"did not print {missing}\n{done.stdout}" if missing else ""


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Type the tasks of docs/start.md, each in an environment of its own."
    )
    parser.add_argument(
        "--cache", type=Path, default=Path(".venv-start"), help="environments and wheels stay here"
    )
    cache = parser.parse_args().cache.resolve()
    failed = 0
    page = PAGE.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(ROOT / "examples", folder / "examples")
        for task in tasks(page):
            started = time.monotonic()
            programs = environment(task.title, task.extras, cache)
            wrong = [
                f"$ {line.typed}\n{found}" for line in task.lines if (found := _type(line, programs, folder))
            ]
            failed += len(wrong)
            with_extras = f" with {', '.join(task.extras)}" if task.extras else ""
            word = "FAILED" if wrong else "ok"
            print(
                f"{word:7}{task.title}{with_extras}: {len(task.lines)} lines, {time.monotonic() - started:.0f} s",
                *wrong, sep="\n", flush=True,
            )  # fmt: skip
    # What the page names for what lies behind a task: it installs, its packages agree, and the program starts.
    for extra in extras_of(page):
        programs = _installed((extra,), cache) / "bin"
        for command in ([programs / "python", "-m", "pip", "check"], [programs / "curate", "--version"]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            failed += done.returncode != 0
            print(
                f"{'FAILED' if done.returncode else 'ok':7}{extra}: {done.stdout.strip()}{done.stderr}",
                flush=True,
            )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
