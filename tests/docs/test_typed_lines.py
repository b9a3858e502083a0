"""What the pages tell a reader to type: every line of the start page is run, every other command parsed, and with --run-slow run."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from glob import glob
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer

from common import ROOT
from curate.cli import run
from curate.cli.app import make_app
from curate.cli.inputs import spread_inputs
from start_page import PAGE, tasks

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TYPED = re.compile(r"^(?: {4}|> )?(?:\$ )?(curate \S.*)$", re.MULTILINE)


def typed_lines(text: str) -> list[str]:
    """Commands of indented and fenced blocks, with what a backslash continues; comments left out."""
    joined = re.sub(r"\\\n\s*", "", text)
    lines = [re.sub(r"\s+(?:#\s|&&).*$", "", line).rstrip() for line in TYPED.findall(joined)]
    return [line for line in lines if "..." not in line and "URL" not in line.split()]


def commands() -> list[tuple[str, str]]:
    """Every command of the pages and of the examples in the commands' own help."""
    root: Any = typer.main.get_command(make_app())

    def walk(command: Any, name: str) -> list[tuple[str, str]]:
        help_text = command.help or (command.callback.__doc__ if command.callback else "") or ""
        shown = re.findall(
            r"^\s*(?:Examples?: *)?(curate \S.*)$", re.sub(r"\\\n\s*", "", help_text), re.MULTILINE
        )
        children = getattr(command, "commands", {})
        return [
            *((name, line) for line in shown),
            *(one for n, c in children.items() for one in walk(c, f"{name} {n}")),
        ]

    pages = [
        (page.name, line)
        for page in PAGES
        if page.name != "cli.md"
        for line in typed_lines(page.read_text(encoding="utf-8"))
    ]
    return list(dict.fromkeys([*pages, *walk(root, "curate")]))


@pytest.mark.parametrize(("where", "line"), commands())
def test_a_command_on_a_page_is_one_that_the_program_takes(where: str, line: str) -> None:
    command: Any = typer.main.get_command(make_app())
    arguments, name = spread_inputs(command, shlex.split(line)[1:]), "curate"
    while hasattr(command, "commands") and arguments and arguments[0] in command.commands:
        name, command, arguments = arguments[0], command.commands[arguments[0]], arguments[1:]
    is_group = hasattr(command, "commands") and not command.invoke_without_command
    if arguments != ["--help"]:
        assert not is_group, f"{where}: {line}: no such command"
        command.make_context(name, list(arguments))


# Flags of other programs and of scripts, which sentences name too.
NOT_OURS = set(
    "--array --corrections --dclm --dry --evaluate --finished --lessons --more --peers-tests --ray-kills --run-slow --snippets --textbooks --work".split()
)


def test_a_sentence_names_commands_and_flags_that_there_are() -> None:
    root: Any = typer.main.get_command(make_app())

    def flags_of(command: Any) -> set[str]:
        return {"--help", *(flag for one in command.params for flag in (*one.opts, *one.secondary_opts))}

    def every_flag(command: Any) -> set[str]:
        return flags_of(command).union(*map(every_flag, getattr(command, "commands", {}).values()))

    known, wrong = every_flag(root) | NOT_OURS, []
    for page in [*PAGES, ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("classifiers/*/*.md"))]:
        text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        for span in re.findall(r"`((?:curate |--)[^`]+)`", text):
            command, words = root, span.split()
            while words and words[0] in {"curate", *getattr(command, "commands", {})}:
                command = command if words[0] == "curate" else command.commands[words[0]]
                words = words[1:]
            allowed = known if span.startswith("--") else flags_of(command)
            flags = {flag for word in words for flag in re.findall(r"^\[?(--[a-z][\w-]*)", word)}
            unknown = (
                command is root and words and span.startswith("curate ") and not words[0].startswith("-")
            )
            if unknown or flags - allowed:
                wrong.append((page.name, span))
    assert wrong == []


def typed_words(line: str) -> list[str]:
    """A line's words as a shell hands them over, without the program's name."""
    return [
        name
        for word in shlex.split(line)[1:]
        for name in (sorted(glob(word)) if "*" in word and "://" not in word else [word])
    ]


def test_every_line_of_the_start_page_does_what_it_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("slurm"))
    monkeypatch.chdir(tmp_path)
    lines = [line for task in tasks(PAGE.read_text(encoding="utf-8")) for line in task.lines]
    assert len(lines) > 8
    for line in lines:
        if not line.typed.startswith("curate "):
            subprocess.run(line.typed, shell=True, check=True)
            continue
        code = run(typed_words(line.typed))
        printed = capfd.readouterr().out
        assert code == 0, f"{line.typed}: {code}"
        assert line.not_in(printed) == [], f"{line.typed} printed:\n{printed}"


NOT_RUN = {
    r"s3://|/shared/|/data/|/old/": "an address that is nowhere",
    r"--engine ray": "a cluster",
    r"^curate serve": "serves until it is stopped",
    r"^curate (annotate|craft --recipe)": "a server of a language model",
    r" crafted( |$)": "what a language model wrote",
    r"join 'shards/\*'": "all of a hundred jobs",
    r"^curate ablate": "minutes; tests/ablate has such lines",
}
# Trained in seconds: flags that go behind what the page says.
SMALLER = {"train": ["--budget-tokens", "8000", "--eval-every", "8"], "tokenize": ["--vocab-size", "600"]}


