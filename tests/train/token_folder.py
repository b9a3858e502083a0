"""Small token folders in the format of docs/tokens.md, made without the tokenizer."""

import json

import numpy as np
import xxhash

EOS = 0


def document(rng, n, n_words=60):
    """Tokens with a pattern to learn: each is mostly a function of the one before it."""
    tokens = [int(rng.integers(1, n_words))]
    while len(tokens) < n:
        tokens.append(1 + (tokens[-1] * 7 + int(rng.integers(0, 3))) % (n_words - 1))
    return tokens


def write_token_folder(
    folder, sources, *, vocab_size=64, max_passes=None, seed=0, n_validation=6, weights=None
):
    """Write a folder with one group per source; `sources` names how many training documents each has."""
    rng = np.random.default_rng(seed)
    splits = {"train": [], "validation": []}
    groups = []
    for source, n_documents in sources.items():
        name = f"{source}.all.all"
        about = {"name": name, "source": source, "domain": "all", "bucket": "all"}
        for split, n in (("train", n_documents), ("validation", n_validation)):
            documents = [[*document(rng, int(rng.integers(3, 90))), EOS] for _ in range(n)]
            path = folder / split
            path.mkdir(parents=True, exist_ok=True)
            tokens = np.array([t for d in documents for t in d], np.uint16)
            n_bytes = np.array([3 * (len(d) - 1) for d in documents], np.uint64)
            tokens.tofile(path / f"{name}.bin")
            np.cumsum([0, *map(len, documents)]).astype(np.uint64).tofile(path / f"{name}.idx")
            n_bytes.tofile(path / f"{name}.bytes")
            splits[split].append(
                about
                | {
                    "n_documents": n,
                    "n_tokens": len(tokens),
                    "n_bytes": int(n_bytes.sum()),
                    "hash": _hash(path / name),
                }
            )
        groups.append(
            about | {"max_passes": max_passes, "train": {"n_bytes": 0}, "validation": {"n_bytes": 0}}
        )
    shares = dict(weights or {})
    plan = {
        "format": "curate-mixture",
        "version": 1,
        "budget_tokens": None,
        "groups": groups,
        "stages": [
            {"name": "main", "share": 1.0, "sources": shares, "domains": {}, "buckets": {}, "upsample": {}}
        ],
    }
    manifest = {
        "format": "curate-tokens",
        "version": 1,
        "fingerprint": f"{seed:016x}",
        "fingerprints": {"tokenizer": "0", "data": f"{seed}", "settings": "0"},
        "tokenizer": {"vocab_size": vocab_size, "eos_token": "<|endoftext|>", "eos_id": EOS},
        "dtype": "uint16",
        "settings": {},
        "splits": splits,
    }
    (folder / "plan.json").write_text(json.dumps(plan))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer_json(vocab_size)))
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def _hash(stem):
    files = [stem.with_name(stem.name + ending) for ending in (".bin", ".idx", ".bytes")]
    return xxhash.xxh3_64_hexdigest(b"".join(file.read_bytes() for file in files))


def tokenizer_json(vocab_size):
    """A word-level tokenizer: token i is the word 'w<i>'."""
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

    vocabulary = {"<|endoftext|>": EOS} | {f"w{i}": i for i in range(1, vocab_size)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="w1"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.add_special_tokens([AddedToken("<|endoftext|>", special=True)])
    return json.loads(tokenizer.to_str())
