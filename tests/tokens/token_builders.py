"""Small mixtures and tokenizers for the tests of tokens."""

from functools import cache

from tokenizers import Tokenizer, models, pre_tokenizers

from curate.mixture import MixtureSettings, Source, mix
from curate.tokens import EOS_TOKEN, train_encoder

TEXTS = [
    "The owl sleeps by day in the hollow oak behind the old mill.",
    f"A page that shows {EOS_TOKEN} as text, twice: {EOS_TOKEN}",
    "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich. ☃ 𝔘𝔫𝔦𝔠𝔬𝔡𝔢\n\ttabs   and spaces ",
    "x",
    "def add(a, b):\n    return a + b  # 1234567890\n" * 5,
    "日本語の文章。ไทย العربية",
]


def many_texts(n):
    return [f"{TEXTS[i % len(TEXTS)]} Number {i} of {n}, and {i * i} is its square." for i in range(n)]


@cache
def small_encoder(vocab_size=400):
    return train_encoder(many_texts(60), vocab_size)


def word_tokenizer(words, special=()):
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token=words[0]))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.add_special_tokens(list(special))
    return tokenizer


def make_mixture(folder, n=90, **settings):
    import json

    folder.mkdir(parents=True, exist_ok=True)
    for name in ("one", "two"):
        rows = [{"id": f"{name}-{i}", "text": f"{name} {text}"} for i, text in enumerate(many_texts(n))]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    sources = tuple(Source(name, (str(folder / f"{name}.jsonl"),)) for name in ("one", "two"))
    made = MixtureSettings(sources=sources, validation_fraction=0.2, keep_near_validation=True, **settings)
    mix(made, folder / "mixture", workers=1)
    return folder / "mixture"
