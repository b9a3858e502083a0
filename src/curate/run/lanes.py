"""Lanes: documents of one kind go through rules and scorers of their own, all down the same spine.

kind 'page' (it was HTML) and 'text'    rules, scorer
kind 'code' (program files)             code_rules, code_scorer
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import PurePath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.batch import live_rows
from curate.errors import SettingError
from curate.language import ANY_LANGUAGE
from curate.protocols import Scorer
from curate.rules import RuleSet, load_rules, required_signals
from curate.run.settings import NONE, UNSCORED, FilterSettings
from curate.scoring import FittedClasses, FittedScorer, load_classifier, load_scorer, score_columns
from curate.scoring.features import EncoderBlock
from curate.scoring.storage import languages_of
from curate.signals import DEFAULT_SIGNALS, KIND_SIGNALS

PROSE = ("page", "text")
CODE = ("code",)
KINDS = (*PROSE, *CODE)
LEFT_OUT = "code_left_out"
ScorerSource = str | PurePath | Scorer


def name_scorers(scorer: ScorerSource | Sequence[ScorerSource]) -> tuple[list[str | Scorer], tuple[str, ...]]:
    """What a caller gives as scorers, one or several: each as a name or an object, and its name for the settings.

    Raises:
        SettingError: something is given that is no scorer.
    """
    given: Sequence[Any] = (
        scorer if isinstance(scorer, Sequence) and not isinstance(scorer, str) else [scorer]
    )
    found: list[str | Scorer] = []
    for each in given:
        if isinstance(each, PurePath):
            text = str(each)  # with a separator in it, so that a folder 'edu' is not the bundled scorer
            found.append(text if os.sep in text else os.path.join(os.curdir, text))
        else:
            found.append(each if isinstance(each, str) else load_scorer(each))
    names: tuple[Any, ...] = tuple(each if isinstance(each, str) else each.name for each in found)
    for name in names:
        if not isinstance(name, str) or not name:
            raise SettingError(f"A scorer's name must be a text, not {name!r}.")
    return found, names


@dataclass(frozen=True, slots=True)
class LaneScorer:
    """A scorer of a lane: what workers need to load it, and what it is called in the output.

    Attributes:
        name: that the scorer has, which can be another than the one it is loaded by.
        source: what it is loaded by, or the object itself.
        fingerprint: of its configuration and weights, None where it states none.
        columns: names and Arrow types of what it gives.
        languages: codes of those it was made for; None where it states none, and may be asked for any.
    """

    name: str
    source: str | Scorer
    fingerprint: str | None
    columns: tuple[tuple[str, str], ...]
    languages: tuple[str, ...] | None = None

    @classmethod
    def of(cls, source: str | Scorer) -> LaneScorer:
        """Load a scorer, and so check it."""
        scorer = load_scorer(source)
        fingerprint = getattr(scorer, "fingerprint", None) or None
        if isinstance(source, str) and _is_arrays(scorer):
            _loaded[source, fingerprint] = scorer
        named = getattr(scorer, "languages", None)
        languages = None if named is None else tuple(named)
        return cls(scorer.name, source, fingerprint, tuple(score_columns(scorer)), languages)

    def is_kept(self) -> bool:
        """Whether this process holds the scorer since it was checked."""
        return (self.source, self.fingerprint) in _loaded if isinstance(self.source, str) else False

    def load(self) -> Scorer:
        """The scorer, loaded once in each process where it has a name."""
        return _load_once(self.source, self.fingerprint) if isinstance(self.source, str) else self.source


@dataclass(frozen=True, slots=True)
class Labeller:
    """A classifier into classes whose likeliest class becomes the column `name`, text; null where none is asked for.

    Attributes:
        name: of the column.
        source: what the classifier is loaded by.
        fingerprint: of its weights.
        languages: codes of those it was fitted for; None where it states none.
    """

    name: str
    source: str
    fingerprint: str
    languages: tuple[str, ...] | None

    @classmethod
    def of(cls, source: str) -> Labeller:
        """Load a classifier, and so check it."""
        found = load_classifier(source)
        return cls(found.name, source, found.sha256, languages_of(found.about))

    def label(self, texts: pa.Array) -> pa.Array:
        """The class of each of N texts, an array of strings (N,)."""
        return _load_classes_once(self.source, self.fingerprint).label(texts).cast(pa.string())


def load_labellers(names: Sequence[str]) -> tuple[Labeller, ...]:
    """Load classifiers by name or folder.

    Raises:
        SettingError: one is none, or two are of one name.
    """
    found = tuple(Labeller.of(name) for name in names)
    if len({each.name for each in found}) < len(found):
        raise SettingError("A classifier is named twice in label. Name each once.")
    return found


@dataclass(frozen=True, slots=True)
class Lane:
    """What documents of some kinds go through.

    Attributes:
        kinds: of the documents.
        rule_sets: their rules.
        signals: what is measured of them.
        scorers: asked for each survivor; the first ranks and spares.
        spare_above: the least score with which a document may fail rules that are not hard; None where none may.
        unscored: what becomes of documents in a language that a scorer was not made for (`FilterSettings.unscored`).
        floors: the least scores with which a document may be kept at all, by name of the scorer.
        labellers: name each survivor's class, whether it is scored or not.
    """

    kinds: tuple[str, ...]
    rule_sets: tuple[RuleSet, ...]
    signals: tuple[str, ...]
    scorers: tuple[LaneScorer, ...]
    spare_above: float | None
    unscored: str = UNSCORED[0]
    floors: Mapping[str, float] = field(default_factory=dict[str, float])
    labellers: tuple[Labeller, ...] = ()

    def asks(self, languages: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """The languages in which one that was made for `languages` is asked; None is every language."""
        return None if self.unscored == "score" else languages

    def scorers_by_language(self) -> dict[tuple[str, ...] | None, list[LaneScorer]]:
        """The scorers by the languages that they are asked for; None stands for every language."""
        found: dict[tuple[str, ...] | None, list[LaneScorer]] = {}
        for scorer in self.scorers:
            found.setdefault(self.asks(scorer.languages), []).append(scorer)
        return found

    def rows(self, documents: pa.Table) -> NDArray[np.int64]:
        """Row numbers of the lane's documents that no stage has dropped."""
        rows = live_rows(documents)
        return rows[is_of_kind(documents["kind"].take(pa.array(rows)), self.kinds)]


