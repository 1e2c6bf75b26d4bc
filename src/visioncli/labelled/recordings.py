"""Recordings of a set: which sets are of them, and what is in one."""

from visioncli.errors import UsageError
from visioncli.inputs.addresses import is_url
from visioncli.labelled.interface import Example, PictureSet
from visioncli.pictures.patience import Patience
from visioncli.sounds import Recording, open_recording
from visioncli.sounds.kinds import is_named_as_sound

Source = str | bytes


def are_recordings(pictures: PictureSet) -> bool:
    """Whether a set is of recordings, by their names. Raises UsageError where some are, and others are pictures."""
    sounds = [is_named_as_sound(example.path) for example in pictures.examples]
    if any(sounds) and not all(sounds):
        sound, picture = (pictures.examples[sounds.index(kind)].shown for kind in (True, False))
        raise UsageError(
            f"{pictures.source} has recordings such as {sound}, and pictures such as {picture}. No network takes "
            "both: give each kind by itself."
        )
    return bool(sounds) and sounds[0]


def source_of(example: Example) -> Source:
    """The path of an example that is a file, or the bytes of one that lies in an archive or on a server. Raises
    InputError."""
    if example.content is not None:
        content = example.content()
        assert isinstance(content, bytes)  # arrays are pictures
        return content
    if is_url(example.path):
        from visioncli.inputs.fetch import fetch

        return fetch(example.path)
    return example.path


def opened(example: Example, patience: Patience | None = None) -> Recording:
    """The recording, to be read once. Raises InputError, OSError."""
    return open_recording(source_of(example), patience=patience)
