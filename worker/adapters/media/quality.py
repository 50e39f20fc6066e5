"""Measurement of the audio quality of recordings."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tasks.interviews.interview import AudioQuality

Samples = npt.NDArray[np.float32]

_FRAME = 0.03
"""Seconds; a frame, in which speech is assumed to be stationary."""
_FULL_SCALE = 0.99
"""From this magnitude on a sample counts as clipped; 8-bit sound reaches no more than 0.992."""
_SILENCE_DBFS = -60.0
"""Below this level a frame counts as silent, as it does for FFmpeg's `silencedetect`."""
_NOISE_PERCENTILE, _SPEECH_PERCENTILE = 10, 95
_MIN_NOISE = 10.0**-9.8
"""The power of the quantisation noise of 16 bits, -98 dB; the minimum of the noise."""
_MIN_CONTRAST = 2.0
"""Speech louder than the noise by less than this factor (3 dB) leaves no pause to measure."""


def measure(windows: Sequence[tuple[Samples, int]]) -> AudioQuality:
    """Measure sections of one recording.

    The signal-to-noise ratio is `10·log10((S - N) / N)`, where N and S are the 10th and the 95th
    percentile of the power of frames of 30 ms: in speech, a tenth of the frames are pauses, which
    hold noise alone. It follows the NIST "quick" estimate (`stnr` in the Speech Quality Assurance
    package SPQA 2.3), which takes the 95th percentile as the peak of speech as well, and reads the
    noise off the lower end of the same distribution.

    Args:
        windows: Sections, each as samples of the shape (channels, samples) from -1 to 1, and their
            rate in hertz. At least one sample is required.
    """
    power = np.concatenate([_frame_powers(samples, rate) for samples, rate in windows])
    total = sum(samples.size for samples, _ in windows)
    energy = sum(float(np.vdot(samples, samples)) for samples, _ in windows)
    clipped = sum(_clipped(samples) for samples, _ in windows)
    return AudioQuality(
        loudness_dbfs=_rounded(_decibels(energy / total)) if energy else None,
        clipping_ratio=round(clipped / total, 6),
        silence_ratio=round(float(np.mean(power < 10 ** (_SILENCE_DBFS / 10))), 4),
        snr_db=_snr(power),
    )


def _clipped(samples: Samples) -> int:
    return int(np.count_nonzero((samples >= _FULL_SCALE) | (samples <= -_FULL_SCALE)))


def _frame_powers(samples: Samples, rate: int) -> npt.NDArray[np.float64]:
    channels, count = samples.shape
    length = min(round(rate * _FRAME), count)
    frames = samples[:, : count // length * length].reshape(channels, -1, length)
    energies: npt.NDArray[np.float64] = np.einsum("cij,cij->i", frames, frames, dtype=np.float64)
    return energies / float(channels * length)


def _snr(power: npt.NDArray[np.float64]) -> float | None:
    noise, speech = np.percentile(power, [_NOISE_PERCENTILE, _SPEECH_PERCENTILE])
    noise = max(float(noise), _MIN_NOISE)
    if speech < noise * _MIN_CONTRAST:
        return None
    return _rounded(_decibels((float(speech) - noise) / noise))


def _decibels(power: float) -> float:
    return float(10 * np.log10(power))


def _rounded(decibels: float) -> float:
    return round(decibels, 2)
