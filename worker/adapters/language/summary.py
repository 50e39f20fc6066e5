"""Extractive summaries: the most representative sentences, quoted."""

import numpy as np

from worker.adapters.language.embeddings import Vectors

VARIETY = 0.4
"""The penalty weight of the similarity to chosen sentences (1 - lambda of MMR)."""


def choose(sentences: Vectors, count: int) -> list[int]:
    """Choose sentences by maximal marginal relevance (Carbonell & Goldstein 1998).

    Args:
        sentences: Unit vectors, an array of shape (sentences, dimensions).
        count: The maximum number of sentences to choose.

    Returns:
        The positions of the chosen sentences, in ascending order.
    """
    relevance = sentences @ sentences.mean(axis=0) if len(sentences) else np.zeros(0)
    likeness = np.zeros(len(sentences))
    chosen: list[int] = []
    while len(chosen) < min(count, len(sentences)):
        worth = (1 - VARIETY) * relevance - VARIETY * likeness
        worth[chosen] = -np.inf
        best = int(worth.argmax())
        chosen.append(best)
        likeness = np.maximum(likeness, sentences @ sentences[best])
    return sorted(chosen)


def representation(sentences: Vectors, chosen: list[int]) -> float:
    """Return the cosine similarity of the means of the chosen and of all sentences, from 0 to 1."""
    if not chosen:
        return 0.0
    whole, part = sentences.mean(axis=0), sentences[chosen].mean(axis=0)
    lengths = float(np.linalg.norm(whole) * np.linalg.norm(part))
    return min(1.0, max(0.0, float(whole @ part) / lengths)) if lengths else 0.0
