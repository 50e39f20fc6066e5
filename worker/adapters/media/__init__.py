"""Probing and decoding of recordings; the only package that imports PyAV."""

from worker.adapters.media.blocks import SAMPLE_RATE, Block, read_blocks
from worker.adapters.media.probing import probe

__all__ = ["SAMPLE_RATE", "Block", "probe", "read_blocks"]
