# ruff: noqa: ANN001, ANN202  (numba infers the types of kernels, and takes no keywords)
"""Word numbers to features: TF-IDF rows, TF-IDF times weights, and weighted means of word vectors.

A *zone* is the first so many words of a document; 0 means all of them. Zones are given longest first
in configurations, and every kernel gives one block of columns a zone, in that order.

The weight of a word in a zone is (1 + ln tf) * idf, divided by the Euclidean norm of the zone's weights
(sublinear TF-IDF). A zone without a known word is all zeros.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.text.kernel import kernel
from curate.text.unaligned import add_rows_8, add_rows_16, add_rows_32, add_rows_64, prefetch
from curate.text.words import Words


def tfidf_rows(
    numbers: NDArray[np.int32], words: Words, zone: int, idf: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.int64]]:
    """Build the TF-IDF matrix of one zone in CSR form, for fitting.

    Args:
        numbers: int32 (n_words,), word numbers below `len(idf)`, -1 where unknown.
        words: the words of N documents.
        zone: how many words of a document count; 0 for all.
        idf: float32 (n_vocabulary,).

    Returns:
        (data, indices, indptr) of a matrix (N, n_vocabulary); indices ascend within a row.
    """
    data = np.empty(len(numbers), np.float32)
    indices = np.empty(len(numbers), np.int32)
    indptr = np.zeros(len(words.offsets), np.int64)
    n_values = _fill_rows(numbers, words.offsets, zone, idf, data, indices, indptr)
    return data[:n_values], indices[:n_values], indptr


def share_words(
    numbers: NDArray[np.int32], words: Words, places: NDArray[np.int16], n_places: int
) -> NDArray[np.float32]:
    """The square root of the share of each document's words that stand at each place.

    Args:
        numbers: int32 (n_words,), word numbers, -1 where unknown.
        words: the words of N documents.
        places: int16 (n_vocabulary,), the place of each number, -1 for none.
        n_places: how many places.

    Returns:
        float32 (N, n_places); zeros for a document without a word.
    """
    shares = np.zeros((len(words.offsets) - 1, n_places), np.float32)
    _share_words(numbers, words.offsets, places, shares)
    return shares


@kernel
def _share_words(numbers, offsets, places, shares):
    counts = np.zeros(
        shares.shape[1] + 1, np.int64
    )  # the first of no place: a branch on it could not be foreseen
    for document in range(len(offsets) - 1):
        start, stop = offsets[document], offsets[document + 1]
        if start == stop:
            continue
        counts[:] = 0
        for i in range(start, stop):
            number = numbers[i]
            if number >= 0:
                counts[places[number] + 1] += 1
        for place in range(shares.shape[1]):
            shares[document, place] = np.sqrt(counts[place + 1] / np.float64(stop - start))


@kernel
def _fill_rows(numbers, offsets, zone, idf, data, indices, indptr):
    counts = np.zeros(len(idf), np.int32)
    fill = 0
    for document in range(len(offsets) - 1):
        start, stop = offsets[document], offsets[document + 1]
        if zone > 0:
            stop = min(stop, start + zone)
        row = fill
        for i in range(start, stop):
            number = numbers[i]
            if number >= 0:
                if counts[number] == 0:
                    indices[fill] = number
                    fill += 1
                counts[number] += 1
        indices[row:fill].sort()
        square = np.float32(0)
        for i in range(row, fill):
            number = indices[i]
            weight = (np.float32(1) + np.log(np.float32(counts[number]))) * idf[number]
            data[i] = weight
            square += weight * weight
            counts[number] = 0
        if square > 0:
            norm = np.float32(1) / np.sqrt(square)
            for i in range(row, fill):
                data[i] *= norm
        indptr[document + 1] = fill
    return fill


def tfidf_times(
    numbers: NDArray[np.int32],
    words: Words,
    zones: NDArray[np.int64],
    idf: NDArray[np.float32],
    weights: NDArray[np.float32] | NDArray[np.int8],
) -> NDArray[np.float32]:
    """Multiply the TF-IDF rows of every zone with weights, and add the zones up.

    Equal, up to rounding, to the sum over zones of `tfidf_rows(zone) @ weights[:, zone]`.

    Args:
        numbers: int32 (n_words,), as of `tfidf_rows`.
        words: the words of N documents.
        zones: int64 (n_zones,).
        idf: float32 (n_vocabulary,).
        weights: float32 or int8 (n_vocabulary, n_zones, n_outputs).

    Returns:
        float32 (N, n_outputs).
    """
    outputs = np.zeros((len(words.offsets) - 1, weights.shape[2]), np.float32)
    _add_zones(numbers, words.offsets, zones, idf, np.ascontiguousarray(weights), _log_table(), outputs)
    return outputs


def _log_table() -> NDArray[np.float32]:
    """1 + ln n for n below 256, so that the kernel takes few logarithms; entry 0 is not used."""
    table = np.ones(256, np.float32)
    table[1:] += np.log(np.arange(1, 256, dtype=np.float32))
    return table


@kernel
def _add_zones(numbers, offsets, zones, idf, weights, logs, outputs):
    counts = np.zeros(len(idf), np.int32)
    longest = _longest(offsets) + 1
    touched, word_weights = np.empty(longest, np.int32), np.empty(longest, np.float32)
    n_outputs = weights.shape[2]
    stride = weights.shape[1] * n_outputs
    flat = weights.reshape(weights.size)
    sums = np.zeros(n_outputs, np.float32)
    for document in range(len(offsets) - 1):
        start, stop = offsets[document], offsets[document + 1]
        n_touched = 0
        at = start
        for z in range(len(zones) - 1, -1, -1):  # shortest first: each zone goes on from the one before
            zone_stop = stop if zones[z] == 0 else min(stop, start + zones[z])
            n_touched = _count_words(numbers, at, zone_stop, counts, touched, n_touched, flat, stride)
            at = max(at, zone_stop)
            square = _weigh_words(touched, n_touched, counts, idf, logs, word_weights)
            sums[:] = 0
            _add_words(touched, n_touched, word_weights, flat, z * n_outputs, stride, sums)
            if square > 0:
                norm = np.float32(1) / np.sqrt(square)
                for j in range(n_outputs):
                    outputs[document, j] += norm * sums[j]
        for i in range(n_touched):
            counts[touched[i]] = 0


@kernel(allocates=False)
def _count_words(numbers, start, stop, counts, touched, n_touched, rows, stride):
    """Count the known words of a stretch, and list those met for the first time; returns the list's length.

    The list has room for one more: whether a word is new cannot be foreseen, so all are written down. Their rows, each `stride`
    of `rows`, begin to be loaded: all of them lie in no cache near the core.
    """
    for i in range(start, stop):
        number = numbers[i]
        if number >= 0:
            prefetch(rows, number * stride)
            prefetch(rows, number * stride + stride - 1)
            touched[n_touched] = number
            n_touched += counts[number] == 0
            counts[number] += 1
    return n_touched


@kernel(allocates=False)
def _weigh_words(touched, n_touched, counts, scales, logs, word_weights):
    """Write (1 + ln tf) * scale of every word that was met; returns the sum of their squares."""
    square = np.float32(0)
    for i in range(n_touched):
        number = touched[i]
        n = counts[number]
        weight = scales[number] * (logs[n] if n < 256 else np.float32(1) + np.log(np.float32(n)))
        square += weight * weight
        word_weights[i] = weight
    return square


@kernel(allocates=False)
def _add_words(touched, n_touched, word_weights, flat, begin, stride, sums):
    """Add each word's row, times its weight, to `sums` (n_outputs,), word by word."""
    n_outputs = len(sums)
    j = 0
    while j + 64 <= n_outputs:
        add_rows_64(sums, j, flat, begin + j, stride, touched, word_weights, n_touched)
        j += 64
    if j + 32 <= n_outputs:
        add_rows_32(sums, j, flat, begin + j, stride, touched, word_weights, n_touched)
        j += 32
    if j + 16 <= n_outputs:
        add_rows_16(sums, j, flat, begin + j, stride, touched, word_weights, n_touched)
        j += 16
    if j + 8 <= n_outputs:
        add_rows_8(sums, j, flat, begin + j, stride, touched, word_weights, n_touched)
        j += 8
    while j < n_outputs:
        total = sums[j]
        for i in range(n_touched):
            total += word_weights[i] * np.float32(flat[begin + j + touched[i] * stride])
        sums[j] = total
        j += 1


