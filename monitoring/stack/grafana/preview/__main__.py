"""`make dashboard-preview`: renders HTML pages, and pictures if Chromium is installed."""

import shutil
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from pathlib import Path

from PIL import Image

from monitoring.stack.grafana.__main__ import PLACE
from monitoring.stack.grafana.preview.page import COLUMN, height, page
from monitoring.stack.grafana.preview.source import Source, Window

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_POINTS = 200
_COLOURS = 32


def main() -> None:
    """Render all dashboards with data from the given Prometheus."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("prometheus", help="its URL, such as http://127.0.0.1:9090")
    parser.add_argument("--minutes", type=float, default=180, help="minutes shown, up to now")
    parser.add_argument("--job", default="interview-worker", help="a regular expression")
    parser.add_argument("--out", type=Path, default=Path("build/dashboards"))
    chosen = parser.parse_args()
    end = time.time()
    seconds = chosen.minutes * 60
    window = Window(end - seconds, end, max(1.0, seconds / _POINTS), max(60.0, seconds / 50))
    render(Source(chosen.prometheus, window, {"job": chosen.job, "instance": ".+"}), chosen.out)


def render(source: Source, out: Path) -> None:
    """Write a page for each dashboard, and a picture of it if there is a browser."""
    out.mkdir(parents=True, exist_ok=True)
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        sys.stderr.write("Chromium not found: writing pages without pictures\n")
    for file in sorted(PLACE.glob("*.json")):
        text = file.read_text()
        html = out / f"{file.stem}.html"
        html.write_text(page(text, source))
        if browser is not None:
            _photograph(browser, html, height(text))
        sys.stdout.write(f"{html}\n")


def _photograph(browser: str, html: Path, high: int) -> None:
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
                *(f"--user-data-dir={profile}", f"--window-size={24 * COLUMN + 40},{high}"),
                *(f"--screenshot={html.with_suffix('.png')}", html.resolve().as_uri()),
            ],
            check=True,
            timeout=60,
            capture_output=True,
        )
    picture = html.with_suffix(".png")
    with Image.open(picture) as photograph:
        few = photograph.convert("RGB").quantize(
            _COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
        )
    few.save(picture, optimize=True)


if __name__ == "__main__":
    main()
