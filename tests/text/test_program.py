from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.text.program import (
    CODE,
    COMMENT,
    DASH,
    DOC,
    HASH,
    PERCENT,
    SEMICOLON,
    SLASH,
    SPACE,
    STRING,
    find_body,
    guess_style,
    mark_program,
)

LETTERS = {SPACE: " ", CODE: "x", COMMENT: "c", STRING: "s", DOC: "d"}


def style_of(text):
    data = np.frombuffer(text.encode(), np.uint8)
    return guess_style(data, 0, len(data))


def marked(text, style=None):
    data = np.frombuffer(text.encode(), np.uint8)
    kinds = np.full(len(data), 9, np.uint8)
    mark_program(data, 0, len(data), style_of(text) if style is None else style, kinds)
    return "".join(LETTERS[int(kind)] for kind in kinds)


@pytest.mark.parametrize(
    ("text", "style", "expected"),
    [
        ("a # b\nc", HASH, "x ccc x"),
        ("a // b\nc", SLASH, "x cccc x"),
        ("a // b", HASH, "x xx x"),
        ("a /* b\n */ c", SLASH, "x cccccccc x"),
        ("a /* b", SLASH, "x cccc"),
        ("f('a # b') # c", HASH, "xxsssssssx ccc"),
        ("u = 'http://x.y' // z", SLASH, "x x ssssssssssss cccc"),
        ("http://x.y", SLASH, "xxxxxxxxxx"),
        ('"""Doc."""\nx = """s"""', HASH, "dddddddddd x x sssssss"),
        ("&'a str, &'b str", SLASH, "xxx xxxx xxx xxx"),
        ("A' * B'; % c", PERCENT, "xx x xxx ccc"),
        ('s = "a\\"b" x', HASH, "x x ssssss x"),
        ('s = "open\nx', HASH, "x x xxxxx x"),
        ("select -- all\n1", DASH, "xxxxxx cccccc x"),
        ("mov ax ; b", SEMICOLON, "xxx xx ccc"),
        ("t = `a\nb` c", SLASH, "x x sssss x"),
    ],
)
def test_each_byte_has_a_kind(text, style, expected):
    assert marked(text, style) == expected


@given(
    st.text("ab \n\"'`#/*-%;\\é", max_size=60),
    st.sampled_from([HASH, SLASH, DASH, PERCENT, SEMICOLON, HASH | SLASH]),
)
def test_every_byte_is_marked_and_white_space_outside_stays_white_space(text, style):
    kinds = marked(text, style)
    assert len(kinds) == len(text.encode())
    for byte, kind in zip(text.encode(), kinds, strict=True):
        assert kind != " " or byte <= 32
        assert kind != "x" or byte > 32


@given(st.text("ab \n\"'#/*", max_size=40), st.text("ab#\n", max_size=20))
def test_a_kind_depends_on_what_is_before_it_alone_within_a_line(text, more):
    whole = marked(text + "\n" + more, HASH)
    lines = [line for line in text.split("\n") if '"""' not in line and "'''" not in line]
    if len(lines) == len(text.split("\n")):
        assert whole.startswith(marked(text, HASH))


@pytest.mark.parametrize(
    ("text", "style"),
    [
        ("#!/bin/sh\n# run\necho a\n", HASH),
        ("#include <a.h>\n// b\nint c;\n", SLASH),
        ("#[derive(Debug)]\nstruct A {\n}\n", SLASH),
        ("-- all\nselect 1;\n", DASH),
        ("% help\nx = 1\n", PERCENT),
        ("## help\nx = 1\n%!test\n", HASH | PERCENT),
        ("; move\nmov ax, bx\n", SEMICOLON),
        ("def f(x):\n    return x\n", HASH),
        ("", HASH | SLASH),
    ],
)
def test_how_comments_begin_is_guessed(text, style):
    assert style_of(text) == style


def body_of(text):
    data = np.frombuffer(text.encode(), np.uint8)
    kinds = np.zeros(len(data), np.uint8)
    mark_program(data, 0, len(data), style_of(text), kinds)
    return text.encode()[find_body(data, 0, len(data), kinds) :].decode().strip()


def test_a_licence_header_is_passed_over_and_nothing_else():
    licence = "# Copyright 2020 Ann\n# Licensed under the Apache License\n"
    assert body_of(licence + "\n# Sorts numbers.\nx = 1\n") == "# Sorts numbers.\nx = 1"
    assert body_of("#!/bin/sh\n\n" + licence + "x = 1\n") == "x = 1"
    lesson = "# Sorts numbers by merging sorted halves, " + "which takes n log n steps. " * 3
    assert body_of(lesson + "\n\n" + licence + "x = 1\n").startswith(lesson)
    assert body_of("/* Copyright\n *\n * more\n */\nint a;\n") == "int a;"
    assert body_of("x = 1  # Copyright\n") == "x = 1  # Copyright"
