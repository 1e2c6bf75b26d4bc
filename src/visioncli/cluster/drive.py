"""Gives pieces to actors and gathers what became of them; what is lost with an actor is given to another one."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from visioncli import errors
from visioncli.cluster.connect import Seats
from visioncli.cluster.piece import Done, Job
from visioncli.cluster.plan import Piece
from visioncli.cluster.worker import Trouble, Worker
from visioncli.errors import ClusterLost, OutputError, UsageError, VisionError

AHEAD = 2
"""Pieces that an actor has: one in work, and one that waits. More would be memory, and more to lose."""
MOST_LOST = 2
"""A piece with which so many actors ended is cut; one of a single input is given up after one more."""
AGAIN_SECONDS = 1.0
"""How long after the end of an actor its next life is asked for."""
BARREN_SECONDS = 300.0
"""So long nobody may be at work before the run ends."""
WIND_UP_SECONDS = 20.0
TICK_SECONDS = 0.25


@dataclass(slots=True)
class _Actor:
    """An actor, the pieces that it has in the order in which it does them, and how often it could not begin.

    `blamed` is the piece that was in work when it ended; the others have done nothing to it.
    """

    handle: Any
    has: deque[Piece] = field(default_factory=deque)
    blamed: Piece | None = None
    ready: bool = False
    refused: int = 0


class Drive:
    """The actors of a run at their work. `tell` receives sentences about what was lost."""

    def __init__(self, ray: Any, job: Job, seats: Seats, tell: Callable[[str], None]) -> None:
        self._ray, self._tell = ray, tell
        remote = ray.remote(Worker).options(
            num_cpus=seats.cpus,
            num_gpus=seats.gpus,
            max_restarts=-1,
            max_task_retries=0,
            scheduling_strategy="SPREAD",
        )
        self._actors = [_Actor(remote.remote(job, seats.cpus)) for _ in range(seats.actors)]
        self._waiting: dict[Any, tuple[_Actor, Piece | None]] = {}
        self._later: list[tuple[float, _Actor]] = []
        self._again: deque[Piece] = deque()
        self.given_up: deque[Piece] = deque()
        """Pieces of one input that ended every actor which worked on it."""
        self._alive = time.monotonic()
        for actor in self._actors:
            self._prepare(actor)

    @property
    def actors(self) -> int:
        """How many there are."""
        return len(self._actors)

    def wait_until_ready(self, check: Callable[[], None]) -> None:
        """Waits for the first actor that has its network. Raises what prevents all of them, and what `check` does."""
        while not any(actor.ready for actor in self._actors):
            for _ in self._answers(TICK_SECONDS):
                pass
            check()

    def run(self, pieces: Iterator[Piece], check: Callable[[], None]) -> Iterator[Done]:
        """What became of each piece, as it is done. Pieces are taken as actors have room for them.

        Raises VisionError, and what `check` raises, which is called some times a second.
        """
        left = True
        while True:
            while left and (actor := self._free()) is not None:
                piece = self._again.popleft() if self._again else next(pieces, None)
                if piece is None:
                    left = False
                    break
                self._give(actor, piece)
            if not left and not self._again and not any(piece for _, piece in self._waiting.values()):
                return
            yield from self._answers(TICK_SECONDS)
            left = left or bool(self._again)
            check()

    def wind_up(self) -> Iterator[Done]:
        """What becomes of the pieces in work after the actors were told to stop, as far as it is soon enough."""
        end = time.monotonic() + WIND_UP_SECONDS
        while any(piece for _, piece in self._waiting.values()) and time.monotonic() < end:
            try:
                yield from self._answers(TICK_SECONDS)
            except VisionError:
                continue

    def processes(self) -> list[int]:
        """The ids of the actors' processes."""
        found: list[int] = self._ray.get([actor.handle.process.remote() for actor in self._actors])
        return found

    def _free(self) -> _Actor | None:
        ready = [actor for actor in self._actors if actor.ready and len(actor.has) < AHEAD]
        return min(ready, key=lambda actor: len(actor.has), default=None)

    def _prepare(self, actor: _Actor) -> None:
        self._waiting[actor.handle.prepare.remote()] = actor, None

    def _give(self, actor: _Actor, piece: Piece) -> None:
        piece = replace(piece, tries=piece.tries + 1)
        actor.has.append(piece)
        self._waiting[actor.handle.work.remote(piece)] = actor, piece

    def _answers(self, seconds: float) -> Iterator[Done]:
        now = time.monotonic()
        for entry in [entry for entry in self._later if entry[0] <= now]:
            self._later.remove(entry)
            self._prepare(entry[1])
        if not self._waiting:
            time.sleep(seconds)
        done, _ = self._ray.wait(list(self._waiting), num_returns=1, timeout=seconds) if self._waiting else ([], [])
        for ref in done:
            actor, piece = self._waiting.pop(ref)
            try:
                answer = self._ray.get(ref)
            except self._ray.exceptions.RayError as problem:
                self._lost(actor, piece, problem)
                continue
            self._alive = time.monotonic()
            if isinstance(answer, Trouble):
                raise _raised(answer)
            if piece is None:
                actor.ready, actor.refused = True, 0
            else:
                actor.has.remove(piece)
                yield answer
        if not any(actor.ready for actor in self._actors) and time.monotonic() - self._alive > BARREN_SECONDS:
            raise ClusterLost(
                f"No machine of the cluster has worked for {BARREN_SECONDS:.0f} s: none has the CPUs that an actor "
                "needs, or all are gone. What was finished is kept; --resume goes on."
            )

    def _lost(self, actor: _Actor, piece: Piece | None, problem: Exception) -> None:
        ended = not isinstance(problem, self._ray.exceptions.RayTaskError)
        if actor.ready and ended:
            actor.ready, actor.blamed = False, actor.has[0] if actor.has else None
            self._tell("An actor was lost; what it had in work is done again.")
            self._later.append((time.monotonic() + AGAIN_SECONDS, actor))
        if piece is None:
            actor.refused += 1
            if actor.refused > MOST_LOST and not any(one.ready for one in self._actors):
                raise ClusterLost(f"No actor can begin: {_last_line(problem)}") from problem
            self._later.append((time.monotonic() + AGAIN_SECONDS, actor))
            return
        guilty = not ended or actor.blamed is piece
        actor.has.remove(piece)
        piece = replace(piece, lost=piece.lost + guilty)
        if piece.lost < MOST_LOST or (len(piece.items) == 1 and piece.lost == MOST_LOST):
            self._again.append(piece)
        elif len(piece.items) == 1:
            self.given_up.append(piece)
        else:
            self._again.extend(piece.cut())


def _raised(trouble: Trouble) -> VisionError:
    kind = getattr(errors, trouble.kind, OutputError)
    known = isinstance(kind, type) and issubclass(kind, VisionError) and not issubclass(kind, errors.InputError)
    # A run that has begun is not wrong usage.
    return (kind if known and kind is not UsageError else ClusterLost)(trouble.sentence)


def _last_line(problem: Exception) -> str:
    lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    return (lines[-1] if lines else type(problem).__name__)[:300].rstrip(".") + "."
