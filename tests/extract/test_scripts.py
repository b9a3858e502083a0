"""Raised and lowered text: exponents and indices, and what is neither."""

from __future__ import annotations

import pytest
from test_mathml import texts


@pytest.mark.parametrize(
    ("markup", "written"),
    [
        ("2<sup>10</sup> and 10<sup>-19</sup> and 10<sup>−6</sup>", "2^10 and 10^-19 and 10^−6"),
        ("n<sup>2</sup> + 2<sup>n</sup> + x<sup>n+1</sup> + e<sup>it</sup>", "n^2 + 2^n + x^{n+1} + e^it"),
        ("(p + q)<sup>3</sup>", "(p + q)^3"),
        ("5 m<sup>2</sup>, 3 km<sup>2</sup>, 2 mol<sup>-1</sup>, 7 m s<sup>-2</sup>", "5 m^2, 3 km^2, 2 mol^-1, 7 m s^-2"),
        ("cos<sup>2</sup> t + log<sup>3</sup> t", "cos^2 t + log^3 t"),
        ("b<sub>k</sub> + b<sub>k+1</sub> + t<sub>0</sub> + v<sub>max</sub>", "b_k + b_{k+1} + t_0 + v_max"),
        ("b<sub>k</sub><sup>2</sup>", "b_k^2"),
        ("log<sub>2</sub> n and 101<sub>2</sub>", "log_2 n and 101_2"),
        ("e<sup>x<sub>1</sub></sup>", "e^{x_1}"),
        ("H<sub>2</sub>O, NH<sub>3</sub>, C<sub>2</sub>H<sub>6</sub>, O<sub>2</sub>, Ca(OH)<sub>2</sub>, NO<sub>x</sub>", "H2O, NH3, C2H6, O2, Ca(OH)2, NOx"),
        ("Mg<sup>2+</sup> and SO<sub>4</sub><sup>2-</sup>", "Mg^{2+} and SO4^{2-}"),
        ("the 3<sup>rd</sup>, 11<sup>th</sup> and k<sup>th</sup>, le 1<sup>er</sup>, M<sup>me</sup>", "the 3rd, 11th and kth, le 1er, Mme"),
        ("Brand<sup>TM</sup> and Mark<sup>®</sup>", "BrandTM and Mark®"),
        ("as was shown.<sup>4</sup> The silt<sup>5</sup> of it<sup>6</sup>", "as was shown.[4] The silt[5] of it[6]"),
        ("as was shown<sup><a href='#n7'>7</a></sup> and 9<a href='x#n8'><sup>8</sup></a>", "as was shown[7] and 9[8]"),
        ("A. Rowe<sup>1,2</sup>, B. Finch<sup>a</sup>, C. Lee<sup>*</sup>", "A. Rowe[1,2], B. Finch[a], C. Lee*"),
        ("already<sup>[3]</sup>", "already[3]"),
        ("2<sup>1</sup>/<sub>3</sub> cups", "2 1/3 cups"),
        ("<sup>1</sup> begins", "1 begins"),
        ("a<sup>$x$</sup>", "a$x$"),
    ],
)  # fmt: skip
def test_raised_and_lowered_text_is_written_as_what_it_is(markup, written):
    assert texts(f"<p>{markup}</p>") == [written]


def test_code_keeps_what_it_says():
    assert texts("<pre>x<sup>2</sup></pre>") == ["x2"]
