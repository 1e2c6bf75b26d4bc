"""What a user would write or install instead, as programs: `python -m benchmarks.peers NAME FOLDER_OR_FILE`.

Every one classifies with the same network (timm's tf_efficientnet_lite0, random weights: speed does not depend on
them), except ultralytics, whose smallest classifier stands for its start-up.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SIZE, RESIZE = 224, 256


def _network() -> Any:
    import timm

    return timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()


def _transform() -> Any:
    from torchvision import transforms

    return transforms.Compose(
        [
            transforms.Resize(RESIZE, transforms.InterpolationMode.BICUBIC),
            transforms.CenterCrop(SIZE),
            transforms.ToTensor(),
            transforms.Normalize((0.498,) * 3, (0.502,) * 3),
        ]
    )


def loop(paths: list[Path]) -> Iterator[int]:
    """The plain loop: PIL, torchvision transforms, one picture at a time."""
    import torch
    from PIL import Image

    network, transform = _network(), _transform()
    with torch.inference_mode():
        for path in paths:
            x = transform(Image.open(path).convert("RGB"))[None]
            yield int(network(x).softmax(-1).argmax())


def loader(paths: list[Path]) -> Iterator[int]:
    """The same with a DataLoader: two worker processes, batches of eight."""
    import torch
    from PIL import Image
    from torch.utils.data import DataLoader, Dataset

    transform = _transform()

    class Files(Dataset):  # type: ignore[type-arg]
        def __len__(self) -> int:
            return len(paths)

        def __getitem__(self, n: int) -> Any:
            return transform(Image.open(paths[n]).convert("RGB"))

    network = _network()
    with torch.inference_mode():
        for batch in DataLoader(Files(), batch_size=8, num_workers=2):
            yield from network(batch).softmax(-1).argmax(-1).tolist()


def pipeline(paths: list[Path]) -> Iterator[int]:
    """The transformers pipeline around the same timm network, batches of eight."""
    from transformers import TimmWrapperConfig, TimmWrapperForImageClassification, TimmWrapperImageProcessor
    from transformers import pipeline as make

    config = TimmWrapperConfig(architecture="tf_efficientnet_lite0", num_labels=1000)
    network = TimmWrapperForImageClassification(config).eval()
    processor = TimmWrapperImageProcessor(pretrained_cfg=network.timm_model.pretrained_cfg)
    classify = make("image-classification", model=network, image_processor=processor, device="cpu")
    for found in classify([str(path) for path in paths], batch_size=8):
        yield len(found)


def yolo(paths: list[Path]) -> Iterator[int]:
    """Ultralytics' smallest classifier with random weights."""
    from ultralytics import YOLO

    network = YOLO("yolo11n-cls.yaml")
    for found in network.predict([str(path) for path in paths], verbose=False, stream=True):
        yield int(found.probs.top1)


PEERS = {f.__name__: f for f in (loop, loader, pipeline, yolo)}


if __name__ == "__main__":
    target = Path(sys.argv[2])
    files = sorted(target.iterdir()) if target.is_dir() else [target]
    sys.stdout.write(f"{sum(1 for _ in PEERS[sys.argv[1]](files))}\n")
