"""The main job: a crawl in, scored Parquet out, with the reason for every dropped document.

READ THIS FIRST. `filter_crawl` checks, opens the folder and calls the passes, of which this file is, from top to bottom:

    pass 1   read -> extract -> language -> line rules -> signals -> rules -> keys     chunk by chunk: Job.begin, Job.judge
             (with --dedup-lines or --dedup-substrings in two halves: all lines are counted after Job.begin)
    barrier  all keys -> duplicates, each with the document that stays                 range by range: run/barrier.py
    pass 2   survivors -> scores                                                       chunk by chunk: score_chunk
    cut      thresholds, or the best share -> every row's fate                         Job.decide, run/cut.py
    pass 3   kept/*.parquet, dropped/*.parquet                                         file by file: run/fates.py

A chunk's documents are one Arrow table; what a stage counted besides are its facts (`curate.run.reading.ChunkFacts`).

A document has a kind (page, text, code), and each kind its rules and its scorers: a lane (`curate.run.lanes`).
A rule that is not hard has the last word only where the score is low (`spare_above`): what fails such rules alone
goes on, marked, and the cut decides.

Every pass commits its files as it goes, so a run that was stopped goes on where it was. Nothing in a chunk
depends on time, on the worker or on other chunks: the bytes are the same for any number of workers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from os import PathLike, fspath
from typing import Any, Unpack

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.batch import (
    DROP_COLUMNS,
    PAGE_SCHEMA,
    SPARED_COLUMNS,
    add_columns,
    drop_rows,
    live_rows,
    take_rows,
)
from curate.config import Paths, hashed_settings, input_paths, parse_bytes, settings_from
from curate.crawl import (
    Chunk,
    Cursor,
    InputFile,
    ReadOptions,
    check_columns,
    find_files,
    may_be_html,
    plan_splits,
)
from curate.dedup import DedupPlan, compute_keys
from curate.extract import METADATA_FIELDS, check_extractor, decode_text, extract_pages
from curate.language import ANY_LANGUAGE, check_languages, identify_languages
from curate.protocols import Engine, Scorer
from curate.rules import (
    apply_rules,
    clean_lines,
    count_by_language,
    count_failing,
    line_rules_of,
    rule_warnings,
    warn_by_language,
)
from curate.run.barrier import KEY_PREFIX, Committed, compared_texts, find_run_duplicates
from curate.run.cut import Scored, ScoredKinds, check_names, note_cuts, settle_cuts
from curate.run.extras import extra_types, unite_types
from curate.run.fates import (
    Decisions,
    Layout,
    Part,
    check_parts,
    footer_metadata,
    show_marked,
    survey,
    survey_shard,
    write_part,
)
from curate.run.funnel import Funnel
from curate.run.keywords import FilterKeywords
from curate.run.lanes import (
    LEFT_OUT,
    PROSE,
    Labeller,
    Lane,
    LaneScorer,
    ScorerSource,
    code_scorer_of,
    is_in_languages,
    is_of_kind,
    make_lanes,
    name_scorers,
    tell_other_languages,
)
from curate.run.languages import (
    SHARE_COLUMNS,
    LineLanguages,
    share_columns,
    tell_by_share,
    tell_languages,
)
from curate.run.manifest import ScoreFacts, build_manifest, build_plan
from curate.run.marked import follow_lines
from curate.run.reading import ChunkFacts, Chunks, estimate_needed, holds_same, read_pages
from curate.run.recurring import add_to_funnel, read_without_recurring, recurring_columns
from curate.run.screens import MARKED, hash_lists, load_screens
from curate.run.settings import DEFAULT_CODE_SCORER, MIXED_LANGUAGES, FilterSettings
from curate.run.shards import Shard, read_inputs, read_shard, write_shard
from curate.run.tokens import count_tokens, estimate_tokens, load_tokenizer, token_columns
from curate.scoring import ask_all, scored_columns
from curate.signals import check_signals, compute_signals
from curate.text.normalise import comparable, compose
from curate.text.printable import format_bytes
from curate.text.words import Words, hash_words, view_utf8
from curate.work.clock import StageClock, peak_memory_bytes
from curate.work.disk import disk_errors, free_bytes
from curate.work.files import read_facts, write_arrow
from curate.work.folder import SHARD, ChunkName, RunFolder, opened_run, run_path
from curate.work.progress import ProgressDisplay, nothing_counted

Stage = Callable[[pa.Table], pa.Table]
"""Documents in, the same documents out, with more columns or reasons; a function that workers can import."""


def filter_crawl(
    input: Paths,  # noqa: A002  (the name of the setting, here as on the command line)
    output: str | PathLike[str],
    *,
    scorer: ScorerSource | Sequence[ScorerSource] = "edu",
    code_scorer: ScorerSource = DEFAULT_CODE_SCORER,
    overwrite: bool = False,
    progress: bool | ProgressDisplay = True,
    **settings: Unpack[FilterKeywords],
) -> Funnel:
    """Filter a crawl into `output`/kept and `output`/dropped, and return the funnel.

    The same job as `curate filter`. A call with the settings of an unfinished run goes on with it; with those
    of a finished one it returns its funnel.

    Args:
        input: files, folders or globs; local paths or fsspec URLs.
        output: a new or empty folder, or that of an earlier run with these settings.
        scorer: name or folder of a classifier, or an object that keeps `curate.Scorer`; or several of these.
        code_scorer: the same for program files.
        overwrite: delete the result of an earlier run in `output` first.
        progress: show progress on stderr; or a display to show it on.
        **settings: the other fields of `curate.run.settings.FilterSettings`; `threshold`, `weights` and `floor` also as
            a dictionary of numbers by scorer, and one text where a list is meant.

    Raises:
        SettingError: a setting, path or name is wrong; nothing has been written.
        RunError: the run could not go on; what is committed is kept.
    """
    scorers, names = name_scorers(scorer)
    (code,), (code_name,) = name_scorers(code_scorer)
    values: dict[str, Any] = dict(settings)
    values |= {
        "input": input_paths(input),
        "output": fspath(output),
        "scorer": names,
        "code_scorer": code_name,
    }
    for name in ("threshold", "weights", "floor"):
        if isinstance(values.get(name), Mapping):
            values[name] = tuple(f"{key}={float(number)!r}" for key, number in values[name].items())
    checked = settings_from(FilterSettings, values)
    return run_filter(
        checked,
        scorers=scorers if checked.scorers else (),
        code_scorer=None if code_scorer_of(checked) is None else code,
        overwrite=overwrite,
        display=ProgressDisplay.of(progress),
    )


def run_filter(
    settings: FilterSettings,
    *,
    scorers: Sequence[str | Scorer] | None = None,
    code_scorer: str | Scorer | None = None,
    overwrite: bool = False,
    display: ProgressDisplay | None = None,
    first_stage: Stage | None = None,
) -> Funnel:
    """Run the main job with checked settings; see `filter_crawl`. Scorers that are objects stand beside their names.

    `first_stage` is a stage of the caller's own, which sees the documents when they have text and language.
    """
    display = display or ProgressDisplay()
    files = find_files(settings.input)
    job = Job.prepare(
        settings,
        files,
        settings.scorers if scorers is None else scorers,
        code_scorer or code_scorer_of(settings),
        display,
        first_stage,
    )
    plan = build_plan(settings, files, job.contents())
    shard = None if settings.shard is None else Shard.parse(settings.shard)
    if shard is not None:
        plan["shard"] = settings.shard
    splits = plan_splits(files)
    inputs = [file.path for file in files]
    work_path = run_path(settings.output, settings.scratch)
    n_input_bytes, n_free_bytes = sum(file.size_bytes for file in files), free_bytes(work_path)
    if n_free_bytes < n_input_bytes:
        display.say(
            f"{format_bytes(n_free_bytes)} are free where {work_path} lies, for {format_bytes(n_input_bytes)} of input: that "
            "may be too little. 'curate filter --plan' tells what the run needs."
        )
    with (
        disk_errors(work_path, partial(estimate_needed, work_path, splits)),
        opened_run(
            settings.output,
            plan,
            overwrite=overwrite,
            inputs=inputs,
            scratch=settings.scratch,
            display=display,
            holds_same=partial(holds_same, files),
            is_shard=shard is not None,
        ) as folder,
        settings.start(
            work_path,
            inputs,
            n_workers=settings.count_workers(n_input_bytes),
            before_fork=partial(job.load_kernels, html=any(map(may_be_html, inputs))),
            say=display.say,
        ) as engine,
    ):
        earlier = folder.manifest()
        if earlier:
            return Funnel.from_json(earlier["funnel"])
        if shard is not None and (folder.path / SHARD).is_file():
            return read_shard(folder)
        in_halves = settings.dedup_lines or settings.dedup_substrings > 0
        n_steps = 3 + bool(job.score_columns()) + 2 * in_halves + bool(folder.store)
        display.expect(1 if shard else n_steps)
        if in_halves:
            halves = job.begin, job.judge
            chunks = read_without_recurring(
                *halves, settings, job.read_options, folder, splits, engine, display
            )
        else:
            chunks = read_pages(job.make_documents, job.read_options, folder, splits, engine, display, shard)
        if shard is not None:
            funnel = survey_shard(folder, chunks)
            write_shard(folder, shard, plan, len(splits), len(chunks), funnel)
            return funnel
        return run_from_chunks(job, plan, folder, chunks, engine, display)


def run_from_chunks(
    job: Job,
    plan: dict[str, Any],
    folder: RunFolder,
    chunks: Chunks,
    engine: Engine,
    display: ProgressDisplay,
) -> Funnel:
    """All that follows pass 1, which is the same for one run and for the shards of one that were brought together."""
    clock, funnel = StageClock(), Funnel()
    decisions, parts = settle_fates(job, plan, folder, chunks, engine, display, clock, funnel)
    largest_first = sorted(
        parts, key=lambda part: part.n_rows, reverse=True
    )  # so that no worker waits for the last
    display.count("Writing", engine.map(partial(write_part, decisions), largest_first), len(parts), "files")
    check_parts(folder, parts)
    finish_run(job, plan, funnel, decisions, chunks, clock)
    return funnel


def settle_fates(
    job: Job,
    plan: Mapping[str, Any],
    folder: RunFolder,
    chunks: Chunks,
    engine: Engine,
    display: ProgressDisplay,
    clock: StageClock,
    funnel: Funnel,
) -> tuple[Decisions, list[Part]]:
    """The barrier, pass 2 and the cut: what decides over every row, and the files that rows go into.

    Every row's fate is counted into `funnel`, and the time that it took into `clock`.
    """
    settings = job.settings
    with clock.stage("duplicates"), display.step("Finding duplicates", 0, nothing_counted):
        committed = find_run_duplicates(
            folder,
            chunks,
            job.dedup_plan,
            level=settings.dedup,
            memory=settings.memory,
            has_comments=settings.dedup_comments,
            engine=engine,
        )
    score_survivors(job, committed, list(chunks), engine, display)
    with clock.stage("cut"):
        decisions = job.decide(committed, plan, chunks)
        return decisions, survey(decisions, list(chunks), funnel, part_bytes=parse_bytes(settings.shard_size))


@dataclass(frozen=True, slots=True)
class Job:
    """What every worker needs to know; built, and thereby checked, before anything is written."""

    settings: FilterSettings
    read_options: ReadOptions
    lanes: tuple[Lane, ...]
    dedup_plan: DedupPlan
    first_stage: Stage | None = None

    @classmethod
    def prepare(
        cls,
        settings: FilterSettings,
        files: Sequence[InputFile],
        scorers: Sequence[str | Scorer],
        code_scorer: str | Scorer | None,
        display: ProgressDisplay,
        first_stage: Stage | None = None,
    ) -> Job:
        """Check everything that can be checked beforehand, and say what does not fit the wanted languages."""
        read_options = ReadOptions.of(hashed_settings(settings))
        check_columns(files, read_options)
        check_extractor(settings.extractor, settings.extract_focus, settings.text_format)
        check_languages(settings.language)
        load_screens(settings)  # reads the lists that are named; workers read them once more
        if settings.tokenizer is not None:
            load_tokenizer(settings.tokenizer)
        lanes = make_lanes(settings, scorers, code_scorer)
        check_signals(signal_names(lanes))
        for line in tell_other_languages(lanes[0], settings.language):
            display.say(line)
        check_names([ScoredKinds.of(lane) for lane in lanes], settings.cut, settings.floors)
        return cls(
            settings,
            read_options,
            lanes,
            DedupPlan(jaccard=settings.jaccard, recall=settings.recall),
            first_stage,
        )

    def scorers(self) -> list[LaneScorer]:
        """Every scorer of the run once, by name."""
        return list({scorer.name: scorer for lane in self.lanes for scorer in lane.scorers}.values())

    def labellers(self) -> list[Labeller]:
        """Every classifier of the run whose class becomes a column."""
        return [labeller for lane in self.lanes for labeller in lane.labellers]

    def score_columns(self) -> tuple[tuple[str, str], ...]:
        """Names and types of the columns that pass 2 adds."""
        scores = [column for scorer in self.scorers() for column in scorer.columns]
        return tuple(dict.fromkeys([*scores, *((each.name, "string") for each in self.labellers())]))

    def contents(self) -> dict[str, str | None]:
        """What names in the settings stand for now: a hash of each scorer, list and rule file."""
        scorers = {f"the scorer {scorer.name}": scorer.fingerprint for scorer in self.scorers()}
        labels = {f"the classifier {each.name}": each.fingerprint for each in self.labellers()}
        return scorers | labels | hash_lists(self.settings)

    def load_kernels(self, *, html: bool) -> None:
        """Take made-up pages through pass 1 and our own scorers: what workers would each load is loaded before they are forked.

        With `html` the extractor's as well. Stages and scorers of the caller's are left alone: they may start threads, beside
        which nothing can be forked.
        """
        kinds = ("text", "html") if html else ("text",)
        pages = pa.RecordBatch.from_pylist(
            [{"source": "", "kind": kind, "id": "", "content": b"A page of some words."} for kind in kinds],
            PAGE_SCHEMA,
        )
        chunk = Chunk(0, pages, {}, [], len(pages), 0, Cursor(), last=True)
        replace(self, first_stage=None).make_documents(chunk)
        fitted = [scorer.load() for scorer in self.scorers() if scorer.is_kept()]
        ask_all(fitted, pages["content"].cast(pa.string()))

    # ---- pass 1 ---------------------------------------------------------------------------------------

    def make_documents(self, chunk: Chunk) -> tuple[pa.Table, dict[str, Any]]:
        """Take a chunk's pages through every stage that looks at one document alone."""
        return self.judge(*self.begin(chunk))

    def begin(self, chunk: Chunk) -> tuple[pa.Table, dict[str, Any]]:
        """Read -> text -> language: what is done before lines may be taken out."""
        clock, screens = StageClock(), load_screens(self.settings)
        documents = start_documents(chunk.pages)
        with clock.stage("extract"):
            documents = leave_out(documents, self.lanes)
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
            documents, lost = add_language(
                documents,
                self.settings.language,
                self.settings.min_language_confidence,
                self.settings.mixed_languages,
            )
        if self.first_stage is not None:
            documents = self.first_stage(documents)
        types = extra_types(documents["extra"], documents["source"], chunk.extra_types)
        return documents, {"extra_types": types, "in_other_languages": lost, "cpu_s": clock.rounded()}

    def judge(self, documents: pa.Table, facts: dict[str, Any]) -> tuple[pa.Table, dict[str, Any]]:
        """Line rules -> signals -> rules -> keys; `facts` are those of `begin`.

        Screens (`curate.run.screens`) are what the user's own lists say, and stand where what they look at is known.
        """
        clock, screens = StageClock(), load_screens(self.settings)
        judged: list[dict[str, Any]] = []
        with clock.stage("rules"):
            documents = screens.add_redaction(documents)
            for lane in self.lanes:
                documents, counts = add_signals(documents, lane)
                judged.append(counts)
            documents = screens.add_words(documents)
            documents = screens.add_own(documents, signal_names(self.lanes))
        with clock.stage("words"):
            words = hash_live_words(documents)
        with clock.stage("rules"):
            documents = screens.add_adult(documents, words)
            documents = screens.add_contamination(documents, words)
        with clock.stage("keys"):
            documents = add_keys(documents, self.dedup_plan, words, has_comments=self.settings.dedup_comments)
        facts |= {"judged": judged, "cpu_s": facts["cpu_s"] | clock.rounded()}
        return documents, facts | {"peak_memory_bytes": peak_memory_bytes()}

    # ---- the cut --------------------------------------------------------------------------------------

    def decide(
        self,
        committed: Committed,
        plan: Mapping[str, Any],
        chunks: Chunks,
    ) -> Decisions:
        """Settle what scored documents must reach, and the columns of the output."""

        def read_scored(kinds: ScoredKinds) -> Scored:
            tables = [committed.scores(name) for name in chunks]
            found = pa.concat_tables(
                [table.filter(is_of_kind(table["kind"], kinds.kinds)) for table in tables]
            )
            return Scored(found, found["is_sparable"].to_numpy(), estimate_tokens(found, self.settings))

        layout = Layout(
            signals=self.number_columns(),
            scores=self.score_columns() + token_columns(self.settings),
            extras=unite_types(facts["extra_types"] for facts in chunks.values()),
            footer=footer_metadata(plan),
        )
        cuts = settle_cuts([ScoredKinds.of(lane) for lane in self.lanes], self.settings.cut, read_scored)
        return Decisions(committed.folder, committed, layout, self.dedup_plan.jaccard, cuts)

    def number_columns(self) -> tuple[tuple[str, str], ...]:
        """Names and types of the columns that rules and signals add: lines removed by reason, and signals."""
        nothing = pa.array([], pa.string())
        fields: list[tuple[str, str]] = [*load_screens(self.settings).columns(), (CHARS_REMOVED, "int32")]
        fields += recurring_columns(self.settings)
        if self.settings.mixed_languages != MIXED_LANGUAGES[0]:
            fields += [(LINES_IN_OTHER_LANGUAGES, "int32"), *SHARE_COLUMNS]
        for lane in self.lanes:
            _, lines_removed = clean_lines(nothing, line_rules_of(lane.rule_sets))
            measured = compute_signals(nothing, list(lane.signals))
            fields += [(field.name, str(field.type)) for field in (*lines_removed.schema, *measured.schema)]
        return tuple(dict.fromkeys(fields))


