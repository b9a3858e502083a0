"""What a kernel head is made of, in vectors that stay in registers: loops over arrays do not get that from the compiler.

Nothing here checks bounds.
"""

from __future__ import annotations

from typing import Any

import numba as nb
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

from curate.text.unaligned import element, spread

ROWS = 8
"""Rows that `multiply_tile` takes at once."""
LANES = 32
"""Columns of a tile."""

_INT, _FLOAT, _DOUBLE = ir.IntType(64), ir.FloatType(), ir.DoubleType()


def _multiply_tile(
    typing_context: Any,  # noqa: ARG001
    rows: Any,
    first: Any,  # noqa: ARG001
    n_rows: Any,  # noqa: ARG001
    n_features: Any,  # noqa: ARG001
    tiles: Any,
    tile: Any,  # noqa: ARG001
    products: Any,
) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        # As many sums as there are registers for: with 32 of AVX-512 all, else a fourth of them at a time.
        has_wide = "+avx512f" in context.codegen().magic_tuple()[2]
        n_rows, n_lanes = (ROWS, LANES) if has_wide else (ROWS // 2, LANES // 2)
        lanes = ir.VectorType(_FLOAT, n_lanes).as_pointer()
        kinds, (_, first, last, n_features, _, tile, _) = signature.args, args
        last = builder.sub(last, _whole(1))

        def place(argument: int, *steps: Any) -> Any:
            address = element(context, builder, kinds[argument], args[argument], steps[0])
            return builder.gep(address, [steps[1]])

        def sum_products(row: int, lane: int) -> None:
            left: list[Any] = []
            for number in range(row, row + n_rows):
                is_there = builder.icmp_signed("<", _whole(number), last)
                taken = builder.select(is_there, _whole(number), last)
                left.append(place(0, first, builder.mul(taken, n_features)))
            right = place(4, tile, _whole(lane))
            sums = [
                cgutils.alloca_once_value(builder, ir.Constant(lanes.pointee, None)) for _ in range(n_rows)
            ]

            def add_features(begin: Any, n: int) -> None:
                """Row by row, so that few registers hold what is not yet added."""
                features = [builder.add(begin, _whole(k)) for k in range(n)]
                columns = [
                    builder.load(
                        builder.bitcast(builder.gep(right, [builder.mul(each, _whole(LANES))]), lanes),
                        align=4,
                    )
                    for each in features
                ]
                for start, total in zip(left, sums, strict=True):
                    values = [
                        spread(builder, builder.load(builder.gep(start, [each])), n_lanes)
                        for each in features
                    ]
                    added = [builder.fmul(*each) for each in zip(values, columns, strict=True)]
                    while len(added) > 1:
                        added = [builder.fadd(a, b) for a, b in zip(added[::2], added[1::2], strict=True)]
                    builder.store(builder.fadd(builder.load(total), added[0]), total)

            n_fours = builder.sdiv(n_features, _whole(4))
            with cgutils.for_range(builder, n_fours, intp=_INT) as loop:
                add_features(builder.mul(loop.index, _whole(4)), 4)
            with cgutils.for_range_slice(
                builder, builder.mul(n_fours, _whole(4)), n_features, _whole(1), intp=_INT
            ) as (feature, _):
                add_features(feature, 1)
            for number, total in enumerate(sums, row):
                at = place(6, _whole(0), _whole(number * LANES + lane))
                builder.store(builder.load(total), builder.bitcast(at, lanes), align=4)

        for row in range(0, ROWS, n_rows):
            for lane in range(0, LANES, n_lanes):
                sum_products(row, lane)
        return context.get_dummy_value()

    number = nb.int64
    return nb.void(rows, number, number, number, tiles, number, products), generate


# Of exp about -1/2, the highest power first.
_SERIES = (
    1 / 3628800, 1 / 362880, 1 / 40320, 1 / 5040, 1 / 720, 1 / 120, 1 / 24, 1 / 6, 1 / 2, 1.0, 1.0
)  # fmt: skip
_SCALE = 0.6065306597126334  # exp(-1/2)
_N_SQUARED = 6
_AT_ONCE = 16


def _add_bumps(
    typing_context: Any,  # noqa: ARG001
    products: Any,
    row: Any,  # noqa: ARG001
    squares: Any,
    weights: Any,
    first: Any,  # noqa: ARG001
    square: Any,  # noqa: ARG001
    gamma: Any,  # noqa: ARG001
    sums: Any,
    place: Any,  # noqa: ARG001
) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        floats, doubles, four = (
            ir.VectorType(*kind) for kind in ((_FLOAT, _AT_ONCE), (_DOUBLE, _AT_ONCE), (_DOUBLE, 4))
        )
        _, row, _, _, first, square, gamma, _, to = args
        square = spread(builder, square, _AT_ONCE)
        power = builder.fmul(gamma, ir.Constant(_DOUBLE, -1 / (1 << _N_SQUARED)))
        power = spread(builder, power, _AT_ONCE)

        def address(argument: int, index: Any, kind: Any) -> Any:
            at = element(context, builder, signature.args[argument], args[argument], index)
            return builder.bitcast(at, kind.as_pointer())

        def larger(a: Any, b: Any) -> Any:
            return builder.select(builder.fcmp_ordered(">", a, b), a, b)

        target = address(7, to, four)
        total = builder.load(target, align=8)
        for lane in range(0, LANES, _AT_ONCE):
            product, centre, weight = (
                builder.load(address(n, builder.add(start, _whole(lane)), floats), align=4)
                for n, start in ((0, row), (2, first), (3, first))
            )
            distance = builder.fsub(builder.fadd(square, centre), builder.fadd(product, product))
            distance = larger(distance, _every(floats, 0.0))
            x = larger(builder.fmul(power, builder.fpext(distance, doubles)), _every(doubles, -1.0))
            t = builder.fadd(x, _every(doubles, 0.5))
            series = _every(doubles, _SERIES[0])
            for coefficient in _SERIES[1:]:
                series = builder.fadd(_every(doubles, coefficient), builder.fmul(t, series))
            series = builder.fmul(series, _every(doubles, _SCALE))
            for _ in range(_N_SQUARED):
                series = builder.fmul(series, series)
            bumps = builder.fmul(builder.fpext(weight, doubles), series)
            for begin in range(0, _AT_ONCE, 4):
                mask = ir.Constant(ir.VectorType(ir.IntType(32), 4), [begin, begin + 1, begin + 2, begin + 3])
                total = builder.fadd(total, builder.shuffle_vector(bumps, bumps, mask))
        builder.store(total, target, align=8)
        return context.get_dummy_value()

    number = nb.int64
    return (
        nb.void(products, number, squares, weights, number, nb.float32, nb.float64, sums, number),
        generate,
    )


def _whole(value: int) -> Any:
    return ir.Constant(_INT, value)


def _every(kind: Any, value: float) -> Any:
    return ir.Constant(kind, [ir.Constant(kind.element, value)] * kind.count)


multiply_tile: Any = intrinsic(_multiply_tile)
"""multiply_tile(rows, first, n_rows, n_features, tiles, tile, products): 8 rows times 32 columns.

The rows lie one behind the other from `first` of `rows` on; where there are fewer than 8 (`n_rows`), the last one is taken for
those that are missing. The tile, (n_features, 32), begins at `tile` of `tiles`; `products`, (8, 32), is written; all float32,
counted flat. Each product is the sum, from the first feature on, of (a0 * p + a1 * q) + (a2 * r + a3 * s), then of those
that are left one by one, however many are computed at once.
"""

add_bumps: Any = intrinsic(_add_bumps)
"""add_bumps(products, row, squares, weights, first, square, gamma, sums, place): a row's Gaussian bumps at 32 centres.

With the row's products with the centres from `row` of `products` on, the centres' squared lengths and weights from `first` of
`squares` and `weights` on, all float32, and its own squared length `square`, every weight * exp(-gamma * squared distance)
is added, centre after centre, to the four float64 of `sums` from `place` on, by turns: one sum would wait for each addition.

exp(x) is right to 2e-9 of its value (1.6e-28 below -64), and without a branch: exp(x / 64) by its series about -1/2, six
times squared.
"""
