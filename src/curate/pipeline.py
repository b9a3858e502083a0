"""The main job: a crawl in, scored Parquet out, with the reason for every dropped document.

READ THIS FIRST. The journey of a document is `filter_crawl`, from top to bottom:

    pass 1   read -> extract -> language -> line rules -> signals -> rules -> keys     chunk by chunk
    barrier  all keys -> duplicates, each with the document that stays
    pass 2   survivors -> score                                                        chunk by chunk
    cut      threshold, or the best share -> every row's fate
    pass 3   kept/*.parquet, dropped/*.parquet                                         file by file

Every pass commits its files as it goes, so a run that was stopped goes on where it was. Nothing in a chunk
depends on time, on the worker or on other chunks: the bytes are the same for any number of workers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.batch import add_columns, drop_rows, live_rows
from curate.config import settings_from
from curate.crawl import Chunk, InputFile, ReadOptions, check_columns, find_files, hash_file, plan_splits
from curate.dedup import DedupPlan, compute_keys
from curate.extract import METADATA_FIELDS, decode_text, extract_pages
from curate.language import ANY_LANGUAGE, check_languages, identify_languages
from curate.protocols import Engine, LevelScorer, Scorer, WindowScorer
from curate.rules import (
    RuleSet,
    apply_rules,
    clean_lines,
    count_failing,
    line_rules_of,
    load_rules,
    required_signals,
    rule_warnings,
)
from curate.run.barrier import KEY_PREFIX, find_run_duplicates, read_duplicates
from curate.run.cut import Decisions, Layout, choose_cut, footer_metadata, survey, write_part
from curate.run.extras import extra_types, unite_types
from curate.run.funnel import Funnel
from curate.run.manifest import build_manifest, build_plan
from curate.run.marked import follow_lines
from curate.run.reading import read_pages
from curate.run.screens import MARKED, hash_lists, load_screens
from curate.run.settings import FilterSettings
from curate.scoring import load_scorer
from curate.signals import DEFAULT_SIGNALS, compute_signals
from curate.text.words import Words, hash_words
from curate.work.clock import StageClock, peak_memory_bytes
from curate.work.engine import make_engine
from curate.work.files import read_arrow, read_facts, write_arrow
from curate.work.folder import ChunkName, RunFolder, opened_run
from curate.work.progress import Counted, ProgressDisplay


def filter_crawl(
    input: str | Sequence[str],  # noqa: A002  (the name of the setting, here as on the command line)
    output: str | Path,
    *,
    scorer: str | Scorer = "edu",
    overwrite: bool = False,
    progress: bool = True,
    **settings: Any,
) -> Funnel:
    """Filter a crawl into `output`/kept and `output`/dropped, and return the funnel.

    The same job as `curate filter`. A call with the settings of an unfinished run goes on with it; with those
    of a finished one it returns its funnel.

    Args:
        input: files, folders or globs; local paths or fsspec URLs.
        output: a new or empty folder, or that of an earlier run with these settings.
        scorer: name or folder of a classifier, or an object that keeps `curate.Scorer`.
        overwrite: delete the result of an earlier run in `output` first.
        progress: show progress on stderr.
        **settings: the other fields of `curate.run.settings.FilterSettings`.

    Raises:
        SettingError: a setting, path or name is wrong; nothing has been written.
        RunError: the run could not go on; what is committed is kept.
    """
    inputs = (input,) if isinstance(input, str) else tuple(input)
    named = scorer if isinstance(scorer, str) else scorer.name
    checked = settings_from(
        FilterSettings, {**settings, "input": inputs, "output": str(output), "scorer": named}
    )
    return run_filter(
        checked, scorer=scorer, overwrite=overwrite, display=ProgressDisplay(quiet=not progress)
    )


def run_filter(
    settings: FilterSettings,
    *,
    scorer: str | Scorer | None = None,
    overwrite: bool = False,
    display: ProgressDisplay | None = None,
) -> Funnel:
    """Run the main job with checked settings; see `filter_crawl`."""
    display = display or ProgressDisplay()
    files = find_files(settings.input)
    job = Job.prepare(settings, files, scorer if scorer is not None else settings.scorer)
    plan = build_plan(settings, files, job.scorer_fingerprint, hash_lists(settings))
    with opened_run(Path(settings.output), plan, overwrite=overwrite) as folder:
        earlier = folder.manifest()
        if earlier:
            return Funnel.from_json(earlier["funnel"])
        engine = make_engine(settings.engine, settings.n_workers(sum(file.size_bytes for file in files)))
        clock = StageClock()

        splits = plan_splits(files)
        read_pages(job.make_documents, job.read_options, folder, splits, engine, display)
        names = folder.chunk_names()
        with (
            clock.stage("duplicates"),
            display.step("Finding duplicates", 0, lambda: (0, f"{len(names)} chunks")),
        ):
            find_run_duplicates(folder, names, job.dedup_plan, level=settings.dedup, memory=settings.memory)
        score_survivors(job, folder, names, engine, display)

        facts = [read_facts(folder.documents(name)) for name in names]
        funnel = Funnel()
        with clock.stage("cut"):
            decisions = job.decide(folder, plan, names, facts)
            parts = survey(decisions, names, funnel)
        written = Counted(len(parts), "files")
        with display.step("Writing", len(parts), written.look):
            for _ in engine.map(partial(write_part, decisions), parts):
                written.n_done += 1
        finish_run(job, folder, plan, funnel, decisions, facts, files, clock)
    return funnel


@dataclass(frozen=True, slots=True)
class Job:
    """What every worker needs to know; built, and thereby checked, before anything is written."""

    settings: FilterSettings
    read_options: ReadOptions
    rule_sets: tuple[RuleSet, ...]
    signals: tuple[str, ...]
    dedup_plan: DedupPlan
    scorer: str | Scorer | None
    score_name: str | None
    level_name: str | None
    n_bytes_read_name: str | None
    scorer_fingerprint: str | None

    @classmethod
    def prepare(cls, settings: FilterSettings, files: Sequence[InputFile], scorer: str | Scorer) -> Job:
        """Check everything that can be checked beforehand."""
        names = (
            "text_column",
            "html_column",
            "id_column",
            "url_column",
            "date_column",
            "max_page_bytes",
            "chunk_bytes",
        )
        read_options = ReadOptions(**{name: getattr(settings, name) for name in names})
        check_columns(files, read_options)
        load_screens(settings)
        nothing = pa.array([], pa.binary())
        extract_pages(
            nothing, extractor=settings.extractor, focus=settings.extract_focus
        )  # refuses unknown ones
        check_languages(settings.language)
        rule_sets = tuple(load_rules(settings.rules))
        signals = tuple(dict.fromkeys([*DEFAULT_SIGNALS, *required_signals(rule_sets)]))
        compute_signals(nothing.cast(pa.string()), signals)  # refuses readings whose package is missing
        loaded = None if scorer == "none" else load_scorer(scorer)
        states_level = isinstance(loaded, LevelScorer)
        return cls(
            settings=settings,
            read_options=read_options,
            rule_sets=rule_sets,
            signals=signals,
            dedup_plan=DedupPlan(jaccard=settings.jaccard, recall=settings.recall),
            scorer=scorer if loaded else None,
            score_name=f"{loaded.name}_score" if loaded else None,
            level_name=f"{loaded.name}_level" if loaded and states_level else None,
            n_bytes_read_name=f"{loaded.name}_n_bytes_read" if isinstance(loaded, WindowScorer) else None,
            scorer_fingerprint=getattr(loaded, "fingerprint", None),
        )

    # ---- pass 1 ---------------------------------------------------------------------------------------

    def make_documents(self, chunk: Chunk) -> tuple[pa.Table, dict[str, Any]]:
        """Take a chunk's pages through every stage that looks at one document alone."""
        clock, screens = StageClock(), load_screens(self.settings)
        documents = start_documents(chunk.pages)
        with clock.stage("extract"):
            documents = screens.add_address(documents)
            documents = add_text(
                documents,
                chunk.pages,
                extractor=self.settings.extractor,
                focus=self.settings.extract_focus,
                keep_links=self.settings.keep_links,
                text_format=self.settings.text_format,
            )
        with clock.stage("language"):
            documents = add_language(documents, self.settings.language, self.settings.min_language_confidence)
        n_judged = len(live_rows(documents))
        with clock.stage("rules"):
            documents = screens.add_redaction(documents)
            documents, n_failing = add_signals(documents, self.rule_sets, self.signals)
            documents = screens.add_words(documents)
        with clock.stage("words"):
            words = hash_live_words(documents)
        with clock.stage("rules"):
            documents = screens.add_contamination(documents, words)
        with clock.stage("keys"):
            documents = add_keys(documents, self.dedup_plan, words)
        facts = {
            "cursor": asdict(chunk.cursor),
            "last": chunk.last,
            "n_input_bytes": chunk.n_input_bytes,
            "n_documents": len(documents),
            "records": chunk.skipped,
            "problems": [asdict(problem) for problem in chunk.problems],
            "extra_types": extra_types(documents["extra"]),
            "n_judged": n_judged,
            "n_failing": n_failing,
        }
        return documents, facts | {"cpu_s": clock.rounded(), "peak_memory_bytes": peak_memory_bytes()}

    # ---- the cut --------------------------------------------------------------------------------------

    def decide(
        self,
        folder: RunFolder,
        plan: Mapping[str, Any],
        names: Sequence[ChunkName],
        facts: Sequence[Mapping[str, Any]],
    ) -> Decisions:
        """Settle the score to keep from, and the columns of the output."""
        cut = 0.0
        if self.score_name:
            scores = [read_arrow(folder.scores(name))["score"].to_numpy() for name in names]
            cut = choose_cut(
                np.concatenate([*scores, np.zeros(0, np.float32)]),
                threshold=self.settings.threshold,
                keep_fraction=self.settings.keep_fraction,
            )
        layout = Layout(
            signals=self.number_columns(),
            score=self.score_name,
            level=self.level_name,
            n_bytes_read=self.n_bytes_read_name,
            extras=unite_types(fact["extra_types"] for fact in facts),
            footer=footer_metadata(plan),
        )
        return Decisions(folder, layout, self.dedup_plan.jaccard, cut)

    def number_columns(self) -> tuple[tuple[str, str], ...]:
        """Names and types of the columns that rules and signals add: lines removed by reason, and signals."""
        nothing = pa.array([], pa.string())
        _, lines_removed = clean_lines(nothing, line_rules_of(self.rule_sets))
        measured = compute_signals(nothing, list(self.signals))
        fields = [*lines_removed.schema, *measured.schema]
        screened = load_screens(self.settings).columns()
        return (*screened, *((field.name, str(field.type)) for field in fields))


