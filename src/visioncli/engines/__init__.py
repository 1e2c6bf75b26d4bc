"""How a network runs. `open_engine` imports only the engine that it opens."""

from visioncli.engines.interface import Engine
from visioncli.models.registry import ModelRow


def open_engine(row: ModelRow, *, device: str = "auto", threads: int | None = None) -> Engine:
    """The network of `row`, loaded and ready. Raises UsageError (device) and ModelUnavailable (weights)."""
    if row.architecture == "onnx_models":
        from visioncli.engines.onnx_file import OnnxFileEngine

        return OnnxFileEngine(row, device, threads)
    from visioncli.engines.pytorch import TorchEngine

    return TorchEngine(row, device, threads)
