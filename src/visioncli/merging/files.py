"""The files of a shard's pictures on their way into the merged folder."""

import errno
import os
import shutil
from enum import StrEnum
from pathlib import Path

from visioncli.files import explain, whole_file
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.journal import bytes_of
from visioncli.sinks.yolo import without_images
from visioncli.videos.frames import MARK


class Files(StrEnum):
    """What becomes of the annotated pictures and the other files of each picture."""

    COPY = "copy"
    MOVE = "move"
    LEAVE = "leave"


def name_in_all(name: str, output: str, base: str, stem: str) -> str:
    """What a file of a shard, `name` below its folder, is called where its input's results are called after `base`.

    `output` is what they were called after in the shard, `stem` is `base` without its suffix, as the formats with
    folders of their own use it.
    """
    ending = os.path.splitext(name)[1]
    if name.startswith("voc/"):
        return f"voc/{stem}{ending}"
    for folder in ("yolo/labels/", "yolo/images/"):
        if name.startswith(folder):
            return f"{folder}{without_images(stem)}{ending}"
    # What the frames of a video have in common is called after the video.
    for old, new in ((output, base), (output.rpartition(MARK)[0], base.rpartition(MARK)[0])):
        for folder in ("", "xmp/"):
            if old and name.startswith(folder + old):
                return folder + new + name[len(folder + old) :]
    return name


def is_there(source: Path, target: Path, size: int, how: Files) -> bool:
    """Whether a file, or a folder of files, is as the record says; that of a move that was killed may be on both
    sides."""
    if bytes_of(str(source)) == size:
        return True
    if how is not Files.MOVE:
        return False
    parts = [max(bytes_of(str(path)), 0) for path in (source, target)]
    return sum(parts) == size and (source.exists() or target.exists())


def carry(source: Path, out: OutputFolder, name: str, how: Files) -> None:
    """Brings a file, or each file of a folder, to `name` in the merged folder, whole or not at all.

    One that a killed merge has moved already stays where it is. Raises OutputError.
    """
    try:
        there = source == out.path / name
        if source.is_dir() and not there:
            for one in sorted(os.listdir(source)):
                _carry_file(source / one, out, f"{name}/{one}", how)
            if how is Files.MOVE:
                source.rmdir()
        elif not there and (how is Files.COPY or source.exists()):
            _carry_file(source, out, name, how)
        else:  # it is this input's: no other one may get its name
            target = out.path / name
            for one in [f"{name}/{below}" for below in os.listdir(target)] if target.is_dir() else [name]:
                out.check(one)
    except OSError as problem:
        raise explain(problem, out.path / name) from problem


def _carry_file(source: Path, out: OutputFolder, name: str, how: Files) -> None:
    target = out.file(name)
    if how is Files.MOVE:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(source, target)
        except OSError as problem:
            if problem.errno != errno.EXDEV:
                raise
        else:
            return
    with whole_file(target, out.partial) as temporary:
        shutil.copyfile(source, temporary)
    if how is Files.MOVE:
        os.unlink(source)
