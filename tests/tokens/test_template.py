"""What stands before a text: templates are read or refused in one line, and each document gets its own columns."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from token_builders import many_texts

from curate.errors import SettingError
from curate.mixture import MixtureSettings, Source, mix
from curate.tokens import load_encoder, tokenize_mixture
from curate.tokens.infill import Infill, cut_document, find_sentinels
from curate.tokens.template import Template

QUIET = {"vocab_size": 400, "workers": 1, "progress": False}


def decode(tokens, split="train"):
    encoder = load_encoder(tokens.tokenizer_path)
    found = []
    for group in getattr(tokens, split):
        ends = group.document_offsets[1:].astype(int)
        documents = np.split(np.asarray(group.tokens), ends)[:-1]
        found += [encoder.tokenizer.decode(ids[:-1], skip_special_tokens=False) for ids in documents]
    return found


def write_rows(folder, n=40):
    """Programs with a path and a language, and pages with neither."""
    folder.mkdir()
    texts = many_texts(n)
    rows = [
        {
            "text": text,
            "path": f"src/file_{i}.py" if i % 2 else None,
            "program_language": "python" if i % 4 != 1 else "",
            "n_stars": i,
            "tags": ["a"],
        }
        for i, text in enumerate(texts)
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "rows.parquet")
    return rows


def test_a_document_has_its_columns_before_it_and_one_that_lacks_some_stays(tmp_path):
    rows = write_rows(tmp_path / "in")
    template = r"<{program_language}> {path} {n_stars}\n{text}"
    tokens = tokenize_mixture(tmp_path / "in", tmp_path / "out", template=template, **QUIET)
    wanted = [
        f"<python> {row['path']} {row['n_stars']}\n{row['text']}"
        if row["path"] and row["program_language"]
        else row["text"]
        for row in rows
    ]
    assert decode(tokens) + decode(tokens, "validation") == wanted
    assert sum(group.n_bytes for group in tokens.train) == sum(len(text.encode()) for text in wanted)


def test_the_rate_is_kept_and_the_bytes_are_the_same_for_any_number_of_workers(tmp_path):
    rows = write_rows(tmp_path / "in", 400)
    settings = QUIET | {"template": "{n_stars}: {text}", "template_rate": 0.3, "seed": 5}
    tokens = tokenize_mixture(tmp_path / "in", tmp_path / "one", **settings)
    again = tokenize_mixture(tmp_path / "in", tmp_path / "two", **settings | {"workers": 2})
    other = tokenize_mixture(tmp_path / "in", tmp_path / "three", **settings | {"seed": 6})
    assert tokens.fingerprint == again.fingerprint != other.fingerprint
    plain = {row["text"] for row in rows}
    n_with = sum(text not in plain for text in decode(tokens))
    assert 80 < n_with < 160


def test_a_mixture_gives_the_columns_that_its_provenance_holds(tmp_path):
    lines = [
        {"id": str(i), "text": text, "path": f"a/{i}.py", "license": "mit", "program_language": "python"}
        for i, text in enumerate(many_texts(30))
    ]
    (tmp_path / "code.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "web.jsonl").write_text(json.dumps({"text": "A page about owls and other birds."}) + "\n")
    sources = tuple(Source(name, (str(tmp_path / f"{name}.jsonl"),)) for name in ("code", "web"))
    mix(MixtureSettings(sources=sources, validation_fraction=0.0), tmp_path / "mixture", workers=1)
    template = "{source} {path} ({program_language})\n{text}"
    tokens = tokenize_mixture(tmp_path / "mixture", tmp_path / "out", template=template, **QUIET)
    found = decode(tokens)
    assert sorted(found[:-1]) == sorted(f"code {line['path']} (python)\n{line['text']}" for line in lines)
    assert found[-1] == "A page about owls and other birds."


def test_what_is_filled_in_is_the_text_and_its_head_stays_first(tmp_path):
    rows = write_rows(tmp_path / "in")
    tokens = tokenize_mixture(
        tmp_path / "in",
        tmp_path / "out",
        template="{n_stars}| {text}",
        fim_rate=1.0,
        fim_spm_rate=0.0,
        **QUIET,
    )
    marks = [
        load_encoder(tokens.tokenizer_path).tokenizer.id_to_token(i)
        for i in find_sentinels(load_encoder(tokens.tokenizer_path))
    ]
    texts = {row["text"]: row["n_stars"] for row in rows}
    for document in decode(tokens):
        head, rest = document.split(marks[0], 1)
        prefix, rest = rest.split(marks[1], 1)
        suffix, middle = rest.split(marks[2], 1)
        assert head == f"{texts[prefix + middle + suffix]}| "
        cut = cut_document(prefix + middle + suffix, Infill(1.0, 0.0))
        assert cut is not None
        assert cut[:3] == (prefix, middle, suffix)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{pth}\n{text}", "Unknown column of template 'pth'. Did you mean 'path'?"),
        ("{path}", "must end with {text}"),
        ("{text}\n{path}", "must end with {text}"),
        ("{text}{text}", "must end with {text}, and name it once"),
        ("{path\n{text}", "a brace without its partner"),
        ("{path!r}{text}", "the names of columns in its braces alone"),
        ("{path:>9}{text}", "the names of columns in its braces alone"),
        ("{}{text}", "the names of columns in its braces alone"),
        ("{tags}{text}", "the column 'tags' holds no text or numbers"),
    ],
)
def test_a_wrong_template_is_one_line_and_nothing_is_written(tmp_path, template, message):
    write_rows(tmp_path / "in")
    with pytest.raises(SettingError) as caught:
        tokenize_mixture(tmp_path / "in", tmp_path / "out", template=template, **QUIET)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_another_template_is_not_gone_on_with(tmp_path):
    write_rows(tmp_path / "in")
    tokenize_mixture(tmp_path / "in", tmp_path / "out", template="{path}: {text}", **QUIET)
    for other in ({"template": "{path} {text}"}, {}):
        with pytest.raises(SettingError, match="another template"):
            tokenize_mixture(tmp_path / "in", tmp_path / "out", **QUIET, **other)


@given(
    st.lists(
        st.tuples(st.text("ab {}\u2603", max_size=5), st.sampled_from(["one", "two", "a.b"])), max_size=4
    ),
    st.text("x{} ", max_size=4),
)
def test_a_template_gives_back_what_stands_between_its_columns(parts, last):
    def escape(text):
        return text.replace("{", "{{").replace("}", "}}")

    written = "".join(f"{escape(before)}{{{name}}}" for before, name in parts) + escape(last) + "{text}"
    found = Template.parse(written)
    assert (found.parts, found.last) == (tuple(parts), last)
    batch = pa.record_batch({"one": ["1"], "two": ["2"], "a.b": ["3"]})
    values = {"one": "1", "two": "2", "a.b": "3"}
    assert found.write_heads(batch, pa.array(["t"])) == [
        "".join(before + values[name] for before, name in parts) + last
    ]
