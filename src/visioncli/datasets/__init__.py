"""Readers of annotations and detections: every file format becomes the one `Dataset` of `interface.py`."""
