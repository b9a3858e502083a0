"""Names to scorers: bundled classifiers, folders, published checkpoints and other packages' scorers.

load_scorer("edu")                          a classifier that comes with curate
load_scorer("classifiers/mine")             a folder that `curate fit` wrote
load_scorer("hf:organisation/checkpoint")   a sequence-classification checkpoint, or hf:<local folder>
load_scorer("hf:folder#good")               the probability of the label "good"
load_scorer("model.bin#hq")                 a label of a supervised fastText model
load_scorer("pipeline.skops#good")          a class of a scikit-learn pipeline that skops stored
load_scorer("theirs")                       an entry point of the group `curate.scorers`
load_scorer(scorer)                         an object with `name` and `score` stands for itself
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np

from curate.bundled import bundled_names, classifiers_folder
from curate.errors import SettingError, UnknownNameError, one_line
from curate.protocols import Scorer
from curate.scoring.calibration import calibration_from_config
from curate.scoring.check import (
    CLASSES_SHAPE,
    SCORER_SHAPE,
    check_block,
    check_config,
    check_head,
    check_zones,
    take_array,
)
from curate.scoring.classes import FittedClasses
from curate.scoring.features import (
    KERNEL_VERSIONS,
    MOST_COMMON_WORDS,
    ClassesBlock,
    CommonWordsBlock,
    DenseBlock,
    EncoderBlock,
    LinesBlock,
    ProgramBlock,
    ProgramWordsBlock,
    ShapeBlock,
    SparseFeature,
    StaticBlock,
    table_of,
)
from curate.scoring.heads import head_from_arrays
from curate.scoring.lsa import LsaBlock, load_axes
from curate.scoring.model import FittedScorer, Member
from curate.scoring.storage import (
    CONFIG,
    Arrays,
    check_kernels,
    fingerprint,
    fingerprint_files,
    read_config,
    read_weights,
)
from curate.scoring.vocabulary import Vocabulary
from curate.work.json_files import read_json

ENTRY_POINT_GROUP = "curate.scorers"
_FASTTEXT_SUFFIXES = {".bin", ".ftz"}
_PICKLES = {".pkl", ".pickle", ".joblib"}


@overload
def load_scorer(name_or_path: Literal["edu", "quality"]) -> FittedScorer: ...
@overload
def load_scorer(name_or_path: str | Path | Scorer) -> Scorer: ...
def load_scorer(name_or_path: str | Path | Scorer) -> Scorer:
    """Load a scorer.

    Args:
        name_or_path: see the head of this module. A bundled name comes before an entry point's, and a
            folder is meant where the text holds a path separator or names an existing folder.

    Returns:
        A scorer. What is fitted by `curate fit` is a `LevelScorer` too.

    Raises:
        UnknownNameError: No scorer has this name.
        SettingError: The folder or checkpoint is not one that can be loaded.

    >>> load_scorer("edo")
    Traceback (most recent call last):
    ...
    curate.errors.UnknownNameError: Unknown scorer 'edo'. Did you mean 'edu'? ...
    """
    if not isinstance(name_or_path, (str, Path)):
        return _checked(name_or_path, f"The object {name_or_path!r}")
    name = str(name_or_path)
    if model := _load_others_model(name):
        return model
    bundled = bundled_scorers()
    classifier, _, label = name.partition(":")
    if label and classifier in bundled_classifiers():
        return load_classifier(classifier).scorer(label)
    if (
        name in bundled or name in bundled_classifiers()
    ):  # the latter `load_folder` refuses, and says what to type
        return load_folder(classifiers_folder() / name)
    others = {point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)}
    if name in others and not isinstance(name_or_path, Path):
        return _load_entry_point(others[name])
    folder = Path(name_or_path)
    if folder.is_dir():
        return load_folder(folder)
    if isinstance(name_or_path, Path) or "/" in name or "\\" in name:
        raise SettingError(
            f"There is no classifier folder '{name}'. Fit one with `curate fit --output {name}`."
        )
    raise UnknownNameError("scorer", name, [*bundled, *others])


def _load_others_model(name: str) -> Scorer | None:
    """Load the model of another tool that a name stands for: after hf:, or by its suffix; perhaps with a #label."""
    if name.startswith("hf:"):
        from curate.scoring.huggingface import load_checkpoint

        return load_checkpoint(name.removeprefix("hf:"))
    path, _, label = (name, "", "") if Path(name).exists() else name.partition("#")
    suffix = Path(path).suffix.lower()
    if Path(path).is_dir():
        return None
    if suffix in _FASTTEXT_SUFFIXES:
        from curate.scoring.fasttext_model import load_fasttext

        return load_fasttext(Path(path), label)
    if suffix == ".skops":
        from curate.scoring.sklearn_model import load_pipeline

        return load_pipeline(Path(path), label)
    if suffix in _PICKLES:
        raise SettingError(
            f"'{path}' is a pickle, which can run code when it is loaded. Store the pipeline with skops.io.dump(pipeline, "
            f"'{Path(path).stem}.skops') and name that file."
        )
    return None


