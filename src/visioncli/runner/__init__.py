"""Items in, outcomes out: decoding threads, batches, the task, in input order."""

from visioncli.runner.run import Outcome, RunOptions, describe, failure, run

__all__ = ["Outcome", "RunOptions", "describe", "failure", "run"]