# ---- pass 1: a chunk of pages becomes a table of documents ------------------------------------------------


def start_documents(pages: pa.RecordBatch) -> pa.Table:
    """Begin the table: where each document comes from, its kind, and what the reader already dropped."""
    table = pa.Table.from_batches([pages])
    is_page = pc.equal(table["kind"], "html")
    kinds = pc.if_else(is_page, "page", pc.if_else(pc.equal(table["kind"], "code"), "code", "text"))
    columns = {name: table[name] for name in ("id", "url", "date", "source", "position")}
    columns["kind"] = pc.fill_null(kinds, "text")
    for name in ("program_language", "path", "license"):  # a reader of program files states them
        known = name in table.column_names
        columns[name] = table[name] if known else pa.nulls(len(table), pa.string())
    reasons = table["drop_reason"]
    columns |= {"extra": table["extra"], "drop_reason": reasons}
    columns["drop_stage"] = pc.if_else(pc.is_valid(reasons), "read", pa.scalar(None, pa.string()))
    for column in (*DROP_COLUMNS, *SPARED_COLUMNS):
        if column.name in _MARKS:
            columns[column.name] = pa.nulls(len(table), column.type)
    return pa.table(columns)


_MARKS = ("drop_value", "drop_limit", "drop_detail", "spared_by", "spared_value", "spared_limit")


