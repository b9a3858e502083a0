"""Inputs by position and several after one flag, in all commands alike."""

from __future__ import annotations

import pytest
import typer

from curate.cli import run
from curate.cli.app import make_app
from curate.cli.inputs import spread_inputs

ROOT = typer.main.get_command(make_app())


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("filter crawl/ more/", "filter --input crawl/ --input more/"),
        ("filter a b --output o", "filter --input a --input b --output o"),
        ("filter --output o a b", "filter --input a --input b --output o"),
        ("filter --input a b c --output o", "filter --input a --input b --input c --output o"),
        ("filter -i a b -i c", "filter --input a --input b --input c"),
        ("filter --input=a b", "filter --input a --input b"),
        ("filter --overwrite a --threshold 0.8 b", "filter --input a --input b --overwrite --threshold 0.8"),
        ("filter --no-redact-pii a", "filter --input a --no-redact-pii"),
        ("dedup a.parquet b.parquet", "dedup --input a.parquet --input b.parquet"),
        ("signals a b -o x", "signals --input a --input b -o x"),
        ("index build seen kept/ more/", "index build seen --input kept/ --input more/"),
        ("index build --output seen kept/", "index build seen --input kept/"),
        ("index add --input a b --output=seen", "index add seen --input a --input b"),
        ("tokenize mixture -o tokens", "tokenize --input mixture -o tokens"),
        ("rules compare gopher c4 --input a b", "rules compare gopher c4 --input a --input b"),
        ("rules compare --input a gopher c4", "rules compare gopher c4 --input a"),
        ("filter -- -odd", "filter --input -odd"),
    ],
)
def test_inputs_are_spread(typed, meant):
    assert spread_inputs(ROOT, typed.split()) == meant.split()


@pytest.mark.parametrize(
    "typed", ["explain out id", "report out", "filter --help", "", "--version", "nonsense a b"]
)
def test_other_commands_are_left_alone(typed):
    assert spread_inputs(ROOT, typed.split()) == typed.split()


def test_every_command_that_reads_inputs_takes_them_by_position():
    def walk(command, names):
        for name, inner in getattr(command, "commands", {}).items():
            yield from walk(inner, [*names, name])
        if not hasattr(command, "commands"):
            yield command, names

    for command, names in walk(ROOT, []):
        options = {name for option in command.params for name in option.opts}
        arguments = [param for param in command.params if param.param_type_name == "argument"]
        if "--input" in options and not any(argument.nargs == -1 for argument in arguments):
            places = [f"place{number}" for number in range(len(arguments))]
            assert spread_inputs(ROOT, [*names, *places, "x"]) == [*names, *places, "--input", "x"]


def test_a_run_reads_inputs_by_position(tmp_path, capsys):
    for name in "ab":
        (tmp_path / f"{name}.txt").write_text(f"Some words of page {name}.")
    files = [str(tmp_path / "a.txt"), str(tmp_path / "b.txt")]
    code = run(
        [
            "filter",
            *files,
            "--output",
            str(tmp_path / "out"),
            "--rules",
            "none",
            "--scorer",
            "none",
            "--language",
            "any",
        ]
    )
    assert code == 0
    assert "Kept" in capsys.readouterr().out or code == 0


def test_memory_is_refused_before_anything_is_read(tmp_path, capsys):
    for command in ("filter", "dedup"):
        code = run([command, str(tmp_path / "gone"), "--output", str(tmp_path / "out"), "--memory", "1KB"])
        assert (code, capsys.readouterr().err) == (2, "curate: memory must be at least 64MiB, not 1KB.\n")


@pytest.mark.parametrize("empty", ["", " "])
@pytest.mark.parametrize("command", ["filter", "dedup", "score", "index build seen"])
def test_an_empty_input_is_refused_and_is_not_this_folder(tmp_path, monkeypatch, capsys, command, empty):
    (tmp_path / "a.jsonl").write_text('{"text": "A page that nobody named."}\n')
    monkeypatch.chdir(tmp_path)
    output = [] if command.startswith("index") else ["--output", "out"]
    for inputs in ([empty], ["a.jsonl", empty]):
        code = run([*command.split(), *(part for name in inputs for part in ("--input", name)), *output])
        assert code == 2
        assert capsys.readouterr().err.startswith("curate: An input is empty")
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]


@pytest.mark.parametrize(
    ("command", "flags", "said"),
    [
        ("filter", ["--text-column", ""], "text_column is empty: give a value, or leave it out."),
        ("score", ["--text-column", " "], "text_column is empty: give a value, or leave it out."),
        ("dedup", ["--scratch", ""], "scratch is empty: give a value, or leave it out."),
        ("filter", ["--workers", "1000000"], "workers must be between 1 and 4096, not 1000000."),
        ("dedup", ["--workers", "9" * 30], f"workers must be between 1 and 4096, not {'9' * 30}."),
        (
            "filter",
            ["--dedup-substrings", "9" * 12],
            f"dedup_substrings must be between 0 and 1048576, not {'9' * 12}.",
        ),
        (
            "filter",
            ["--max-page-bytes", "9" * 23],
            f"max_page_bytes must be at most {2**62}, not {'9' * 23}.",
        ),
        ("filter", ["--config", "."], ". is no plain file, and is not read."),
        ("filter", ["--output", " "], "No output folder. Give --output with a folder for the result."),
    ],
)
def test_empty_values_and_slips_are_refused_before_anything_is_read(
    tmp_path, monkeypatch, capsys, command, flags, said
):
    monkeypatch.chdir(tmp_path)
    code = run([command, str(tmp_path / "gone"), "--output", "out", *flags])
    assert (code, capsys.readouterr().err) == (2, f"curate: {said}\n")


def test_the_output_of_another_job_is_no_index(tmp_path, capsys):
    (tmp_path / "a.jsonl").write_text('{"text": "A page."}\n')
    kept = tmp_path / "kept"
    assert run(["dedup", str(tmp_path / "a.jsonl"), "--output", str(kept), "--workers", "1"]) == 0
    capsys.readouterr()
    code = run(
        ["dedup", str(tmp_path / "a.jsonl"), "--output", str(tmp_path / "out"), "--against", str(kept)]
    )
    assert (code, capsys.readouterr().err) == (
        2,
        f"curate: {kept} is no index: its manifest.json is of another job.\n",
    )
