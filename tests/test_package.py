"""What importing the package does."""

import os
import subprocess
import sys

import pytest

WATCHED = """
import os, sys

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            print(os.environ.get("OMP_WAIT_POLICY"))

sys.meta_path.insert(0, Watch())
{imports}
import torch
"""


@pytest.mark.parametrize(
    "imports",
    [
        "from visioncli import train",
        "from visioncli import load",
        "import visioncli.cli.training",
        "import visioncli",
    ],
)
@pytest.mark.parametrize(("before", "then"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_threads_that_wait_do_not_spin_and_torch_is_told_before_it_loads(
    imports: str, before: str | None, then: str
) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"}
    if before is not None:
        environment["OMP_WAIT_POLICY"] = before
    program = [sys.executable, "-c", WATCHED.format(imports=imports)]
    ended = subprocess.run(program, env=environment, capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[0] == then