def leave_out(documents: pa.Table, lanes: Sequence[Lane]) -> pa.Table:
    """Drop documents of a kind that has no lane: program files where no scorer of theirs is named."""
    rows = live_rows(documents)
    known = [kind for lane in lanes for kind in lane.kinds]
    rows = rows[~is_of_kind(documents["kind"].take(pa.array(rows)), known)]
    return drop_rows(documents, rows, "read", pa.array([LEFT_OUT] * len(rows), pa.string()))


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
        take_rows(pages["content"], html),
        pages["charset"].take(html),
        extractor=extractor,
        focus=focus,
        keep_links=keep_links and not marks,
        metadata=True,
    )
    decoded = compose(decode_texts(take_rows(pages["content"], plain), pages["charset"].take(plain)))
    stated = {name: pa.nulls(len(documents), pa.string()) for name in ("title", *METADATA_FIELDS)}
    for name, nothing in stated.items():
        documents = documents.append_column(name, nothing)
    problems = extracted["extract_problem"]
    columns = {name: extracted[name] for name in extracted.schema.names if name != "extract_problem"}
    columns["text"] = compose(columns["text"])
    documents = add_columns(documents, html, columns)
    if marks:
        marked = extract_pages(
            take_rows(pages["content"], html),
            pages["charset"].take(html),
            focus=focus,
            keep_links=keep_links,
            text_format=text_format,
        )
        documents = documents.append_column(MARKED, pa.nulls(len(documents), pa.string()))
        documents = add_columns(documents, html, {MARKED: marked["text"]})
    documents = add_columns(documents, plain, {"text": decoded, "title": pages["title"].take(plain)})
    documents = drop_rows(documents, html, "extract", problems)
    no_text = pc.if_else(pc.equal(pc.binary_length(decoded), 0), "no_text", pa.scalar(None, pa.string()))
    return drop_rows(documents, plain, "extract", no_text)