def lessons() -> list[dict[str, Any]]:
    file = ROOT / "examples" / "mixture" / "lessons.jsonl"
    rows = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    return [row | {"level": 3 * (row["topic"] == "mathematics") + n % 2} for n, row in enumerate(rows)]


@pytest.fixture(scope="module")
def typist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that the pages' commands name."""
    home = tmp_path_factory.mktemp("typist")
    examples, rows = ROOT / "examples", lessons()
    shutil.copytree(examples, home / "examples", ignore=shutil.ignore_patterns("slurm"))
    shutil.copytree(examples / "crawl", home / "crawl")
    for name in ("project", "repos"):
        shutil.copytree(examples / "source", home / name)

    def write(name: str, rows: list[dict[str, Any]]) -> None:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    def parquet(name: str, columns: dict[str, Any]) -> None:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns), home / name)

    texts = [row["text"] for row in rows]
    ids = [f"p{n}" for n in range(len(rows))]
    parquet("crawl/lessons.parquet", {"id": ids, "text": texts})
    parquet("data/part.parquet", {"id": ids, "text": texts})
    for name in ("pages.parquet", "new/part.parquet", "crawl-3/part.parquet"):
        parquet(name, {"id": ids[:40], "text": texts[:40]})
    for n in (1, 2):
        parquet(
            f"crawl-{n}/kept/part.parquet",
            {"id": ids[40 * n : 40 * n + 40], "text": texts[40 * n : 40 * n + 40]},
        )
    program = (examples / "source" / "lessons" / "binary_search.py").read_text(encoding="utf-8")
    parquet("stack-1.parquet", {"content": [program], "path": ["search.py"], "detected_licenses": [["MIT"]]})
    for name in ("labels.jsonl", "test.jsonl"):
        write(
            name,
            [
                {"id": i, "text": row["text"], "edu_level": row["level"]}
                for i, row in zip(ids, rows, strict=True)
            ],
        )
    write(
        "medical-labels.jsonl", [{"text": row["text"], "label": int(row["level"] > 2)} for row in rows[0::2]]
    )
    write("more-labels.jsonl", [{"text": row["text"], "label": int(row["level"] > 2)} for row in rows[1::2]])
    for name, readers in (("labels.csv", ("ann", "ben")), ("others.csv", ("cem",))):
        words = ["poor", "fair", "fair", "good", "good"]
        said = [
            f"{i},{who},{words[row['level']]}" for i, row in zip(ids, rows, strict=True) for who in readers
        ]
        (home / name).write_text("page,who,verdict\n" + "\n".join(said) + "\n")
    (home / "mixture.toml").write_text('budget_tokens = "20K"\n[sources.data]\npath = "data/*.parquet"\n')
    (home / "domains.toml").write_text('tokens = "1M"\n[domains]\n"Science & Technology" = 3\nHealth = 1\n')
    run_toml = (examples / "mixture" / "run.toml").read_text(encoding="utf-8")
    (home / "run.toml").write_text(run_toml.replace("out/tokens", "tokens").replace("out/run", "run"))
    block = re.search(
        r"```python\n(# screens.py.*?)```", (ROOT / "docs" / "library.md").read_text("utf-8"), re.DOTALL
    )
    assert block
    (home / "screens.py").write_text(block[1])
    made = [
        "filter crawl --output curated --label topic",
        "filter crawl --output other --rules gopher",
        "filter crawl --output shards/0 --shard 0/2",
        "filter crawl --output shards/1 --shard 1/2",
        "fit -a labels.jsonl -o classifiers/mine",
        "index build seen --input crawl-1/kept",
        "mix --config mixture.toml --output mixture",
        "tokenize --input mixture --output tokens --vocab-size 600",
        "train --config run.toml --budget-tokens 8000 --eval-every 8",
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        for line in made:
            assert run(line.split()) == 0, line
        shutil.copy("tokens/tokenizer.json", "tokenizer.json")
    return home


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    "where", [*(page.name for page in PAGES if page != PAGE and typed_lines(page.read_text("utf-8"))), "help"]
)
def test_the_commands_of_a_page_run_one_after_the_other(
    where: str, typist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    shutil.copytree(typist, home)
    monkeypatch.chdir(home)
    failed = []
    # The start page has its own test; help is all that stands on no page.
    lines = [line for page, line in commands() if (page if page.endswith(".md") else "help") == where]
    for line in lines:
        if any(re.search(pattern, line) for pattern in NOT_RUN):
            continue
        words = typed_words(line)
        words += SMALLER.get(words[0], [])
        flags = [n for n, word in enumerate(words) if word in {"-o", "--output"}]
        named = words[flags[0] + 1] if flags else "curated" if words[0] == "filter" else ""
        output = Path(words[2] if words[:2] == ["index", "build"] else named)
        # A page shows several ways to fill one folder.
        if output.name and output.is_dir() and "--plan" not in words:
            shutil.rmtree(output)
        code = run(words)
        if code not in {0, 4}:  # 4: nothing was kept
            failed.append((line, code))
    assert failed == []


def test_what_keeps_a_command_from_being_run_still_occurs() -> None:
    lines = [line for _, line in commands()]
    assert [pattern for pattern in NOT_RUN if not any(re.search(pattern, line) for line in lines)] == []