# ---- pass 1: a chunk of pages becomes a table of documents ------------------------------------------------


def start_documents(pages: pa.RecordBatch) -> pa.Table:
    """Begin the table: where each document comes from, and what the reader already dropped."""
    table = pa.Table.from_batches([pages]).select(
        ["id", "url", "date", "source", "position", "extra", "drop_reason"]
    )
    stages = pc.if_else(pc.is_valid(table["drop_reason"]), "read", pa.scalar(None, pa.string()))
    nothing = pa.nulls(len(table), pa.float64())
    detail = pa.nulls(len(table), pa.string())
    columns = {"drop_stage": stages, "drop_value": nothing, "drop_limit": nothing, "drop_detail": detail}
    for name, values in columns.items():
        table = table.append_column(name, values)
    return table


def add_text(
    documents: pa.Table,
    pages: pa.RecordBatch,
    *,
    extractor: str,
    focus: str = "balanced",
    keep_links: bool = False,
    text_format: str = "plain",
) -> pa.Table:
    """Add `title`, `text` and what pages state of themselves: HTML is extracted, text pages are as they are.

    Where the text is to be written as Markdown, that is the column `marked`, null for text pages; all stages look at `text`.
    """
    marks = text_format == "markdown" and extractor == "curate"
    rows = live_rows(documents)
    is_html = pc.equal(pages["kind"], "html").to_numpy(zero_copy_only=False)[rows]
    html, plain = rows[is_html], rows[~is_html]
    extracted = extract_pages(
        pages["content"].take(html),
        pages["charset"].take(html),
        extractor=extractor,
        focus=focus,
        keep_links=keep_links and not marks,
        metadata=True,
    )
    decoded = decode_texts(pages["content"].take(plain), pages["charset"].take(plain))
    stated = {name: pa.nulls(len(documents), pa.string()) for name in ("title", *METADATA_FIELDS)}
    for name, nothing in stated.items():
        documents = documents.append_column(name, nothing)
    problems = extracted["extract_problem"]
    columns = {name: extracted[name] for name in extracted.schema.names if name != "extract_problem"}
    documents = add_columns(documents, html, columns)
    if marks:
        marked = extract_pages(
            pages["content"].take(html),
            pages["charset"].take(html),
            focus=focus,
            keep_links=keep_links,
            text_format=text_format,
        )
        documents = documents.append_column(MARKED, pa.nulls(len(documents), pa.string()))
        documents = add_columns(documents, html, {MARKED: marked["text"]})
    documents = add_columns(documents, plain, {"text": decoded})
    documents = drop_rows(documents, html, "extract", problems)
    no_text = pc.if_else(pc.equal(pc.binary_length(decoded), 0), "no_text", pa.scalar(None, pa.string()))
    return drop_rows(documents, plain, "extract", no_text)


