"""Dashboard: requests, cost and quality of language providers."""

from grafana_foundation_sdk.models import units

from monitoring import metrics
from monitoring.stack.grafana.panel_factories import figure, lines
from monitoring.stack.grafana.panels import Dashboard, Panel, Query, Row, Visualization
from monitoring.stack.grafana.queries import (
    counted,
    highest,
    mean,
    mean_of_all,
    or_zero,
    per_hour,
    per_second,
    quantile,
    share,
    times,
)
from monitoring.stack.thresholds import AI_SERVICE_DOWN

_ASKED = metrics.ANALYSES
_MODEL = "{{provider}} {{model}}"

_SUMMARY = Row(
    "Overview",
    (
        figure(
            "Requests",
            "Requests to language providers in the selected time range.",
            units.Short,
            or_zero(times(_ASKED)),
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
            "Tokens",
            "Input and output tokens in the selected time range.",
            units.Short,
            or_zero(times(metrics.ANALYSIS_TOKENS)),
        ),
        figure(
            "Cost",
            "Estimated cost in the selected time range, by the price list.",
            units.Dollars,
            or_zero(counted(metrics.ANALYSIS_COST)),
        ),
        figure(
            "Fallbacks",
            "Requests in the selected time range that fell back to another provider.",
            units.Short,
            or_zero(times(metrics.ANALYSIS_FALLBACKS)),
        ),
        figure(
            "Without a price",
            "Answers in the selected time range of models missing from the price list.",
            units.Short,
            or_zero(times(metrics.EXTERNAL_UNPRICED)),
        ),
    ),
)

_PROVIDERS = Row(
    "Model performance by provider",
    (
        lines(
            "Requests",
            "Requests to language providers, by outcome.",
            units.RequestsPerSecond,
            (per_second(_ASKED, "provider", "status"), "{{provider}} {{status}}"),
        ),
        lines(
            "Response time (p95)",
            "95th percentile of response times, by provider.",
            units.Seconds,
            (quantile(0.95, metrics.ANALYSIS_DURATION, "provider"), "{{provider}}"),
        ),
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
            "Response time by type (p95)",
            "95th percentile of response times, by type of request.",
            units.Seconds,
            (quantile(0.95, metrics.ANALYSIS_DURATION, "type"), "{{type}}"),
        ),
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
                    mean_of_all(metrics.ANALYSIS_DURATION, "provider"), "Mean time", units.Seconds
                ),
                Query(times(metrics.ANALYSIS_TOKENS, "provider"), "Tokens"),
                Query(counted(metrics.ANALYSIS_COST, "provider"), "Cost", units.Dollars),
            ),
            visualization=Visualization.TABLE,
            width=16,
        ),
    ),
)

_COSTS = Row(
    "Tokens and costs",
    (
        lines(
            "Tokens",
            "Input and output tokens per second, by model.",
            units.CountsPerSecond,
            (
                per_second(metrics.ANALYSIS_TOKENS, "provider", "model", "direction"),
                f"{_MODEL} {{{{direction}}}}",
            ),
        ),
        lines(
            "Cost per hour",
            "Estimated US dollars per hour at the current rate, by model.",
            units.Dollars,
            (per_hour(metrics.ANALYSIS_COST, "provider", "model"), _MODEL),
        ),
        Panel(
            title="Cost by model",
            description="Estimated US dollars in the selected time range.",
            unit=units.Dollars,
            queries=(Query(counted(metrics.ANALYSIS_COST, "provider", "model"), _MODEL),),
            visualization=Visualization.BARS,
            empty="none",
        ),
    ),
)

_QUALITY = Row(
    "Accuracy",
    (
        lines(
            "Reviewer agreement",
            "Share of human feedback that agrees with the analysis, by part.",
            units.PercentUnit,
            (highest(metrics.REVIEW_AGREEMENT, "type"), "{{type}}"),
            maximum=1,
        ),
        lines(
            "Confidence",
            "Mean confidence of each part of an analysis.",
            units.PercentUnit,
            (mean(metrics.ANALYSIS_CONFIDENCE, "type"), "{{type}}"),
            maximum=1,
        ),
        lines(
            "Low confidence (p5)",
            "5th percentile of the confidence of each part of an analysis.",
            units.PercentUnit,
            (quantile(0.05, metrics.ANALYSIS_CONFIDENCE, "type"), "{{type}}"),
            maximum=1,
        ),
    ),
)

_FALLBACKS = Row(
    "Fallbacks",
    (
        lines(
            "Fallbacks",
            "Requests that fell back to another provider.",
            units.OpsPerSecond,
            (
                per_second(metrics.ANALYSIS_FALLBACKS, "from_provider", "to_provider"),
                "{{from_provider}} → {{to_provider}}",
            ),
        ),
        Panel(
            title="Fallbacks by type",
            description="Fallbacks in the selected time range, by type of request.",
            unit=units.Short,
            queries=(
                Query(
                    times(metrics.ANALYSIS_FALLBACKS, "type", "from_provider", "to_provider"),
                    "{{type}}: {{from_provider}} → {{to_provider}}",
                ),
            ),
            visualization=Visualization.BARS,
            empty="none",
        ),
        Panel(
            title="Retries",
            description="Retries in the selected time range, by reason.",
            unit=units.Short,
            queries=(
                Query(
                    times(metrics.EXTERNAL_RETRIES, "provider", "reason"),
                    "{{provider}}: {{reason}}",
                ),
            ),
            visualization=Visualization.BARS,
            empty="none",
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="interview-worker-analysis",
    title="Interview Worker: AI Analysis",
    description="Which models answer, how well and how fast, and what do they cost?",
    rows=(_SUMMARY, _PROVIDERS, _COSTS, _QUALITY, _FALLBACKS),
)
