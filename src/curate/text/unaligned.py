"""Three machine instructions that numba does not offer: unaligned loads and stores, and counting zeros.

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


def _address(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    array = context.make_array(signature.args[0])(context, builder, args[0])
    return builder.bitcast(builder.gep(array.data, [args[1]]), ir.IntType(64).as_pointer())


load64: Any = intrinsic(_load64)
"""load64(array, index): eight bytes of a uint8 array from any position, as a little-endian uint64."""

store64: Any = intrinsic(_store64)
"""store64(array, index, value): write a uint64 into a uint8 array at any position, little-endian."""

count_trailing_zeros: Any = intrinsic(_count_trailing_zeros)
"""count_trailing_zeros(value): the zero bits below the lowest one of a uint64; 64 for 0."""
