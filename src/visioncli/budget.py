"""How many decoded pixels may be in memory at one time."""

import threading


class PixelBudget:
    """Lets pictures be decoded in input order while the pixels in memory stay below a limit.

    The next picture in order is always let in when nothing else is held, so a single huge one cannot block.
    """

    def __init__(self, limit: int) -> None:
        self._limit, self._held, self._next = limit, 0, 0
        self._done: set[int] = set()
        self._change = threading.Condition()
        self._stopped = False

    def admit(self, turn: int, pixels: int) -> None:
        """Waits until `pixels` may be decoded as number `turn` of the input."""
        with self._change:
            self._change.wait_for(
                lambda: (
                    self._stopped or (self._next == turn and (self._held == 0 or self._held + pixels <= self._limit))
                )
            )
            self._held += pixels
            self._pass(turn)

    def leave(self, turn: int) -> None:
        """Number `turn` is past the point of asking; called once for each, whether it was admitted or not."""
        with self._change:
            self._pass(turn)

    def _pass(self, turn: int) -> None:
        if turn >= self._next:
            self._done.add(turn)
        while self._next in self._done:
            self._done.remove(self._next)
            self._next += 1
        self._change.notify_all()

    def release(self, pixels: int) -> None:
        """The picture's memory is free."""
        with self._change:
            self._held -= pixels
            self._change.notify_all()

    def stop(self) -> None:
        """Lets everyone pass, so that threads can end."""
        with self._change:
            self._stopped = True
            self._change.notify_all()
