"""What a kernel head is made of, in vectors that stay in registers: loops over arrays do not get that from the compiler.

Nothing here checks bounds.
"""

from __future__ import annotations

from typing import Any

import numba as nb
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

from curate.text.unaligned import constant, element, spread, vector_at

ROWS = 8
"""Rows that `multiply_tile` takes at once."""
LANES = 32
"""Columns of a tile."""

_STRETCH = 64
"""Features whose products are added up by themselves: a sum of many loses more to rounding."""

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
        # As many sums at a time as there are registers for.
        n_rows, n_lanes = (ROWS, LANES) if _has_wide(context) else (ROWS // 2, LANES // 2)
        lanes = ir.VectorType(_FLOAT, n_lanes)
        kinds, (_, first, n_there, n_features, _, tile, _) = signature.args, args
        last = builder.sub(n_there, _whole(1))

        def address(argument: int, begin: Any, index: Any) -> Any:
            at = element(context, builder, kinds[argument], args[argument], begin)
            return builder.gep(at, [index])

        def row_at(number: int) -> Any:
            is_there = builder.icmp_signed("<", _whole(number), last)
            taken = builder.select(is_there, _whole(number), last)
            return address(0, first, builder.mul(taken, n_features))

        def product_at(row: int, lane: int) -> Any:
            at = address(6, _whole(0), _whole(row * LANES + lane))
            return builder.bitcast(at, lanes.as_pointer())

        def add_stretch(row: int, lane: int, begin: Any, n_steps: Any, step: int) -> None:
            """Add what `step * n_steps` features from `begin` on give to the products of some rows and columns."""
            left = [row_at(number) for number in range(row, row + n_rows)]
            right = address(4, tile, _whole(lane))
            sums = [cgutils.alloca_once(builder, lanes) for _ in left]
            for total in sums:
                builder.store(ir.Constant(lanes, None), total)
            with cgutils.for_range(builder, n_steps, intp=_INT) as loop:
                start = builder.add(begin, builder.mul(loop.index, _whole(step)))
                for feature in (builder.add(start, _whole(k)) for k in range(step)):
                    at = builder.gep(right, [builder.mul(feature, _whole(LANES))])
                    column = builder.load(builder.bitcast(at, lanes.as_pointer()), align=4)
                    for values, total in zip(left, sums, strict=True):
                        value = spread(builder, builder.load(builder.gep(values, [feature])), n_lanes)
                        builder.store(_fuse(builder, value, column, builder.load(total)), total)
            for number, total in enumerate(sums, row):
                at = product_at(number, lane)
                builder.store(builder.fadd(builder.load(at, align=4), builder.load(total)), at, align=4)

        n_stretches = builder.sdiv(n_features, _whole(_STRETCH))
        n_done = builder.mul(n_stretches, _whole(_STRETCH))
        for row in range(0, ROWS, n_rows):
            for lane in range(0, LANES, n_lanes):
                for number in range(row, row + n_rows):
                    builder.store(ir.Constant(lanes, None), product_at(number, lane), align=4)
                with cgutils.for_range(builder, n_stretches, intp=_INT) as loop:
                    begin = builder.mul(loop.index, _whole(_STRETCH))
                    add_stretch(row, lane, begin, _whole(_STRETCH // 4), 4)
                add_stretch(row, lane, n_done, builder.sub(n_features, n_done), 1)
        return context.get_dummy_value()

    number = nb.int64
    return nb.void(rows, number, number, number, tiles, number, products), generate


# Of exp about -1/2, the highest power first.
_SERIES = (
    1 / 3628800, 1 / 362880, 1 / 40320, 1 / 5040, 1 / 720, 1 / 120, 1 / 24, 1 / 6, 1 / 2, 1.0, 1.0
)  # fmt: skip
_SCALE = 0.6065306597126334  # exp(-1/2)
_N_SQUARED = 6


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
        n_lanes = LANES if _has_wide(context) else LANES // 2
        floats, doubles = ir.VectorType(_FLOAT, n_lanes), ir.VectorType(_DOUBLE, n_lanes)
        four = ir.VectorType(_DOUBLE, 4)
        _, row, _, _, first, square, gamma, _, to = args
        square = spread(builder, square, n_lanes)
        power = builder.fmul(gamma, ir.Constant(_DOUBLE, -1 / (1 << _N_SQUARED)))
        power = spread(builder, power, n_lanes)

        def address(argument: int, index: Any, kind: Any) -> Any:
            return vector_at(context, builder, signature, args, argument, index, kind)

        def larger(a: Any, b: Any) -> Any:
            return builder.select(builder.fcmp_ordered(">", a, b), a, b)

        target = address(7, to, four)
        total = builder.load(target, align=8)
        for lane in range(0, LANES, n_lanes):
            product, centre, weight = (
                builder.load(address(n, builder.add(start, _whole(lane)), floats), align=4)
                for n, start in ((0, row), (2, first), (3, first))
            )
            distance = builder.fsub(builder.fadd(square, centre), builder.fadd(product, product))
            distance = larger(distance, constant(floats, 0.0))
            x = larger(builder.fmul(power, builder.fpext(distance, doubles)), constant(doubles, -1.0))
            t = builder.fadd(x, constant(doubles, 0.5))
            series = constant(doubles, _SERIES[0])
            for coefficient in _SERIES[1:]:
                series = _fuse(builder, t, series, constant(doubles, coefficient))
            series = builder.fmul(series, constant(doubles, _SCALE))
            for _ in range(_N_SQUARED):
                series = builder.fmul(series, series)
            bumps = builder.fmul(builder.fpext(weight, doubles), series)
            for begin in range(0, n_lanes, 4):
                mask = ir.Constant(ir.VectorType(ir.IntType(32), 4), [begin, begin + 1, begin + 2, begin + 3])
                total = builder.fadd(total, builder.shuffle_vector(bumps, bumps, mask))
        builder.store(total, target, align=8)
        return context.get_dummy_value()

    number = nb.int64
    return (
        nb.void(products, number, squares, weights, number, nb.float32, nb.float64, sums, number),
        generate,
    )


def _has_wide(context: Any) -> bool:
    """Whether there are the 32 registers of 512 bits of AVX-512; else 16 of 256, or the like."""
    return "+avx512f" in context.codegen().magic_tuple()[2]


def _fuse(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """Generate a * b + c, rounded once: one instruction, and the same bits on every machine."""
    kind = a.type
    name = f"llvm.fma.v{kind.count}f{32 if kind.element == _FLOAT else 64}"
    function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(kind, [kind] * 3), name)
    return builder.call(function, [a, b, c])


def _whole(value: int) -> Any:
    return ir.Constant(_INT, value)


multiply_tile: Any = intrinsic(_multiply_tile)
"""multiply_tile(rows, first, n_rows, n_features, tiles, tile, products): 8 rows times 32 columns.

The rows lie one behind the other from `first` of `rows` on; where there are fewer than 8 (`n_rows`), the last one is taken for
those that are missing. The tile, (n_features, 32), begins at `tile` of `tiles`; `products`, (8, 32), is written; all float32,
counted flat. A product is the sum of stretches of 64 features, and each of these is summed from its first feature on by fused
multiply-adds: with the same bits in any row, on any machine.
"""

add_bumps: Any = intrinsic(_add_bumps)
"""add_bumps(products, row, squares, weights, first, square, gamma, sums, place): a row's Gaussian bumps at 32 centres.

With the row's products with the centres from `row` of `products` on, the centres' squared lengths and weights from `first` of
`squares` and `weights` on, all float32, and its own squared length `square`, every weight * exp(-gamma * squared distance)
is added, centre after centre, to the four float64 of `sums` from `place` on, by turns: one sum would wait for each addition.

exp(x) is right to 2e-9 of its value (1.6e-28 below -64), and without a branch: exp(x / 64) by its series about -1/2, six
times squared.
"""
