"""Keeps the libraries that run networks from talking to servers that the user did not name.

Some collect usage figures, or look for newer versions, as soon as they are imported. Environment variables turn that
off for this process and for every process that it starts; each library reads its own when it is first imported.
"""

import os
from types import ModuleType

VARIABLES = {
    "ORT_DISABLE_TELEMETRY": "1",  # ONNX Runtime: a device id and a database below HOME, look-ups after some seconds
    "HF_HUB_DISABLE_TELEMETRY": "1",  # huggingface_hub, and what asks it: transformers, timm
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",  # huggingface_hub: is there a newer version?
    "DISABLE_SAFETENSORS_CONVERSION": "1",  # transformers: asks a server to convert older weight files
    "RAY_USAGE_STATS_ENABLED": "0",  # Ray: what clusters look like and which libraries run on them
}


def keep_libraries_silent() -> None:
    """Sets the variables, but for those that the user has set to something else; costs no import."""
    for name, value in VARIABLES.items():
        if not os.environ.get(name):
            os.environ[name] = value


def silent_onnxruntime() -> ModuleType:
    """ONNX Runtime, with its events off also where another part of the program imported it before us.

    Raises ImportError where it is not installed.
    """
    keep_libraries_silent()
    import onnxruntime

    if os.environ["ORT_DISABLE_TELEMETRY"] != "0":
        onnxruntime.disable_telemetry_events()
    module: ModuleType = onnxruntime
    return module
