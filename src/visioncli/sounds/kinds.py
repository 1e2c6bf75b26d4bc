"""Which files are recordings, by their first bytes or by what their names end in."""

ENDINGS = (
    *(".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".w64", ".rf64", ".caf"),
    *(".au", ".snd"),
)
"""Of files that are taken for recordings before they are opened."""
HEAD = 512
"""Bytes of a file that `is_sound` looks at."""

_OGG_SOUND = (b"\x01vorbis", b"OpusHead", b"\x7fFLAC")
_W64 = b"riff\x2e\x91\xcf\x11"
_MP3 = (b"\xff\xfb", b"\xff\xfa", b"\xff\xf3", b"\xff\xf2", b"\xff\xe3", b"\xff\xe2")
_PICTURES = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*")


def is_sound(head: bytes) -> bool:
    """Whether a file that begins with these bytes is a recording of a kind that is read."""
    if head.startswith((b"RIFF", b"RIFX", b"RF64")):
        return head[8:12] == b"WAVE"
    if head.startswith(b"FORM"):
        return head[8:12] in (b"AIFF", b"AIFC")
    if head.startswith(b"OggS"):
        return any(sign in head[:128] for sign in _OGG_SOUND)
    return head.startswith((b"fLaC", b"ID3", b"caff", b".snd", _W64, *_MP3))


def is_picture(head: bytes) -> bool:
    """Whether a file that begins with these bytes is a picture, of the kinds that people have."""
    return head.startswith(_PICTURES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")


def is_named_as_sound(name: str) -> bool:
    """Whether a path or address ends as those of recordings do."""
    return name.partition("?")[0].lower().endswith(ENDINGS)
