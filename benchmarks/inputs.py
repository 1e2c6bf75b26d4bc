"""The pictures that the benchmark runs on: the samples of this repository, brought to a size, each one different."""

from pathlib import Path

import numpy as np
from PIL import Image

SAMPLES = Path(__file__).resolve().parents[1] / "sample_images"
NAMES = ("astronaut.png", "chelsea.png", "coffee.png", "grace_hopper.jpg", "rocket.jpg")


def make_folder(folder: Path, count: int, megapixels: float) -> list[Path]:
    """`count` JPEG files (quality 90) of about so many megapixels, in the samples' own shapes."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(round(megapixels * 10))
    samples = []
    for name in NAMES:
        with Image.open(SAMPLES / name) as image:
            samples.append(image.convert("RGB"))
    paths = [folder / f"{n:04d}.jpg" for n in range(count)]
    for n, path in enumerate(paths):
        sample = samples[n % len(samples)]
        scale = (megapixels * 1e6 / (sample.width * sample.height)) ** 0.5
        size = round(sample.width * scale), round(sample.height * scale)
        # A shifted crop makes each file another picture, without noise that no camera's JPEG has.
        left, top = rng.uniform(0, 0.1, 2) * sample.size
        box = (left, top, left + 0.9 * sample.width, top + 0.9 * sample.height)
        sample.resize(size, Image.Resampling.BICUBIC, box=box).save(path, quality=90)
    return paths


def multiply(folder: Path, target: Path, count: int) -> Path:
    """A folder of `count` links to the files of another, each of which comes up again and again."""
    target.mkdir()
    files = sorted(folder.iterdir())
    for n in range(count):
        (target / f"{n:06d}.jpg").symlink_to(files[n % len(files)])
    return target
