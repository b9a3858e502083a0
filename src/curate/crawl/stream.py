"""A file's plain bytes as a stream that can be peeked into, skipped through and left at a gap."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from curate.crawl.compressed import Block, FileBytes


class ByteStream:
    """Plain bytes with their way back to the file, and with gaps where the file is damaged.

    At a gap the stream behaves as at its end (`gap` says why) until `cross_gap` is called.

    Args:
        blocks: The plain bytes.
        raw: The file itself, given where it is not compressed.
        barrier: What a compressed member starts with only where a record does; a record whose stated
            length is wrong ends there.
    """

    def __init__(
        self, blocks: Iterator[Block], *, raw: FileBytes | None = None, barrier: bytes = b""
    ) -> None:
        self._blocks = blocks
        self._raw = raw
        self._barrier = barrier
        self._next: Block | None = None
        # (place in the plain bytes, offset in file), ascending.
        self._starts: deque[tuple[int, int]] = deque()
        self._before = 0  # plain bytes before `data`
        self.data = b""
        self.at = 0  # the next byte is data[at]
        self.gap: str | None = None

    def load(self) -> bool:
        """Append one more block to `data`, less what was passed; false at a gap or at the end."""
        if self.gap:
            return False
        block = self._next or next(self._blocks, None)
        self._next = None
        if block is None:
            return False
        if block.damage:
            self.gap = block.damage
            self._next = Block(block.data, block.offset)
            return False
        self._forget_starts()
        self._before += self.at
        self.data = self.data[self.at :] + block.data if self.at < len(self.data) else block.data
        if block.offset is not None:
            self._starts.append((self._before + len(self.data) - len(block.data), block.offset))
        self.at = 0
        return True

    def _forget_starts(self) -> None:
        """Drop what lies before the last start that is not ahead: a file may have a member for each byte."""
        while len(self._starts) > 1 and self._starts[1][0] <= self._before + self.at:
            self._starts.popleft()

    def at_end(self) -> bool:
        """Whether no byte is left before the end or the next gap."""
        while self.at >= len(self.data):
            if not self.load():
                return True
        return False

    def cross_gap(self) -> str:
        """Go on behind the damage and return what it was."""
        reason, self.gap = self.gap or "", None
        self.data, self.at = b"", 0
        self._starts.clear()
        return reason

    def offset(self) -> int | None:
        """Where in the file a reader can begin to get the bytes from here; null inside a member."""
        self.at_end()
        self._forget_starts()
        place, offset = self._starts[0] if self._starts else (-1, 0)
        n_behind = self._before + self.at - place
        return offset + n_behind if n_behind == 0 or (self._raw and place >= 0 and n_behind > 0) else None

    def peek(self, n: int) -> bytes:
        """Return the next `n` bytes without passing them; fewer at the end or at a gap."""
        while len(self.data) - self.at < n and self.load():
            pass
        return self.data[self.at : self.at + n]

    def peek_at(self, n_ahead: int, n: int) -> bytes | None:
        """Return `n` bytes from `n_ahead` bytes further on; null in a compressed file, which cannot jump."""
        if self._raw is None:
            return None
        if self.at + n_ahead + n <= len(self.data):
            return self.data[self.at + n_ahead : self.at + n_ahead + n]
        return self._raw.peek_at((self.offset() or 0) + n_ahead, n)

    def read(self, n: int) -> bytes:
        """Return and pass the next `n` bytes; fewer at the end, a gap or a member with the `barrier`."""
        pieces: list[bytes] = []
        while n > 0 and not self.at_end():
            end = self._reach(n)
            if end == self.at:
                break
            pieces.append(self.data[self.at : end])
            n -= end - self.at
            self.at = end
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def skip(self, n: int) -> int:
        """Pass what `read` would return, and return its length."""
        left = n
        while left > 0 and not self.at_end():
            end = self._reach(left)
            if end == self.at:
                break
            left -= end - self.at
            self.at = end
        return n - left

    def _reach(self, n: int) -> int:
        """Return the index up to which the next `n` bytes go within `data`."""
        end = min(self.at + n, len(self.data))
        if self._barrier and not self._raw:
            self._forget_starts()
            for place, _ in self._starts:
                index = place - self._before
                if index >= end:
                    break
                if index >= self.at and self.data.startswith(self._barrier, index):
                    return index
        return end

    def read_line(self, max_bytes: int, *, keep: bool = True) -> tuple[bytes | None, int]:
        """Pass one line: (the line with its newline, its length).

        The line is null where it is longer than `max_bytes` or not to be kept. The last line before the end
        or a gap may lack the newline.
        """
        end = self.data.find(b"\n", self.at) + 1
        if end and end - self.at <= max_bytes:
            start, self.at = self.at, end
            return (self.data[start:end] if keep else None), end - start
        pieces: list[bytes] = []
        n = 0
        while not self.at_end():
            end = self.data.find(b"\n", self.at) + 1 or len(self.data)
            if keep and n <= max_bytes:
                pieces.append(self.data[self.at : end])
            n += end - self.at
            ended = self.data[end - 1] == 10
            self.at = end
            if ended:
                break
        return (b"".join(pieces) if keep and n <= max_bytes else None), n
