"""Conversion of dashboards to Grafana's format with its Foundation SDK."""

import json
from typing import Any

from grafana_foundation_sdk.builders import dashboard as sdk
from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from monitoring.stack.grafana.dashboard_defaults import (
    DATA,
    TAG,
    addresses,
    annotations,
    links,
    other_dashboards,
    variables,
)
from monitoring.stack.grafana.panels import Dashboard, Panel, Query, Visualization
from monitoring.stack.grafana.visualizations import BAD, GOOD, letter, thresholds, visualization


def built(given: Dashboard) -> models.Dashboard:
    """Convert a dashboard to Grafana's format; panels are placed in reading order."""
    result = (
        sdk.Dashboard(given.title)
        .uid(given.uid)
        .description(given.description)
        .tags([TAG])
        .readonly()
        .timezone("browser")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .time("now-3h", "now")
        .refresh("30s")
        .link(other_dashboards())
        .annotations([*annotations()])
        .variables([*variables(), *addresses()])
    )
    number = 1
    for row in given.rows:
        result = result.with_row(sdk.Row(row.title).id(number))
        for panel in row.panels:
            number += 1
            result = result.with_panel(_panel(panel).id(number))
        number += 1
    return result.build()


def as_text(given: Dashboard) -> str:
    """Convert a dashboard to JSON."""
    return json.dumps(built(given), cls=JSONEncoder, indent=2, ensure_ascii=False) + "\n"


def _panel(given: Panel) -> Any:
    panel = (
        visualization(given)
        .title(given.title)
        .description(given.description)
        .datasource(DATA)
        .unit(given.unit)
        .span(given.width)
        .min(0)
        .links(links(given.limits))
        .targets([_target(n, query, given.visualization) for n, query in enumerate(given.queries)])
        .thresholds(thresholds(given.limits))
    )
    if given.maximum is not None:
        panel = panel.max(given.maximum)
    if given.words is not None:
        panel = panel.mappings([_words(given.words)])
    return panel if given.empty is None else panel.no_value(given.empty)


def _target(number: int, query: Query, how: Visualization) -> prometheus.Dataquery:
    target = (
        prometheus.Dataquery()
        .expr(query.expression)
        .legend_format(query.legend)
        .ref_id(letter(number))
        .datasource(DATA)
    )
    if how is Visualization.TABLE:
        return target.instant().format(PromQueryFormat.TABLE)
    return target.range()


def _words(words: dict[int, str]) -> models.ValueMap:
    first, *_ = words
    return models.ValueMap(
        options={
            str(value): models.ValueMappingResult(
                text=text, color=GOOD if value == first else BAD, index=index
            )
            for index, (value, text) in enumerate(words.items())
        }
    )
