"""Three texts that the examples score."""

TEXTS = [
    (
        "Photosynthesis is how green plants make sugar. Chlorophyll absorbs light, whose energy splits water into oxygen and "
        "hydrogen; the hydrogen and carbon dioxide then become glucose, which the plant stores as starch."
    ),
    "Blue shoes, red shoes, 50% off today only! Add to cart. Free shipping. Sign in to see your offers.",
    (
        "To find the area of a triangle, multiply its base by its height and halve the product. For example, with a base of 6 "
        "and a height of 4 the area is 12, since two such triangles make a rectangle of 24."
    ),
]


def show(scores: list[float]) -> None:
    """Print what every example ends with."""
    for text, score in zip(TEXTS, scores, strict=True):
        print(f"{score:.4f}  {text[:40]}")
