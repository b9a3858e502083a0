"""Machine instructions that numba does not offer: unaligned loads and stores, counting bits, adding many numbers at once.

Nothing here checks bounds: callers keep eight bytes of slack behind whatever they read or write.
"""

from __future__ import annotations

from typing import Any

import numba as nb
from llvmlite import ir
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


def _add_sixteen(typing_context: Any, to: Any, place: Any, values: Any, index: Any) -> Any:  # noqa: ARG001
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        sixteen = ir.VectorType(ir.FloatType(), 16).as_pointer()
        target, source = (
            builder.bitcast(_element(context, builder, signature.args[n], args[n], args[n + 1]), sixteen)
            for n in (0, 2)
        )
        total = builder.fadd(builder.load(target, align=4), builder.load(source, align=4))
        builder.store(total, target, align=4)
        return context.get_dummy_value()

    return nb.void(to, nb.int64, values, nb.int64), generate


def _address(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    element = _element(context, builder, signature.args[0], args[0], args[1])
    return builder.bitcast(element, ir.IntType(64).as_pointer())


def _element(context: Any, builder: Any, kind: Any, value: Any, index: Any) -> Any:
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

add_sixteen: Any = intrinsic(_add_sixteen)
"""add_sixteen(to, place, values, index): add 16 float32 of an array to those of another, both counted flat.

The compiler, which cannot know that two arrays are apart, adds them one by one.
"""
