"""Annotated pages made up for tests: the more teaching words, the higher the level."""

import numpy as np

TEACH = ["theorem", "equation", "cell", "energy", "history", "explain", "example", "chapter", "exercise"]
SELL = ["buy", "sale", "cart", "shipping", "discount", "click", "offer", "login", "cookies", "checkout"]
PLAIN = ["the", "of", "and", "to", "in", "is", "was", "for", "on", "with", "as", "by", "at", "from", "that"]


def make_pages(n=240, seed=0, n_levels=6):
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        level = int(rng.integers(0, n_levels))
        share = level / (n_levels - 1)
        words = [
            str(rng.choice(PLAIN if rng.random() < 0.6 else TEACH if rng.random() < share else SELL))
            for _ in range(int(rng.integers(30, 90)))
        ]
        ends = dict.fromkeys(range(9, 90, 10), ".\n")
        text = "".join(word + ends.get(k, " ") for k, word in enumerate(words))
        rows.append(
            {"text": f"Page {i}. {text}", "edu_level": level, "url": f"https://site{i % 60}.example/{i}"}
        )
    return rows
