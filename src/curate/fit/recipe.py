"""What a classifier is made of: features and heads, and how they are fitted. Checked at birth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from curate.config import check, setting
from curate.errors import SettingError, UnknownNameError

SPARSE_FEATURES = ("tfidf", "own_tfidf", "ngrams", "fasttext")
DENSE_FEATURES = (
    "shape",
    "lines",
    "common_words",
    "static",
    "lsa",
    "classes",
    "program",
    "program_words",
    "encoder",
)

LINEAR_HEADS = ("ridge", "logistic")

HEAD_SETTINGS: dict[str, dict[str, Any]] = {
    "ridge": {"alpha": 2.0, "idf_power": 0.0},
    "logistic": {"C": 10.0, "max_iter": 300, "idf_power": 0.0},
    "svr": {"C": 2.0, "epsilon": 0.1, "gamma": 0.6},
    "kernel": {"alpha": 0.3, "gamma": 0.6, "n_centres": 1024, "vector_scale": 1.0},
    "mlp": {"alpha": 1.0, "learning_rate": 0.003, "n_epochs": 30, "n_hidden": 32, "n_networks": 8},
    "forest": {"n_trees": 200, "min_leaf": 3, "max_features": 0.3},
    "softmax": {"learning_rate": 0.5, "n_dimensions": 16, "n_epochs": 25},
}
"""Settings of each head with their defaults. `gamma` is in units of the features' total variance. An `idf_power` below 0
holds rare words, which are a subject's own, to a stronger penalty than common ones: less is learnt of what a page is
about and more of how it speaks, which carries over to subjects that the labels hardly know; so does a `vector_scale`
below 1, which lets word vectors say less of how near two pages are than the shape of a page and its lines do."""
HEAD_NAMES = tuple(HEAD_SETTINGS)


@dataclass(frozen=True, slots=True)
class MemberRecipe:
    """One head on some features.

    Attributes:
        features: at most one of `SPARSE_FEATURES`, and any of `DENSE_FEATURES`; "fasttext" stands alone.
        head: one of `HEAD_NAMES`; "softmax" and the feature "fasttext" belong together.
        weight: share in the level, beside those of the others; None where it is fitted, or 1 where that is not wanted.
        settings: of the head; see `HEAD_SETTINGS`.
    """

    features: tuple[str, ...]
    head: str
    weight: float | None = None
    settings: dict[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        """Check names, and that the head can take the features."""
        for feature in self.features:
            if feature not in SPARSE_FEATURES + DENSE_FEATURES:
                raise UnknownNameError("feature", feature, SPARSE_FEATURES + DENSE_FEATURES)
        if self.head not in HEAD_NAMES:
            raise UnknownNameError("head", self.head, HEAD_NAMES)
        n_sparse = sum(feature in SPARSE_FEATURES for feature in self.features)
        if n_sparse > 1:
            raise SettingError(f"'{self.name}' names {n_sparse} kinds of word counts; name one.")
        if ("fasttext" in self.features) != (self.head == "softmax") or (
            "fasttext" in self.features and len(self.features) > 1
        ):
            raise SettingError(
                f"'{self.name}': fasttext comes with its own head, softmax, and without other features; "
                "write it as 'fasttext', and name another member to average it with."
            )
        if n_sparse and self.head not in (*LINEAR_HEADS, "softmax"):
            raise SettingError(f"'{self.name}': word counts need one of the heads {', '.join(LINEAR_HEADS)}.")
        if not self.features or (self.weight is not None and self.weight <= 0):
            raise SettingError(
                f"A member needs features and a weight above 0, as in 'tfidf+shape:ridge', not '{self.name}'."
            )
        for name in self.settings:
            if name not in HEAD_SETTINGS[self.head]:
                raise UnknownNameError(f"setting of the {self.head} head", name, HEAD_SETTINGS[self.head])

    @property
    def name(self) -> str:
        """Features and head, as `parse` reads them."""
        return "+".join(self.features) + ":" + self.head

    @property
    def sparse(self) -> str | None:
        """The kind of word counts, if any."""
        return next((feature for feature in self.features if feature in SPARSE_FEATURES), None)

    @property
    def dense(self) -> tuple[str, ...]:
        """Names of the dense features."""
        return tuple(feature for feature in self.features if feature in DENSE_FEATURES)

    @classmethod
    def parse(cls, text: str) -> MemberRecipe:
        """Read 'feature+feature:head', with settings of the head and a weight if wanted.

        >>> MemberRecipe.parse("tfidf+shape:ridge*0.5")
        MemberRecipe(features=('tfidf', 'shape'), head='ridge', weight=0.5, settings={})
        >>> MemberRecipe.parse("static:svr:C=4,epsilon=0.2").settings
        {'C': 4.0, 'epsilon': 0.2}
        >>> MemberRecipe.parse("fasttext").head
        'softmax'
        """
        body, _, weight = text.partition("*")
        names, _, rest = body.partition(":")
        head, _, listed = rest.partition(":")
        features = tuple(part.strip() for part in names.split("+") if part.strip())
        try:
            number = float(weight) if weight else None
            pairs = (item.split("=") for item in listed.split(",") if item)
            settings = {name.strip(): float(value) for name, value in pairs}
        except ValueError:
            raise SettingError(
                f"'{text}' is no member; write it as 'tfidf+shape:ridge', 'static+shape:kernel*0.5' or "
                "'static:svr:C=4,epsilon=0.2'."
            ) from None
        default = "softmax" if features == ("fasttext",) else "ridge"
        return cls(features, head.strip() or default, number, settings)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Features, heads and settings of a fit. Members are heads on features; the level is their weighted mean."""

    members: tuple[MemberRecipe, ...] = setting(
        (
            MemberRecipe(("tfidf",), "ridge"),
            MemberRecipe(("tfidf", "shape"), "ridge"),
            MemberRecipe(("static", "lsa", "shape"), "kernel"),
        ),
        "Heads on features; the level is their weighted mean.",
        section="members",
    )
    # What tells pages apart differs from purpose to purpose.
    stack: bool = setting(
        True,  # noqa: FBT003
        "Fit the members' weights out of fold, where no member states one; else they count alike.",
        section="members",
    )
    low: float | None = setting(
        None, "Lowest level of the scale; left out, 0 or the lowest that occurs.", section="labels"
    )
    high: float | None = setting(
        None,
        "Highest level of the scale; left out, 1 of 0-1 labels, else 5 or the highest that occurs.",
        section="labels",
    )
    positive: float | None = setting(
        None,
        "The score is the probability of this level or more; left out, 1 of 0-1 labels, else 3.",
        section="labels",
    )
    window_bytes: int = setting(
        16384, "How much of a page is read, by all features but the encoder.", section="members", low=256
    )
    zones: tuple[int, ...] = setting(
        (0, 300, 75),
        "Parts of a page that word counts count apart: first so many words, 0 for the whole window.",
        section="members",
    )
    static_zones: tuple[int, ...] = setting(
        (0, 300), "The same for means of word vectors and for LSA.", section="members"
    )
    min_pages: int = setting(
        2,
        "Pages that a word of own_tfidf, or a word or pair of fasttext, must occur in.",
        section="members",
        low=1,
    )
    n_buckets: int = setting(1 << 18, "Buckets of ngrams, a power of two.", section="members", low=2)
    max_words: int = setting(
        1 << 17, "At most so many words and pairs of fasttext, those in most pages.", section="members", low=1
    )
    classifiers: tuple[str, ...] = setting(
        ("topic", "format"), "Bundled classifiers whose outputs are the feature 'classes'.", section="members"
    )
    encoder: str | None = setting(
        None, "sentence-transformers model of the feature 'encoder': name or folder.", section="members"
    )
    encoder_max_tokens: int = setting(256, "How much of a page the encoder reads.", section="members", low=8)
    encoder_dtype: str = setting(
        "fp32",
        "fp32, bf16, or int8 (onnxruntime; needs no torch to score, and lies in the classifier's folder).",
        section="members",
        known=("fp32", "bf16", "int8"),
    )
    calibration: str = setting(
        "auto",
        "platt, isotonic, or auto (by number of labels).",
        section="fit",
        known=("auto", "platt", "isotonic"),
    )
    positive_rate: float | None = setting(
        None,
        "Share of positive pages where the scorer will run, if labelled pages were chosen by kind; left out, as among "
        "the labels, by their propensity.",
        section="labels",
        above=0,
        high=1,
    )
    n_folds: int = setting(5, "Folds of the cross-fitting.", section="fit", low=2)
    group_sites: bool = setting(True, "Pages of one site stay in one fold.", section="fit")  # noqa: FBT003
    overlap: float = setting(
        0.25,
        "Pages that share this much of their text (Jaccard) are never parted; above 1, only equal ones are held.",
        section="fit",
        above=0,
    )
    seed: int = setting(0, "Of everything drawn.", section="fit", low=0)
    reference_annotator: str | None = setting(
        None,
        "The annotator whose scale is predicted, by the whole name; left out, the most frequent one.",
        section="labels",
    )
    same_scale: tuple[str, ...] = setting(
        (), "Annotators whose levels are taken for the reference's as they are.", section="labels"
    )
    annotator_weights: Mapping[str, float] = setting(
        {}, "How much an annotator's pages count, by the annotator's name.", section="labels"
    )

    def __post_init__(self) -> None:
        """Check every setting."""
        check(self)
        if not self.members:
            raise SettingError("A recipe needs at least one member, as in --member tfidf+shape:ridge.")
        if len({member.name for member in self.members}) < len(self.members):
            raise SettingError("Two members of a recipe have the same features and head; leave one out.")
        if any("encoder" in member.features for member in self.members) and not self.encoder:
            raise SettingError(
                "The feature 'encoder' needs a model: set encoder (--encoder) to its name or folder."
            )
        if self.positive_rate == 1:
            raise SettingError("positive_rate is 1; set it (--positive-rate) below 1 (5% is 0.05).")
        if self.n_buckets & (self.n_buckets - 1):
            raise SettingError(f"n_buckets is {self.n_buckets}; set it to a power of two, such as 262144.")
        for name in ("zones", "static_zones"):
            sizes = [zone or float("inf") for zone in getattr(self, name)]
            if not sizes or sizes != sorted(set(sizes), reverse=True) or min(sizes) < 1:
                raise SettingError(
                    f"{name} is {getattr(self, name)}; list numbers of words, falling, 0 (all) first."
                )

    def replace(self, **settings: Any) -> Recipe:
        """The recipe with other settings. Members may be given as texts, see `MemberRecipe.parse`."""
        known = {field.name for field in fields(self)}
        for name in settings:
            if name not in known:
                raise UnknownNameError("setting", name, known)
        if "members" in settings:
            settings["members"] = tuple(
                MemberRecipe.parse(member) if isinstance(member, str) else member
                for member in settings["members"]
            )
        return replace(self, **settings)

    def to_config(self) -> dict[str, Any]:
        """The recipe as JSON."""
        config = asdict(self)
        config["annotator_weights"] = dict(self.annotator_weights)
        return config

    def uses(self, feature: str) -> bool:
        """Whether a member uses the feature."""
        return any(feature in member.features for member in self.members)
