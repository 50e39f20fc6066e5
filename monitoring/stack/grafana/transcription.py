"""Dashboard: speech providers and recordings."""

from grafana_foundation_sdk.models import units

from monitoring import metrics
from monitoring.metrics.definitions import Histogram
from monitoring.stack.grafana.panel_factories import areas, figure, lines
from monitoring.stack.grafana.panels import Dashboard, Panel, Query, Row, Visualization
from monitoring.stack.grafana.queries import (
    counted,
    mean,
    mean_of_all,
    or_zero,
    per_second,
    quantile,
    share,
    times,
)
from monitoring.stack.thresholds import AI_SERVICE_DOWN

_ASKED = metrics.TRANSCRIPTIONS


def _spread(title: str, histogram: Histogram, description: str, unit: str) -> Panel:
    """The distribution of a histogram: median, 10th and 90th percentile."""
    levels = ((0.1, "p10"), (0.5, "p50"), (0.9, "p90"))
    queries = ((quantile(q, histogram), name) for q, name in levels)
    return lines(title, description, unit, *queries)


_SUMMARY = Row(
    "Overview",
    (
        figure(
            "Audio transcribed",
            "Length of recordings transcribed in the selected time range.",
            units.Seconds,
            or_zero(counted(metrics.TRANSCRIPTION_AUDIO)),
        ),
        figure(
            "Transcriptions",
            "Successful requests to speech providers in the selected time range.",
            units.Short,
            or_zero(times(_ASKED, status="success")),
        ),
        figure(
            "Errors",
            "Share of failed requests in the selected time range.",
            units.PercentUnit,
            share(counted(_ASKED, status="error"), counted(_ASKED)),
            limits=(AI_SERVICE_DOWN,),
            empty="idle",
        ),
        figure(
            "Real-time factor",
            "Average processing time per second of audio in the selected time range.",
            units.Short,
            mean_of_all(metrics.TRANSCRIPTION_REAL_TIME_FACTOR),
            empty="idle",
        ),
        figure(
            "Recovered",
            "Transcriptions in the time range that succeeded after a failed attempt.",
            units.Short,
            or_zero(times(metrics.TRANSCRIPTION_RECOVERIES)),
        ),
        figure(
            "Cost",
            "Estimated cost of speech providers in the selected time range, by the price list.",
            units.Dollars,
            or_zero(counted(metrics.TRANSCRIPTION_COST)),
        ),
    ),
)

_MODES = Row(
    "Real time and batch",
    (
        areas(
            "Audio by mode",
            "Seconds of audio transcribed per second, recorded (batch) and live (realtime).",
            units.Short,
            (per_second(metrics.TRANSCRIPTION_AUDIO, "mode"), "{{mode}}"),
        ),
        lines(
            "Real-time factor (p95)",
            "95th percentile of the processing time per second of audio; "
            "above 1 a provider is too slow for live audio.",
            units.Short,
            (quantile(0.95, metrics.TRANSCRIPTION_REAL_TIME_FACTOR, "provider"), "{{provider}}"),
        ),
        lines(
            "Response time (p95)",
            "95th percentile of response times, by provider.",
            units.Seconds,
            (quantile(0.95, metrics.TRANSCRIPTION_DURATION, "provider"), "{{provider}}"),
        ),
    ),
)

_QUALITY = Row(
    "Audio quality",
    (
        _spread(
            "Signal-to-noise ratio",
            metrics.AUDIO_SNR,
            "Estimated from the recordings; below 10 dB, recognition misses words.",
            units.Decibel,
        ),
        _spread(
            "Silence",
            metrics.AUDIO_SILENCE,
            "Share of silence in the recordings.",
            units.PercentUnit,
        ),
        _spread(
            "Clipping",
            metrics.AUDIO_CLIPPING,
            "Share of clipped samples in the recordings.",
            units.PercentUnit,
        ),
    ),
)

_PROVIDERS = Row(
    "Provider comparison",
    (
        Panel(
            title="Comparison",
            description="The providers compared, in the selected time range.",
            unit=units.Short,
            queries=(
                Query(times(_ASKED, "provider"), "Requests"),
                Query(
                    share(counted(_ASKED, "provider", status="error"), counted(_ASKED, "provider")),
                    "Errors",
                    units.PercentUnit,
                ),
                Query(
                    mean_of_all(metrics.TRANSCRIPTION_DURATION, "provider"),
                    "Mean time",
                    units.Seconds,
                ),
                Query(
                    mean_of_all(metrics.TRANSCRIPTION_REAL_TIME_FACTOR, "provider"),
                    "Real-time factor",
                ),
                Query(
                    mean_of_all(metrics.TRANSCRIPTION_CONFIDENCE, "provider"),
                    "Confidence",
                    units.PercentUnit,
                ),
            ),
            visualization=Visualization.TABLE,
            width=16,
        ),
        lines(
            "Confidence",
            "Mean word confidence, by provider.",
            units.PercentUnit,
            (mean(metrics.TRANSCRIPTION_CONFIDENCE, "provider"), "{{provider}}"),
            maximum=1,
        ),
    ),
)

_ERRORS = Row(
    "Errors and recovery",
    (
        lines(
            "Errors",
            "Share of failed requests, by provider.",
            units.PercentUnit,
            (
                share(
                    per_second(_ASKED, "provider", status="error"),
                    per_second(_ASKED, "provider"),
                ),
                "{{provider}}",
            ),
            limits=(AI_SERVICE_DOWN,),
            maximum=1,
        ),
        lines(
            "Recovery rate",
            "Transcriptions that succeeded after a failed attempt, per error.",
            units.PercentUnit,
            (
                share(
                    per_second(metrics.TRANSCRIPTION_RECOVERIES),
                    per_second(_ASKED, status="error"),
                ),
                "recovered",
            ),
        ),
        Panel(
            title="Fallbacks",
            description="Requests in the selected time range that fell back to another provider.",
            unit=units.Short,
            queries=(
                Query(
                    times(metrics.TRANSCRIPTION_FALLBACKS, "from_provider", "to_provider"),
                    "{{from_provider}} → {{to_provider}}",
                ),
            ),
            visualization=Visualization.BARS,
            empty="none",
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="interview-worker-transcription",
    title="Interview Worker: Transcription",
    description="How accurate and fast is transcription, and how do providers handle bad audio?",
    rows=(_SUMMARY, _MODES, _QUALITY, _PROVIDERS, _ERRORS),
)