def make_lanes(
    settings: FilterSettings, scorers: Sequence[str | Scorer], code_scorer: str | Scorer | None
) -> tuple[Lane, ...]:
    """The lanes of a run. `scorers` are empty where nothing is scored; `code_scorer` None leaves program files out."""
    prose = _make_lane(settings, PROSE, settings.rules, scorers, settings.spares_from)
    prose = replace(prose, labellers=load_labellers(settings.label))
    if not scorers:
        return prose, _make_lane(settings, CODE, settings.code_rules, (), None)
    if code_scorer is None:
        return (prose,)
    return prose, _make_lane(settings, CODE, settings.code_rules, (code_scorer,), settings.spares_from)


def _make_lane(
    settings: FilterSettings,
    kinds: tuple[str, ...],
    rules: Sequence[str],
    scorers: Sequence[str | Scorer],
    spare_above: float | None,
) -> Lane:
    rule_sets = tuple(load_rules(rules))
    signals = tuple(dict.fromkeys([*DEFAULT_SIGNALS, *KIND_SIGNALS, *required_signals(rule_sets)]))
    loaded = tuple(LaneScorer.of(source) for source in scorers)
    names = [scorer.name for scorer in loaded]
    for name in names:
        if names.count(name) > 1:
            raise SettingError(
                f"Two scorers are called '{name}'. Their columns would be one; name one of them."
            )
    floors = {name: least for name, least in settings.floors.items() if name in names}
    return Lane(kinds, rule_sets, signals, loaded, spare_above if loaded else None, settings.unscored, floors)


