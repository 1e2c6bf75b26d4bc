"""The program between other programs: paths on standard input, records on standard output."""

import functools
import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from conftest import Ended

Vision = Callable[..., Ended]
Start = Callable[..., subprocess.Popen[bytes]]
Make = Callable[..., list[Path]]


def test_paths_come_one_a_line(vision: Vision, pictures: Make) -> None:
    pictures(3)
    ended = vision("classify", "-", "-o", "out", stdin=b"photos/002.png\r\n\nphotos/000.png\nmissing.png")
    assert ended.status == 1
    assert [r["input"] for r in ended.records] == ["photos/002.png", "photos/000.png", "missing.png"]
    assert Path("out/photos/002.png.classify.jpg").exists()


def test_null_separated_paths_may_be_any_bytes(vision: Vision, pictures: Make) -> None:
    (path,) = pictures(1)
    names = [
        b"two\nlines.png",
        b"-dash.png",
        b"caf\xe9 \xff.png",
        "猫.png".encode(),
        b"a;b $(x) 'q\".png",
        b"%s[1]*.png",
    ]
    for name in names:
        Path(os.fsdecode(name)).write_bytes(path.read_bytes())
    ended = vision("classify", "-", "-0", "-o", "out", "-f", "csv", stdin=b"\0".join(names) + b"\0")
    assert ended.status == 0
    assert [os.fsencode(r["input"]) for r in ended.records] == names
    assert all(os.path.exists(r["files"]["annotated"]) for r in ended.records)
    again = vision("classify", "-", "-0", "-o", "out", "--resume", stdin=b"\0".join(names) + b"\0")
    assert again.records == ended.records


def test_odd_names_are_printed_without_control_characters(vision: Vision, tmp_path: Path) -> None:
    ended = vision("classify", b"a\x1b[31m\n\xff.png", "-o", "-")
    assert ended.err.startswith("vision: a\\x1b[31m\\n\\udcff.png: There is no such file.")


def test_a_file_whose_name_begins_with_a_dash_comes_after_two(vision: Vision, pictures: Make) -> None:
    Path("-x.png").write_bytes(pictures(1)[0].read_bytes())
    assert vision("classify", "-o", "-", "--", "-x.png").status == 0


def test_a_picture_on_standard_input_is_wrong_usage(vision: Vision, pictures: Make) -> None:
    ended = vision("classify", "-", stdin=pictures(1)[0].read_bytes())
    assert (ended.status, ended.out) == (2, b"")
    assert "binary data" in ended.err
    assert not Path("vision-out").exists()


def test_an_empty_pipe_is_no_input(vision: Vision) -> None:
    assert vision("classify", "-", "-o", "-").status == 3


def test_each_record_comes_out_before_the_next_path_goes_in(start_vision: Start, pictures: Make) -> None:
    paths = pictures(3)
    process = start_vision("classify", "-", "-o", "out")
    assert process.stdin is not None
    assert process.stdout is not None
    for path in paths:
        process.stdin.write(f"{path}\n".encode())
        process.stdin.flush()
        assert str(path).encode() in process.stdout.readline()
    out, _ = process.communicate(timeout=20)
    assert out == b""
    assert process.returncode == 0


def test_a_reader_that_leaves_ends_the_program_quietly(pictures: Make, tmp_path: Path) -> None:
    pictures(12)
    for output in ("-o - -f csv", "-o out"):
        command = f'"{sys.executable}" -m visioncli classify photos {output} --annotated none -q; echo $? >&2'
        done = subprocess.run(
            ["bash", "-c", f"{{ {command}; }} | head -1"], cwd=tmp_path, capture_output=True, check=False
        )
        assert done.stdout.count(b"\n") == 1
        assert done.stderr in (b"141\n", b"0\n")


def test_records_do_not_depend_on_the_locale(start_vision: Start, pictures: Make) -> None:
    Path(pictures(1)[0]).rename(pictures(1)[0].parent / "猫.png")
    process = start_vision("classify", "photos", "-o", "-", env={"LC_ALL": "C", "PYTHONIOENCODING": "ascii"})
    out, err = process.communicate(timeout=60)
    assert "猫.png" in out.decode()
    assert b"Traceback" not in err
    assert process.returncode in (0, 1)


def test_a_named_pipe_is_an_input(vision: Vision, pictures: Make) -> None:
    os.mkfifo("pipe")
    writer = threading.Thread(target=Path("pipe").write_bytes, args=(pictures(1)[0].read_bytes(),))
    writer.start()
    assert vision("classify", "pipe", "-o", "-").status == 0
    writer.join()


def test_addresses_and_files_may_be_mixed(vision: Vision, pictures: Make, tmp_path: Path) -> None:
    pictures(1)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=tmp_path)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        ended = vision("classify", f"{address}/photos/000.png", "photos", f"{address}/none.png", "-o", "out")
        server.shutdown()
    assert ended.status == 1
    remote, local, missing = ended.records
    assert remote["predictions"] == local["predictions"]
    assert remote["files"]["annotated"] == f"out/127.0.0.1_{server.server_port}/photos/000.png.classify.jpg"
    assert Path(remote["files"]["annotated"]).exists()
    assert missing["error"]["kind"] == "url_failed"
