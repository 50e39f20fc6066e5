"""Rubrics: the competencies that an interview is scored on.

The files are in `tasks/analysis/rubrics`: one for each interview type, listing competencies and
their weights, and one for each competency in `tasks/analysis/rubrics/competencies`. Interview types
without a rubric of their own use `default`.
"""

import hashlib
import json
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

LEVELS = (1, 2, 3, 4, 5)
"""From weakest to strongest."""
DEFAULT = "default"

Level = Annotated[int, Field(ge=LEVELS[0], le=LEVELS[-1])]


class Anchor(BaseModel):
    """A behavioural anchor (Smith & Kendall 1963): example statements of one level."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    level: Level
    description: str = Field(min_length=1)
    examples: tuple[str, ...] = Field(min_length=1)
    """Sentences typical of a candidate at this level."""


class Competency(BaseModel):
    """A competency with its anchors."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    name: str = Field(min_length=1)
    description: str = Field(min_length=1)
    question: str = Field(min_length=1)
    """The question to ask if the candidate gave no evidence for this competency."""
    anchors: tuple[Anchor, ...]
    weight: float = Field(gt=0)
    """The weight in the overall score, relative to the other weights of the rubric."""

    @model_validator(mode="after")
    def _has_every_level_once(self) -> Self:
        if tuple(anchor.level for anchor in self.anchors) != LEVELS:
            raise ValueError(f"the anchors of {self.id} must cover the levels {LEVELS}, in order")
        return self

    def anchor(self, level: int) -> Anchor:
        """The anchor of a level from 1 to 5."""
        return self.anchors[level - 1]


class Rubric(BaseModel):
    """The competencies for one interview type."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1)
    competencies: tuple[Competency, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_each_competency_once(self) -> Self:
        ids = [competency.id for competency in self.competencies]
        if len(set(ids)) != len(ids):
            raise ValueError(f"the rubric {self.id} names a competency twice")
        return self

    @property
    def version(self) -> str:
        """A hash of the contents, so that a report identifies the exact rubric it used."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]


def rubric_for(interview_type: str) -> Rubric:
    """Return the rubric of an interview type, or the default one."""
    return _load(interview_type if interview_type in rubric_ids() else DEFAULT)


@cache
def rubric_ids() -> frozenset[str]:
    """The interview types that have a rubric of their own, and `default`."""
    return frozenset(
        entry.name.removesuffix(".json")
        for entry in _folder().iterdir()
        if entry.name.endswith(".json")
    )


@cache
def _load(rubric_id: str) -> Rubric:
    named = _read(_folder() / f"{rubric_id}.json")
    competencies = [
        {**_read(_folder() / "competencies" / f"{one['id']}.json"), **one}
        for one in named["competencies"]
    ]
    return Rubric.model_validate({"id": rubric_id, "competencies": competencies})


def _folder() -> Traversable:
    return files("tasks.analysis") / "rubrics"


def _read(file: Traversable) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content
