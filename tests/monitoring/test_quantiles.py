"""The specified quantiles exist in a real Prometheus, with the specified labels."""

import math
from pathlib import Path

from monitoring import metrics
from monitoring.metrics.definitions import Histogram
from monitoring.metrics.recording import Recorder
from tests.dashboards.prometheus import scraping
from tests.monitoring.test_first_events import exposed, value
from tests.requirements import needs
from tests.timing import wait_for

OBSERVED: dict[Histogram, tuple[str, ...]] = {
    metrics.HTTP_DURATION: ("/api/v1/interviews", "GET"),
    metrics.INTERVIEW_DURATION: ("success", "screening"),
    metrics.TRANSCRIPTION_DURATION: ("google",),
    metrics.TRANSCRIPTION_CONFIDENCE: ("google",),
    metrics.ANALYSIS_DURATION: ("competency", "anthropic"),
    metrics.ANALYSIS_CONFIDENCE: ("overall",),
    metrics.SCHEDULING_DURATION: (),
    metrics.EXTERNAL_DURATION: ("google_speech", "/v1/speech:recognize", "200"),
}

SPECIFIED = (
    'http_request_duration_seconds{path="/api/v1/interviews", method="GET", quantile="0.95"}',
    'interview_processing_duration_seconds{quantile="0.95"}',
    'transcription_duration_seconds{provider="google", quantile="0.95"}',
    'transcription_confidence_score{provider="google", quantile="0.95"}',
    'analysis_duration_seconds{type="competency", provider="anthropic", quantile="0.95"}',
    'analysis_confidence_score{type="overall", quantile="0.95"}',
    'scheduling_duration_seconds{quantile="0.95"}',
    'external_api_duration_seconds{service="google_speech", quantile="0.95"}',
)


@needs("prometheus")
def test_prometheus_has_every_specified_quantile(tmp_path: Path) -> None:
    recorder = Recorder()

    def missing(url: str) -> list[str]:
        for histogram, labels in OBSERVED.items():
            recorder.observe(histogram, 0.7, *labels)
        return [one for one in SPECIFIED if math.isnan(float(value(url, one) or math.nan))]

    with (
        exposed(recorder) as target,
        scraping({"interview-worker": target}, tmp_path, interval=1) as url,
    ):
        wait_for(lambda: missing(url), [], 40)