def load_classifier(name_or_path: str | Path) -> FittedClasses:
    """Load a classifier into named classes, such as 'topic': `load_classifier("topic").label(texts)`.

    Raises:
        UnknownNameError: no bundled classifier has this name.
        SettingError: the folder holds none.
    """
    name = str(name_or_path)
    folder = classifiers_folder() / name if name in bundled_classifiers() else Path(name_or_path)
    if not folder.is_dir():
        raise UnknownNameError("classifier", name, bundled_classifiers())
    kind = read_config(folder).get("kind")
    if kind != "classes":
        raise SettingError(f"'{name}' holds a {kind}, not classes. Load it with load_scorer.")
    return load_classes(folder)


def bundled_classifiers() -> list[str]:
    """Names of the classifiers into classes that come with curate, sorted."""
    return [name for name in bundled_names() if _kind(classifiers_folder() / name) == "classes"]


def find_folder(name_or_path: str | Path) -> Path | None:
    """Find the folder that a name or path stands for: bundled, or one on this machine; else None."""
    bundled = str(name_or_path).partition(":")[0]
    if isinstance(name_or_path, str) and bundled in [*bundled_scorers(), *bundled_classifiers()]:
        return classifiers_folder() / bundled
    return Path(name_or_path) if Path(name_or_path).is_dir() else None


def bundled_scorers() -> list[str]:
    """Names of the scorers that come with curate, sorted."""
    return [name for name in bundled_names() if _kind(classifiers_folder() / name) == "scorer"]


def load_folder(folder: Path) -> Scorer:
    """Load the scorer that lies in a folder, of whatever kind."""
    config = read_config(folder)
    kind = config.get("kind")
    if kind == "classes":
        check_config(config, CLASSES_SHAPE, folder)
        name, classes = config["name"], config["classes"] or ["none"]
        one = "Health" if "Health" in classes else classes[0]
        raise SettingError(
            f"'{name}' tells {len(classes)} classes apart, and is no scorer. Score one of them, as '{name}:{one}', "
            f"or write the likeliest one as a column, with --label {name}."
        )
    if kind != "scorer":
        raise SettingError(f"'{folder}' holds a {str(kind)[:80]}, not a scorer.")
    return load_fitted(folder)


def _kind(folder: Path) -> str | None:
    try:
        return read_json(folder / CONFIG).get("kind")
    except SettingError:
        return None


def _load_entry_point(point: EntryPoint) -> Scorer:
    """Load another package's scorer: the object, or what a function or class makes without arguments."""
    try:
        found = point.load()
    except (ImportError, AttributeError) as error:
        package = point.dist.name if point.dist else point.module
        raise SettingError(
            f"The scorer '{point.name}' of the package {package} cannot be loaded: {error}"
        ) from error
    makes_one = isinstance(found, type) or (callable(found) and not hasattr(found, "score"))
    try:
        scorer = found() if makes_one else found
    except (OSError, ValueError, TypeError, ImportError, AttributeError, LookupError, RuntimeError) as error:
        raise SettingError(
            f"The scorer '{point.name}' ({point.value}) cannot be made: {type(error).__name__}: {one_line(error)}"
        ) from error
    return _checked(scorer, f"Entry point '{point.value}' of the group {ENTRY_POINT_GROUP}")


def _checked(scorer: Any, what: str) -> Scorer:
    if not isinstance(scorer, Scorer):
        raise SettingError(
            f"{what} is no scorer: it needs `name` and `score(texts)` (curate.protocols.Scorer)."
        )
    return scorer


