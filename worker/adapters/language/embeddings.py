"""Sentence embeddings by WordLlama, whose weights are part of its wheel.

WordLlama is a table with a vector for each token; the vector of a text is the mean of its tokens'
vectors (https://github.com/dleemiller/WordLlama). Only its data is used: the package's code
downloads missing files, and later versions have compiled parts without a wheel for Linux on ARM.
The weights have not changed since the pinned version.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.errors import MissingExtra

MODEL = "wordllama-l2-supercat-256"
DIMENSIONS = 256
MAX_CHARACTERS = 1000
"""Characters of a text that are read."""

_TENSOR = "embedding.weight"

Vectors = NDArray[np.float32]
"""A row of length 1 for each text, so that the cosine of two is their dot product."""


class Embeddings:
    """The model, loaded once and without any download.

    Raises:
        MissingExtra: The package is not installed.
    """

    def __init__(self) -> None:
        package = find_spec("wordllama")
        if package is None or package.origin is None:
            raise MissingExtra.of("the local analysis", "local")
        try:
            from safetensors.numpy import load_file
            from tokenizers import Tokenizer
        except ImportError as error:
            raise MissingExtra.of("the local analysis", "local") from error
        folder = Path(package.origin).parent
        self._table = load_file(folder / "weights" / "l2_supercat_256.safetensors")[_TENSOR]
        self._tokenizer = Tokenizer.from_file(
            str(folder / "tokenizers" / "l2_supercat_tokenizer_config.json")
        )
        self._tokenizer.no_padding()

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Embed texts.

        Args:
            texts: Sentences; each is truncated to 1,000 characters.

        Returns:
            An array of shape (texts, 256); a text without any known token is a row of zeros.
        """
        vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        encoded = self._tokenizer.encode_batch(
            [text[:MAX_CHARACTERS] for text in texts], add_special_tokens=False
        )
        for row, one in zip(vectors, encoded, strict=True):
            if one.ids:
                row[:] = self._table[one.ids].mean(axis=0, dtype=np.float32)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors /= np.where(lengths > 0, lengths, 1)
        return vectors