def decode_texts(contents: pa.Array, charsets: pa.Array) -> pa.Array:
    """Decode plain-text pages; those without a charset are UTF-8 nearly always, and then cost nothing."""
    if charsets.null_count == len(charsets):
        try:
            texts = contents.cast(pa.string())
            data, bounds = view_utf8(texts)
            # Hardly any text holds a NUL, and to look for one takes a tenth of writing all anew.
            has_nul = data[bounds[0] : bounds[-1]].min(initial=1) == 0
            return pc.replace_substring(texts, "\0", "\ufffd") if has_nul else texts
        except pa.ArrowInvalid:
            pass  # some bytes are not UTF-8: each page by itself
    pairs = zip(contents.to_pylist(), charsets.to_pylist(), strict=True)
    return pa.array([decode_text(content or b"", charset) for content, charset in pairs], pa.string())


LINES_IN_OTHER_LANGUAGES = "language_line_other"
"""Lines of a document that are in other languages than the wanted ones, where these are taken out."""
_LEAST_SHARE = 0.5


def add_language(
    documents: pa.Table, languages: Sequence[str], min_confidence: float, mixed: str = MIXED_LANGUAGES[0]
) -> tuple[pa.Table, dict[str, int]]:
    """Add `language` and its confidence; drop other languages, and those the model is unsure of.

    Without a limit on confidence it is enough that no other language is likelier, in the whole text or in its prose; see
    `tell_languages`. `mixed` is the setting `mixed_languages`: by share or by lines, `line_language_1` and so on are added, a
    document that stays is in that wanted language in which most of its lines are, and what is taken out is counted.
    """
    rows = live_rows(documents)
    rows = rows[
        is_of_kind(documents["kind"].take(pa.array(rows)), PROSE)
    ]  # a program is in no natural language
    texts = take_rows(documents["text"], rows)
    lost = {"n_lines": 0, "n_chars": 0}
    lines = LineLanguages.of(texts) if mixed != MIXED_LANGUAGES[0] else None
    shares = lines.shares() if lines else []
    if lines:
        nothing = {LINES_IN_OTHER_LANGUAGES: pa.array(np.zeros(len(rows), np.int32))}
        documents = add_columns(documents, rows, share_columns(shares) | nothing)
    if ANY_LANGUAGE in languages:
        return add_columns(documents, rows, identify_languages(texts)), lost
    found, is_wanted = tell_languages(texts, languages)
    if lines:
        least = 0 if mixed == "lines" else _LEAST_SHARE
        found, is_wanted = tell_by_share(found, is_wanted, shares, languages, least)
    if lines and mixed == "lines":
        kept, n_lines, n_chars = lines.keep(languages)
        cut = np.flatnonzero((n_lines > 0) & is_wanted)
        documents = take_out_lines(documents, rows[cut], kept.take(pa.array(cut)), n_lines[cut])
        lost = {"n_lines": int(n_lines[cut].sum()), "n_chars": int(n_chars[cut].sum())}
    documents = add_columns(documents, rows, found)
    confidence = found["language_confidence"]
    stays = pa.scalar(None, pa.string())
    reasons = pc.if_else(
        pa.array(is_wanted),
        pc.if_else(pc.less(confidence, min_confidence), "language_confidence", stays),
        "language",
    )
    limits = pa.array(np.full(len(rows), min_confidence))
    return drop_rows(documents, rows, "language", reasons, (confidence, limits)), lost


