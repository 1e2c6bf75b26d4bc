"""Recordings -> one channel of samples, block by block, and their log-mel spectrograms."""

from visioncli.sounds.kinds import is_sound
from visioncli.sounds.reading import Recording, is_recording, open_recording

__all__ = ["Recording", "is_recording", "is_sound", "open_recording"]