def decode_texts(contents: pa.Array, charsets: pa.Array) -> pa.Array:
    """Decode plain-text pages; those without a charset are UTF-8 nearly always, and then cost nothing."""
    if charsets.null_count == len(charsets):
        try:
            return pc.replace_substring(contents.cast(pa.string()), "\0", "\ufffd")
        except pa.ArrowInvalid:
            pass  # some bytes are not UTF-8: each page by itself
    pairs = zip(contents.to_pylist(), charsets.to_pylist(), strict=True)
    return pa.array([decode_text(content or b"", charset) for content, charset in pairs], pa.string())


def add_language(documents: pa.Table, languages: Sequence[str], min_confidence: float) -> pa.Table:
    """Add `language` and its confidence; drop other languages, and those the model is unsure of."""
    rows = live_rows(documents)
    found = identify_languages(documents["text"].take(rows).combine_chunks())
    documents = add_columns(documents, rows, found)
    if ANY_LANGUAGE in languages:
        return documents
    confidence = found["language_confidence"]
    is_wanted = pc.fill_null(pc.is_in(found["language"], pa.array(languages)), fill_value=False)
    stays = pa.scalar(None, pa.string())
    reasons = pc.if_else(
        is_wanted, pc.if_else(pc.less(confidence, min_confidence), "language_confidence", stays), "language"
    )
    limits = pa.array(np.full(len(rows), min_confidence))
    return drop_rows(documents, rows, "language", reasons, (confidence, limits))


