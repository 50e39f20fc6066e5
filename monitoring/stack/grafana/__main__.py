"""`make dashboards`: writes all dashboards as JSON beside this file."""

from pathlib import Path

from monitoring.stack.grafana.build import as_text
from monitoring.stack.grafana.catalogue import DASHBOARDS

PLACE = Path(__file__).with_name("dashboards")


def main() -> None:
    """Write each dashboard to the file named after it."""
    for dashboard in DASHBOARDS:
        (PLACE / f"{dashboard.uid}.json").write_text(as_text(dashboard))


if __name__ == "__main__":
    main()