def take_out_lines(
    documents: pa.Table, rows: NDArray[np.int64], texts: pa.Array, n_lines: NDArray[np.int64]
) -> pa.Table:
    """Put texts of which lines in other languages are gone in the place of the whole ones, and count these lines."""
    columns = {"text": texts}
    if MARKED in documents.column_names:
        whole, marked = (documents[name].take(rows) for name in ("text", MARKED))
        columns[MARKED] = follow_lines(whole, texts, marked)
    columns[LINES_IN_OTHER_LANGUAGES] = pa.array(n_lines.astype(np.int32))
    return add_columns(documents, rows, columns)


def add_signals(documents: pa.Table, lane: Lane) -> tuple[pa.Table, dict[str, Any]]:
    """Take out the lines that line rules name, measure what is left, and drop what breaks a rule.

    What a score may spare yet is not dropped but marked (`spared_by`); the cut decides over it. Also returns how
    many documents were judged, how many fail each rule, whichever came first, and how many lines went for each reason.
    The cleaned text is what the rules judge and later stages see, so filtering what was kept keeps it all.
    """
    rows = lane.rows(documents)
    before, languages = (take_rows(documents[name], rows) for name in ("text", "language"))
    texts, lines_removed = clean_lines(before, line_rules_of(lane.rule_sets), languages)
    measured = compute_signals(texts, list(lane.signals), languages=languages)
    cleaned = {"text": texts.cast(pa.string())}
    if MARKED in documents.column_names:
        whole, marked = (documents[name].take(rows) for name in ("text", MARKED))
        cleaned[MARKED] = follow_lines(whole, cleaned["text"], marked)
    documents = add_columns(documents, rows, cleaned)
    documents = add_columns(add_columns(documents, rows, measured), rows, lines_removed)
    n_chars = count_chars_removed(before, texts, lines_removed)
    documents = add_columns(documents, rows, {CHARS_REMOVED: n_chars})
    may_spare = lane.spare_above is not None
    verdict = apply_rules(measured, lane.rule_sets, hard_first=may_spare, languages=languages)
    n_lines = {name: pc.sum(lines_removed[name]).as_py() or 0 for name in lines_removed.schema.names}
    n_failing = count_failing(measured, lane.rule_sets, languages)
    judged = {"n_judged": len(rows), "n_failing": n_failing, "lines_removed": n_lines}
    judged["n_chars_removed"] = pc.sum(n_chars).as_py() or 0
    judged["languages"] = count_by_language(measured, lane.rule_sets, languages)
    reasons, numbers = verdict["drop_reason"], (verdict["drop_value"], verdict["drop_limit"])
    if may_spare:
        is_sparable = verdict["is_sparable"]
        at = rows[is_sparable.to_numpy(zero_copy_only=False)]
        marks = zip(SPARED_COLUMNS, (reasons, *numbers), strict=True)
        documents = add_columns(documents, at, {mark.name: each.filter(is_sparable) for mark, each in marks})
        reasons = pc.if_else(is_sparable, pa.scalar(None, pa.string()), reasons)
    return drop_rows(documents, rows, "rules", reasons, numbers), judged


