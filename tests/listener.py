"""What a run of training tells whoever watches it."""

from pathlib import Path

from visioncli.training.watch import Watcher


class Listener(Watcher):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.failures: dict[str, str] = {}
        self.said: list[str] = []

    def say(self, sentence: str) -> None:
        self.said.append(sentence)

    def failure(self, path: str, message: str) -> None:
        self.failures[Path(path).name] = message