def load_classes(folder: Path) -> FittedClasses:
    """Load the classifier that `FittedClasses.save` wrote.

    Raises:
        SettingError: The folder holds none, or one of another version of the format or of a kernel.
    """
    config, arrays, blocks = _read_parts(folder, CLASSES_SHAPE)
    table = table_of(config["table_sha256"], folder)
    zones = check_zones(config["zones"], folder)
    sparse = SparseFeature("tfidf", zones, table.idf, table.vocabulary)
    n_classes = len(config["classes"])
    if not n_classes or len(set(config["classes"])) < n_classes:
        raise SettingError(f"{folder}/config.json is damaged: it has no classes, or two of one name.")
    if any(not isinstance(block, ShapeBlock | StaticBlock | LsaBlock) for block in blocks.values()):
        raise SettingError(f"{folder}/config.json asks for features that no classifier into classes has.")
    n_dense = sum(block.n_features for block in blocks.values())
    known = {
        "kind",
        "name",
        "classes",
        "kernels",
        "window_bytes",
        "blocks",
        "zones",
        "format",
        "weights_sha256",
    }
    return FittedClasses(
        name=config["name"],
        classes=tuple(config["classes"]),
        window_bytes=config["window_bytes"],
        blocks=blocks,
        sparse=sparse,
        weights=take_array(arrays, "weights", (len(table.idf), len(zones), n_classes), folder, np.int8),
        steps=take_array(arrays, "steps", (n_classes,), folder),
        centre=take_array(arrays, "centre", (n_dense,), folder),
        dense_weights=take_array(arrays, "dense_weights", (n_dense, n_classes), folder),
        bias=take_array(arrays, "bias", (n_classes,), folder),
        calibration=take_array(arrays, "calibration", (2, n_classes), folder),
        about={key: value for key, value in config.items() if key not in known},
        sha256=config["weights_sha256"],
    )


def load_fitted(folder: Path) -> FittedScorer:
    """Load the scorer that `FittedScorer.save` wrote.

    Raises:
        SettingError: The folder holds none, or one of another version of the format or of a kernel.
    """
    config, arrays, blocks = _read_parts(folder, SCORER_SHAPE)
    sparse = {name: _load_sparse(name, each, arrays, folder) for name, each in config["sparse"].items()}
    known = {"kind", "name", "format", "scale", "kernels", "window_bytes", "blocks", "sparse", "members"}
    known |= {"calibration", "weights_sha256"}
    return FittedScorer(
        name=config["name"],
        scale=(config["scale"]["low"], config["scale"]["high"], config["scale"]["positive"]),
        window_bytes=config["window_bytes"],
        blocks=blocks,
        sparse=sparse,
        members=tuple(_load_member(member, arrays, blocks, sparse, folder) for member in config["members"]),
        calibration=calibration_from_config(config["calibration"]),
        about={key: value for key, value in config.items() if key not in known},
        fingerprint=fingerprint(config),
    )


def _read_parts(folder: Path, shape: dict[str, Any]) -> tuple[dict[str, Any], Arrays, dict[str, DenseBlock]]:
    """The configuration of a fitted classifier, checked, its arrays, and its features but the sparse ones."""
    config = read_config(folder)
    check_config(config, shape, folder)
    check_kernels(folder, config, KERNEL_VERSIONS)
    arrays = read_weights(folder, config)
    return (
        config,
        arrays,
        {name: block_from_config(block, folder) for name, block in config["blocks"].items()},
    )


def _load_sparse(name: str, config: dict[str, Any], arrays: Arrays, folder: Path) -> SparseFeature:
    zones, kind = check_zones(config["zones"], folder), config["kind"]
    if "table_sha256" in config:
        if kind != "tfidf":
            raise SettingError(f"{folder}/config.json is damaged: only tfidf stands on the word table.")
        table = table_of(config["table_sha256"], folder)
        return SparseFeature(kind, zones, table.idf, table.vocabulary)
    idf = take_array(arrays, f"sparse.{name}.idf", (None,), folder)
    if kind == "ngrams":
        if not len(idf) or len(idf) & (len(idf) - 1):
            raise SettingError(f"'{folder}' is damaged: '{name}' has {len(idf)} buckets, no power of two.")
        return SparseFeature(kind, zones, idf, None, config.get("pairs", True))
    n_words = len(idf) - (kind == "bag")
    hashes = take_array(arrays, f"sparse.{name}.hashes", (n_words,), folder, np.uint64)
    if n_words < 0 or (kind == "bag" and len(zones) != 1):
        raise SettingError(f"'{folder}' is damaged: '{name}' has no column, or more zones than a bag has.")
    return SparseFeature(kind, zones, idf, Vocabulary.of(hashes, idf[:n_words]), config.get("pairs", True))


def _load_member(
    config: dict[str, Any],
    arrays: Arrays,
    blocks: dict[str, DenseBlock],
    sparse: dict[str, SparseFeature],
    folder: Path,
) -> Member:
    unknown = [name for name in config["blocks"] if name not in blocks]
    unknown += [config["sparse"]] if config["sparse"] is not None and config["sparse"] not in sparse else []
    if unknown:
        raise SettingError(f"{folder}/config.json is damaged: a member names features '{unknown[0][:80]}'.")
    prefix = f"member.{config['name']}."
    mine = {key.removeprefix(prefix): array for key, array in arrays.items() if key.startswith(prefix)}
    named = [blocks[name] for name in config["blocks"]]
    # An encoder's width is known once it is loaded: the member compares it then.
    is_known = not any(isinstance(block, EncoderBlock) for block in named)
    n_dense = sum(block.n_features for block in named) if is_known else None
    centre = take_array(mine, "centre", (n_dense,), folder)
    n_features, weights = len(centre), None
    if config["sparse"] is not None:
        feature = sparse[config["sparse"]]
        weights = take_array(mine, "sparse", (len(feature.idf), len(feature.zones), None), folder)
        n_features += weights.shape[2]
    head_arrays = {key.removeprefix("head."): a for key, a in mine.items() if key.startswith("head.")}
    return Member(
        name=config["name"],
        weight=config["weight"],
        blocks=tuple(config["blocks"]),
        centre=centre,
        scale=take_array(mine, "scale", centre.shape, folder),
        limit=take_array(mine, "limit", centre.shape, folder),
        head=head_from_arrays(config["head"], check_head(config["head"], head_arrays, n_features, folder)),
        sparse=config["sparse"],
        sparse_weights=weights,
    )


