"""Sentence embeddings by WordLlama, whose weights come inside its wheel."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.errors import MissingExtra

MODEL = "wordllama-l2-supercat-256"
DIMENSIONS = 256
LONGEST = 1000
"""Characters of a text that are read: in a batch, each takes as much memory as the longest."""

Vectors = NDArray[np.float32]
"""A row of length 1 for each text, so that the cosine of two is their dot product."""


class Embeddings:
    """The model, loaded once; nothing is ever downloaded.

    Raises:
        MissingExtra: The package is not installed.
    """

    def __init__(self) -> None:
        try:
            with _root_logger_untouched():
                import wordllama
        except ImportError as error:
            raise MissingExtra(
                "the local analysis needs: pip install 'interview-worker[local]'"
            ) from error
        # The package looks for its own tokenizer in the wrong folder and would then download it;
        # as a cache, its folder has the right layout.
        self._model = wordllama.WordLlama.load(
            cache_dir=Path(wordllama.__file__).parent, dim=DIMENSIONS, disable_download=True
        )

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Embed texts.

        Args:
            texts: Sentences; what is longer than 1,000 characters is cut.

        Returns:
            An array of shape (texts, 256); a text without any known token is a row of zeros.
        """
        if not texts:
            return np.zeros((0, DIMENSIONS), dtype=np.float32)
        vectors: Vectors = self._model.embed([text[:LONGEST] for text in texts])
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors /= np.where(lengths > 0, lengths, 1)
        return vectors


@contextmanager
def _root_logger_untouched() -> Iterator[None]:
    """WordLlama calls `logging.basicConfig` when imported, which does nothing beside a handler."""
    root, silent = logging.getLogger(), logging.NullHandler()
    root.addHandler(silent)
    try:
        yield
    finally:
        root.removeHandler(silent)