def tell_other_languages(lane: Lane, wanted: Sequence[str]) -> list[str]:
    """Lines on what does not fit the wanted languages, and what to type; none where all fits.

    Raises:
        SettingError: no scorer of the lane was made for any of them, so that no page would be kept.
    """
    said: list[str] = []
    for languages, scorers in lane.scorers_by_language().items():
        others = [code for code in wanted if languages is not None and code not in languages]
        if not others or languages is None:
            continue
        names, made_for = " and ".join(scorer.name for scorer in scorers), ", ".join(languages)
        whose = "other languages" if others == [ANY_LANGUAGE] else ", ".join(others)
        fit = f"The scorer {names} was made for {made_for}: pages in {whose} get no score"
        other_ways = "--unscored keep (without a score), --unscored score, --scorer none, or a scorer of your own (curate fit)"
        if lane.unscored == "drop" and len(others) == len(wanted) and ANY_LANGUAGE not in wanted:
            raise SettingError(f"{fit}, and none would be kept. Add {other_ways}.")
        fate = (
            "stay if they pass the rules."
            if lane.unscored == "keep"
            else f"are dropped. To keep them: {other_ways}."
        )
        said.append(f"{fit} and {fate}")
    for code in wanted:
        idle = [
            rule.reason
            for rule_set in lane.rule_sets
            for rule in rule_set.rules
            if code in rule.except_languages or (rule.languages == ("en",) and code not in rule.languages)
        ]
        if idle and code != ANY_LANGUAGE:
            said.append(
                f"Rules that do not judge pages in {code}: {', '.join(idle)}. Own rules for it: curate rules show "
                f'{lane.rule_sets[0].name} --toml, with languages = ["{code}"].'
            )
    return said


def check_distinct(scorers: Sequence[LaneScorer]) -> None:
    """Refuse two scorers of one name, whose columns would be one."""
    names = [scorer.name for scorer in scorers]
    for name in names:
        if names.count(name) > 1:
            raise SettingError(
                f"Two scorers are called '{name}', and their columns would be one. Name one of them."
            )


def code_scorer_of(settings: FilterSettings) -> str | None:
    """The scorer of program files that the settings name, if there is one."""
    return None if settings.code_scorer == NONE else settings.code_scorer


def is_in_languages(languages: pa.Array | pa.ChunkedArray, wanted: Sequence[str] | None) -> NDArray[np.bool_]:
    """Which of N documents are in one of the languages, or in none (null); `wanted` None is every language."""
    if wanted is None:
        return np.ones(len(languages), np.bool_)
    found = pc.or_(pc.is_null(languages), pc.is_in(languages, pa.array(list(wanted), pa.string())))
    return np.asarray(
        found.to_numpy(zero_copy_only=False) if isinstance(found, pa.Array) else found.to_numpy()
    )


def is_of_kind(kinds: pa.Array | pa.ChunkedArray, wanted: Sequence[str]) -> NDArray[np.bool_]:
    """Which of N documents are of one of the kinds."""
    found = pc.is_in(kinds, pa.array(wanted, pa.string()))
    return np.asarray(
        found.to_numpy(zero_copy_only=False) if isinstance(found, pa.Array) else found.to_numpy()
    )


_loaded: dict[tuple[str, str | None], Scorer] = {}  # a refitted scorer is another one


def _load_once(name: str, fingerprint: str | None) -> Scorer:
    if (name, fingerprint) not in _loaded:
        _loaded[name, fingerprint] = load_scorer(name)
    return _loaded[name, fingerprint]


def _is_arrays(scorer: Scorer) -> bool:
    """Whether a scorer is a few megabytes of our own arrays: kept where it was checked, and shared with forked workers."""
    return isinstance(scorer, FittedScorer) and not any(
        isinstance(block, EncoderBlock) for block in scorer.blocks.values()
    )


@cache
def _load_classes_once(name: str, fingerprint: str) -> FittedClasses:  # noqa: ARG001  (likewise)
    return load_classifier(name)
