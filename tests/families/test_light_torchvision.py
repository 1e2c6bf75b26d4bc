import subprocess
import sys


def said(script: str) -> list[str]:
    """The lines that a new Python process prints."""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


LIGHT = """
import sys, torch
from visioncli.families.light_torchvision import import_torchvision
torchvision = import_torchvision()
assert import_torchvision() is torchvision is sys.modules["torchvision"]
print("torch._dynamo" in sys.modules)
"""


def test_torchvision_comes_without_the_compiler_and_its_operators_work() -> None:
    boxes = "torch.tensor([[0., 0, 0, 4, 4]])"
    script = f"""{LIGHT}
print(torchvision.ops.roi_align(torch.ones(1, 1, 8, 8), {boxes}, 2).sum().item())
print("torch._dynamo" in sys.modules)
"""
    assert said(script) == ["False", "4.0", "False"]


def test_the_compiler_is_there_when_it_is_asked_for() -> None:
    script = f"""{LIGHT}
from torchvision.ops import roi_align
print(sys.modules["torchvision.ops.roi_align"].is_compile_supported("cpu"))
print(sys.modules["torch._dynamo"].__file__ is not None)
print(torch.compile(lambda x: x + 1, backend="eager")(torch.ones(2)).tolist())
"""
    assert said(script)[0] == "False"
    assert said(script)[2:] == ["True", "[2.0, 2.0]"]


def test_whatever_else_a_torchvision_imports_of_the_compiler_it_gets(tmp_path: object) -> None:
    script = f"""
import sys, torch
folder = {str(tmp_path)!r} + "/torchvision"
import os; os.mkdir(folder)
open(folder + "/__init__.py", "w").write("from torch._dynamo.utils import counters")
sys.path.insert(0, {str(tmp_path)!r})
from visioncli.families.light_torchvision import import_torchvision
print(import_torchvision().counters is torch._dynamo.utils.counters)
"""
    assert said(script) == ["True"]


def test_a_compiler_that_is_loaded_already_stays() -> None:
    script = f"""
import sys, torch, torch._dynamo
before = torch._dynamo
{LIGHT}
print(torch._dynamo is before is sys.modules["torch._dynamo"])
"""
    assert said(script)[-1] == "True"