def block_from_config(config: dict[str, Any], folder: Path) -> DenseBlock:  # noqa: PLR0911 - one a kind
    """Make the dense block that a classifier's `config.json` states."""
    kind = config["block"]
    check_block(config, folder)
    if kind == "shape":
        return ShapeBlock()
    if kind == "lines":
        return LinesBlock()
    if kind == "common_words":
        table = table_of(config["table_sha256"], folder)
        if not 1 <= config["n_words"] <= MOST_COMMON_WORDS:
            raise SettingError(
                f"{folder}/config.json asks for {config['n_words']} common words; it may ask for 1 to {MOST_COMMON_WORDS}."
            )
        return CommonWordsBlock(table, config["n_words"])
    if kind == "static":
        return StaticBlock(table_of(config["table_sha256"], folder), tuple(config["zones"]))
    if kind == "encoder":
        settings = {key: value for key, value in config.items() if key != "block"}
        return _encoder_block(settings, folder)
    if kind == "lsa":
        axes = load_axes()
        if axes.sha256 != config["axes_sha256"]:
            raise SettingError(f"'{folder}' was fitted on other word axes. Fit it again with `curate fit`.")
        return LsaBlock(axes, tuple(config["zones"]))
    if kind == "program":
        return ProgramBlock()
    if kind == "program_words":
        return ProgramWordsBlock(table_of(config["table_sha256"], folder))
    if kind == "classes":
        return load_classes_block(config["classifiers"], folder)
    raise SettingError(f"'{folder}' asks for features '{kind}', which this version of curate does not know.")


def _encoder_block(settings: dict[str, Any], folder: Path) -> EncoderBlock:
    from curate.scoring.encoders import load_encoder
    from curate.scoring.quantised import load_quantised

    if settings["dtype"] == "int8":
        settings = {"max_tokens": None, "files": {}} | settings
        names = ("model", "max_tokens", "files")
        encoder = load_quantised(folder, **{name: settings[name] for name in names})
        return EncoderBlock(encoder, settings, folder)
    if "files_sha256" in settings:
        settings = settings | {"model": str(_find_encoder(settings, folder))}
    known = {name: settings[name] for name in ("model", "max_tokens", "dtype", "device") if name in settings}
    # What a folder from elsewhere names is used where it lies on this machine, and not fetched unasked.
    is_ours = folder.resolve().is_relative_to(classifiers_folder().resolve())
    return EncoderBlock(load_encoder(**known, fetch=is_ours), settings)


def _find_encoder(settings: dict[str, Any], folder: Path) -> Path:
    """Find the folder of a local encoder where it lay in fitting, or beside the classifier or in it.

    Raises:
        SettingError: There is none, or one of other content. Nothing is fetched in its stead.
    """
    stated = Path(settings["model"])
    places = [stated, folder.absolute().parent / stated.name, folder / stated.name]
    there = [place for place in places if place.is_dir()]
    for place in there:
        if fingerprint_files(place) == settings["files_sha256"]:
            return place
    what = "is not the one" if there else "is not there"
    raise SettingError(
        f"The encoder '{there[0] if there else stated}' {what} that '{folder}' was fitted with. Put that folder there or beside "
        "the classifier, or fit again."
    )


def load_classes_block(expected: dict[str, str], folder: Path) -> ClassesBlock:
    """Load bundled classifiers, and check that their weights have the SHA-256 expected of each name ("" for any)."""
    strangers = [name for name in expected if name not in bundled_names()]
    if strangers:
        raise SettingError(f"'{folder}' asks for the classifier '{strangers[0][:80]}', which is not bundled.")
    classifiers = tuple(load_classes(classifiers_folder() / name) for name in expected)
    for classifier in classifiers:
        if expected[classifier.name] not in {"", classifier.sha256}:
            raise SettingError(
                f"'{folder}' was fitted on another '{classifier.name}' classifier. Fit it again."
            )
    return ClassesBlock(classifiers)
