import builtins
from typing import Any

import pytest

from visioncli.cluster.connect import Seats, address_of, check_ray, connected, seats
from visioncli.errors import ClusterLost, ModelUnavailable, UsageError


def test_ray_alone_is_a_cluster_of_this_machine_or_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert address_of("ray") == "local"
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert address_of("ray") == "10.0.0.1:6379"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ray://head:10001", "ray://head:10001"),
        ("ray://head", "ray://head:10001"),
        ("ray://10.0.0.1:9/", "ray://10.0.0.1:9"),
        ("ray://[::1]:10001", "ray://[::1]:10001"),
    ],
)
def test_a_head_is_named_by_host_and_port(text: str, address: str) -> None:
    assert address_of(text) == address


@pytest.mark.parametrize("text", ["", "spark", "ray://", "ray://a b", "http://head:10001", "ray://head:port"])
def test_anything_else_is_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError, match="ray://HOST"):
        address_of(text)


@pytest.mark.parametrize(
    ("cpus", "actors", "expected"),
    [
        ([2], None, Seats(1, 2)),
        ([16], None, Seats(4, 4)),
        ([1, 1], None, Seats(2, 1)),
        ([8, 4], None, Seats(3, 4)),
        ([8, 3], 2, Seats(2, 4)),
        ([2], 4, Seats(4, 0.5)),
        ([1, 1], 3, Seats(3, 0.66)),
    ],
)
def test_actors_share_the_cpus_of_the_nodes(cpus: list[int], actors: int | None, expected: Seats) -> None:
    nodes: list[dict[str, float]] = [{"CPU": float(n)} for n in cpus]
    assert seats(nodes, actors, on_gpus=True) == expected


def test_where_there_are_gpus_each_actor_has_one() -> None:
    nodes = [{"CPU": 16.0, "GPU": 2.0}, {"CPU": 8.0}]
    assert seats(nodes, None, on_gpus=True) == Seats(2, 8, 1)
    assert seats(nodes, None, on_gpus=False).gpus == 0


def test_a_cluster_without_cpus_is_told_of() -> None:
    with pytest.raises(ClusterLost, match="no CPUs"):
        seats([{"CPU": 0.0}], None, on_gpus=True)


def test_without_ray_a_sentence_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "ray":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ModelUnavailable, match=r"visioncli\[ray\]"):
        check_ray()


def test_a_cluster_that_is_not_there_is_told_of_in_a_sentence() -> None:
    with pytest.raises(ClusterLost, match="cannot be reached"), connected("no port at all"):
        pass
