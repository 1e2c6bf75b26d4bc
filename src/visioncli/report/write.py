"""The report as files: a folder with a page, its data and thumbnails, or all of it in one file."""

import base64
import hashlib
import html
import re
import zipfile
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from visioncli.files import whole_file, write_whole
from visioncli.sinks.folder import OutputFolder

PAGE, DATA = "index.html", "data.js"
OWN_PAGE, SAMPLES_PAGE = "page", "samples_page"
"""Folders of this package: the page of records, and that of what networks made on the way."""
FOLDER_POLICY = "script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self'"
SINGLE_POLICY = "script-src {scripts}; style-src {styles}; img-src data: blob:; media-src data:"
POLICY = "default-src 'none'; {sources}; base-uri 'none'; form-action 'none'"
"""Nothing but what lies beside the page is ever loaded: no connection, no frame, no script inside of the markup."""
_STYLE = re.compile(r'<link rel="stylesheet" href="(page/[\w.-]+)">')
_SCRIPT = re.compile(r'<script src="([\w./-]+)"></script>')


def page_files(page: str = OWN_PAGE) -> dict[str, bytes]:
    """The page's own files by name: `page/style.css`, `page/grid.js` …"""
    folder = files("visioncli.report") / page
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith((".css", ".js")))
    return {f"page/{name}": (folder / name).read_bytes() for name in names}


def _markup(title: str, sources: str, page: str) -> str:
    text = (files("visioncli.report") / page / PAGE).read_text(encoding="utf-8")
    text = text.replace("<title>vision report</title>", f"<title>{html.escape(title)}</title>")
    return text.replace("content=\"default-src 'none'\"", f'content="{POLICY.format(sources=sources)}"')


def write_folder(out: OutputFolder, title: str, data: str, page: str = OWN_PAGE) -> None:
    """The page, its files and its data; the page last, so that it never opens on half of them. Raises OutputError."""
    for name, content in page_files(page).items():
        write_whole(out.file(name), content, out.partial)
    write_whole(out.file(DATA), data.encode("ascii"), out.partial)
    write_whole(out.file(PAGE), _printable(_markup(title, FOLDER_POLICY, page)), out.partial)


def write_single(target: Path, title: str, data: str, page: str = OWN_PAGE) -> None:
    """The page with everything inside; its policy names each script and style by its hash. Raises OutputError."""
    own = {name: content.decode("utf-8") for name, content in page_files(page).items()} | {DATA: data}
    text = _markup(title, "{sources}", page)
    styles = [own[name] for name in _STYLE.findall(text)]
    scripts = [own[name] for name in _SCRIPT.findall(text)]
    text = _STYLE.sub(lambda found: f"<style>{own[found[1]]}</style>", text)
    text = _SCRIPT.sub(lambda found: f"<script>{own[found[1]]}</script>", text)
    sources = SINGLE_POLICY.format(scripts=" ".join(map(_hash, scripts)), styles=" ".join(map(_hash, styles)))
    write_whole(target, _printable(text.replace("{sources}", sources, 1)))


def _printable(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode()}'"


def write_zip(folder: Path, target: Path, names: Mapping[str, None]) -> None:
    """The files of a report in one archive, below a folder of its name. Raises OutputError."""
    with whole_file(target) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            stored = name.endswith((".webp", ".png", ".mp3", ".ogg", ".oga", ".opus", ".flac"))
            kind = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            archive.write(folder / name, f"{target.stem}/{name}", compress_type=kind)
