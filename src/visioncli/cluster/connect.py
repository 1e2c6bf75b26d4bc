"""`--on ray`: a cluster for the time of a run, and how many actors with how many CPUs go into it."""

import logging
import os
import re
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from visioncli.errors import ClusterLost, UsageError, missing_extra
from visioncli.silence import keep_libraries_silent

CPUS_OF_AN_ACTOR = 4
"""What a network makes good use of; more of them are better spent on a second one."""
LOCAL_STORE_BYTES = 128 << 20
"""Paths and counts are all that Ray carries for us."""
_SETTINGS = {
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # of two ways to treat GPUs, warns of the other one
    "RAY_DISABLE_IMPORT_WARNING": "1",
    "RAY_worker_niceness": "0",  # of a cluster that we start: its actors are what the user waits for
}


def address_of(text: str) -> str:
    """Where the cluster is that `--on` names: an address for `ray.init`. Raises UsageError."""
    if text == "ray":
        return os.environ.get("RAY_ADDRESS") or "local"
    if re.fullmatch(r"ray://[^\s/:]+(:[0-9]{1,5})?/?", text) or re.fullmatch(
        r"ray://\[[0-9A-Fa-f:]+\]:[0-9]{1,5}", text
    ):
        return text.rstrip("/") if re.search(r":[0-9]+/?\Z", text) else text.rstrip("/") + ":10001"
    raise UsageError(
        f"--on takes ray, for a cluster of this machine or of RAY_ADDRESS, or ray://HOST:10001, not {text!r}."
    )


def check_ray() -> None:
    """Raises ModelUnavailable where Ray is not installed."""
    keep_libraries_silent()
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        import ray  # noqa: F401
    except ImportError:
        raise missing_extra("ray", "ray") from None


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """The module `ray`, connected. Raises ClusterLost and ModelUnavailable. What signals do stays as it is."""
    check_ray()
    import ray

    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR, "namespace": "visioncli"}
    if address == "local":
        options |= {"include_dashboard": False, "object_store_memory": LOCAL_STORE_BYTES}
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    own = not ray.is_initialized()
    try:
        if own:
            ray.init(address=address, **options)
    except Exception as problem:  # whatever it raises, the cluster is not there
        words = " ".join(str(problem).split())[:300].rstrip(".") or type(problem).__name__
        raise ClusterLost(f"The Ray cluster {address} cannot be reached ({words}).") from problem
    finally:
        for number, handler in handlers.items():
            with suppress(ValueError, TypeError):  # not in the main thread, or not Python's
                signal.signal(number, handler)
    try:
        yield ray
    finally:
        if own:
            with suppress(Exception):  # a cluster that is gone cannot be left
                ray.shutdown()


@dataclass(frozen=True, slots=True)
class Seats:
    """How many actors there are, and what each of them takes of its machine."""

    actors: int
    cpus: float
    gpus: int = 0


def seats(nodes: Sequence[dict[str, float]], actors: int | None, *, on_gpus: bool) -> Seats:
    """Seats for `actors`, or for as many as make good use of the resources of the nodes: one for each GPU, else for
    every few CPUs, and at least one a node. Raises ClusterLost where there are no CPUs at all."""
    cpus = [int(node.get("CPU", 0)) for node in nodes if node.get("CPU", 0) >= 1]
    gpus = sum(int(node.get("GPU", 0)) for node in nodes) if on_gpus else 0
    if not cpus:
        raise ClusterLost("The Ray cluster has no CPUs to work with. Start nodes with --num-cpus.")
    wanted = actors or gpus or max(len(cpus), sum(cpus) // CPUS_OF_AN_ACTOR)
    gpu = 1 if gpus >= wanted else 0
    for each in range(max(cpus), 0, -1):
        if sum(one // each for one in cpus) >= wanted:
            return Seats(wanted, each, gpu)
    return Seats(wanted, 100 * sum(cpus) // wanted / 100, gpu)  # more actors than CPUs: they share


def resources(ray: Any) -> list[dict[str, float]]:
    """Those of the nodes that are alive."""
    return [node["Resources"] for node in ray.nodes() if node.get("Alive", node.get("alive"))]
