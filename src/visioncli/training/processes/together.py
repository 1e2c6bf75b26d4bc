"""Several processes, on one machine or more, that train one network.

Each has its share of every batch; their gradients are averaged (torch's DistributedDataParallel). Which group they
form, on what device, and how a network is spread over them, is Accelerate's business. Of the two well-kept launchers
it costs less: importing it takes 0.1 s where Lightning Fabric takes 1.4 s, or 5 s with torchmetrics and transformers
beside it, which it imports too; and it brings psutil, PyYAML and huggingface_hub, which other extras have, where
Fabric brings nine packages of an HTTP client and its server. Neither talks to a network.
"""

import multiprocessing
import os
import re
import shutil
import signal
import socket
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import torch
import torch.distributed as group
from torch import nn
from torch.distributed import FileStore, distributed_c10d  # type: ignore[attr-defined]

from visioncli.errors import UsageError, VisionError, missing_extra
from visioncli.status import Status
from visioncli.training.processes.interface import Answer, Launcher, choose_precision

if TYPE_CHECKING:
    from accelerate import Accelerator

_GRACE_SECONDS = 3.0
"""How long a process that failed has to say why, and all of them to end after the work is done."""

_READY = "ready"
Failure = tuple[str, str, int]
"""`kind` ("said", "unexpected" or "killed"), the sentence or traceback, the exit status that it stands for."""
_GO_ON = "--resume goes on from its last checkpoint."
_UNKNOWN: Failure = ("said", "One of the processes that train could not start. Training stopped.", 3)


class Together(Launcher):
    """One of several processes; made inside a group, see `_group`."""

    def __init__(self, accelerator: "Accelerator", precision: str) -> None:
        super().__init__(accelerator.process_index, accelerator.num_processes, accelerator.device, precision)
        self._accelerator = accelerator

    def prepare(self, module: nn.Module) -> nn.Module:
        from accelerate import DistributedDataParallelKwargs

        # What was prepared before would be kept for ever.
        self._accelerator.free_memory()
        # Costs a look at the whole graph in each step, and a warning where it was not needed.
        unused = any(getattr(part, "leaves_parts_out", False) for part in module.modules())
        self._accelerator.ddp_handler = DistributedDataParallelKwargs(find_unused_parameters=unused)
        prepared: nn.Module = self._accelerator.prepare_model(module)
        return prepared

    def mean(self, tensor: torch.Tensor) -> torch.Tensor:
        reduced = tensor.detach().to(self.device, copy=True)
        group.all_reduce(reduced)
        return (reduced / self.world).to(tensor.device)

    def gather(self, array: np.ndarray) -> np.ndarray:
        from accelerate.utils import gather_object

        return np.concatenate(gather_object([array]))

    def barrier(self) -> None:
        # Not Accelerate's own, which gloo does not take; a sum of nothing waits for everyone on any device.
        self.mean(torch.zeros(1))


def join(main: Callable[[Launcher], Answer], device: str, precision: str) -> Answer:
    """Runs `main` as the process that torchrun or a cluster started this one to be."""
    _require_accelerate()
    try:
        rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        local = int(os.environ.get("LOCAL_RANK") or os.environ.get("SLURM_LOCALID") or 0)
    except ValueError:
        raise UsageError("RANK, WORLD_SIZE and LOCAL_RANK are set, but not to numbers; unset them.") from None
    if not 0 <= rank < world:
        raise UsageError(f"RANK is {rank} and WORLD_SIZE {world}: ranks are counted from 0.")
    os.environ.setdefault("MASTER_PORT", "29500")
    try:
        with _group(rank, world, local, device, precision, None) as launcher:
            return main(launcher)
    except RuntimeError as error:
        # What torch, gloo and NCCL say where another process hung up; gloo has no kind of error of its own.
        if not isinstance(error, group.DistError) and "gloo" not in str(error):
            raise
        raise _as_error("said", _lost(world, str(error)), 3) from error


def _lost(world: int, reason: str) -> str:
    first = (reason.strip().splitlines() or ["no reason was given"])[0].partition(". ")[0]
    words = re.sub(r"^\[\S*/\S*\] ", "", first)  # where in its own code gloo noticed
    return (
        f"Another of the {world} processes that train is gone, or cannot be reached any more ({words}). "
        f"Training stopped; {_GO_ON}"
    )


