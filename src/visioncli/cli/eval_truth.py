"""Which kind of truth DATA of `vision eval` is: classes of whole pictures, or boxes, keypoints and label maps."""

from visioncli.cli.eval_objects import evaluate_objects
from visioncli.cli.eval_session import Request, evaluate_classes
from visioncli.cli.streams import printable
from visioncli.errors import VisionError
from visioncli.evaluation.objects import holds_objects


def run_eval(request: Request) -> None:
    """Evaluates, prints and writes, and leaves with the exit status that the contract names. Raises VisionError."""
    try:
        _ = request.gates, request.wanted
        if request.task == "classify" or (request.task is None and not holds_objects(request.data)):
            evaluate_classes(request)
        else:
            evaluate_objects(request, request.task or "detect")
    except VisionError as problem:
        # Names and values out of the files may hold anything, and a terminal obeys control characters.
        problem.args = (printable(str(problem)), *problem.args[1:])
        raise
