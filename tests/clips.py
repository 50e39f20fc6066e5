"""Short generated recordings for tests."""

import wave
from pathlib import Path

import numpy as np


def noise(path: Path, *, seconds: float = 1.0) -> Path:
    """Write a recording of noise from a fixed seed."""
    samples = np.random.default_rng(3).normal(0, 1000, round(16000 * seconds)).astype(np.int16)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(samples.tobytes())
    return path
