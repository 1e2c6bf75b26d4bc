"""Darknet's two files of a YOLOv3: the .cfg, written from this module's own tables, and random .weights."""

import struct
from pathlib import Path

import numpy as np

from visioncli.networks.anchors import YOLO_ANCHORS


def convolution(filters: int, kernel: int, stride: int = 1, *, norm: bool = True) -> str:
    normalised = "batch_normalize=1\n" if norm else ""
    activation = "leaky" if norm else "linear"
    return (
        f"[convolutional]\n{normalised}filters={filters}\nsize={kernel}\nstride={stride}\npad=1\n"
        f"activation={activation}\n"
    )


def route(*layers: int) -> str:
    return f"[route]\nlayers={','.join(map(str, layers))}\n"


def yolo(mask: tuple[int, ...], anchors: list[tuple[int, int]], classes: int) -> str:
    shown = ", ".join(f"{w},{h}" for w, h in anchors)
    return (
        f"[yolo]\nmask={','.join(map(str, mask))}\nanchors={shown}\nclasses={classes}\nnum={len(anchors)}\n"
        "jitter=.3\nignore_thresh=.7\ntruth_thresh=1\nrandom=1\n"
    )


UPSAMPLE = "[upsample]\nstride=2\n"
SHORTCUT = "[shortcut]\nfrom=-3\nactivation=linear\n"


def full_layers(classes: int) -> list[str]:
    """The sections of yolov3.cfg in their order, 107 of them."""
    fine_to_coarse = [a for one in reversed(YOLO_ANCHORS["full"]) for a in one]
    layers = [convolution(32, 3)]
    for n, blocks in enumerate((1, 2, 8, 8, 4)):
        channels = 64 * 2**n
        layers.append(convolution(channels, 3, 2))
        for _ in range(blocks):
            layers += [convolution(channels // 2, 1), convolution(channels, 3), SHORTCUT]
    for channels, mask, skip in ((512, (6, 7, 8), None), (256, (3, 4, 5), 61), (128, (0, 1, 2), 36)):
        if skip is not None:
            layers += [route(-4), convolution(channels, 1), UPSAMPLE, route(-1, skip)]
        layers += [convolution(channels, 1), convolution(2 * channels, 3)] * 3
        layers += [convolution(3 * (5 + classes), 1, norm=False), yolo(mask, fine_to_coarse, classes)]
    return layers


def tiny_layers(classes: int) -> list[str]:
    """The sections of yolov3-tiny.cfg in their order, 24 of them, with the masks of the published weights."""
    anchors = [(10, 14), *YOLO_ANCHORS["tiny"][1], *YOLO_ANCHORS["tiny"][0][1:]]
    layers = []
    for channels in (16, 32, 64, 128, 256, 512):
        layers += [convolution(channels, 3), f"[maxpool]\nsize=2\nstride={2 if channels < 512 else 1}\n"]
    layers += [convolution(1024, 3), convolution(256, 1), convolution(512, 3)]
    layers += [convolution(3 * (5 + classes), 1, norm=False), yolo((3, 4, 5), anchors, classes)]
    layers += [route(-4), convolution(128, 1), UPSAMPLE, route(-1, 8), convolution(256, 3)]
    return [*layers, convolution(3 * (5 + classes), 1, norm=False), yolo((1, 2, 3), anchors, classes)]


LAYERS = {"full": full_layers, "tiny": tiny_layers}


def write_cfg(path: Path, variant: str, classes: int, side: int = 416) -> None:
    net = f"[net]\nbatch=1\nsubdivisions=1\nwidth={side}\nheight={side}\nchannels=3\n"
    path.write_text("\n".join([net, *LAYERS[variant](classes)]))


def write_weights(path: Path, variant: str, classes: int, minor: int = 2) -> None:
    """Random numbers in the file's order, such that activations stay within bounds."""
    rng = np.random.default_rng(0)
    seen = struct.pack("<Q", 32013312) if minor >= 2 else struct.pack("<I", 32013312)
    with path.open("wb") as file:
        file.write(struct.pack("<iii", 0, minor, 0) + seen)
        channels: list[int] = []
        inputs = 3
        for layer in LAYERS[variant](classes):
            kind, _, body = layer.partition("\n")
            facts = dict(line.split("=") for line in body.splitlines() if "=" in line)
            if kind == "[convolutional]":
                outputs, kernel = int(facts["filters"]), int(facts["size"])
                if "batch_normalize" in facts:
                    parts = [rng.normal(0, 0.1, outputs), rng.uniform(0.4, 0.8, outputs)]
                    parts += [rng.normal(0, 0.1, outputs), rng.uniform(0.5, 1.5, outputs)]
                else:
                    parts = [rng.normal(0, 0.1, outputs)]
                fan_in = inputs * kernel * kernel
                parts.append(rng.normal(0, (1 / fan_in) ** 0.5, outputs * fan_in))
                for part in parts:
                    file.write(part.astype("<f4").tobytes())
                inputs = outputs
            elif kind == "[route]":
                places = [int(n) if int(n) >= 0 else len(channels) + int(n) for n in facts["layers"].split(",")]
                inputs = sum(channels[n] for n in places)
            channels.append(inputs)
