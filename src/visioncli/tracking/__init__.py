"""Which objects of a video's frames are the same ones, frame after frame."""
