"""The second stage: words become a report for a human reviewer."""

from celery import shared_task

from tasks.analysis.build import analyse as compose
from tasks.analysis.report import Report
from tasks.analysis.rubric import rubric_for
from tasks.clock import now
from tasks.errors import Permanent
from tasks.interviews.interview import Stage
from tasks.interviews.transcript import Transcript
from tasks.pipeline.runner import Attempt, StageResult, execute, task_name
from tasks.ports import LanguageProvider
from tasks.providers.instrumented import confidences
from tasks.providers.masking import MaskedLanguage
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
        _masked(services.language, attempt),
        interview.analyses,
        now(),
    )
    for part, confidence in confidences(report):
        analysis_scored.send(AnalysisScored(part, confidence))
    provider = _answered(report) or services.language.name
    return StageResult(
        results={"report": report},
        provider=provider,
        event_data={"provider": provider, "outcome": report.status},
    )


def _masked(language: LanguageProvider, attempt: Attempt) -> LanguageProvider:
    masker, interview = attempt.services.masker, attempt.interview
    if masker is None:
        return language
    return MaskedLanguage(language, masker.mask((interview.candidate, *interview.interviewers)))


def _answered(report: Report) -> str:
    """The providers that answered, in the order of the parts."""
    found = (one.provider for one in report.provenance if one.stage is Stage.ANALYSE)
    return ",".join(dict.fromkeys(found))


def _transcript(attempt: Attempt) -> Transcript:
    transcript = attempt.services.interviews.transcript(attempt.interview.id)
    if transcript is None:
        raise Permanent("the interview has no transcript", code="transcript_missing")
    return transcript
