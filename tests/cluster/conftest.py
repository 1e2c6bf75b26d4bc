"""A Ray cluster of two nodes on this machine, for all tests that want one."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def cluster(cache: Path) -> Iterator[Any]:
    """Two nodes with a CPU each; `--on ray` finds them by RAY_ADDRESS while a test sets it."""
    from visioncli.cluster.connect import check_ray

    check_ray()
    from ray.cluster_utils import Cluster

    both = Cluster()
    for _ in range(2):
        both.add_node(num_cpus=1, object_store_memory=100 << 20, include_dashboard=False)
    yield both
    both.shutdown()


@pytest.fixture
def on_cluster(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The cluster, as that of the environment."""
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    return cluster


def workers_of(cluster: Any) -> list[int]:
    """Ids of the processes of the actors at work on the nodes of the cluster."""
    raylets = {info.process.pid for node in cluster.list_all_nodes() for info in node.all_processes["raylet"]}
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            title = Path("/proc", name, "cmdline").read_bytes()
            parent = int(Path("/proc", name, "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent in raylets and title.startswith(b"ray::Worker"):
            found.append(int(name))
    return found
