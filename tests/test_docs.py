"""README and docs say what the program does: their lists, tables and transcripts are compared with it."""

import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image

from conftest import ROOT, Ended
from visioncli.cli.app import app
from visioncli.cli.terminal import describe
from visioncli.datasets.recognise import Format
from visioncli.errors import ErrorKind
from visioncli.models.measured import measured
from visioncli.models.registry import DEFAULTS, DEFAULTS_IN_INT8, ROWS, Carrier, find
from visioncli.pictures import DEFAULT_MAX_PIXELS, footprint
from visioncli.pictures.patience import DEFAULT_SECONDS
from visioncli.processor import has_int8_units
from visioncli.results import Record
from visioncli.sinks.names import FORMATS
from visioncli.status import Status

Vision = Callable[..., Ended]
HAS_UNITS = has_int8_units()
"""Of the processor that the tests run on; while they run it seems to have none."""
README = ROOT / "README.md"
PAGES = (README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
OF_OTHER_PROGRAMS = {
    *("--check", "--strict", "--no-deps", "--only-binary"),
    *("--array", "--cpus-per-task", "--dependency", "--parsable", "--wrap", "--sshlogin", "--workdir"),
}


def tables(path: Path) -> Iterator[list[list[str]]]:
    """The tables of a page, each as rows of cells, heads included."""
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    for block in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        lines = [line for line in block.splitlines() if not re.fullmatch(r"[|\- ]+", line)]
        yield [[cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def table(path: Path, *head: str) -> list[list[str]]:
    """The rows of the table whose head begins so."""
    (found,) = [rows[1:] for rows in tables(path) if rows[0][: len(head)] == list(head)]
    return found


def ticked(text: str) -> list[str]:
    """What stands between backticks."""
    return re.findall(r"`([^`]+)`", text)


def commands() -> dict[str, Any]:
    """All commands by what is typed: `vision models pull`."""

    def below(command: Any, name: str) -> Iterator[tuple[str, Any]]:
        yield name, command
        for sub, one in getattr(command, "commands", {}).items():
            yield from below(one, f"{name} {sub}")

    return dict(below(typer.main.get_command(app), "vision"))


def options(command: Any) -> set[str]:
    """Its options, short and long."""
    return {name for param in command.params if param.param_type_name == "option" for name in param.opts}


def script(name: str) -> ModuleType:
    """A program of the folder `tools`."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_help_pages_is_current(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    pages = script("command_pages")
    assert pages.TARGET.read_text(encoding="utf-8") == pages.text(), "run: make docs"


def test_a_help_page_is_what_the_program_prints() -> None:
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    command = [sys.executable, "-m", "visioncli", "detect", "--help"]
    env = {"COLUMNS": "100", "PATH": "", "PYTHONPATH": str(ROOT / "src")}
    printed = subprocess.run(command, capture_output=True, check=True, env=env).stdout.decode()
    assert f"## vision detect\n\n```text\n{printed}```" in text


def test_readme_names_every_command() -> None:
    text = README.read_text(encoding="utf-8")
    assert {name for name in commands() if name.count(" ") == 1} <= set(ticked(text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_options_that_are_named_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    known = commands()
    typed = re.findall(r"(?:^ {4}(?:\$ )?|`|\| |&& )vision ((?:models )?[a-z]+)\b(?!:)", text, flags=re.MULTILINE)
    assert {f"vision {name}" for name in typed} <= set(known)
    every = {option for command in known.values() for option in options(command)} | OF_OTHER_PROGRAMS | {"--help"}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", text))
    assert named - every - {"--install-completion", "--show-completion"} == set()


@pytest.mark.parametrize("task", ["detect", "segment", "pose", "gradcam"])
def test_the_options_of_a_task_are_those_of_its_command(task: str) -> None:
    text = (ROOT / "docs" / "tasks.md").read_text(encoding="utf-8")
    section = re.split(r"^## ", text, flags=re.MULTILINE)
    (own,) = [part for part in section if part.lower().startswith(task)]
    rows = re.findall(r"^\| (`--.*?) \|", own, flags=re.MULTILINE)
    named = {word for cell in rows for word in re.findall(r"`(--[a-z-]+)", cell)}
    assert named
    assert named <= options(commands()[f"vision {task}"])


def test_formats_are_listed() -> None:
    listed = {name: tuple(ticked(cell)) for name, cell in table(ROOT / "docs" / "outputs.md", "command")}
    assert listed == FORMATS
    assert {ticked(row[0])[0] for row in table(ROOT / "docs" / "iou.md", "format")} == set(Format)


def test_kinds_of_error_are_listed() -> None:
    listed = [ticked(row[0])[0] for row in table(ROOT / "docs" / "outputs.md", "kind")]
    assert listed == [kind.value for kind in ErrorKind]


def test_exit_statuses_are_listed(vision: Vision) -> None:
    assert [int(row[0]) for row in table(README, "status")] == [int(status) for status in Status]
    epilog = vision("--help").out.decode().split("Exit status: ")[1]
    numbers = [int(n) for n in re.findall(r"\b(\d+) [a-z]", epilog)]
    assert numbers == [int(status) for status in Status if status is not Status.PIPE_CLOSED]


def test_environment_variables_are_documented() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    read = set(re.findall(r"environ(?:\.get)?[\[(]\"(VISION_[A-Z_]+)\"", source))
    assert read == set(re.findall(r"VISION_[A-Z_]+[A-Z]", text)) - {"VISION_IOU_FUZZ"}


def test_the_table_of_models_holds_the_embedded_ones_and_what_the_registry_knows() -> None:
    rows = {ticked(row[0])[0]: row for row in table(README, "name", "task")}
    assert list(rows) == [row.name for row in ROWS if isinstance(row.source, Carrier)]
    for name, (_, task, size, parameters, accuracy, licence, weights) in rows.items():
        row = find(name)
        assert task == row.tasks[0]
        assert parameters == f"{row.parameters / 1e6:.1f} M"
        assert not (found := re.match(r"(\d+) px", size)) or int(found[1]) == row.input.size
        assert all(f"{figure.value:g}" in accuracy for figure in row.accuracy)
        assert licence.split(";")[0] == row.licence.split(" (")[0]
        assert isinstance(row.source, Carrier)
        if name not in ("object_layout", "digits_dcgan", "template"):
            assert f"`{row.source.distribution}` {row.source.version}" in weights
        assert (f"extra `{row.source.extra}`" in weights) == bool(row.source.extra)
    defaults = {row[0].split()[1][:-1]: ticked(row[2]) for row in table(README, "command")}
    for task, name in DEFAULTS.items():
        said = defaults[task][:2] if task in DEFAULTS_IN_INT8 else defaults[task][:1]
        assert said in ([name], [DEFAULTS_IN_INT8.get(task), name], [])


def test_extras_are_those_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = set(project["optional-dependencies"]) - {"bench", "browser", "dev"}
    (sentence,) = re.findall(r"Extras \(.*?\): (.*?)\.\n", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert set(ticked(sentence)) == extras
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert set(re.findall(r"visioncli\[(\w+)\]", text)) <= extras


def test_limits_are_the_programs() -> None:
    text = (ROOT / "docs" / "inputs.md").read_text(encoding="utf-8")
    assert f"more than `--max-pixels` ({DEFAULT_MAX_PIXELS // 10**6} million)" in text
    assert f"longer than `--timeout` ({DEFAULT_SECONDS:g} s)" in text
    assert f"more than about {footprint.limit(DEFAULT_MAX_PIXELS) / 1e9:.1f} GB" in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tables_are_whole_and_links_lead_somewhere(page: Path) -> None:
    for rows in tables(page):
        assert len(rows) > 1, f"a table without rows, or a row without its table: {rows[0]}"
        assert len({len(row) for row in rows}) == 1, rows[0]
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]*)(?:#[^)]*)?\)", text):
        if target and "://" not in target:
            assert (page.parent / target).exists(), target
    for target, anchor in re.findall(r"\]\(([^)#\s]*)#([^)]+)\)", text):
        there = (page.parent / target if target else page).read_text(encoding="utf-8")
        heads = [
            re.sub(r"[^\w\- ]", "", head).lower().replace(" ", "-") for head in re.findall(r"^#+ (.*)", there, re.M)
        ]
        assert anchor in heads, f"{target}#{anchor}"


def transcripts() -> Iterator[tuple[str, str, str]]:
    """Page, command line and what follows it, for each `$ vision …` with an answer."""
    for page in PAGES:
        block: list[str] = []
        for line in [*page.read_text(encoding="utf-8").splitlines(), "end"]:
            if block and not line.startswith("    $ ") and (line.startswith("    ") or not line):
                block.append(line[4:])
                continue
            if block and block[0].startswith("$ vision "):
                yield page.name, block[0][2:], "\n".join(block[1:]).rstrip("\n")
            block = [line[4:]] if line.startswith("    $ ") else []


QUICK = re.compile(
    r"vision (iou [-\d]|models (info|arithmetic|layers)|gradcam cat.jpg --method gradcm|gradcam sample\S+ --list"
    r"|iou truth/|detect sample_images)"
)
SHOWN = [one for one in transcripts() if QUICK.match(one[1]) and one[2]]


@pytest.mark.parametrize(("page", "line", "answer"), SHOWN, ids=[one[1][:50] for one in SHOWN])
def test_transcripts_are_what_the_program_says(
    page: str, line: str, answer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sample_images").symlink_to(ROOT / "sample_images")
    for folder, wrong in (("truth", 1), ("predicted", 0)):
        (tmp_path / folder).mkdir()
        pixels = np.zeros((8, 10), np.uint8)
        pixels[0, :2] = wrong, 255 * wrong
        Image.fromarray(pixels).save(tmp_path / folder / "a.png")
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    program = tmp_path / "bin" / "vision"
    program.parent.mkdir()
    # Scores are shown as of a processor without units for int8.
    start = (
        "from visioncli import processor; processor.has_int8_units = lambda: False; "
        "from visioncli.__main__ import main; main()"
    )
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{start}" "$@"\n')
    program.chmod(0o755)
    for name, value in {"PATH": f"{program.parent}:/usr/bin:/bin", "COLUMNS": "110"}.items():
        monkeypatch.setenv(name, value)
    if "jq" in line:
        assert _as_jq_would(vision_of(line, tmp_path)) == answer
        return
    done = subprocess.run(["sh", "-c", f"{line} 2>words"], cwd=tmp_path, capture_output=True, check=False)
    words = (tmp_path / "words").read_text(encoding="utf-8")
    words = "".join(line for line in words.splitlines(keepends=True) if "for fast starts" not in line)
    # What comes on standard error beside a pipe may depend on who is faster.
    said = (done.stdout.decode() + ("" if "|" in line else words)).rstrip("\n")
    assert _alike(said, answer), f"{page}: {said}"


def vision_of(line: str, folder: Path) -> list[dict[str, Any]]:
    """The records of the part before `jq`, which is not everywhere."""
    command = f"{line.partition('|')[0]} 2>/dev/null"
    done = subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, check=True)
    return [json.loads(record) for record in done.stdout.splitlines()]


def _as_jq_would(records: list[dict[str, Any]]) -> str:
    return "\n".join(f"{p['label']}\t{p['score']}" for record in records for p in record["predictions"])


def _alike(said: str, shown: str) -> bool:
    """The same, where `…` in what is shown stands for anything that ends a line."""
    pattern = re.escape(shown).replace("…", ".*") if "gradcm" in shown else re.escape(shown)
    return re.fullmatch(pattern, said) is not None


def test_the_table_in_the_readme_is_what_the_program_finds(vision: Vision, tmp_path: Path, int8_units: None) -> None:
    text = README.read_text(encoding="utf-8")
    shown = dict(re.findall(r"^ {4}(?:\S*/)?(\w+\.(?:png|jpg)) {2,}(\S.*)$", text, flags=re.MULTILINE))
    (tmp_path / "sample_images").symlink_to(ROOT / "sample_images")
    ended = vision("classify", "sample_images", "--top-k", "3", "-o", "-", "-q")
    records = [Record.from_json(record) for record in ended.records]
    found = {Path(record.input).name: describe(record.predictions or ()) for record in records}
    # Other processors compute 8-bit networks too, but round their sums otherwise.
    assert shown == (found if HAS_UNITS else {name: shown[name] for name in found})


def test_lists_of_models_show_what_the_registry_knows() -> None:
    text = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^ {4}(\w+) +[a-z,]*detect\S* +([\d.]+) M +([\d.]+) +(?:([\d.]+) MiB|-)"
        r" +(?:box AP ([\d.]+)|-) +(?:box AP ([\d.]+)|-) ",
        text,
        re.M,
    )
    known = {row.name: row for row in ROWS if "detect" in row.tasks}
    assert {name for name, *_ in rows} == set(known)
    for name, parameters, gflops, mib, published, ours in rows:
        row = known[name]
        assert published == next((f"{a.value:.1f}" for a in row.accuracy if a.metric == "box AP"), "")
        assert ours == next((one.number for one in measured(row)), "")
        assert (parameters, gflops) == (f"{row.parameters / 1e6:.1f}", f"{row.gflops:.2f}")
        assert mib == (f"{row.file_mib:.1f}" if row.file_mib else "")


def test_what_the_page_says_of_a_networks_measured_figures_is_what_was_measured() -> None:
    text = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    (said,) = re.findall(r"^ {4}measured: +(.*)$", text, re.M)
    assert said == "; ".join(map(str, measured(find("ssd_mobilenet_v2"))))
