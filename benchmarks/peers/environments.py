"""A virtual environment of its own for each peer, made on first use: `.venv-NAME` beside the sources."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# What our own side needs where it runs beside a peer's tokeniser.
_OURS = ("numba==0.68.1", "pyarrow==26.0.1", "xxhash<4")  # datatrove 0.10 hashes strings, which 4 refuses
# fmt: off
REQUIREMENTS: dict[str, tuple[tuple[str, ...], ...]] = {
    # Each tuple is one call of pip.
    "datatrove": (
        (
            "datatrove==0.10.1",
            "spacy==3.8.14",
            "nltk",
            "tldextract",
            "regex",
            "ftfy",
            "uniseg==0.10.1",
            "orjson",
            "tokenizers",
            "trafilatura==2.3.1",
            "lxml_html_clean",  # or its extractor waits for ever for a process that could not start
            *_OURS,
        ),
    ),
    "rensa": (("rensa==0.5.0", "pyarrow==26.0.1"),),
    # The constraints keep torch to its build for CPUs.
    "websieve": (("--constraint", "constraints.txt", "websieve==0.1.2"),),
    "litgpt": (("--constraint", "constraints.txt", "litgpt==0.5.13", "torch==2.13.0"),),
    "tokens": (("datatrove==0.10.1", "tokenizers==0.23.3", "tiktoken", "tokie", "torch==2.13.0"),),
    # pip did not end within ten minutes over all that dolma asks for; these are what its taggers import.
    "dolma": (
        ("--no-deps", "dolma==1.2.1"),
        ("anyascii", "blingfire", "cached-path", "charset-normalizer", "fasttext-community", "msgspec",
         "necessary", "nltk", "numpy", "omegaconf", "platformdirs", "pyyaml", "requests", "rich", "s3fs",
         "smart-open", "tokenizers", "tqdm", "uniseg", "zstandard"),
    ),
    # What the checkout's filters import.
    "dclm": (("uniseg==0.10.1", "nltk", "fasttext-community==0.11.9", "unidecode"),),
    # Their filters need little of what the packages ask for.
    "curator": (("--no-deps", "nemo-curator==1.4.0"), ("regex", "loguru")),
    # The code filters of both; the rest as above.
    "code": (
        ("--no-deps", "dolma==1.2.1", "nemo-curator==1.4.0"),
        ("anyascii", "beautifulsoup4", "blingfire", "cached-path", "charset-normalizer", "detect-secrets", "loguru", "msgspec",
         "necessary", "nltk", "numpy", "omegaconf", "platformdirs", "pygments", "pyyaml", "regex", "requests", "rich", "s3fs",
         "smart-open", "tokenizers", "tqdm", "uniseg", "zstandard"),
    ),
    "c4": (("--no-deps", "tensorflow-datasets==4.9.10", "llama-index-core==0.14.25"), ("absl-py", "nltk")),
}
# fmt: on


def peer_environment(name: str) -> str:
    """The Python of a peer's environment, which is made where it is missing.

    Raises:
        RuntimeError: pip could not install the peer.
    """
    folder = ROOT / f".venv-{name}"
    python, done = folder / "bin" / "python", folder / "requirements.txt"
    wanted = "\n".join(" ".join(call) for call in REQUIREMENTS[name]) + "\n"
    if done.exists() and done.read_text(encoding="utf-8") == wanted:
        return str(python)
    print(f"Installing {name} into {folder.name}", file=sys.stderr)
    venv.create(folder, with_pip=True, clear=True)
    for call in REQUIREMENTS[name]:
        installed = subprocess.run(
            [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *call],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
        )
        if installed.returncode:
            raise RuntimeError(f"{name} does not install: {installed.stderr.strip()[-1000:]}")
    done.write_text(wanted, encoding="utf-8")
    return str(python)


def peer_or_none(name: str) -> str | None:
    """As `peer_environment`, but a peer that does not install is left out, saying so."""
    try:
        return peer_environment(name)
    except RuntimeError as error:
        print(f"{error}\n{name} is left out.", file=sys.stderr)
        return None