@kernel
def _write_unit(sums, row, at):
    """Write a vector, brought to length 1, into a row from `at` on; one of length 0 is not written."""
    square = np.float32(0)
    for j in range(len(sums)):
        square += sums[j] * sums[j]
    if square > 0:
        norm = np.float32(1) / np.sqrt(square)
        for j in range(len(sums)):
            row[at + j] = sums[j] * norm


@kernel
def _longest(offsets):
    longest = 0
    for document in range(len(offsets) - 1):
        longest = max(longest, offsets[document + 1] - offsets[document])
    return longest


def mean_vectors(
    numbers: NDArray[np.int32],
    words: Words,
    zones: NDArray[np.int64],
    vectors: NDArray[np.int8],
    scales: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Sum the vectors of a zone's words, each times its scale, and bring the sum to length 1.

    Args:
        numbers: int32 (n_words,), -1 where a word has no vector.
        words: the words of N documents.
        zones: int64 (n_zones,).
        vectors: int8 (n_vocabulary, n_dimensions).
        scales: float32 (n_vocabulary,), the word's weight times the step of its quantised vector.

    Returns:
        float32 (N, n_zones * n_dimensions); zeros for a zone without a known word.
    """
    n_dimensions = vectors.shape[1]
    means = np.zeros((len(words.offsets) - 1, len(zones) * n_dimensions), np.float32)
    _fill_means(numbers, words.offsets, zones, np.ascontiguousarray(vectors), scales, means)
    return means


@kernel
def _fill_means(numbers, offsets, zones, vectors, scales, means):
    counts = np.zeros(len(scales), np.int32)
    longest = _longest(offsets) + 1
    touched, word_weights = np.empty(longest, np.int32), np.empty(longest, np.float32)
    n_dimensions = vectors.shape[1]
    flat = vectors.reshape(vectors.size)
    sums = np.zeros(n_dimensions, np.float32)
    for document in range(len(offsets) - 1):
        start, stop = offsets[document], offsets[document + 1]
        at = start
        sums[:] = 0
        for z in range(len(zones) - 1, -1, -1):  # shortest first: the sum goes on
            zone_stop = stop if zones[z] == 0 else min(stop, start + zones[z])
            n_touched = _count_words(numbers, at, zone_stop, counts, touched, 0, flat, n_dimensions)
            at = max(at, zone_stop)
            for i in range(n_touched):
                number = touched[i]
                word_weights[i] = scales[number] * np.float32(counts[number])
                counts[number] = 0
            _add_words(touched, n_touched, word_weights, flat, 0, n_dimensions, sums)
            _write_unit(sums, means[document], z * n_dimensions)


def project_zones(
    numbers: NDArray[np.int32],
    words: Words,
    zones: NDArray[np.int64],
    axes: NDArray[np.int8],
    scales: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Sum the axes' rows of a zone's words, each times (1 + ln tf) * scale, and bring the sum to length 1.

    Args:
        numbers: int32 (n_words,), -1 where a word is not known.
        words: the words of N documents.
        zones: int64 (n_zones,).
        axes: int8 (n_vocabulary, n_dimensions).
        scales: float32 (n_vocabulary,), idf of the word times the step of its quantised row.

    Returns:
        float32 (N, n_zones * n_dimensions); zeros for a zone without a known word.
    """
    points = np.zeros((len(words.offsets) - 1, len(zones) * axes.shape[1]), np.float32)
    _fill_points(numbers, words.offsets, zones, np.ascontiguousarray(axes), scales, _log_table(), points)
    return points


@kernel
def _fill_points(numbers, offsets, zones, axes, scales, logs, points):
    counts = np.zeros(len(scales), np.int32)
    longest = _longest(offsets) + 1
    touched, word_weights = np.empty(longest, np.int32), np.empty(longest, np.float32)
    n_dimensions = axes.shape[1]
    flat = axes.reshape(axes.size)
    sums = np.empty(n_dimensions, np.float32)
    for document in range(len(offsets) - 1):
        start, stop = offsets[document], offsets[document + 1]
        n_touched = 0
        at = start
        for z in range(len(zones) - 1, -1, -1):  # shortest first: each zone goes on from the one before
            zone_stop = stop if zones[z] == 0 else min(stop, start + zones[z])
            n_touched = _count_words(numbers, at, zone_stop, counts, touched, n_touched, flat, n_dimensions)
            at = max(at, zone_stop)
            _weigh_words(touched, n_touched, counts, scales, logs, word_weights)
            sums[:] = 0
            _add_words(touched, n_touched, word_weights, flat, 0, n_dimensions, sums)
            _write_unit(sums, points[document], z * n_dimensions)
        for i in range(n_touched):
            counts[touched[i]] = 0