def signal_names(lanes: Sequence[Lane]) -> list[str]:
    """Every signal of the run once."""
    return list(dict.fromkeys(name for lane in lanes for name in lane.signals))


CHARS_REMOVED = "n_chars_removed"
"""Characters that line rules took out of a document."""


def count_chars_removed(before: pa.Array, after: pa.Array, lines_removed: pa.RecordBatch) -> pa.Array:
    """Count the characters that line rules took out of each of N texts, int32; citations count too."""
    if not lines_removed.num_columns:
        return pa.array(np.zeros(len(before), np.int32))
    sizes = (pc.binary_length(texts).to_numpy(zero_copy_only=False) for texts in (before, after))
    lost = np.flatnonzero(np.not_equal(*sizes))
    n_chars = np.zeros(len(before), np.int32)
    rows = pa.array(lost)
    n_chars[lost] = pc.subtract(
        pc.utf8_length(before.take(rows)).cast(pa.int64()), pc.utf8_length(after.take(rows)).cast(pa.int64())
    ).to_numpy(zero_copy_only=False)
    return pa.array(n_chars)


def hash_live_words(documents: pa.Table) -> Words:
    """Hash the words of every row once, for the stages that follow; a dropped one has none."""
    rows = live_rows(documents)
    words = hash_words(comparable(take_rows(documents["text"], rows)), signs=True)
    n_words = np.zeros(len(documents), np.int64)
    n_words[rows] = np.diff(words.offsets)
    return replace(words, offsets=np.append(0, np.cumsum(n_words)))


