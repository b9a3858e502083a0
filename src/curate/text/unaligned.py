"""Machine instructions that numba does not offer: unaligned loads and stores, counting bits, adding many numbers at once.

Nothing here checks bounds: callers keep as many bytes of slack behind what they read or write as an instruction takes.
"""

from __future__ import annotations

from typing import Any

import numba as nb
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic


def _load64(typing_context: Any, array: Any, index: Any) -> Any:  # noqa: ARG001
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(_address(context, builder, signature, args), align=1)

    return nb.uint64(array, nb.int64), generate


def _store64(typing_context: Any, array: Any, index: Any, value: Any) -> Any:  # noqa: ARG001
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(args[2], _address(context, builder, signature, args), align=1)
        return context.get_dummy_value()

    return nb.void(array, nb.int64, nb.uint64), generate


def _count_trailing_zeros(typing_context: Any, value: Any) -> Any:  # noqa: ARG001
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ARG001
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

    return nb.int64(nb.uint64), generate


def _count_ones(typing_context: Any, value: Any) -> Any:  # noqa: ARG001
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ARG001
        return builder.ctpop(args[0])

    return nb.int64(nb.uint64), generate


def _bytes_between(typing_context: Any, array: Any, index: Any, low: Any, high: Any) -> Any:  # noqa: ARG001
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        bytes_64 = ir.VectorType(ir.IntType(8), 64)
        values = builder.load(vector_at(context, builder, signature, args, 0, args[1], bytes_64), align=1)
        low, width = spread(builder, args[2], 64), spread(builder, builder.sub(args[3], args[2]), 64)
        return builder.bitcast(_is_between(builder, values, low, width), ir.IntType(64))

    return nb.uint64(array, nb.int64, nb.uint8, nb.uint8), generate


def _fold_ascii_64(
    typing_context: Any,  # noqa: ARG001
    data: Any,
    index: Any,  # noqa: ARG001
    folded: Any,
    flags: Any,
    fill: Any,  # noqa: ARG001
) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        bytes_64 = ir.VectorType(ir.IntType(8), 64)

        def address(argument: int, index: Any) -> Any:
            return vector_at(context, builder, signature, args, argument, index, bytes_64)

        def every(value: int) -> Any:
            return constant(bytes_64, value)

        def is_between(values: Any, low: str, high: str) -> Any:
            return _is_between(builder, values, every(ord(low)), every(ord(high) - ord(low)))

        values = builder.load(address(0, args[1]), align=1)
        lower = builder.or_(values, every(0x20))
        is_upper = is_between(values, "A", "Z")
        is_part = builder.or_(is_between(lower, "a", "z"), is_between(values, "0", "9"))
        builder.store(builder.select(is_upper, lower, values), address(2, args[4]), align=1)
        builder.store(builder.select(is_part, every(0x80), every(0)), address(3, args[4]), align=1)
        is_wide = builder.bitcast(builder.icmp_signed("<", values, every(0)), ir.IntType(64))
        return builder.cttz(is_wide, ir.Constant(ir.IntType(1), 0))

    return nb.int64(data, nb.int64, folded, flags, nb.int64), generate


def _add_sixteen(typing_context: Any, to: Any, place: Any, values: Any, index: Any) -> Any:  # noqa: ARG001
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        sixteen = ir.VectorType(ir.FloatType(), 16)
        target, source = (
            vector_at(context, builder, signature, args, n, args[n + 1], sixteen) for n in (0, 2)
        )
        total = builder.fadd(builder.load(target, align=4), builder.load(source, align=4))
        builder.store(total, target, align=4)
        return context.get_dummy_value()

    return nb.void(to, nb.int64, values, nb.int64), generate


def _prefetch(typing_context: Any, array: Any, index: Any) -> Any:  # noqa: ARG001
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        byte, flag = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, flag, flag, flag])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        address = element(context, builder, signature.args[0], args[0], args[1])
        flags = [ir.Constant(flag, value) for value in (0, 3, 1)]  # to read, soon and often, data
        builder.call(function, [builder.bitcast(address, byte), *flags])
        return context.get_dummy_value()

    return nb.void(array, nb.int64), generate


