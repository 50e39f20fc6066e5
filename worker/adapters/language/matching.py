"""Matching of a candidate's sentences to competencies and levels.

A sentence is compared with the example sentences of a rubric's anchors by the cosine similarity of
their embeddings. It matches the most similar competency if the similarity reaches a threshold and
exceeds the similarity to the sentences of `neutral.json`, which concern no competency: greetings,
introductions, small talk. Its level is the mean of the five levels, weighted by the softmax of its
similarity to each.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import numpy as np

from tasks.analysis.rubric import LEVELS, Competency, Rubric
from worker.adapters.language.embeddings import Embeddings, Vectors

NEIGHBOURS = 3
"""Number of examples averaged for the support of a sentence; one may match by chance."""
THRESHOLD = 0.27
"""The minimum support; docs/explanation/analysis.md describes how it was measured."""
CLEAR_SUPPORT = 0.45
"""The support from which the match of a sentence is certain."""
RIVAL_MARGIN = 0.1
"""A sentence also matches competencies whose support is lower than the best by at most this."""
TEMPERATURE = 0.06
"""The temperature of the softmax over levels; a smaller one favours the nearest level."""


@dataclass(frozen=True, slots=True)
class Match:
    """A sentence that matches a competency.

    Attributes:
        sentence: The position of the sentence.
        support: Its similarity to the competency's examples, from `THRESHOLD` to 1.
        level: The level, from 1 to 5.
    """

    sentence: int
    support: float
    level: float


class Matcher:
    """Matches sentences to the competencies of a rubric.

    Args:
        rubric: The rubric.
        embeddings: The embedding model.
    """

    def __init__(self, rubric: Rubric, embeddings: Embeddings) -> None:
        self._ids = [competency.id for competency in rubric.competencies]
        self._anchors = [_anchors(one, embeddings) for one in rubric.competencies]
        self._neutral = embeddings.embed(_neutral())

    def matches(self, sentences: Vectors) -> dict[str, list[Match]]:
        """Return the matching sentences of each competency.

        Args:
            sentences: An array of shape (sentences, dimensions).
        """
        similarities = [[level @ sentences.T for level in levels] for levels in self._anchors]
        support = np.stack([_support(levels) for levels in similarities])
        nearest = support.max(axis=0)
        informative = nearest > _support([self._neutral @ sentences.T])
        chosen = informative & (support >= THRESHOLD) & (support >= nearest - RIVAL_MARGIN)
        return {
            name: [
                Match(int(row), float(support[number, row]), _level(similarities[number], int(row)))
                for row in np.flatnonzero(chosen[number])
            ]
            for number, name in enumerate(self._ids)
        }


def _anchors(competency: Competency, embeddings: Embeddings) -> list[Vectors]:
    return [embeddings.embed(anchor.examples) for anchor in competency.anchors]


def _neutral() -> list[str]:
    neutral: list[str] = json.loads((files(__package__) / "neutral.json").read_text("utf-8"))
    return neutral


def _support(levels: Sequence[Vectors]) -> Vectors:
    """Return each sentence's mean similarity to its nearest examples, of any level."""
    similarities = np.sort(np.concatenate(levels), axis=0)
    support: Vectors = similarities[-NEIGHBOURS:].mean(axis=0)
    return support


def _level(levels: Sequence[Vectors], row: int) -> float:
    nearness = np.array([similarities[:, row].max() for similarities in levels])
    weights = np.exp((nearness - nearness.max()) / TEMPERATURE)
    return float(weights @ np.array(LEVELS) / weights.sum())
