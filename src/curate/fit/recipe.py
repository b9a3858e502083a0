"""What a classifier is made of: features and heads, and how they are fitted. Checked at birth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from curate.errors import SettingError, UnknownNameError
from curate.fit.heads import HEAD_NAMES, HEAD_SETTINGS, LINEAR_HEADS

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
_DTYPES = ("fp32", "bf16", "int8")


@dataclass(frozen=True, slots=True)
class MemberRecipe:
    """One head on some features.

    Attributes:
        features: at most one of `SPARSE_FEATURES`, and any of `DENSE_FEATURES`; "fasttext" stands alone.
        head: one of `HEAD_NAMES`; "softmax" and the feature "fasttext" belong together.
        weight: share in the level, where members are not stacked.
        settings: of the head; see `curate.fit.heads.HEAD_SETTINGS`.
    """

    features: tuple[str, ...]
    head: str
    weight: float = 1.0
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
        if not self.features or self.weight <= 0:
            raise SettingError(
                f"A member needs features and a weight above 0, as in 'tfidf+shape:ridge', not '{self.name}'."
            )
        for setting in self.settings:
            if setting not in HEAD_SETTINGS[self.head]:
                raise UnknownNameError(f"setting of the {self.head} head", setting, HEAD_SETTINGS[self.head])

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
            number = float(weight) if weight else 1.0
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
    """Features, heads and settings of a fit.

    Attributes:
        members: heads on features; the level is their weighted mean.
        stack: whether weights of members are fitted on out-of-fold levels.
        low: lowest level; None for 0 or the lowest that occurs.
        high: highest level; None for 1 with binary labels, else 5 or the highest that occurs.
        positive: the score is the probability of this level or more; None for 1 (binary) or 3.
        window_bytes: how much of a document is read.
        zones: parts of a document counted apart by word counts: first so many words, 0 for the whole window.
        static_zones: the same for means of word vectors and for LSA.
        min_pages: pages a word of `own_tfidf` (a word or pair of `fasttext`) must occur in.
        n_buckets: of `ngrams`, a power of two.
        max_words: at most so many words and pairs of `fasttext`, those in most pages.
        classifiers: bundled classifiers into classes whose outputs are the feature "classes".
        encoder: sentence-transformers model of the feature "encoder", by name or folder.
        encoder_max_tokens: how much of a document it reads.
        encoder_dtype: "fp32", "bf16", or "int8" (onnxruntime; the encoder then lies in the classifier's folder).
        calibration: "platt", "isotonic", or "auto".
        positive_rate: share of positives where the scorer will run; None for that among the pages, by their propensity.
        n_folds: of the cross-fitting.
        group_sites: whether pages of one site stay in one fold.
        overlap: pages that share this much of their text (Jaccard) stay in one fold; above 1, only equal ones.
        seed: of everything drawn.
        reference_annotator: name of the annotator whose scale is predicted; None for the most frequent one.
        same_scale: names of annotators whose levels are taken for the reference's as they are.
        annotator_weights: how much an annotator's pages count, by the annotator's name.
    """

    members: tuple[MemberRecipe, ...] = (
        MemberRecipe(("tfidf", "shape"), "ridge"),
        MemberRecipe(("static", "lsa", "shape"), "kernel"),
    )
    stack: bool = False
    low: float | None = None
    high: float | None = None
    positive: float | None = None
    window_bytes: int = 16384
    zones: tuple[int, ...] = (0, 300, 75)
    static_zones: tuple[int, ...] = (0, 300)
    min_pages: int = 2
    n_buckets: int = 1 << 18
    max_words: int = 1 << 17
    classifiers: tuple[str, ...] = ("topic", "format")
    encoder: str | None = None
    encoder_max_tokens: int = 256
    encoder_dtype: str = "fp32"
    calibration: str = "auto"
    positive_rate: float | None = None
    n_folds: int = 5
    group_sites: bool = True
    overlap: float = 0.25
    seed: int = 0
    reference_annotator: str | None = None
    same_scale: tuple[str, ...] = ()
    annotator_weights: Mapping[str, float] = field(default_factory=dict[str, float])

    def __post_init__(self) -> None:
        """Check every setting."""
        if not self.members:
            raise SettingError("A recipe needs at least one member, as in --member tfidf+shape:ridge.")
        if len({member.name for member in self.members}) < len(self.members):
            raise SettingError("Two members of a recipe have the same features and head; leave one out.")
        if self.calibration not in {"auto", "platt", "isotonic"}:
            raise UnknownNameError("calibration", self.calibration, ("auto", "platt", "isotonic"))
        if self.encoder_dtype not in _DTYPES:
            raise UnknownNameError("encoder_dtype", self.encoder_dtype, _DTYPES)
        if any("encoder" in member.features for member in self.members) and not self.encoder:
            raise SettingError(
                "The feature 'encoder' needs a model: set encoder (--encoder) to its name or folder."
            )
        for name, least in (
            ("window_bytes", 256),
            ("min_pages", 1),
            ("max_words", 1),
            ("n_folds", 2),
            ("encoder_max_tokens", 8),
        ):
            if getattr(self, name) < least:
                raise SettingError(f"{name} is {getattr(self, name)}; set it to {least} or more.")
        if self.positive_rate is not None and not 0 < self.positive_rate < 1:
            raise SettingError(
                f"positive_rate is {self.positive_rate}; set it (--positive-rate) to a share between 0 and 1 (5% is 0.05)."
            )
        if not self.overlap > 0:
            raise SettingError(
                f"overlap is {self.overlap}; set it above 0, such as 0.25 (above 1 for equal pages only)."
            )
        if self.n_buckets < 2 or self.n_buckets & (self.n_buckets - 1):
            raise SettingError(f"n_buckets is {self.n_buckets}; set it to a power of two, such as 262144.")
        for name in ("zones", "static_zones"):
            sizes = [zone or float("inf") for zone in getattr(self, name)]
            if not sizes or sizes != sorted(set(sizes), reverse=True) or min(sizes) < 1:
                raise SettingError(
                    f"{name} is {getattr(self, name)}; list numbers of words, falling, 0 (all) first."
                )

    def replace(self, **settings: Any) -> Recipe:
        """The recipe with other settings. Members may be given as texts, see `MemberRecipe.parse`."""
        known = {item.name for item in fields(self)}
        for name in settings:
            if name not in known:
                raise UnknownNameError("setting", name, known)
        if "members" in settings:
            settings["members"] = tuple(
                MemberRecipe.parse(member) if isinstance(member, str) else member
                for member in settings["members"]
            )
        for name in ("zones", "static_zones", "same_scale", "classifiers"):
            if name in settings:
                settings[name] = tuple(settings[name])
        return replace(self, **settings)

    def to_config(self) -> dict[str, Any]:
        """The recipe as JSON."""
        config = asdict(self)
        config["annotator_weights"] = dict(self.annotator_weights)
        return config

    def uses(self, feature: str) -> bool:
        """Whether a member uses the feature."""
        return any(feature in member.features for member in self.members)


DEFAULT_RECIPE = Recipe(
    members=(
        MemberRecipe(("tfidf",), "ridge"),
        MemberRecipe(("tfidf", "shape"), "ridge"),
        MemberRecipe(("static", "lsa", "shape"), "kernel"),
    ),
    stack=True,
)
"""What is fitted where nobody names members: stacked, since what tells pages apart differs from purpose to purpose."""
