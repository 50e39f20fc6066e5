"""Elements common to all dashboards: variables, annotations, and links to logs and traces."""

from typing import Any

from grafana_foundation_sdk.builders import dashboard, prometheus
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.dashboard import (
    DashboardLinkType,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from monitoring.metrics import BUILD, HTTP_REQUESTS
from monitoring.stack.thresholds import Threshold

SERVICE = "interview-worker"
TAG = "interview-worker"
DATA = DataSourceRef(type_val="prometheus", uid="${datasource}")
GRAFANA = DataSourceRef(type_val="grafana", uid="-- Grafana --")

_NEW_VERSION_PERIOD = "10m"
"""How long a version is annotated as new."""

_LOGS = (
    "${logs_url}/app/discover#/?_g=(time:(from:'${__from:date:iso}',to:'${__to:date:iso}'))"
    f"&_a=(query:(language:kuery,query:'service.name:%22{SERVICE}%22'))"
)
_TRACES = f"${{traces_url}}/search?service={SERVICE}&start=${{__from}}000&end=${{__to}}000"


def variables() -> list[dashboard.DatasourceVariable | dashboard.QueryVariable]:
    """Variables for data source, job and instance, with values from the data source."""
    return [
        dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"),
        _labels("job", "Job", f"label_values({HTTP_REQUESTS.name}, job)").current(
            VariableOption(text=[SERVICE], value=[SERVICE])
        ),
        _labels(
            "instance", "Instance", f'label_values({HTTP_REQUESTS.name}{{job=~"$job"}}, instance)'
        ).current(VariableOption(text=["All"], value=["$__all"])),
    ]


def addresses() -> list[dashboard.ConstantVariable]:
    """Constants for the URLs of logs, traces and runbooks; Grafana itself serves the runbooks."""
    return [
        dashboard.ConstantVariable("logs_url").label("Logs").value("http://127.0.0.1:5601"),
        dashboard.ConstantVariable("traces_url").label("Traces").value("http://127.0.0.1:16686"),
        dashboard.ConstantVariable("runbooks_url").label("Runbooks").value("/public/runbooks"),
    ]


def annotations() -> list[dashboard.AnnotationQuery]:
    """Deployments, from external tools or a changed version, and firing alerts."""
    build = f'{BUILD.name}{{job=~"$job", instance=~"$instance"}}'
    return [
        dashboard.AnnotationQuery()
        .name("Deployments")
        .datasource(GRAFANA)
        .enable(True)
        .icon_color("blue")
        .target(_annotations_tagged("deployment")),
        dashboard.AnnotationQuery()
        .name("New versions")
        .datasource(DATA)
        .enable(True)
        .icon_color("blue")
        .target(_asked(f"count by (version) ({build} unless {build} offset {_NEW_VERSION_PERIOD})"))
        .title_format("Version {{version}}"),
        dashboard.AnnotationQuery()
        .name("Firing alerts")
        .datasource(DATA)
        .enable(True)
        .icon_color("red")
        .target(_asked('max by (alertname, severity) (ALERTS{alertstate="firing"})'))
        .title_format("{{alertname}}")
        .tag_keys("severity"),
    ]


def other_dashboards() -> dashboard.DashboardLink:
    """A link to the other dashboards that keeps variables and time range."""
    return (
        dashboard.DashboardLink("Interview Worker")
        .type(DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(True)
        .include_vars(True)
        .keep_time(True)
    )


def links(limits: tuple[Threshold, ...]) -> list[dashboard.DashboardLink]:
    """A panel's links to the runbooks of its alerts, and to logs and traces of the time range."""
    runbooks = [
        _link(f"Runbook: {limit.alert}", f"${{runbooks_url}}/{limit.alert}.md") for limit in limits
    ]
    return [*runbooks, _link("Logs", _LOGS), _link("Traces", _TRACES)]


def _link(title: str, url: str) -> dashboard.DashboardLink:
    link = dashboard.DashboardLink(title).type(DashboardLinkType.LINK).url(url)
    return link.target_blank(True)


def _labels(name: str, label: str, query: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(DATA)
        .query(query)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".+")
    )


def _annotations_tagged(tag: str) -> Any:
    """Annotations posted to Grafana; the SDK does not accept this target as a query."""
    return dashboard.AnnotationTarget().tags([tag]).match_any(False).limit(100).type("tags")


def _asked(expression: str) -> prometheus.Dataquery:
    return prometheus.Dataquery().expr(expression).ref_id("A").datasource(DATA).range()
