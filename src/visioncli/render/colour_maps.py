"""Colours for numbers: perceptually uniform maps of matplotlib (van der Walt and Smith, CC0), and grey."""

from functools import cache

import numpy as np

# Every fifth of a map's 256 colours, or every fifteenth, as hexadecimal; those between are interpolated.
_INFERNO = (
    "00000402020c0504170a072210092d160b391e0c45260c512f0a5b380962400a67490b6a510e6c"
    "59106e61136e69166e71196e781c6d801f6c88226a902568982766a02a63a82e5fb0315bb73557"
    "bf3952c63d4dcc4248d34743d94d3ddf5337e45a31e9612bed6925f1711ff47918f78212f98b0b"
    "fa9407fb9d07fca60cfcb014fbba1ffac42af8cd37f6d746f4e156f2ea69f2f27df5f992fcffa4"
)
_VIRIDIS = (
    "440154481769472a7a433d843d4e8a355e8d2e6d8e297b8e23898e1f978b21a5852eb37c46c06f65cb5e89d548b0dd2fd8e219fde725"
)
_MAGMA = (
    "0000040907201a10423111654a1079621980792282912b81aa337dc23b75d9466bec5860f7725cfc8e64feaa74fec68afde2a3fcfdbf"
)
_GREY = "000000ffffff"
COLOUR_MAPS = {"inferno": _INFERNO, "magma": _MAGMA, "viridis": _VIRIDIS, "grey": _GREY}


@cache
def colour_table(name: str = "inferno") -> np.ndarray:
    """`(256, 3) uint8`: dark for little, light for much, in even steps of lightness."""
    anchors = np.frombuffer(bytes.fromhex(COLOUR_MAPS[name]), np.uint8).reshape(-1, 3).astype(float)
    at = np.linspace(0, len(anchors) - 1, 256)
    channels = [np.interp(at, np.arange(len(anchors)), anchors[:, c]) for c in range(3)]
    table: np.ndarray = np.rint(np.stack(channels, axis=1)).astype(np.uint8)
    table.flags.writeable = False
    return table