def add_keys(documents: pa.Table, plan: DedupPlan, words: Words, *, has_comments: bool = True) -> pa.Table:
    """Add what finds duplicates: the hash of the normalised text and the MinHash bands.

    Where comments of programs do not count, words are hashed anew without them.
    """
    rows = live_rows(documents)
    if has_comments:
        keys = compute_keys(documents["text"], plan, words, rows)
    else:
        keys = compute_keys(compared_texts(documents, rows, has_comments=False), plan)
    return add_columns(documents, rows, {f"{KEY_PREFIX}{name}": keys[name] for name in keys.schema.names})


# ---- pass 2: survivors get their score ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ScoreTask:
    """One chunk whose survivors are to be scored."""

    committed: Committed
    name: ChunkName
    lanes: tuple[Lane, ...]
    tokenizer: str | None


def score_survivors(
    job: Job, committed: Committed, names: Sequence[ChunkName], engine: Engine, display: ProgressDisplay
) -> None:
    """Run pass 2 over all chunks that have no scores yet."""
    if not job.score_columns():
        return
    folder = committed.folder
    tasks = [
        ScoreTask(committed, name, job.lanes, job.settings.tokenizer)
        for name in names
        if not committed.is_there(folder.scores(name))
    ]
    display.count("Scoring", engine.map(score_chunk, tasks), len(tasks), "chunks")


