"""A quick look at what a model writes."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from curate.errors import SettingError
from curate.tokens.encoder import read_tokenizer
from curate.train.model import Cache, Decoder
from curate.train.weights import load_decoder, read_trained


def generate(
    model: str | Path,
    prompt: str = "",
    *,
    n_tokens: int = 200,
    temperature: float = 0.8,
    top_p: float = 0.95,
    seed: int = 0,
) -> str:
    """Continue `prompt` by up to `n_tokens` tokens, ending where the document ends or the context is full.

    Args:
        model: output folder of a run, a checkpoint, or a Hugging Face folder with a tokenizer.json.
        prompt: the beginning; empty for the beginning of a document.
        n_tokens: most tokens to add.
        temperature: 0 takes the likeliest token each time.
        top_p: draw from the likeliest tokens that hold this much probability.
        seed: of the draws; equal seeds give equal text on one machine.

    Returns:
        The text that was added, without the prompt.
    """
    if temperature < 0 or not 0 < top_p <= 1:
        raise SettingError(
            f"temperature must be 0 or more and top_p in (0, 1], not {temperature} and {top_p}."
        )
    trained = read_trained(model)
    if trained.tokenizer is None:
        raise SettingError(f"{model} has no tokenizer.json, so its ids cannot be read as text.")
    tokenizer = read_tokenizer(trained.tokenizer)
    tokenizer.encode_special_tokens = True  # a literal end token in the prompt stays text, as in training
    begin = [] if trained.eos_id is None else [trained.eos_id]
    ids = begin + tokenizer.encode(prompt, add_special_tokens=False).ids
    if not ids:
        raise SettingError("The model has no end token to begin with. Give a prompt.")
    if len(ids) >= trained.shape.context:
        raise SettingError(
            f"The prompt has {len(ids):,} tokens, and the model reads {trained.shape.context:,} at once: nothing "
            f"can be added. Give a prompt of at most {trained.shape.context - 1:,} tokens."
        )
    added = continue_ids(
        load_decoder(trained),
        ids,
        n_tokens=n_tokens,
        eos_id=trained.eos_id,
        temperature=temperature,
        top_p=top_p,
        seed=seed,
    )
    return tokenizer.decode(added)


@torch.no_grad()
def continue_ids(
    decoder: Decoder,
    ids: list[int],
    *,
    n_tokens: int,
    eos_id: int | None,
    temperature: float,
    top_p: float,
    seed: int,
) -> list[int]:
    """The ids that follow `ids`, without the end token."""
    shape = decoder.shape
    ids = ids[-shape.context :]
    empty = torch.zeros(0, shape.n_kv_heads, shape.head_width)
    cache: Cache = [(empty, empty) for _ in range(shape.n_layers)]
    generator = torch.Generator().manual_seed(seed)
    new, added = ids, list[int]()
    while len(added) < n_tokens and len(ids) + len(added) < shape.context:
        first = len(ids) + len(added) - len(new)
        logits, _ = decoder(torch.tensor(new), torch.arange(first, first + len(new)), cache=cache)
        chosen = _draw(logits[-1], temperature, top_p, generator)
        if chosen == eos_id:
            break
        added.append(chosen)
        new = [chosen]
    return added


def _draw(logits: Tensor, temperature: float, top_p: float, generator: torch.Generator) -> int:
    if temperature == 0:
        return int(logits.argmax())
    chances, order = (logits / temperature).softmax(-1).sort(descending=True)
    # A token stays while the ones before it hold less than top_p: the likeliest always does.
    chances[chances.cumsum(-1) - chances >= top_p] = 0
    return int(order[torch.multinomial(chances, 1, generator=generator)])
