"""The analysis stage: builds the report from the transcript."""

from collections.abc import Iterator

from celery import shared_task

from tasks.analysis.build import analyse as compose
from tasks.analysis.report import Report
from tasks.analysis.rubric import rubric_for
from tasks.clock import now
from tasks.errors import Permanent
from tasks.interviews.interview import AnalysisType, Stage
from tasks.interviews.transcript import Transcript
from tasks.pipeline.runner import Attempt, StageResult, execute, task_name
from tasks.providers.language import LanguageProviders
from tasks.signals import AnalysisScored, analysis_scored


@shared_task(name=task_name(Stage.ANALYSE))
def analyse(interview_id: str) -> None:
    """Analyse the transcript of an interview."""
    execute(Stage.ANALYSE, interview_id, _work)


def _work(attempt: Attempt) -> StageResult:
    interview, services = attempt.interview, attempt.services
    if not interview.analyses:
        return StageResult(results={}, event_data={"outcome": "not_requested"})
    if services.consent_required and interview.consent is None:
        raise Permanent("the interview has no consent record", code="consent_missing")
    report = compose(
        interview,
        _transcript(attempt),
        rubric_for(interview.type),
        _providers(attempt),
        interview.analyses,
        now(),
    )
    for part, confidence in _confidences(report):
        analysis_scored.send(AnalysisScored(part, confidence))
    provider = _providers_used(report) or services.language.name
    return StageResult(
        results={"report": report},
        provider=provider,
        event_data={"provider": provider, "outcome": report.status},
    )


def _providers(attempt: Attempt) -> LanguageProviders:
    """The language providers, with a mask for this interview's people if masking is on."""
    services, interview = attempt.services, attempt.interview
    if services.masker is None:
        return services.language
    people = (interview.candidate, *interview.interviewers)
    return services.language.masked(services.masker.mask(people))


def _confidences(report: Report) -> Iterator[tuple[AnalysisType, float]]:
    """The confidence of each part of a report; for competencies, their mean."""
    if report.sentiment is not None:
        yield AnalysisType.SENTIMENT, report.sentiment.confidence
    if report.competencies:
        scores = [one.confidence for one in report.competencies]
        yield AnalysisType.COMPETENCY, sum(scores) / len(scores)
    if report.overall is not None:
        yield AnalysisType.OVERALL, report.overall.confidence


def _providers_used(report: Report) -> str:
    """The providers that answered, in the order of the parts."""
    found = (one.provider for one in report.provenance if one.stage is Stage.ANALYSE)
    return ",".join(dict.fromkeys(found))


def _transcript(attempt: Attempt) -> Transcript:
    transcript = attempt.services.interviews.transcript(attempt.interview.id)
    if transcript is None:
        raise Permanent("the interview has no transcript", code="transcript_missing")
    return transcript
