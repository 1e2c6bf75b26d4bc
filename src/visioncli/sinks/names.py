"""The formats of each task by name: all that help pages and completion need to know of sinks."""

FORMATS: dict[str, tuple[str, ...]] = {
    "classify": ("json", "csv"),
    "detect": ("json", "coco", "yolo", "voc", "csv"),
    "segment": ("json", "coco", "csv", "geojson"),
    "pose": ("json", "coco", "csv"),
    "gradcam": ("json", "csv"),
    "caption": ("json", "coco", "csv"),
    "embed": ("npy", "csv", "parquet", "json"),
    "similar": ("json", "csv"),
    "dedupe": ("json", "csv"),
    "spectrogram": ("json", "csv"),
}
"""Formats of each task beside JSON Lines, which is always written."""