def _add_rows(lanes: int) -> Any:
    def typed(
        typing_context: Any,  # noqa: ARG001
        sums: Any,
        place: Any,  # noqa: ARG001
        values: Any,
        begin: Any,  # noqa: ARG001
        stride: Any,  # noqa: ARG001
        rows: Any,
        weights: Any,
        n_rows: Any,  # noqa: ARG001
    ) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            floats, count = ir.VectorType(ir.FloatType(), lanes), ir.IntType(64)
            kinds = signature.args
            small = isinstance(kinds[2].dtype, nb.types.Integer)
            stored = ir.VectorType(ir.IntType(8), lanes) if small else floats
            target = vector_at(context, builder, signature, args, 0, args[1], floats)
            first = element(context, builder, kinds[2], args[2], args[3])
            row_of, weight_of = (
                element(context, builder, kinds[n], args[n], ir.Constant(count, 0)) for n in (5, 6)
            )
            total = cgutils.alloca_once_value(builder, builder.load(target, align=4))
            with cgutils.for_range(builder, args[7], intp=count) as loop:
                row = builder.sext(builder.load(builder.gep(row_of, [loop.index])), count)
                address = builder.gep(first, [builder.mul(row, args[4])])
                value = builder.load(builder.bitcast(address, stored.as_pointer()), align=1 if small else 4)
                if small:
                    wide = ir.VectorType(ir.IntType(32), lanes)
                    value = builder.sitofp(builder.sext(value, wide), floats)
                weight = spread(builder, builder.load(builder.gep(weight_of, [loop.index])), lanes)
                builder.store(builder.fadd(builder.load(total), builder.fmul(weight, value)), total)
            builder.store(builder.load(total), target, align=4)
            return context.get_dummy_value()

        number = nb.int64
        return nb.void(sums, number, values, number, number, rows, weights, number), generate

    return intrinsic(typed)


def spread(builder: Any, value: Any, lanes: int) -> Any:
    """Generate a vector of one value."""
    one = builder.insert_element(
        ir.Constant(ir.VectorType(value.type, lanes), ir.Undefined), value, ir.Constant(ir.IntType(32), 0)
    )
    return builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(ir.IntType(32), lanes), None))


def _address(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    return vector_at(context, builder, signature, args, 0, args[1], ir.IntType(64))


def constant(kind: Any, value: float) -> Any:
    """Generate a vector of one value that is known."""
    return ir.Constant(kind, [ir.Constant(kind.element, value)] * kind.count)


def vector_at(
    context: Any, builder: Any, signature: Any, args: Any, argument: int, index: Any, kind: Any
) -> Any:
    """Generate the address of what lies in an array among the arguments, from its element `index` on, as of one `kind`."""
    at = element(context, builder, signature.args[argument], args[argument], index)
    return builder.bitcast(at, kind.as_pointer())


def _is_between(builder: Any, values: Any, low: Any, width: Any) -> Any:
    above = builder.sub(values, low)  # what is below `low` comes out far above
    return builder.icmp_unsigned("<=", above, width)


def element(context: Any, builder: Any, kind: Any, value: Any, index: Any) -> Any:
    """Generate the address of an array's element, counted flat."""
    array = context.make_array(kind)(context, builder, value)
    return builder.gep(array.data, [index])


load64: Any = intrinsic(_load64)
"""load64(array, index): eight bytes of a uint8 array from any position, as a little-endian uint64."""

store64: Any = intrinsic(_store64)
"""store64(array, index, value): write a uint64 into a uint8 array at any position, little-endian."""

count_trailing_zeros: Any = intrinsic(_count_trailing_zeros)
"""count_trailing_zeros(value): the zero bits below the lowest one of a uint64; 64 for 0."""

count_ones: Any = intrinsic(_count_ones)
"""count_ones(value): the bits set in a uint64."""

bytes_between: Any = intrinsic(_bytes_between)
"""bytes_between(array, index, low, high): which of the 64 bytes from any position of a uint8 array are from low to high.

A uint64, the first byte its lowest bit. The array has 64 bytes from there on.
"""

fold_ascii_64: Any = intrinsic(_fold_ascii_64)
"""fold_ascii_64(data, index, folded, flags, fill): lower the case of 64 bytes, and flag letters and digits by 128.

From `index` of `data` on, into `folded` and `flags` from `fill` on, all uint8. Returns how many of them come before the first
byte beyond ASCII; those from there on mean nothing.
"""

add_sixteen: Any = intrinsic(_add_sixteen)
"""add_sixteen(to, place, values, index): add 16 float32 of an array to those of another, both counted flat.

The compiler, which cannot know that two arrays are apart, adds them one by one.
"""

prefetch: Any = intrinsic(_prefetch)
"""prefetch(array, index): begin to load what stands there, counted flat, into the nearest cache."""

add_rows_8, add_rows_16, add_rows_32, add_rows_64 = (_add_rows(lanes) for lanes in (8, 16, 32, 64))
"""add_rows_8(sums, place, values, begin, stride, rows, weights, n_rows): add weighted rows to 8 sums, which stay in registers.

To float32 `sums` from `place` on, for each `i` below `n_rows` in turn, `weights[i]`, float32, times the values, float32 or
int8, from `begin + rows[i] * stride` on; `rows` are int32, places are counted flat.
"""
