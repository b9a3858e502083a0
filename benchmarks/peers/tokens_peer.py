"""Runs in the peers' environment: `tokens_peer.py WHAT ARGUMENTS...`; prints one JSON line."""

import hashlib
import json
import os
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"


def read_texts(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line)["text"] for line in file]


def tiktoken_encoder(path):
    import tiktoken

    with open(path, encoding="utf-8") as file:
        vocabulary = json.load(file)["model"]["vocab"]
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(256, 512))
    values = {chr(byte if byte in printable else next(others)): byte for byte in range(256)}
    ranks = {
        bytes(values[letter] for letter in word): number
        for word, number in vocabulary.items()
        if word != "<|endoftext|>"
    }
    pattern = r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
    return tiktoken.Encoding("own", pat_str=pattern, mergeable_ranks=ranks, special_tokens={}).encode_ordinary


def tokie_encoder(path):
    import tempfile

    import tokie

    with open(path, encoding="utf-8") as file:
        description = json.load(file)
    description["added_tokens"] = []  # else a literal special token in a text ends the document
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(description, file)
        file.flush()
        tokenizer = tokie.Tokenizer.from_json(file.name)
    return lambda text: tokenizer.encode(text, add_special_tokens=False).ids


def tokenizers_encoder(path):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(path)
    tokenizer.encode_special_tokens = True
    return lambda texts: [found.ids for found in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]


def curate_encoder(path):
    import pyarrow as pa

    from curate.tokens import load_encoder

    encoder = load_encoder(path)
    encoder.encode(["Compile."])
    return lambda texts: encoder.encode_joined(pa.array(texts, pa.large_string()))


def encode(name, tokenizer, texts_path):
    texts = read_texts(texts_path)
    make = globals()[f"{name}_encoder"]
    encoder = make(tokenizer)
    began = time.process_time()
    if name == "curate":
        found = [encoder(texts[i : i + 1024]) for i in range(0, len(texts), 1024)]
    elif name == "tokenizers":
        found = [ids for i in range(0, len(texts), 1024) for ids in encoder(texts[i : i + 1024])]
    else:
        found = [encoder(text) for text in texts]
    cpu_s = time.process_time() - began
    if name == "curate":
        lists = [ids for tokens, lengths in found for ids in split(tokens, lengths)]
    else:
        lists = found
    digests = [hashlib.blake2b(str(list(ids)).encode(), digest_size=8).hexdigest() for ids in lists]
    return {"cpu_s": cpu_s, "n_tokens": sum(map(len, lists)), "digests": digests}


def split(tokens, lengths):
    begin = 0
    for n in lengths.tolist():
        yield tokens[begin : begin + n - 1].tolist()
        begin += n


def datatrove(tokenizer, folder, output):
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.readers import ParquetReader
    from datatrove.pipeline.tokens import DocumentTokenizer

    LocalPipelineExecutor(
        pipeline=[
            ParquetReader(folder),
            DocumentTokenizer(
                output_folder=output,
                tokenizer_name_or_path=tokenizer,
                eos_token="<|endoftext|>",
                shuffle_documents=False,
            ),
        ],
        tasks=1,
        logging_dir=os.path.join(output, "logs"),
        skip_completed=False,
    ).run()
    return {}


def datatrove_loader(folder, context, n_windows):
    import random

    from datatrove.utils.dataset import DatatroveFolderDataset

    data = DatatroveFolderDataset(folder, seq_len=int(context), token_size=2)
    order = random.Random(0).choices(range(len(data)), k=int(n_windows))
    data[0]
    began = time.process_time()
    for place in order:
        data[place]
    return {"cpu_s": time.process_time() - began}


def megatron_loader(prefix, n_documents):
    import random

    from megatron.core.datasets.indexed_dataset import IndexedDataset

    data = IndexedDataset(prefix)
    order = random.Random(0).choices(range(len(data)), k=int(n_documents))
    data[0]
    began = time.process_time()
    n_tokens = sum(len(data[place]) for place in order)
    return {"cpu_s": time.process_time() - began, "n_tokens": n_tokens}


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
