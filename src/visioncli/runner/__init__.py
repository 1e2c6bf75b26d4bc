"""Items in, outcomes out: reading threads, batches, the task, in input order."""

from visioncli.runner.interface import Outcome, RunOptions, describe, failure, usual_workers
from visioncli.runner.loop import run

__all__ = ["Outcome", "RunOptions", "describe", "failure", "run", "usual_workers"]