def score_chunk(task: ScoreTask) -> None:
    """Commit what the scorers say of one chunk's survivors: row, kind, whether a score may spare it, and columns."""
    clock = StageClock()
    folder = task.committed.folder
    documents = task.committed.documents(task.name)
    rows = np.setdiff1d(live_rows(documents), task.committed.duplicates(task.name)["row"].to_numpy())
    texts = take_rows(documents["text"], rows)
    survivors = documents.select(["kind", "language", "spared_by"]).take(pa.array(rows, pa.int64()))
    table = pa.table(
        {"row": rows, "kind": survivors["kind"], "is_sparable": survivors["spared_by"].is_valid()}
    )
    with clock.stage("tokens"):
        is_marked = MARKED in documents.column_names
        written = take_rows(show_marked(documents)["text"], rows) if is_marked else texts
        table = add_columns(table, np.arange(len(rows)), count_tokens(written, task.tokenizer))
    with clock.stage("score"):
        for lane in task.lanes:
            is_lanes = is_of_kind(survivors["kind"], lane.kinds)
            for languages, alike in lane.scorers_by_language().items():
                at = np.flatnonzero(is_lanes & is_in_languages(survivors["language"], languages))
                scorers = [scorer.load() for scorer in alike]
                for scorer, scored in zip(scorers, ask_all(scorers, take_rows(texts, at)), strict=True):
                    table = add_columns(table, at, scored_columns(scorer, scored))
            for labeller in lane.labellers:
                at = np.flatnonzero(
                    is_lanes & is_in_languages(survivors["language"], lane.asks(labeller.languages))
                )
                table = add_columns(table, at, {labeller.name: labeller.label(take_rows(texts, at))})
    facts = {"cpu_s": clock.rounded(), "barrier": task.committed.barrier}
    write_arrow(folder.scores(task.name), table, facts)


# ---- the end ----------------------------------------------------------------------------------------------


def finish_run(
    job: Job,
    plan: dict[str, Any],
    funnel: Funnel,
    decisions: Decisions,
    chunks: Chunks,
    clock: StageClock,
) -> None:
    """Complete the funnel with what the chunks noted, and commit the manifest."""
    folder, facts = decisions.folder, list(chunks.values())
    for fact in facts:
        funnel.records.update(fact["records"])
        funnel.problems += fact["problems"]
    count_removed_lines(funnel, facts)
    cpu_s: Counter[str] = Counter()
    cpu_s.update(clock.cpu_s)
    scores = [read_facts(folder.scores(name)) for name in chunks] if job.score_columns() else []
    for fact in [*facts, *scores]:
        cpu_s.update(fact["cpu_s"])
    scored = tuple(ScoredKinds.of(lane) for lane in job.lanes if lane.scorers)
    levels = [name for scorer in job.scorers() for name, _ in scorer.columns if name.endswith("_level")]
    score = ScoreFacts(scored, decisions.cuts, tuple(levels))
    note_cuts(funnel, decisions.cuts)
    funnel.warnings += load_screens(job.settings).warnings()
    for place, lane in enumerate(job.lanes):
        judged = [fact["judged"][place] for fact in facts]
        n_failing: Counter[str] = Counter()
        for counts in judged:
            n_failing.update(counts["n_failing"])
        n_judged = sum(counts["n_judged"] for counts in judged)
        funnel.warnings += rule_warnings(n_failing, n_judged, lane.rule_sets) if n_judged else []
        funnel.warnings += warn_by_language([counts["languages"] for counts in judged], lane.rule_sets)
    manifest = build_manifest(
        plan,
        funnel,
        rule_sets=[
            rule_set.to_json() | {"kinds": list(lane.kinds)}
            for lane in job.lanes
            for rule_set in lane.rule_sets
        ],
        score=score,
        files=[file for _, found in sorted(read_inputs(folder).items()) for file in found["files"]],
        timings={
            "cpu_s": {stage: round(seconds, 3) for stage, seconds in cpu_s.items()},
            "peak_memory_bytes": max([peak_memory_bytes(), *(fact["peak_memory_bytes"] for fact in facts)]),
        },
    )
    folder.finish(manifest)


def count_removed_lines(funnel: Funnel, facts: Sequence[ChunkFacts]) -> None:
    """Count the lines that left documents by reason, and their characters: recurring ones, other languages, line rules."""
    for fact in facts:
        funnel.n_chars_removed += add_to_funnel(funnel.lines_removed, fact)
    lost = [fact["in_other_languages"] for fact in facts]
    removed = [({LINES_IN_OTHER_LANGUAGES: each["n_lines"]}, each["n_chars"]) for each in lost]
    for judged in zip(*(fact["judged"] for fact in facts), strict=True):  # lane by lane
        removed += [(counts["lines_removed"], counts["n_chars_removed"]) for counts in judged]
    for lines, n_chars in removed:
        funnel.lines_removed.update({name: n for name, n in lines.items() if n})
        funnel.n_chars_removed += n_chars