def start(main: Callable[[Launcher], Answer], devices: int, device: str, precision: str) -> Answer:
    """Runs `main` in this process and in `devices` - 1 new ones."""
    _require_accelerate()
    threads = max(1, torch.get_num_threads() // devices)
    crew = _Crew()
    # They meet at a file: a port would be open to other machines, and addresses would be looked up.
    with tempfile.TemporaryDirectory(prefix="vision-train-", ignore_cleanup_errors=True) as folder:
        try:
            for rank in range(1, devices):
                crew.add(main, rank, devices, device, precision, folder, threads)
            crew.assemble()
            with _threads(threads), _group(0, devices, 0, device, precision, folder) as launcher:
                answer = main(launcher)
            crew.finish()
        except Exception as error:
            if isinstance(error, VisionError) or (failure := crew.failure()) is None:
                raise
            raise _as_error(*failure) from error
        finally:
            crew.end()
    return answer


class _Crew:
    """The other processes of this machine."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._processes: list[tuple[SpawnProcess, Connection]] = []
        self._over = False

    def add(self, *args: Any) -> None:
        """Starts one; `args` are those of `_worker`."""
        ours, theirs = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_worker, args=(*args, theirs))
        process.start()
        theirs.close()
        self._processes.append((process, ours))

    def assemble(self) -> None:
        """Waits until all are about to join the group. Raises what kept one from it.

        From then on one that fails ends the others, so that nobody waits for it.
        """
        for process, messages in self._processes:
            wait([messages, process.sentinel])
            if not messages.poll() or messages.recv() != _READY:
                raise _as_error(*(self.failure() or _UNKNOWN))
        threading.Thread(target=self._watch, name="training processes", daemon=True).start()

    def _watch(self) -> None:
        running = [process for process, _ in self._processes]
        while running:
            ready = wait([process.sentinel for process in running])
            for process in [process for process in running if process.sentinel in ready]:
                running.remove(process)
                process.join()
                if process.exitcode and not self._over:
                    time.sleep(_GRACE_SECONDS / 3)  # others may know better why
                    self.end()
                    return

    def finish(self) -> None:
        """Waits until all have come to their end. Raises what kept one from it."""
        limit = time.monotonic() + _GRACE_SECONDS
        for process, _ in self._processes:
            process.join(max(0.0, limit - time.monotonic()))
        if failure := self.failure(0):
            raise _as_error(*failure)

    def failure(self, patience: float = _GRACE_SECONDS) -> Failure | None:
        """What happened first of all to one of the processes, as far as it is known within so many seconds."""
        limit = time.monotonic() + patience
        while time.monotonic() < limit and all(process.exitcode is None for process, _ in self._processes):
            wait([process.sentinel for process, _ in self._processes], max(0.0, limit - time.monotonic()))
        found: list[Failure] = []
        for rank, (process, messages) in enumerate(self._processes, 1):
            with suppress(EOFError, OSError):
                if messages.poll():
                    found.append(messages.recv())
                    continue
            if process.exitcode and not self._over:
                found.append(("killed", _how_it_ended(rank, len(self._processes) + 1, process.exitcode), 3))
        # Those that only noticed that another one was gone come last.
        return min(found, key=lambda failure: ("killed", "said", "unexpected").index(failure[0]), default=None)

    def end(self) -> None:
        """Ends all that still run."""
        self._over = True
        for process, _ in self._processes:
            process.kill()
        for process, _ in self._processes:
            process.join()


def _how_it_ended(rank: int, world: int, code: int) -> str:
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended by itself with status {code}"
    memory = ", as the system does when memory runs out" if code == -signal.SIGKILL else ""
    return f"Process {rank + 1} of the {world} that train {how}{memory}. Training stopped; {_GO_ON}"


def _as_error(kind: str, message: str, status: int) -> Exception:
    if kind == "unexpected":
        return RuntimeError(message)
    error = VisionError(message)
    error.status = Status(status)
    return error


def _worker(
    main: Callable[[Launcher], Any],
    rank: int,
    world: int,
    device: str,
    precision: str,
    folder: str,
    threads: int,
    messages: Connection,
) -> NoReturn:
    """What a new process does: `main`, and not a moment longer than the first process lives."""
    # Ctrl-C reaches all processes of a terminal; the first one decides what is kept.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, args=(folder,), daemon=True).start()
    torch.set_num_threads(threads)
    try:
        _require_accelerate()
        messages.send(_READY)
        with _group(rank, world, rank, device, precision, folder) as launcher:
            main(launcher)
    except VisionError as error:
        messages.send(("said", str(error), int(error.status)))
    except BaseException:  # noqa: BLE001 - told to the first process, which raises it
        messages.send(("unexpected", f"In process {rank + 1} of {world}:\n{traceback.format_exc()}", 1))
    else:
        os._exit(0)
    # Not through the libraries' own endings, which wait for the others.
    os._exit(1)


def _end_with_parent(folder: str) -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


@contextmanager
def _group(rank: int, world: int, local: int, device: str, precision: str, folder: str | None) -> Iterator[Together]:
    """The processes meet, in a folder or where the environment says, and are parted again at the end."""
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    surroundings = {
        "RANK": str(rank),
        "WORLD_SIZE": str(world),
        "LOCAL_RANK": str(local),
        # Else Accelerate chooses how many threads compute.
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS") or str(torch.get_num_threads()),
    }
    if folder:
        # Else the machine's own name is looked up, and what they say can be reached from outside.
        surroundings["GLOO_SOCKET_IFNAME"] = _loopback()
        surroundings["LOCAL_WORLD_SIZE"] = str(world)
    with _environment(surroundings):
        if device == "cuda":
            torch.cuda.set_device(local)
        store = FileStore(os.path.join(folder, "meeting"), world) if folder else None
        group.init_process_group("nccl" if device == "cuda" else "gloo", store=store, rank=rank, world_size=world)
        try:
            chosen = choose_precision(precision, torch.device(device))
            # Half precision is ours: Accelerate would change the module's own `forward` for good.
            accelerator = Accelerator(cpu=device == "cpu", mixed_precision="no")
            launcher = Together(accelerator, chosen)
            yield launcher
            launcher.barrier()
        except BaseException:
            # The other way of parting waits for the others.
            distributed_c10d._abort_process_group()
            raise
        else:
            group.destroy_process_group()
        finally:
            AcceleratorState._reset_state(reset_partial_state=True)


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _loopback() -> str:
    return next((name for _, name in socket.if_nameindex() if name.startswith("lo")), "lo")


def _require_accelerate() -> None:
    try:
        import accelerate  # noqa: F401
    except ImportError:
        raise missing_extra("accelerate", "train") from None
