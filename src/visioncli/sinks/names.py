"""The formats of each task by name: all that help pages and completion need to know of sinks."""

FORMATS: dict[str, tuple[str, ...]] = {
    "classify": ("json", "csv", "parquet", "labelstudio", "cvat", "xmp"),
    "detect": ("json", "coco", "yolo", "voc", "csv", "parquet", "labelstudio", "cvat", "xmp"),
    "segment": ("json", "coco", "csv", "geojson", "parquet", "labelstudio", "cvat", "xmp"),
    "pose": ("json", "coco", "csv", "parquet", "labelstudio", "cvat", "xmp"),
    "gradcam": ("json", "csv", "parquet"),
    "caption": ("json", "coco", "csv", "parquet", "labelstudio", "xmp"),
    "embed": ("npy", "csv", "parquet", "json"),
    "similar": ("json", "csv", "parquet"),
    "dedupe": ("json", "csv", "parquet"),
    "spectrogram": ("json", "csv", "parquet"),
    "stylize": ("json", "csv", "parquet"),
    "generate": ("json", "csv", "parquet"),
}
"""Formats of each task beside JSON Lines, which is always written."""
