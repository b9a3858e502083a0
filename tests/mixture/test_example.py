"""The commands that docs/mixture.md and docs/training.md show, as they stand there."""

import json
import shlex
import shutil

import pytest

from common import ROOT, run_curate


def shown(begin, page="mixture.md"):
    lines = (ROOT / "docs" / page).read_text().splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith(begin))
    block = []
    for line in lines[first:]:
        if not line.startswith("    "):
            return block
        block.append(line[4:].rstrip())
    return block


@pytest.mark.timeout(1500)
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(["--budget-tokens", "16000"], id="an eighth of the tokens"),
        pytest.param([], id="whole", marks=pytest.mark.slow),
    ],
)
def test_the_commands_of_the_docs_lead_from_pages_to_a_model(tmp_path, changes):
    pytest.importorskip("torch")
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    commands = [shlex.split(line, comments=True) for line in shown("    curate filter")]
    assert [command[1] for command in commands] == ["filter", "mix", "tokenize", "train", "generate"]
    said = {}
    for _, name, *arguments in commands:
        done = run_curate(name, *arguments, *(changes if name == "train" else []), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        said[name] = done.stdout
    assert [line.rstrip() for line in said["mix"].splitlines()][: len(shown("    source"))] == shown(
        "    source"
    )
    steps = [json.loads(line) for line in (tmp_path / "out/run/metrics.jsonl").read_text().splitlines()]
    losses = [step["loss"] for step in steps if "loss" in step]
    assert losses[-1] < (0.95 if changes else 0.2) * losses[0]
    assert len(said["generate"].split()) > (4 if changes else 10)  # the prompt, and more

    # docs/training.md begins where docs/mixture.md ends.
    (tmp_path / "tokens").symlink_to(tmp_path / "out" / "tokens")
    commands = [shlex.split(line, comments=True) for line in shown("    curate train", "training.md")]
    assert [command[1] for command in commands] == ["train", "export", "generate", "report"]
    for _, name, *arguments in commands:
        small = ["--budget-tokens", "8000", "--eval-every", "8", *changes[2:]] if name == "train" else []
        done = run_curate(name, *arguments, *small, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert "text/lessons" in (tmp_path / "run" / "report.html").read_text()
    assert (tmp_path / "exported" / "model.safetensors").exists()


def test_the_exercises_are_what_their_script_writes(tmp_path):
    shutil.copy(ROOT / "examples" / "mixture" / "build_lessons.py", tmp_path)
    import runpy

    runpy.run_path(str(tmp_path / "build_lessons.py"), run_name="__main__")
    written = (tmp_path / "lessons.jsonl").read_bytes()
    assert written == (ROOT / "examples" / "mixture" / "lessons.jsonl").read_bytes()
