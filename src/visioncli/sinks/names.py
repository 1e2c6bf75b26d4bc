"""The formats of each task by name: all that help pages and completion need to know of sinks."""

FORMATS: dict[str, tuple[str, ...]] = {
    "classify": ("json", "csv", "parquet"),
    "detect": ("json", "coco", "yolo", "voc", "csv", "parquet"),
    "segment": ("json", "coco", "csv", "geojson", "parquet"),
    "pose": ("json", "coco", "csv", "parquet"),
    "gradcam": ("json", "csv", "parquet"),
    "caption": ("json", "coco", "csv", "parquet"),
    "embed": ("npy", "csv", "parquet", "json"),
    "similar": ("json", "csv", "parquet"),
    "dedupe": ("json", "csv", "parquet"),
    "spectrogram": ("json", "csv", "parquet"),
}
"""Formats of each task beside JSON Lines, which is always written."""
