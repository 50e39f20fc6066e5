"""Language providers: what they do, what they cost, and how far people agree with them."""

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
            "Requests to language providers in the time shown.",
            units.Short,
            or_zero(times(_ASKED)),
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
            "Tokens",
            "Tokens in the time shown, read and written.",
            units.Short,
            or_zero(times(metrics.ANALYSIS_TOKENS)),
        ),
        figure(
            "Cost",
            "Estimated cost in the time shown, by the price list.",
            units.Dollars,
            or_zero(counted(metrics.ANALYSIS_COST)),
        ),
        figure(
            "Fallbacks",
            "Requests in the time shown that were passed on to another provider.",
            units.Short,
            or_zero(times(metrics.ANALYSIS_FALLBACKS)),
        ),
        figure(
            "Without a price",
            "Answers in the time shown of models that the price list does not know.",
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
            "Requests to language providers, by what came of them.",
            units.RequestsPerSecond,
            (per_second(_ASKED, "provider", "status"), "{{provider}} {{status}}"),
        ),
        lines(
            "Time to answer (p95)",
            "Time in which each provider answers 95 of 100 requests.",
            units.Seconds,
            (quantile(0.95, metrics.ANALYSIS_DURATION, "provider"), "{{provider}}"),
        ),
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
            "Time to answer by type (p95)",
            "Time in which 95 of 100 questions of each type are answered.",
            units.Seconds,
            (quantile(0.95, metrics.ANALYSIS_DURATION, "type"), "{{type}}"),
        ),
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
            "Tokens a second, read (input) and written (output), by model.",
            units.CountsPerSecond,
            (
                per_second(metrics.ANALYSIS_TOKENS, "provider", "model", "direction"),
                f"{_MODEL} {{{{direction}}}}",
            ),
        ),
        lines(
            "Cost an hour",
            "Estimated US dollars an hour at the present speed, by model.",
            units.Dollars,
            (per_hour(metrics.ANALYSIS_COST, "provider", "model"), _MODEL),
        ),
        Panel(
            title="Cost by model",
            description="Estimated US dollars in the time shown.",
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
            "Agreement of reviewers",
            "Share of the human feedback that agrees with the analysis, by part.",
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
            "The confidence that 5 of 100 parts of an analysis stay below.",
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
            "Requests passed on to another provider after one could not answer.",
            units.OpsPerSecond,
            (
                per_second(metrics.ANALYSIS_FALLBACKS, "from_provider", "to_provider"),
                "{{from_provider}} → {{to_provider}}",
            ),
        ),
        Panel(
            title="Fallbacks by type",
            description="Requests passed on in the time shown, by the type of question.",
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
            title="Asked again",
            description="Times in the time shown that a provider was asked again, by the reason.",
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
    description="Which models answer, how well, how fast, and at what cost?",
    rows=(_SUMMARY, _PROVIDERS, _COSTS, _QUALITY, _FALLBACKS),
)
