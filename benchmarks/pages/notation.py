"""Pages written for this project: code and formulas as the usual highlighters and typesetters write them.

Real pages that hold both and come with a known text are few; these say only whether a way of writing is read.
"""

from __future__ import annotations

import html
import re

CODE = """def load(rivers, year):
    total = 0
    for river in rivers:
        if river.year == year:
            total += river.silt

    return total"""
FORMULAS = [r"Q_s = \alpha \, c \cdot Q^{1.5}", r"\frac{dV}{dt} = Q_s - k V", r"h(t) = h_0 e^{-\lambda t}"]
PROSE = [
    "Rivers carry more silt in spring, when the snow melts in the hills, than in all the rest of the year together.",
    "The silt settles where the water slows down, and over the centuries it builds up a delta that grows into the sea.",
    "Farmers prized such land at all times, because every flood left a fresh layer of soil behind when it went.",
    "Dams hold back the silt, so that the deltas below them sink by and by and the sea moves inland year after year.",
]


def _escaped(line: str) -> str:
    return html.escape(line, quote=False)


def _tokens(line: str) -> str:
    """Every word in a span, as highlighters do; indentation stays outside."""
    return re.sub(r"[A-Za-z_]+", r"<span class='n'>\g<0></span>", _escaped(line))


def _code_styles() -> dict[str, str]:
    lines = CODE.split("\n")
    numbers = range(1, len(lines) + 1)
    plain = "\n".join(map(_escaped, lines))
    spans = "\n".join(map(_tokens, lines))
    column = "\n".join(map(str, numbers))
    line_spans = [f"<span class='line'>{_tokens(line)}</span>" for line in lines]
    indented = [re.sub(r"^ +", lambda m: "&nbsp;" * len(m[0]), _escaped(line)) or "&nbsp;" for line in lines]
    highlighted = "".join(
        f"<div class='line number{n} index{n - 1} alt{n % 2}'><code class='python plain'>{line}</code></div>"
        for n, line in zip(numbers, indented, strict=True)
    )
    gutter = "".join(f"<div class='line number{n}'>{n}</div>" for n in numbers)
    crayon = "".join(
        f"<div class='crayon-line' id='c-{n}'>{line}</div>" for n, line in zip(numbers, indented, strict=True)
    )
    crayon_numbers = "".join(f"<div class='crayon-num'>{n}</div>" for n in numbers)
    return {
        "pre and code": f"<pre><code class='language-python'>{plain}</code></pre>",
        "spans in pre": f"<div class='highlight-python notranslate'><div class='highlight'><pre><span></span>{spans}\n</pre></div></div>",
        "table with numbers": f"<table class='highlighttable'><tr><td class='linenos'><div class='linenodiv'><pre>{column}</pre></div></td><td class='code'><div class='highlight'><pre>{spans}</pre></div></td></tr></table>",
        "rouge": f"<div class='highlighter-rouge'><table class='rouge-table'><tbody><tr><td class='rouge-gutter gl'><pre class='lineno'>{column}</pre></td><td class='rouge-code'><pre>{spans}</pre></td></tr></tbody></table></div>",
        "numbers without a name": f"<table><tr><td><pre>{column}</pre></td><td><pre>{plain}</pre></td></tr></table>",
        "figure with breaks": f"<figure class='highlight python'><table><tr><td class='gutter'><pre>{''.join(f'<span class=line>{n}</span><br>' for n in numbers)}</pre></td><td class='code'><pre>{'<br>'.join(line_spans)}<br></pre></td></tr></table></figure>",
        "divs in pre": f"<pre class='code'>{''.join(f'<div class=token-line>{_tokens(line) or chr(10)}</div>' for line in lines)}</pre>",
        "numbers in spans": "<pre>{}</pre>".format(
            "\n".join(
                f"<span class='lineno'>{n} </span>{_tokens(line)}"
                for n, line in zip(numbers, lines, strict=True)
            )
        ),
        "lines in spans": "<pre class='shiki'><code>{}</code></pre>".format("\n".join(line_spans)),
        "SyntaxHighlighter": f"<div id='h1' class='syntaxhighlighter python'><table border='0' cellpadding='0'><tbody><tr><td class='gutter'>{gutter}</td><td class='code'><div class='container'>{highlighted}</div></td></tr></tbody></table></div>",
        "Crayon": f"<div class='crayon-syntax'><div class='crayon-main'><table class='crayon-table'><tr class='crayon-row'><td class='crayon-nums'><div class='crayon-nums-content'>{crayon_numbers}</div></td><td class='crayon-code'><div class='crayon-pre'>{crayon}</div></td></tr></table></div></div>",
    }


