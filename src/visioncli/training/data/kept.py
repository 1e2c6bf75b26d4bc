"""What training decodes stays in memory as far as that allows: pictures, masks, boxes, recordings."""

import threading
from collections.abc import Callable
from typing import Any


class Kept:
    """What was made before, by key, as far as so many bytes allow. Any thread may ask."""

    def __init__(self, budget: int) -> None:
        self._left, self._kept = budget, dict[Any, Any]()
        self._lock = threading.Lock()

    def get(self, key: Any, make: Callable[[], Any]) -> Any:
        """An array or a tuple of arrays, made where it is not known."""
        if (known := self._kept.get(key)) is not None:
            return known
        made = make()
        size = sum(one.nbytes for one in (made if isinstance(made, tuple) else (made,)))
        with self._lock:
            if self._left >= size and key not in self._kept:
                self._kept[key] = made
                self._left -= size
        return made
