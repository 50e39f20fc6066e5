"""Speech providers, and the recordings that they are given."""

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
    """Where most recordings lie: the median, and what 10 of 100 are below and above."""
    levels = ((0.1, "p10"), (0.5, "p50"), (0.9, "p90"))
    queries = ((quantile(q, histogram), name) for q, name in levels)
    return lines(title, description, unit, *queries)


_SUMMARY = Row(
    "Overview",
    (
        figure(
            "Audio transcribed",
            "Length of the recordings transcribed in the time shown.",
            units.Seconds,
            or_zero(counted(metrics.TRANSCRIPTION_AUDIO)),
        ),
        figure(
            "Transcriptions",
            "Requests to speech providers in the time shown that were answered.",
            units.Short,
            or_zero(times(_ASKED, status="success")),
        ),
        figure(
            "Errors",
            "Share of the requests in the time shown that were not answered.",
            units.PercentUnit,
            share(counted(_ASKED, status="error"), counted(_ASKED)),
            limits=(AI_SERVICE_DOWN,),
            empty="idle",
        ),
        figure(
            "Real-time factor",
            "Seconds of work for a second of audio, on average over the time shown.",
            units.Short,
            mean_of_all(metrics.TRANSCRIPTION_REAL_TIME_FACTOR),
            empty="idle",
        ),
        figure(
            "Recovered",
            "Transcriptions in the time shown that succeeded after an attempt that had not.",
            units.Short,
            or_zero(times(metrics.TRANSCRIPTION_RECOVERIES)),
        ),
        figure(
            "Cost",
            "Estimated cost of speech providers in the time shown, by the price list.",
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
            "Seconds of audio transcribed a second, of recordings (batch) and live (realtime).",
            units.Short,
            (per_second(metrics.TRANSCRIPTION_AUDIO, "mode"), "{{mode}}"),
        ),
        lines(
            "Real-time factor (p95)",
            "Seconds of work for a second of audio, of 95 of 100 recordings; "
            "a provider above 1 cannot keep up with people who talk.",
            units.Short,
            (quantile(0.95, metrics.TRANSCRIPTION_REAL_TIME_FACTOR, "provider"), "{{provider}}"),
        ),
        lines(
            "Time to answer (p95)",
            "Time in which each provider answers 95 of 100 requests.",
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
            "Estimated from the recordings; below 10 dB words are lost.",
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
            description="The providers side by side, in the time shown.",
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
            "Mean confidence of the words heard, by provider.",
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
            "Share of requests that each provider did not answer.",
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
            "Transcriptions that succeeded after an attempt that had not, for each error.",
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
            description="Requests in the time shown that were passed on to another provider.",
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
    description="How well do we hear, how fast, and what do the providers make of bad audio?",
    rows=(_SUMMARY, _MODES, _QUALITY, _PROVIDERS, _ERRORS),
)
