"""`python -m benchmarks.duplicates PHOTOS [OTHERS...]`: which altered copies `vision dedupe` finds, and what it takes
for copies that are none.

Of each picture in PHOTOS altered copies are made (resized, stored again at JPEG quality 40, cut by 5 % on each side
or at two sides, brightened by a quarter, mirrored), and where PHOTOS has COCO's `instances.json` beside its folder,
one in which the largest object was moved by 5 % of the width, as the next frame of a burst might show it: no copy.
OTHERS are folders of different pictures. A pair counts as found where both are in one group; it is wrong where they
are of different pictures.
"""

import argparse
import itertools
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from visioncli.alike.groups import groups
from visioncli.alike.sight import Look, Sight
from visioncli.api import build_task
from visioncli.inputs.sources import Expansion
from visioncli.runner import RunOptions, run
from visioncli.tasks.embed.task import Embed

Alter = Callable[[Image.Image], Image.Image]
MIRRORED, MOVED = "mirrored", "moved"
QUALITIES = {"q40": 40}
USUAL_QUALITY = 92
LARGER_FROM = 20
"""So many pictures also get an enlarged copy: 40 pictures then have 300 copies."""


def _resized(by: float) -> Alter:
    def alter(image: Image.Image) -> Image.Image:
        return image.resize((round(image.width * by), round(image.height * by)), Image.Resampling.LANCZOS)

    return alter


def _cropped(left: float, top: float, right: float, bottom: float) -> Alter:
    def alter(image: Image.Image) -> Image.Image:
        w, h = image.size
        return image.crop((round(left * w), round(top * h), round((1 - right) * w), round((1 - bottom) * h)))

    return alter


ALTERATIONS: dict[str, Alter] = {
    "half": _resized(0.5),
    "quarter": _resized(0.25),
    "q40": Image.Image.copy,
    "crop each side": _cropped(0.05, 0.05, 0.05, 0.05),
    "crop two sides": _cropped(0.0, 0.0, 0.05, 0.05),
    "brightened": lambda image: ImageEnhance.Brightness(image).enhance(1.25),
    MIRRORED: ImageOps.mirror,
}


def make_copies(photos: Sequence[Path], folder: Path) -> None:
    """Writes `PICTURE.HOW.jpg` for each of the photos."""
    for n, path in enumerate(photos):
        with Image.open(path) as opened:
            image = opened.convert("RGB")
        several = ALTERATIONS if n >= LARGER_FROM else ALTERATIONS | {"larger": _resized(1.5)}
        for how, alter in several.items():
            alter(image).save(folder / f"{path.stem}.{how}.jpg", quality=QUALITIES.get(how, USUAL_QUALITY))


def make_moved(photos: Sequence[Path], instances: Path, folder: Path) -> None:
    """Writes `PICTURE.moved.jpg`: an object of 2 to 35 % of the picture, moved by 5 % of the width; where it was,
    what is beside it."""
    from pycocotools import mask

    truth = json.loads(instances.read_bytes())
    sizes = {image["file_name"]: image for image in truth["images"]}
    for path in photos:
        if path.name not in sizes:
            continue
        facts = sizes[path.name]
        area = facts["width"] * facts["height"]
        objects = [
            a
            for a in truth["annotations"]
            if a["image_id"] == facts["id"] and not a["iscrowd"] and 0.02 < a["area"] / area < 0.35
        ]
        if not objects:
            continue
        largest = max(objects, key=lambda a: float(a["area"]))
        codes = mask.frPyObjects(largest["segmentation"], facts["height"], facts["width"])
        inside = mask.decode(mask.merge(codes)).astype(bool)
        with Image.open(path) as opened:
            pixels = np.asarray(opened.convert("RGB"))
        by = round(0.05 * facts["width"])
        moved = pixels.copy()
        moved[inside] = np.roll(pixels, 2 * by + round(largest["bbox"][2]), axis=1)[inside]
        there = np.roll(inside, by, axis=1)
        there[:, :by] = False
        moved[there] = np.roll(pixels, by, axis=1)[there]
        Image.fromarray(moved).save(folder / f"{path.stem}.{MOVED}.jpg", quality=USUAL_QUALITY)


def look(folders: Iterable[Path]) -> list[Sight]:
    """All that is taken of each picture."""
    task = build_task("embed")
    assert isinstance(task, Embed)
    sights = []
    for outcome in run(Expansion().items(map(str, folders)), Look(task), RunOptions(reduce=True)):
        record = outcome.record
        if record.error is None:
            facts = record.extra
            size = record.width or 0, record.height or 0
            about = facts["content"], facts["bytes"], facts["changed"]
            arrays = outcome.arrays["thumbnail"], outcome.arrays["features"]
            sights.append(Sight(outcome.item.path, *about, *size, *arrays))
    return sights


@dataclass(frozen=True, slots=True)
class Measured:
    """`found` and `made` count copies by how they were made, `right` and `wrong` pairs within groups."""

    found: Counter[str]
    made: Counter[str]
    right: int
    wrong: int

    def recall(self, without: Iterable[str] = (MIRRORED, MOVED)) -> float:
        """The share of the copies that are in one group with what they are copies of."""
        kinds = self.made.keys() - set(without)
        return sum(self.found[k] for k in kinds) / sum(self.made[k] for k in kinds)

    @property
    def precision(self) -> float:
        """The share of the pairs in groups that are of one picture."""
        return self.right / max(self.right + self.wrong, 1)


def measure(sights: Sequence[Sight], copies: Path, *, mirrored: bool) -> Measured:
    """How good the groups of these pictures are; those in the folder `copies` are the altered ones."""
    group_of: dict[str, int] = {}
    right = wrong = 0
    for number, group in enumerate(groups(sights, mirrored=mirrored)):
        members = [Path(sights[place].path) for place in (group.kept, *group.others)]
        group_of |= {str(path): number for path in members}
        for a, b in itertools.combinations(members, 2):
            same = _picture(a) == _picture(b) and MOVED not in (_how(a, copies), _how(b, copies))
            right, wrong = right + same, wrong + (not same)
    originals = {_picture(path): str(path) for s in sights if (path := Path(s.path)).parent != copies}
    made: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for sight in sights:
        path = Path(sight.path)
        if how := _how(path, copies):
            made[how] += 1
            found[how] += group_of.get(str(path), -1) == group_of.get(originals[_picture(path)], -2)
    return Measured(found, made, right, wrong)


def _picture(path: Path) -> str:
    return path.name.split(".")[0]


def _how(path: Path, copies: Path) -> str:
    return path.name.split(".")[1] if path.parent == copies else ""


def main() -> None:
    """Prints a table of what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("others", type=Path, nargs="*")
    args = parser.parse_args()
    photos = sorted(path for path in args.photos.iterdir() if path.is_file())
    with tempfile.TemporaryDirectory() as name:
        copies = Path(name)
        make_copies(photos, copies)
        instances = args.photos.parent / "instances.json"
        if instances.is_file():
            make_moved(photos, instances, copies)
        sights = look([args.photos, copies, *args.others])
        for mirrored in (False, True):
            start = time.perf_counter()
            measured = measure(sights, copies, mirrored=mirrored)
            seconds = time.perf_counter() - start
            print(f"\n{'with' if mirrored else 'without'} --mirrored: {len(sights):,} pictures in {seconds:.1f} s")
            for how, count in measured.made.items():
                print(f"  {how:<16}{measured.found[how]:>4} of {count}")
            print(f"  recall without mirrored ones {measured.recall():.3f}, precision {measured.precision:.3f}")


if __name__ == "__main__":
    sys.exit(main())
