"""How many bytes of decoded pictures may be in memory at one time."""

import gc
import threading

GARBAGE_SECONDS = 2.0
"""After so long without room, pictures that only wait for Python's garbage collection are looked for."""


class MemoryBudget:
    """Lets pictures be decoded in input order while what they take stays below a limit.

    The next picture in order is always let in when nothing else is held, so a single huge one cannot block.
    """

    def __init__(self, limit: int) -> None:
        self._limit, self._held, self._next = limit, 0, 0
        self._done: set[int] = set()
        self._change = threading.Condition()
        self._stopped = False

    def share(self, turn: int) -> "Share":
        """For number `turn` of the input; each must leave the queue, by being admitted or by `leave`."""
        return Share(self, turn)

    def admit(self, turn: int, size: int) -> None:
        """Waits until `size` bytes may be taken by number `turn` of the input."""
        with self._change:
            while not self._change.wait_for(lambda: self._may_enter(turn, size), GARBAGE_SECONDS):
                if self._next == turn:
                    # Whatever failed may hold a picture in a cycle; and nobody else allocates anything meanwhile.
                    gc.collect()
            self._held += size
            self._pass(turn)

    def _may_enter(self, turn: int, size: int) -> bool:
        return self._stopped or (self._next == turn and (self._held == 0 or self._held + size <= self._limit))

    def leave(self, turn: int) -> None:
        """Number `turn` is past the point of asking, whether it was admitted or not."""
        with self._change:
            self._pass(turn)

    def _pass(self, turn: int) -> None:
        if turn >= self._next:
            self._done.add(turn)
        while self._next in self._done:
            self._done.remove(self._next)
            self._next += 1
        self._change.notify_all()

    def release(self, size: int) -> None:
        """So many bytes are free again."""
        with self._change:
            self._held -= size
            self._change.notify_all()

    def stop(self) -> None:
        """Lets everyone pass, so that threads can end."""
        with self._change:
            self._stopped = True
            self._change.notify_all()


class Share:
    """What one picture holds of a budget. Any thread may end it, and more than once."""

    def __init__(self, budget: MemoryBudget, turn: int) -> None:
        self._budget, self._turn = budget, turn
        self._held = 0
        self._lock = threading.Lock()

    def admit(self, size: int) -> None:
        """Waits for room for `size` bytes."""
        self._budget.admit(self._turn, size)
        with self._lock:
            self._held = size

    def shrink(self, size: int) -> None:
        """Keeps at most so many bytes."""
        with self._lock:
            surplus = max(self._held - size, 0)
            self._held -= surplus
        self._budget.release(surplus)

    def leave(self) -> None:
        """Will not ask any more."""
        self._budget.leave(self._turn)

    def end(self) -> None:
        """Gives everything back."""
        self.leave()
        self.shrink(0)