def add_signals(
    documents: pa.Table, rule_sets: Sequence[RuleSet], signals: Sequence[str]
) -> tuple[pa.Table, dict[str, int]]:
    """Take out the lines that line rules name, measure what is left, and drop what breaks a rule.

    Also returns how many documents fail each rule, whichever rule came first.
    The cleaned text is what the rules judge and later stages see, so filtering what was kept keeps it all.
    """
    rows = live_rows(documents)
    texts, lines_removed = clean_lines(
        documents["text"].take(rows).combine_chunks(), line_rules_of(rule_sets)
    )
    measured = compute_signals(texts, list(signals))
    cleaned = {"text": texts.cast(pa.string())}
    if MARKED in documents.column_names:
        before, marked = (documents[name].take(rows) for name in ("text", MARKED))
        cleaned[MARKED] = follow_lines(before, cleaned["text"], marked)
    documents = add_columns(documents, rows, cleaned)
    documents = add_columns(add_columns(documents, rows, measured), rows, lines_removed)
    verdict = apply_rules(measured, rule_sets)
    numbers = verdict["drop_value"], verdict["drop_limit"]
    return drop_rows(documents, rows, "rules", verdict["drop_reason"], numbers), count_failing(
        measured, rule_sets
    )


def hash_live_words(documents: pa.Table) -> Words:
    """Hash the words of every row once, for the stages that follow; a dropped one has none."""
    is_live = pc.is_null(documents["drop_reason"])
    return hash_words(pc.if_else(is_live, documents["text"], pa.scalar(None, pa.string())))


def add_keys(documents: pa.Table, plan: DedupPlan, words: Words) -> pa.Table:
    """Add what finds duplicates: the hash of the normalised text and the MinHash bands."""
    rows = live_rows(documents)
    keys = compute_keys(documents["text"].take(rows), plan, words.take(rows))
    return add_columns(documents, rows, {f"{KEY_PREFIX}{name}": keys[name] for name in keys.schema.names})


