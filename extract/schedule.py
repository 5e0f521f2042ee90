"""Which chunk is read next, in what order chunks are given back, and what becomes of a lost one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from .chunks import Chunk, ChunkResult, Settings

# Chunks a process that are read ahead of the first that isn't finished.
_AHEAD = 3


class Schedule:
    """Chunks that are handed to processes, and given back in the order in which they came.

    Args:
        chunks: all of them; a few for each process are held in memory.
        count: processes.
    """

    def __init__(self, chunks: Iterator[Chunk], settings: Settings, count: int) -> None:
        self._chunks, self._settings, self._ahead = chunks, settings, _AHEAD * count
        self._order: deque[Chunk] = deque()
        self._waiting: deque[Chunk] = deque()

    @property
    def waiting(self) -> int:
        """How many chunks nobody has taken yet."""
        return len(self._waiting)

    def finished(self) -> Iterator[Chunk]:
        """The chunks that come next and are finished; others are read ahead in their place."""
        self._fill()
        while self._order and self._order[0].finished:
            yield self._order.popleft()
            self._fill()

    def __bool__(self) -> bool:
        """Whether any chunk is still to be given back."""
        return bool(self._order)

    def take(self) -> Chunk:
        """The next chunk to be read."""
        return self._waiting.popleft()

    def lost(self, chunk: Chunk, ended: str) -> None:
        """See to a chunk whose process has ended.

        Its documents are read one by one. One that ends a process alone is set aside.

        Args:
            ended: what is known of that end.
        """
        if len(chunk.documents) > 1:
            alone = [Chunk.of([document], self._settings) for document in chunk.documents]
            index = self._order.index(chunk)
            self._order.remove(chunk)
            for number, each in enumerate(alone, start=index):
                self._order.insert(number, each)
            self._waiting.extendleft(each for each in reversed(alone) if not each.finished)
            return
        reason = f"document ends the process that reads it ({ended})"
        result = ChunkResult(aside=[[reason, chunk.documents[0].id]], done=1)
        result.write(self._settings.parts / chunk.key)
        chunk.finished = True

    def _fill(self) -> None:
        while len(self._order) < self._ahead and (chunk := next(self._chunks, None)) is not None:
            self._order.append(chunk)
            if not chunk.finished:
                self._waiting.append(chunk)
