"""Audio quality of signals whose values are known."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tasks.interviews.interview import AudioQuality
from worker.adapters.media.quality import measure

RATE = 16_000
TIME = np.arange(10 * RATE) / RATE
SINE = np.sin(2 * np.pi * 201.7 * TIME)


def quality(*channels: Any) -> AudioQuality:
    return measure([(np.array(channels, np.float32), RATE)])


def noise(level: float, seed: int = 1) -> Any:
    return level * np.random.default_rng(seed).standard_normal(len(TIME))


def test_a_sine_at_full_scale() -> None:
    found = quality(SINE)
    assert found.loudness_dbfs == pytest.approx(-3.01, abs=0.01)
    assert found.silence_ratio == 0
    # A sine is above 0.99 of its peak for acos(0.99)/(pi/2) of the time.
    assert found.clipping_ratio == pytest.approx(0.0901, abs=0.002)
    assert found.snr_db is None, "there is no pause to measure the noise in"


def test_clipping() -> None:
    # Twice full scale, cut off: beyond full scale for 2/3 of the time.
    assert quality(np.clip(2 * SINE, -1, 1)).clipping_ratio == pytest.approx(2 / 3, abs=0.01)
    assert quality(0.9 * SINE).clipping_ratio == 0


def test_one_silent_channel_halves_the_power() -> None:
    assert quality(SINE, 0 * SINE).loudness_dbfs == pytest.approx(-6.02, abs=0.01)


@pytest.mark.parametrize("expected", [0, 10, 20, 30, 50])
def test_signal_to_noise_ratio(expected: float) -> None:
    speech = 0.5 * SINE * (TIME % 1 < 0.7)
    power = 0.5**2 / 2
    found = quality(speech + noise(np.sqrt(power / 10 ** (expected / 10))))
    assert found.snr_db == pytest.approx(expected, abs=1.5)


def test_more_noise_is_a_lower_ratio() -> None:
    speech = 0.3 * SINE * (TIME % 1 < 0.6)
    ratios = [quality(speech + noise(level)).snr_db or 0.0 for level in (1e-4, 1e-3, 1e-2, 1e-1)]
    assert all(more > less for more, less in pairwise(ratios))


def test_pauses_without_any_noise_are_measured_against_sixteen_bits() -> None:
    found = quality(0.5 * SINE * (TIME % 1 < 0.5))
    assert found.snr_db == pytest.approx(98 - 9.03, abs=0.1)
    assert found.silence_ratio == pytest.approx(0.5, abs=0.02)


def test_noise_alone_has_no_ratio() -> None:
    assert quality(noise(0.1)).snr_db is None


def test_digital_silence() -> None:
    found = quality(0 * SINE)
    assert found.loudness_dbfs is None
    assert found.snr_db is None
    assert (found.silence_ratio, found.clipping_ratio) == (1.0, 0.0)


def test_less_than_a_frame() -> None:
    assert measure([(np.full((1, 10), 0.5, np.float32), RATE)]).loudness_dbfs == pytest.approx(
        -6.02, abs=0.01
    )