# ---- pass 2: survivors get their score ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ScoreTask:
    """One chunk whose survivors are to be scored."""

    folder: RunFolder
    shard: int
    name: ChunkName
    scorer: str | Scorer
    fingerprint: str | None


def score_survivors(
    job: Job, folder: RunFolder, names: Sequence[ChunkName], engine: Engine, display: ProgressDisplay
) -> None:
    """Run pass 2 over all chunks that have no scores yet."""
    if job.scorer is None:
        return
    tasks = [
        ScoreTask(folder, shard, name, job.scorer, job.scorer_fingerprint)
        for shard, name in enumerate(names)
        if not folder.scores(name).exists()
    ]
    scored = Counted(len(tasks), "chunks")
    with display.step("Scoring", len(tasks), scored.look):
        for _ in engine.map(score_chunk, tasks):
            scored.n_done += 1


@cache
def _load_once(name: str, fingerprint: str | None) -> Scorer:  # noqa: ARG001  (a refitted one is another)
    """Load a scorer once in each process, not for every chunk: a transformer takes seconds."""
    return load_scorer(name)


def score_chunk(task: ScoreTask) -> None:
    """Commit the scores of one chunk's survivors: row, score, and level and bytes read where the scorer says."""
    clock = StageClock()
    documents = read_arrow(task.folder.documents(task.name))
    rows = np.setdiff1d(live_rows(documents), read_duplicates(task.folder, task.shard)["row"].to_numpy())
    named = isinstance(task.scorer, str)
    scorer = _load_once(task.scorer, task.fingerprint) if named else task.scorer
    texts = documents["text"].take(pa.array(rows, pa.int64())).combine_chunks()
    with clock.stage("score"):
        if isinstance(scorer, LevelScorer):
            levels, scores = scorer.score_levels(texts)
        else:
            levels, scores = np.full(len(rows), np.nan, np.float32), scorer.score(texts)
    n_bytes_read = scorer.count_read(texts) if isinstance(scorer, WindowScorer) else pa.nulls(len(rows))
    table = pa.table({"row": rows, "score": scores, "level": levels, "n_bytes_read": n_bytes_read})
    write_arrow(task.folder.scores(task.name), table, {"cpu_s": clock.rounded()})


# ---- the end ----------------------------------------------------------------------------------------------


def finish_run(
    job: Job,
    folder: RunFolder,
    plan: dict[str, Any],
    funnel: Funnel,
    decisions: Decisions,
    facts: Sequence[Mapping[str, Any]],
    files: Sequence[InputFile],
    clock: StageClock,
) -> None:
    """Complete the funnel with what the chunks noted, and commit the manifest."""
    for fact in facts:
        funnel.records.update(fact["records"])
        funnel.problems += fact["problems"]
    cpu_s: Counter[str] = Counter()
    cpu_s.update(clock.cpu_s)
    for fact in [
        *facts,
        *(read_facts(path) for path in sorted((folder.work / "scores").glob("[0-9]*.arrow"))),
    ]:
        cpu_s.update(fact["cpu_s"])
    funnel.cut = decisions.cut if job.score_name else None
    funnel.n_scored = sum(
        tally.n_documents for (stage, _), tally in funnel.dropped.items() if stage == "score"
    ) + (funnel.kept.n_documents if job.score_name else 0)
    n_failing: Counter[str] = Counter()
    for fact in facts:
        n_failing.update(fact["n_failing"])
    funnel.warnings += rule_warnings(n_failing, sum(fact["n_judged"] for fact in facts), job.rule_sets)
    manifest = build_manifest(
        plan,
        funnel,
        rule_sets=[asdict(rule_set) for rule_set in job.rule_sets],
        score={"score_column": job.score_name, "level_column": job.level_name, "cut": funnel.cut},
        files=[{"source": f.source, "n_bytes": f.size_bytes, "hash": hash_file(f)} for f in files],
        timings={
            "cpu_s": {stage: round(seconds, 3) for stage, seconds in cpu_s.items()},
            "peak_memory_bytes": max([peak_memory_bytes(), *(fact["peak_memory_bytes"] for fact in facts)]),
        },
    )
    folder.finish(manifest)
