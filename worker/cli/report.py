"""Terminal output of an interview and its report."""

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.console import Console, ConsoleRenderable
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from tasks.analysis.report import CompetencyScore, Delivery, Report, Sentiment
from tasks.interviews.interview import AudioQuality, Booking, BookingOutcome, Interview
from worker.cli.client import ApiClient
from worker.cli.listing import coloured

_QUOTES = 2
"""Number of quotes shown per competency; the report contains all of them."""

_LAYOUTS = {1: "mono", 2: "stereo"}


def render(api: ApiClient, interview: Interview, out: Console) -> None:
    """Print an interview with its report and booking."""
    out.print()
    out.print(_head(interview))
    report = api.report(interview.id)
    if report is not None:
        for part in _report(report):
            out.print(part)
    if interview.booking is not None:
        out.print(_section("Follow-up", _booking(interview.booking)))


def _head(interview: Interview) -> ConsoleRenderable:
    audio = interview.audio
    lines = _facts(
        ("Interview", interview.id),
        ("Status", coloured(interview.status)),
        ("Type", interview.type),
        ("Candidate", interview.candidate.name),
        (
            "Recording",
            f"{audio.name}, {audio.codec}, {_clock(audio.duration)}, {_LAYOUTS[audio.channels]}",
        ),
        ("Sound", _sound(interview.audio.quality)),
    )
    for stage, record in interview.stages.items():
        if record.error is not None:
            attempts = f"attempt {record.attempts}"
            lines.add_row(stage, Text(f"{record.error.message} ({attempts})", style="red"))
    return lines


def _sound(quality: AudioQuality) -> str:
    loudness, snr = _number(quality.loudness_dbfs, " dBFS"), _number(quality.snr_db, " dB")
    return f"{loudness}, signal to noise {snr}, {quality.silence_ratio:.0%} silence"


def _report(report: Report) -> Iterable[ConsoleRenderable]:
    if report.input_quality.reasons:
        reasons = ", ".join(report.input_quality.reasons)
        yield _section(
            "Not scored", Text(f"The transcript quality is too low to score: {reasons}.")
        )
    if report.overall is not None:
        score = _number(report.overall.score, " of 5", digits=1)
        advice = Text.assemble((f"Score {score}. ", "bold"), report.overall.recommendation)
        yield Panel(advice, title="Advice to the reviewer, who decides", title_align="left")
        if report.overall.summary:
            yield _section("Summary", Text(report.overall.summary))
    if report.competencies:
        yield _section("Competencies", _competencies(report.competencies))
    yield _section("Delivery (not scored)", _delivery(report.delivery))
    if report.sentiment is not None:
        yield _section("Sentiment of the words (not scored)", _sentiment(report.sentiment))
    yield _section("Review", Text(_review(report)))


def _competencies(competencies: Iterable[CompetencyScore]) -> Table:
    table = Table("score", "competency", "confidence", "evidence", box=None, padding=(0, 2, 1, 0))
    for one in competencies:
        quotes = [
            f"“{quote.quote}” ({_clock(quote.start_ms / 1000)})" for quote in one.evidence[:_QUOTES]
        ]
        table.add_row(
            Text(str(one.score) if one.score else "-", style="bold"),
            Text(one.name),
            f"{one.confidence:.0%}",
            Text("\n".join(quotes) or "no evidence found"),
        )
    return table


def _delivery(delivery: Delivery) -> Table:
    ratio = delivery.talk_ratio
    shares = ", ".join(f"{who} {share:.0%}" for who, share in ratio.items()) if ratio else "unknown"
    return _facts(
        ("Talk ratio", shares),
        ("Words per minute", _number(delivery.wpm)),
        ("Filler words per minute", _number(delivery.fillers_per_min, digits=1)),
        ("Longest monologue", _seconds(delivery.longest_monologue_ms)),
        ("Longest pause", _seconds(delivery.longest_pause_ms)),
    )


def _sentiment(sentiment: Sentiment) -> Text:
    # One bar per segment, from the lowest sentiment (-1) to the highest (1).
    bars = "".join("▁▂▃▄▅▆▇█"[round((mood.score + 1) / 2 * 7)] for mood in sentiment.timeline)
    return Text(f"{_number(sentiment.overall, digits=2)} on a scale from -1 to 1   {bars}")


def _booking(booking: Booking) -> ConsoleRenderable:
    if booking.outcome is BookingOutcome.UNSCHEDULED or booking.start is None:
        return Text(f"Not booked: {booking.detail} ({booking.reason})")
    zone = booking.time_zone or "UTC"
    start, end = (_local(moment, zone) for moment in (booking.start, booking.end) if moment)
    return _facts(
        ("Booked", f"{start:%A, %d %B %Y, %H:%M} to {end:%H:%M} {zone}"),
        ("Attendees", ", ".join(booking.attendees)),
    )


def _review(report: Report) -> str:
    review = report.review
    if review.by is None:
        return "Pending: a human reviewer decides."
    return f"{review.state.capitalize()} by {review.by}. {review.reason or ''}"


def _section(title: str, body: ConsoleRenderable) -> Table:
    section = Table(title=title, title_justify="left", title_style="bold", box=None, padding=0)
    section.show_header = False
    section.add_row(Padding(body, (0, 0, 0, 2)))
    return section


def _facts(*facts: tuple[str, str | Text]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for name, value in facts:
        table.add_row(Text(name, style="dim"), value)
    return table


def _number(value: float | None, unit: str = "", *, digits: int = 0) -> str:
    return "unknown" if value is None else f"{value:.{digits}f}{unit}"


def _seconds(milliseconds: int | None) -> str:
    return "unknown" if milliseconds is None else f"{milliseconds / 1000:.1f} s"


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def _local(moment: datetime, zone: str) -> datetime:
    return moment.astimezone(ZoneInfo(zone))
