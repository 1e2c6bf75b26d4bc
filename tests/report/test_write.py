import base64
import hashlib
import re
import zipfile
from pathlib import Path

from visioncli.report.columns import script
from visioncli.report.write import page_files, write_folder, write_single, write_zip
from visioncli.sinks.folder import OutputFolder

DATA = script({"name": "</script>"})


def policy(text: str) -> str:
    (found,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    return str(found)


def test_the_folder_holds_every_file_that_the_page_names(tmp_path: Path) -> None:
    out = OutputFolder(tmp_path / "report")
    write_folder(out, "A <title>", DATA)
    out.close()
    text = (tmp_path / "report" / "index.html").read_text()
    named = re.findall(r'(?:src|href)="([\w./-]+)"', text)
    assert set(named) - {"data.js"} == set(page_files())
    assert all((tmp_path / "report" / name).is_file() for name in named)
    assert "<title>A &lt;title&gt;</title>" in text


def test_the_policy_lets_nothing_in_but_what_lies_beside_the_page(tmp_path: Path) -> None:
    out = OutputFolder(tmp_path / "report")
    write_folder(out, "x", DATA)
    out.close()
    found = policy((tmp_path / "report" / "index.html").read_text())
    assert found.startswith("default-src 'none'; script-src 'self';")
    assert not re.search(r"unsafe|https?:|\*", found)


def test_the_page_has_no_script_and_no_style_in_its_markup() -> None:
    from importlib.resources import files

    text = (files("visioncli.report") / "page" / "index.html").read_text()
    assert not re.search(r"<script>|<style|\son\w+=|\sstyle=", text)


def test_no_script_of_the_page_makes_markup_of_text_or_asks_for_anything() -> None:
    for name, content in page_files().items():
        text = content.decode()
        words = (
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|fetch\(|XMLHttp|WebSocket"
        )
        assert not re.search(words, text), name
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text), name
        assert len(text.splitlines()) < 400, name


def test_one_file_has_everything_inside_under_the_hashes_of_its_policy(tmp_path: Path) -> None:
    write_single(tmp_path / "x.html", "x", DATA)
    text = (tmp_path / "x.html").read_text(encoding="utf-8")
    assert not re.search(r'(?:src|href)="(?!#)', text)
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        inside = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        hashes = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in inside]
        (allowed,) = re.findall(rf"{directive} ([^;]*);", policy(text))
        assert allowed.split() == [f"'sha256-{one}'" for one in hashes]


def test_the_archive_unpacks_to_a_folder_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "index.html").write_text("hello")
    write_zip(tmp_path / "report", tmp_path / "report.zip", {"index.html": None})
    with zipfile.ZipFile(tmp_path / "report.zip") as archive:
        assert archive.namelist() == ["report/index.html"]
        assert archive.testzip() is None
