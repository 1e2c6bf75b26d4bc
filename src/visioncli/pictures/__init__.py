"""Files and addresses -> upright 8-bit RGB pictures, or an InputError that says what is wrong."""

from visioncli.pictures.reading import DEFAULT_MAX_PIXELS, Picture, at_hand, decode, of_memory, of_video, planes, read

__all__ = ["DEFAULT_MAX_PIXELS", "Picture", "at_hand", "decode", "of_memory", "of_video", "planes", "read"]
