"""User operations on existing interviews: cancel, retry, review and feedback."""

from tasks.analysis.feedback import Feedback, Opinion, check
from tasks.analysis.report import Report
from tasks.analysis.review import Decision, apply_review
from tasks.clock import now
from tasks.errors import IllegalTransition
from tasks.interviews import transitions
from tasks.interviews.interview import Interview, Status
from tasks.ports import InterviewStore
from tasks.signals import announce_end
from worker.intake.service import dispatch
from worker.ports import Dispatcher


def cancel(interviews: InterviewStore, interview_id: str) -> Interview:
    """Cancel an interview; a running stage stops at its next step.

    Raises:
        NotFound: The interview does not exist.
        IllegalTransition: The interview has already finished.
    """
    interview = interviews.get(interview_id)
    interviews.apply(interview_id, transitions.cancel(interview, now()))
    announce_end(interview, Status.CANCELLED)
    return interviews.get(interview_id)


def retry(interviews: InterviewStore, dispatcher: Dispatcher, interview_id: str) -> Interview:
    """Retry a failed interview from the stage that failed.

    Raises:
        NotFound: The interview does not exist.
        IllegalTransition: The interview has not failed.
    """
    failed = interviews.get(interview_id)
    stage = failed.failed_stage
    interviews.apply(interview_id, transitions.retry(failed, now()))
    if stage is None:  # excluded by transitions.retry
        raise IllegalTransition("cannot retry")
    resumed = interviews.get(interview_id)
    dispatch(dispatcher, resumed, stage)
    return resumed


def review(
    interviews: InterviewStore, interview_id: str, decision: Decision, *, by: str, reason: str
) -> Report:
    """Record a human reviewer's decision on a report.

    Raises:
        NotFound: The interview does not exist.
        IllegalTransition: There is no analysis yet.
    """
    report = interviews.report(interview_id)
    if report is None:
        raise IllegalTransition("there is no analysis to review yet", code="not_ready")
    reviewed = apply_review(report, decision, by=by, at=now(), reason=reason)
    interviews.apply(interview_id, transitions.reviewed(report, reviewed, now()))
    return reviewed


def give_feedback(interviews: InterviewStore, interview_id: str, opinion: Opinion) -> Feedback:
    """Record a person's feedback on a part of a report, replacing their earlier feedback on it.

    Raises:
        NotFound: The interview does not exist.
        IllegalTransition: There is no analysis yet, or that part was not requested.
    """
    report = interviews.report(interview_id)
    if report is None:
        raise IllegalTransition("there is no analysis to give feedback on yet", code="not_ready")
    check(opinion, report)
    feedback = Feedback(**dict(opinion), at=now())
    interviews.apply(interview_id, transitions.feedback_given(report, feedback))
    return feedback
