# ruff: noqa: A005  (`python -m benchmarks code`)
"""The classifier `code` and the rules for code, by package, beside simple baselines: `python -m benchmarks code`.

Files and levels are those of `--data` (by default `code` in the folder that CURATE_TEST_DATA names). Every figure is out of fold, folds drawn by
package. The speed is that of rules and score together on files of 5 KB, CPU seconds of one process.

    share of comments, length, `edu`      one number, as it is
    tfidf                                 ridge regression on words
    encoder                               a random forest on sentence embeddings of the file, as phi-1 has it (slow;
                                          with --encoder NAME-OR-FOLDER)
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from classifiers.recipe.code import CODE_RECIPE, read_code

from benchmarks.harness import DATA, ROOT
from benchmarks.peers.environments import peer_environment
from curate.fit.columns import compute_columns
from curate.fit.fitting import compare_readings, cross_fit, find_folds
from curate.fit.metrics import average_precision, bootstrap, spearman
from curate.fit.recipe import MemberRecipe
from curate.rules import apply_rules, load_rules, required_signals
from curate.scoring import load_scorer
from curate.scoring.program import PROGRAM_NAMES
from curate.scoring.texts import take_window
from curate.signals import compute_signals

FILE_BYTES = 5000
_FEWEST = 40
"""Files of a language that a figure is given for."""


def run(args: list[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks code")
    parser.add_argument("--data", type=Path, default=DATA / "code")
    parser.add_argument("--encoder", default=None)
    parser.add_argument(
        "--more", type=Path, action="append", default=[], help="folder of more files and levels"
    )
    settings = parser.parse_args(args)
    _, read = compare_readings(read_code(settings.data, settings.more), CODE_RECIPE, (0.0, 5.0, 3.0))
    pages, levels = read.pages, read.pages.levels
    recipe = CODE_RECIPE.replace(members=(*CODE_RECIPE.members, MemberRecipe(("own_tfidf",), "ridge")))
    columns = compute_columns(pages, recipe)
    folds = find_folds(pages, recipe, 3.0)
    outputs = [
        cross_fit(member, columns, read.targets, pages.weights, folds, recipe.seed)
        for member in recipe.members
    ]
    shapes = columns.dense["program"].astype(np.float64)
    window = take_window(pages.texts, recipe.window_bytes)
    numbers = {
        "code": (outputs[0] + outputs[1]) / 2,
        "tfidf": outputs[2],
        "edu": load_scorer("edu").score(pages.texts).astype(np.float64),
        "share of comments": shapes[:, PROGRAM_NAMES.index("frac_prose")],
        "length": np.array([len(text) for text in pages.texts.to_pylist()], np.float64),
    }
    if settings.encoder:
        numbers["encoder"] = _forest_on_encoder(settings.encoder, window, levels, folds)
    return {
        "n_files": len(levels),
        "n_at_level_3": int((levels >= 3).sum()),
        "n_packages": len(set(pages.sites)),
        "quality": {name: _measure(values, levels) for name, values in numbers.items()},
        "spearman_by_language": _by_language(numbers["code"], levels, list(pages.topics)),
        "rules": {name: _measure_rules(name, pages.texts, levels) for name in _RULE_SETS},
        "parity": measure_parity(pages.texts),
        "files_per_cpu_s": measure_speed(pages.texts),
    }


def measure_parity(texts: pa.Array) -> list[dict[str, Any]]:
    """On how many texts the rules of `code-stack@starcoder` decide as the code that others publish for them.

    Few program files are near a limit: three changed copies of each are judged too.
    """
    texts = pa.concat_arrays([texts, pa.array(_strain(texts.to_pylist()), pa.large_string())])
    with tempfile.TemporaryDirectory() as folder:
        files, out = Path(folder, "files.jsonl"), Path(folder, "out.json")
        lines = "".join(json.dumps(text) + "\n" for text in texts.to_pylist())
        files.write_text(lines, encoding="utf-8")
        script = ROOT / "benchmarks" / "peers" / "code_rules.py"
        command = [peer_environment("code"), str(script), str(files), str(out)]
        subprocess.run(command, check=True, cwd=folder, capture_output=True)
        theirs = json.loads(out.read_text(encoding="utf-8"))
    (rule_set,) = load_rules(["code-stack"])
    measured = compute_signals(texts, required_signals([rule_set]))
    ours: dict[str, Any] = {}
    for rule in rule_set.rules:
        alone = dataclasses.replace(rule_set, rules=(rule,))
        reasons = apply_rules(measured, [alone])["drop_reason"]
        ours[rule.reason.removeprefix("stack_")] = reasons.is_valid().to_numpy(zero_copy_only=False)
    ours["lines and alpha_chars"] = ours["max_line_chars"] | ours["mean_line_chars"] | ours["alpha_chars"]
    rows: list[dict[str, Any]] = []
    for name, dropped in theirs.items():
        own = ours[name.partition(" (")[0]]
        n_same = int((own == np.array(dropped)).sum())
        rows.append({"rule": name, "files": len(own), "peer_drops": sum(dropped), "same": n_same})
    return rows


_RULE_SETS = ("code", "code-stack", "code-stack2", "code-opencoder", "gopher", "c4", "fineweb")


def _strain(texts: list[str]) -> list[str]:
    """Copies whose lines are joined, whose letters are in part dashes, and before which a declaration of XML stands."""
    strained: list[str] = []
    for number, text in enumerate(texts):
        n_joined, n_left, n_before = number % 37 + 2, number % 5 + 1, number % 120
        lines = text.split("\n")
        joined = ["".join(lines[i : i + n_joined]) for i in range(0, len(lines), n_joined)]
        strained.append("\n".join(joined))
        strained.append(
            "".join("-" if char.isalnum() and i % 6 >= n_left else char for i, char in enumerate(text))
        )
        strained.append("#" * n_before + '<?xml version="1.0"?>\n' + text)
    return strained


def _measure(values: Any, levels: Any) -> dict[str, Any]:
    ones = np.ones(len(levels))
    return {
        "spearman": bootstrap(lambda r: spearman(values[r], levels[r], ones[r]), len(levels), 0),
        "average_precision": bootstrap(
            lambda r: average_precision(values[r], levels[r] >= 3, ones[r]), len(levels), 0
        ),
    }


def _by_language(values: Any, levels: Any, languages: list[str]) -> dict[str, float]:
    names = np.array(languages)
    return {
        str(name): round(
            spearman(values[names == name], levels[names == name], np.ones((names == name).sum())), 3
        )
        for name in np.unique(names)
        if (names == name).sum() >= _FEWEST
    }


def _forest_on_encoder(name: str, texts: pa.Array, levels: Any, folds: Any) -> Any:
    from sklearn.ensemble import RandomForestRegressor

    from curate.scoring.encoders import load_encoder

    embeddings = np.asarray(load_encoder(name).encode(texts))
    values = np.zeros(len(levels))
    for fold in range(int(folds.max()) + 1):
        held = folds == fold
        model = RandomForestRegressor(100, min_samples_leaf=3, max_features=0.3, random_state=0)
        values[held] = model.fit(embeddings[~held], levels[~held]).predict(embeddings[held])
    return values


def _measure_rules(name: str, texts: pa.Array, levels: Any) -> dict[str, float]:
    sets = load_rules([name])
    reasons = apply_rules(compute_signals(texts, required_signals(sets)), sets)["drop_reason"]
    lost = np.array([reason is not None for reason in reasons.to_pylist()])
    return {
        "lost_of_level_3": round(float(lost[levels >= 3].mean()), 4),
        "lost_below_level_1": round(float(lost[levels < 1].mean()), 4),
        "lost": round(float(lost.mean()), 4),
    }


def measure_speed(texts: pa.Array, n_rounds: int = 3) -> dict[str, float]:
    """Files of 5 KB that rules and score judge in a CPU second: the best of some rounds, and the parts alone."""
    files = [
        (text * (FILE_BYTES // max(len(text), 1) + 1))[:FILE_BYTES]
        for text in texts.to_pylist()
        if len(text) > 500
    ]
    batch = pa.array(files, pa.large_string())
    scorer, sets = load_scorer("code"), load_rules(["code"])
    names = required_signals(sets)

    def rules() -> None:
        apply_rules(compute_signals(batch, names), sets)

    def score() -> None:
        scorer.score(batch)

    rules()
    score()
    best: dict[str, float] = {}
    for name, work in (("rules", (rules,)), ("score", (score,)), ("rules and score", (rules, score))):
        seconds = []
        for _ in range(n_rounds):
            started = time.process_time()
            for part in work:
                part()
            seconds.append(time.process_time() - started)
        best[name] = round(len(files) / min(seconds))
    return best
