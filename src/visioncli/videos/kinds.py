"""Which inputs are videos or cameras, by their names; and what of their kind cannot be one, by the first bytes."""

import re

ENDINGS = (
    *(".mp4", ".m4v", ".mov", ".qt", ".mkv", ".webm", ".avi", ".wmv", ".asf", ".flv", ".f4v", ".mpg", ".mpeg"),
    *(".m2v", ".mts", ".m2ts", ".ts", ".vob", ".ogv", ".3gp", ".3g2", ".mxf", ".y4m", ".h264", ".h265", ".hevc"),
    *(".264", ".265", ".ivf", ".nut", ".mjpeg", ".mjpg", ".dv"),
)
"""Of files that are taken for videos."""
_CAMERA = re.compile(r"camera:(\d{1,3})")
_NO_VIDEO = (
    b"\x89PNG\r\n",
    b"\xff\xd8\xff\xe0",
    b"\xff\xd8\xff\xe1",
    b"GIF8",
    b"II*\0",
    b"MM\0*",
    b"%PDF-",
    b"PK\3\4",
)
HEAD = 16
"""Bytes of a file that `is_none` looks at."""


def is_named_as_video(name: str) -> bool:
    """Whether a path or address ends as those of videos do."""
    return name.partition("?")[0].lower().endswith(ENDINGS)


def camera(name: str) -> int | None:
    """The number of the camera that an input such as `camera:0` names; None for any other one."""
    found = _CAMERA.fullmatch(name)
    return int(found[1]) if found else None


def has_frames(name: str) -> bool:
    """Whether an input of this name is to be read as many frames."""
    return is_named_as_video(name) or camera(name) is not None


def is_none(head: bytes, name: str) -> bool:
    """Whether a file that is called as videos are is something else, which other readers tell of: a picture, an
    archive, or program text in a `.ts` file."""
    if head.startswith(_NO_VIDEO) and not name.lower().endswith((".mjpeg", ".mjpg")):
        return True
    return name.lower().endswith(".ts") and bool(head) and b"\0" not in head and head[:1] != b"G"
