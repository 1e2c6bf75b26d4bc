"""Width and height of pictures, for formats that do not write them: from a folder of pictures or a COCO file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from visioncli.datasets.columns import LARGEST_SIDE, is_number
from visioncli.datasets.interface import DatasetError, Images
from visioncli.datasets.picture_names import PICTURE_SUFFIXES
from visioncli.datasets.text import read_json


def picture_stem(name: str) -> str:
    """A relative file name without the suffix of a picture: `a/cat.jpg` gives `a/cat`."""
    path = Path(name)
    return path.with_suffix("").as_posix() if path.suffix.lower() in PICTURE_SUFFIXES else path.as_posix()


def header_size(path: Path) -> tuple[int, int]:
    """Width and height of the upright picture, reading only its header. Raises DatasetError."""
    from PIL import ExifTags, Image

    try:
        with Image.open(path) as picture:
            width, height = picture.size
            turned = picture.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
    except Exception as problem:  # noqa: BLE001 - a decoder may raise anything
        raise DatasetError(f"{path}: the picture's size cannot be read ({problem}).") from None
    return (height, width) if turned else (width, height)


def pictures_in(folder: Path) -> Iterator[Path]:
    """The pictures of a folder, walked recursively and sorted; hidden entries are skipped."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and path.suffix.lower() in PICTURE_SUFFIXES and path.is_file():
            yield path


def _is_side(value: Any) -> bool:
    return is_number(value) and 0 < value < LARGEST_SIDE


class PictureTable:
    """Pictures by relative name, with their sizes: from `--images`, a folder or a COCO file, or as `known`."""

    def __init__(self, source: Path, known: Images | None = None) -> None:
        self._paths: dict[str, Path] = {}
        self._sizes: dict[str, tuple[int, int]] = {}
        if known is not None:
            sizes = zip(known.names, known.sizes.tolist(), strict=True)
            self._sizes = {name: (width, height) for name, (width, height) in sizes if name and width and height}
            self.names = tuple(self._sizes)
        elif source.is_dir():
            self._paths = {p.relative_to(source).as_posix(): p for p in pictures_in(source)}
            self.names = tuple(self._paths)
        else:
            self.names = tuple(self._from_coco(source))
        if not self.names and known is None:
            raise DatasetError(f"{source}: there are no pictures here to take sizes from.")
        self._source, self._every = source, frozenset(self.names)
        self._by_stem: dict[str, str] = {}
        self._twice: dict[str, str] = {}
        for name in self.names:
            if self._by_stem.setdefault(picture_stem(name), name) != name:
                self._twice[picture_stem(name)] = name
        self._by_last: dict[str, str | None] = {}
        for stem, name in self._by_stem.items():
            last = Path(stem).name
            self._by_last[last] = None if last in self._by_last else name

    def _from_coco(self, source: Path) -> Iterator[str]:
        body = read_json(source)
        images = body.get("images") if isinstance(body, dict) else None
        if not isinstance(images, list):
            raise DatasetError(f"{source}: --images takes a folder of pictures or a COCO file with an images list.")
        for i, entry in enumerate(images):
            body = entry if isinstance(entry, dict) else {}
            name, width, height = body.get("file_name"), body.get("width", 0), body.get("height", 0)
            if not isinstance(name, str) or not _is_side(width) or not _is_side(height):
                raise DatasetError(f"{source}: image {i} lacks file_name, width or height.")
            self._sizes[name] = int(width), int(height)
            yield name

    def find(self, name: str) -> str | None:
        """The picture whose relative name is `name`, with suffix or without, else the only one of its last part.

        Raises DatasetError where two pictures differ only by their suffix.
        """
        if name in self._every:
            return name
        for stem in (name, picture_stem(name)):
            if stem in self._twice:
                raise DatasetError(
                    f"{self._source}: {stem} may be {self._by_stem[stem]} or {self._twice[stem]}; "
                    "give the pictures names that differ."
                )
            if stem in self._by_stem:
                return self._by_stem[stem]
        return self._by_last.get(Path(picture_stem(name)).name)

    def size(self, name: str) -> tuple[int, int]:
        """Width and height of a picture of the table."""
        if name not in self._sizes:
            self._sizes[name] = header_size(self._paths[name])
        return self._sizes[name]