def _formula_styles() -> dict[str, list[str]]:
    tex = [_escaped(formula) for formula in FORMULAS]
    symbols = "<mi>q</mi><mo>=</mo><msup><mi>c</mi><mn>2</mn></msup>"
    visual = "<span class='mord mathnormal'>q</span><span class='mrel'>=</span><span class='mord'>c2</span>"
    mathml = [
        f"<math xmlns='http://www.w3.org/1998/Math/MathML'><semantics><mrow>{symbols}</mrow><annotation encoding='application/x-tex'>{t}</annotation></semantics></math>"
        for t in tex
    ]
    return {
        "math/tex scripts": [f"<script type='math/tex'>{formula}</script>" for formula in FORMULAS],
        "MathJax 2 as rendered": [
            f"<span class='MathJax_Preview'>q=c2</span><span class='MathJax' id='m{n}'><nobr>{visual}</nobr><span class='MJX_Assistive_MathML'><math>{symbols}</math></span></span><script type='math/tex' id='s{n}'>{formula}</script>"
            for n, formula in enumerate(FORMULAS)
        ],
        "KaTeX": [
            f"<span class='katex'><span class='katex-mathml'>{m}</span><span class='katex-html' aria-hidden='true'>{visual}</span></span>"
            for m in mathml
        ],
        "wiki": [
            f"<span class='mwe-math-element'><span class='mwe-math-mathml-inline' style='display: none;'><math alttext='{{\\displaystyle {t}}}'><semantics><mrow>{symbols}</mrow><annotation encoding='application/x-tex'>{{\\displaystyle {t}}}</annotation></semantics></math></span><img src='/m.svg' class='mwe-math-fallback-image-inline' aria-hidden='true' alt='{{\\displaystyle {t}}}'></span>"
            for t in tex
        ],
        "alttext": [f"<math class='ltx_Math' alttext='{t}' display='inline'>{symbols}</math>" for t in tex],
        "images": [f"<img class='latex' src='/l.png?q' alt='{t}' title='{t}'>" for t in tex],
        "delimiters": [rf"<span class='math notranslate nohighlight'>\({t}\)</span>" for t in tex],
        "dollars": [f"<span class='math-container'>${t}$</span>" for t in tex],
    }


def _page(middle: list[str]) -> str:
    menu = "".join(f"<li><a href='/{n}'>Chapter {n}</a></li>" for n in range(8))
    parts = []
    for n, prose in enumerate(PROSE):
        parts.append(f"<p>{prose}</p>")
        parts += middle[n : n + 1]
    return f"<!doctype html><html lang='en'><head><title>On silt</title></head><body><nav><ul>{menu}</ul></nav><main><article class='post-content'><h1>On silt</h1>{''.join(parts)}</article></main><footer><a href='/i'>Imprint</a></footer></body></html>"


def code_pages() -> dict[str, str]:
    """Pages that hold CODE once, by the way it is written."""
    return {name: _page([markup]) for name, markup in _code_styles().items()}


def formula_pages() -> dict[str, str]:
    """Pages that hold each of FORMULAS within a sentence, by the way they are written."""
    return {
        name: _page(
            [f"<p>With the usual symbols this is {m}, as every textbook says it.</p>" for m in markups]
        )
        for name, markups in _formula_styles().items()
    }


def score_code(text: str) -> tuple[float, bool]:
    """(share of CODE's lines, whether CODE stands there whole, with its lines and indentation, and without numbers)."""
    lines = [line.strip() for line in CODE.split("\n") if line.strip()]
    found = {line.strip() for line in text.split("\n")}
    return sum(line in found for line in lines) / len(lines), CODE in text and "\n1\n" not in text


def score_formulas(text: str) -> tuple[float, bool]:
    """(share of FORMULAS, whether each stands there once and nothing of how it looks beside it)."""
    squeezed = "".join(text.split())
    counts = [squeezed.count("".join(formula.split())) for formula in FORMULAS]
    return sum(count > 0 for count in counts) / len(counts), counts == [1] * len(
        counts
    ) and "q=c" not in squeezed
