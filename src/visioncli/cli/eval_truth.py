"""Which kind of truth DATA of `vision eval` is: classes of whole pictures, or boxes, keypoints and label maps."""

from visioncli.cli.eval import TASKS
from visioncli.cli.eval_session import Request, evaluate_classes
from visioncli.cli.streams import printable
from visioncli.errors import UsageError, VisionError
from visioncli.names import did_you_mean


def run_eval(request: Request) -> None:
    """Evaluates, prints and writes, and leaves with the exit status that the contract names. Raises VisionError."""
    try:
        if request.task is not None and request.task not in TASKS:
            near = did_you_mean(request.task, TASKS)
            raise UsageError(f"--task is one of {', '.join(TASKS)}, not {request.task}.{near}")
        _ = request.gates, request.wanted
        evaluate_classes(request)
    except VisionError as problem:
        # Names and values out of the files may hold anything, and a terminal obeys control characters.
        problem.args = (printable(str(problem)), *problem.args[1:])
        raise
