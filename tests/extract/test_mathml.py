"""MathML to LaTeX: each element of presentation MathML, broken markup, and what is written in its place."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from curate.extract.mathml import MAX_MATH_DEPTH
from curate.extract.text import B_END, B_START, N_BLOCKS
from curate.extract.workspace import make_workspace, read_page


def texts(page: str) -> list[str]:
    raw = np.frombuffer(page.encode(), np.uint8)
    w = make_workspace(raw.size)
    read_page(raw, w)
    return [w.text[b[B_START] : b[B_END]].tobytes().decode() for b in w.blocks[: w.state[N_BLOCKS]]]


@pytest.mark.parametrize(
    ("markup", "latex"),
    [
        ("<mfrac><mi>p</mi><mi>q</mi></mfrac>", r"\frac{p}{q}"),
        ("<mfrac><mrow><mi>p</mi><mo>+</mo><mn>1</mn></mrow><mi>q</mi></mfrac>", r"\frac{p+1}{q}"),
        ("<msqrt><mi>p</mi><mo>+</mo><mi>q</mi></msqrt>", r"\sqrt{p+q}"),
        ("<mroot><mi>p</mi><mn>3</mn></mroot>", r"\sqrt[3]{p}"),
        ("<mroot><mrow><mn>1</mn><mo>+</mo><mi>p</mi></mrow><mi>n</mi></mroot>", r"\sqrt[n]{1+p}"),
        ("<msup><mi>p</mi><mn>2</mn></msup>", "p^{2}"),
        ("<msup><mn>10</mn><mrow><mo>−</mo><mn>3</mn></mrow></msup>", "10^{-3}"),
        ("<msup><mrow><mo>(</mo><mi>p</mi><mo>+</mo><mi>q</mi><mo>)</mo></mrow><mn>2</mn></msup>", "(p+q)^{2}"),
        ("<msup><mrow><mi>p</mi><mi>q</mi></mrow><mn>2</mn></msup>", "{pq}^{2}"),
        ("<msup><msub><mi>p</mi><mn>1</mn></msub><mn>2</mn></msup>", "p_{1}^{2}"),
        ("<msup><msup><mi>p</mi><mn>2</mn></msup><mn>3</mn></msup>", "{p^{2}}^{3}"),
        ("<msup><mfrac><mi>p</mi><mi>q</mi></mfrac><mn>2</mn></msup>", r"{\frac{p}{q}}^{2}"),
        ("<msup><mi>f</mi><mo>′</mo></msup>", "f'"),
        ("<msubsup><mi>p</mi><mi>i</mi><mn>2</mn></msubsup>", "p_{i}^{2}"),
        ("<munderover><mo>∑</mo><mrow><mi>k</mi><mo>=</mo><mn>0</mn></mrow><mi>n</mi></munderover><mi>k</mi>", r"\sum_{k=0}^{n}k"),
        ("<munder><mo>max</mo><mi>p</mi></munder><mi>f</mi>", r"\max_{p}f"),
        ("<munder><mi>p</mi><mi>q</mi></munder>", r"\underset{q}{p}"),
        ("<mover><mi>p</mi><mi>q</mi></mover>", r"\overset{q}{p}"),
        ("<munderover><mi>p</mi><mi>q</mi><mi>r</mi></munderover>", r"\overset{r}{\underset{q}{p}}"),
        ("<mover><mi>p</mi><mo>¯</mo></mover>", r"\bar{p}"),
        ("<mover><mrow><mi>P</mi><mi>Q</mi></mrow><mo>¯</mo></mover>", r"\overline{PQ}"),
        ("<mover><mi>v</mi><mo>→</mo></mover>", r"\vec{v}"),
        ("<mover><mi>p</mi><mo>^</mo></mover><mover><mi>p</mi><mo>~</mo></mover><mover><mi>p</mi><mo>˙</mo></mover>", r"\hat{p}\tilde{p}\dot{p}"),
        ("<munder><mrow><mi>p</mi><mo>+</mo><mi>q</mi></mrow><mo>⏟</mo></munder>", r"\underbrace{p+q}"),
        ("<munder><munder><mi>p</mi><mo>⏟</mo></munder><mi>n</mi></munder>", r"\underbrace{p}_{n}"),
        ("<mfenced><mi>p</mi><mi>q</mi></mfenced>", "(p,q)"),
        ("<mfenced open='[' close=')' separators=';'><mi>p</mi><mi>q</mi></mfenced>", "[p;q)"),
        ("<mfenced open='{' close='}'><mi>p</mi></mfenced>", r"\{p\}"),
        ("<mo>(</mo><mtable><mtr><mtd><mn>1</mn></mtd><mtd><mn>0</mn></mtd></mtr><mtr><mtd><mn>0</mn></mtd><mtd><mn>1</mn></mtd></mtr></mtable><mo>)</mo>", r"\begin{pmatrix}1 & 0 \\ 0 & 1\end{pmatrix}"),
        ("<mtable><mtr><mtd><mi>p</mi></mtd></mtr></mtable>", r"\begin{matrix}p\end{matrix}"),
        ("<mo>{</mo><mtable><mtr><mtd><mn>1</mn></mtd><mtd><mtext>if </mtext><mi>p</mi></mtd></mtr></mtable>", r"\begin{cases}1 & \text{if }p\end{cases}"),
        ("<mmultiscripts><mi>U</mi><mprescripts/><mn>92</mn><mn>238</mn></mmultiscripts>", "{}_{92}^{238}U"),
        ("<mmultiscripts><mi>T</mi><mi>i</mi><none/><none/><mi>j</mi></mmultiscripts>", "T_{i}^{j}"),
        ("<mi>sin</mi><mi>p</mi><mo>+</mo><mi>ln</mi><mn>2</mn>", r"\sin p+\ln 2"),
        ("<mi>cost</mi>", r"\mathrm{cost}"),
        ("<mi>α</mi><mi>p</mi><mo>≤</mo><mi>β</mi><mn>2</mn>", r"\alpha p\leq\beta 2"),
        ("<mi>p</mi><mo>∈</mo><mi>ℝ</mi>", r"p\in\mathbb{R}"),
        ("<mi mathvariant='bold'>u</mi><mo>×</mo><mi>𝐯</mi>", r"\mathbf{u}\times\mathbf{v}"),
        ("<mi>𝑝</mi><mo>&InvisibleTimes;</mo><mi>q</mi>", "pq"),
        ("<mo>{</mo><mn>50</mn><mo>%</mo><mo>}</mo>", r"\{50\%\}"),
        ("<mtext>price in $</mtext>", r"\text{price in \$}"),
        ("<mn>90</mn><mtext>°</mtext><mo>=</mo><mi>π</mi><mtext>/</mtext><mn>2</mn><mtext>: </mtext><mtext>Δ</mtext><mi>p</mi>", r"90^{\circ}=\pi/2:\Delta p"),
        ("<mtext>如果</mtext><mn>2</mn><msup><mrow><mspace width='.2em'/><mtext>cm</mtext></mrow><mn>3</mn></msup>", r"\text{如果}2 \text{cm}^{3}"),
        ("<mphantom><mi>p</mi></mphantom><mi>q</mi>", "q"),
        ("<semantics><mi>p</mi><annotation-xml><ci>wrong</ci></annotation-xml></semantics>", "p"),
        ("<mstyle displaystyle='true'><mpadded><mi>p</mi></mpadded></mstyle>", "p"),
        ("<msup><mi>p</mi></msup>", "p"),  # a script that never comes
        ("<mfrac><mi>p</mi></mfrac>", r"\frac{p}{}"),
        ("<mrow><mi>p", "p"),
        ("</mrow></mfrac><mi>p</mi>", "p"),
    ],
)  # fmt: skip
def test_presentation_mathml_becomes_latex(markup, latex):
    assert texts(f"<p>so <math>{markup}</math> holds") == [f"so ${latex}$ holds"]


def test_prefixed_and_displayed_formulas_are_read_too():
    assert texts("<p><mml:math><mml:msup><mml:mi>p</mml:mi><mml:mn>2</mml:mn></mml:msup></mml:math>") == [
        "$p^{2}$"
    ]
    assert texts("<math display='block'><mi>p</mi></math>") == ["$$p$$"]


def test_an_empty_formula_is_nothing_and_an_unclosed_one_its_text():
    assert texts("<p>so <math></math> <math/> it is") == ["so it is"]
    assert texts("<p>so <math><mi>p</mi> it is") == ["so p it is"]


def test_formulas_nested_too_deep_give_their_symbols():
    for depth in (MAX_MATH_DEPTH - 1, MAX_MATH_DEPTH, 100_000):
        (text,) = texts("<p>x <math>" + "<mrow>" * depth + "<mi>p</mi>" + "</mrow>" * depth + "</math>")
        assert text == ("x $p$" if depth <= MAX_MATH_DEPTH else "x p")


@pytest.mark.parametrize(
    "unit",
    [
        "<mi>p</mi>",
        "<msup>",
        "<mover><mi>p</mi><mo>¯</mo></mover>",
        "<mfrac>",
        "<mtr>",
        "</msup>",
        "<msup><mi>p</mi>",
    ],
)
def test_large_formulas_are_read_to_their_end(unit):
    assert texts("<p>a <math>" + unit * 100_000 + "</math> end")[-1].endswith("end")


_NAMES = "mi mo mn mtext mrow mfrac msqrt mroot msup msub msubsup munder mover munderover mtable mtr mtd mfenced mmultiscripts".split()


@example("<msup><mi>p</mi>&sum;")  # text that is no token
@example("<mo>(</mo><msup><mtable>")  # the fence is none of the base
@settings(deadline=None, max_examples=300)
@given(
    st.lists(
        st.one_of(
            st.sampled_from(_NAMES).map(lambda name: f"<{name}>"),
            st.sampled_from(_NAMES).map(lambda name: f"</{name}>"),
            st.sampled_from(["<mi>p</mi>", "<mo>¯</mo>", "<mo>∑</mo>", "<mo>(</mo>", "<mprescripts/>", "<none/>", "<mi>α</mi>", "&sum;", "{", "\\"]),
        ),
        max_size=40,
    ).map("".join)
)  # fmt: skip
def test_any_markup_gives_latex_with_balanced_braces_and_no_longer_than_itself(markup):
    page = f"<p>a <math>{markup}</math> end"
    (text,) = texts(page)
    assert text.startswith("a ")
    assert text.endswith("end")
    assert len(text.encode()) <= len(page.encode())
    if "$" in text:
        bare = text.replace("\\\\", "").replace("\\{", "").replace("\\}", "")
        assert bare.count("{") == bare.count("}")
