"""Feedback: whether people agree with a part of an analysis.

Feedback measures how far the analyses can be trusted. It does not change a report; a review does.
"""

from hashlib import sha256
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from tasks.analysis.report import Report
from tasks.errors import IllegalTransition
from tasks.interviews.interview import AnalysisType


class Opinion(BaseModel):
    """Whether somebody agrees with a part of an analysis."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: AnalysisType
    """The part of the analysis."""
    agrees: bool
    by: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    """The name of the person."""
    comment: str = Field(default="", max_length=2000)


class Feedback(Opinion):
    """An opinion and the time at which it was given."""

    at: AwareDatetime

    @property
    def key(self) -> str:
        """A key per person and part, valid as the name of a MongoDB field."""
        return f"{self.type}-{sha256(self.by.encode()).hexdigest()[:32]}"


def check(opinion: Opinion, report: Report) -> None:
    """Check that the report has the part that an opinion is about.

    Raises:
        IllegalTransition: The part was not requested.
    """
    part = {
        AnalysisType.SENTIMENT: report.sentiment,
        AnalysisType.COMPETENCY: report.competencies,
        AnalysisType.OVERALL: report.overall,
    }[opinion.type]
    if part is None:
        raise IllegalTransition(
            f"the analysis has no such part: {opinion.type}", code="not_requested"
        )
