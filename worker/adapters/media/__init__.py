"""Recordings: what they are, how they sound, and their samples; the only home of PyAV."""

from worker.adapters.media.blocks import SAMPLE_RATE, Block, read_blocks
from worker.adapters.media.probing import probe

__all__ = ["SAMPLE_RATE", "Block", "probe", "read_blocks"]
