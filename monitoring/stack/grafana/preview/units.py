"""Number formatting by Grafana's units."""

import math

_BINARY = ("B", "KiB", "MiB", "GiB", "TiB")
_DECIMAL = ("", "K", "Mil", "Bil")
_TIMES = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"), (0.001, "ms"))
_SUFFIXES = {"reqps": " req/s", "ops": " ops/s", "cps": " c/s", "cpm": " c/min", "dB": " dB"}


def readable(value: float, unit: str) -> str:
    """Format a value with its unit, in about four digits.

    Args:
        value: The value.
        unit: Grafana's id of its unit.
    """
    if not math.isfinite(value):
        return "-"
    if unit == "percentunit":
        return f"{_number(value * 100)} %"
    if unit == "currencyUSD":
        return f"${value:.2f}" if abs(value) >= 1 or value == 0 else f"${value:.3g}"
    if unit in ("bytes", "Bps"):
        return _scaled(value, 1024, _BINARY) + ("/s" if unit == "Bps" else "")
    if unit == "s":
        return _duration(value)
    return _scaled(value, 1000, _DECIMAL).strip() + _SUFFIXES.get(unit, "")


def axis_format(unit: str) -> str:
    """The same for Vega's axes, as an expression over `datum.value`."""
    if unit == "percentunit":
        return "format(datum.value * 100, '.3~g') + ' %'"
    if unit == "currencyUSD":
        return "'$' + format(datum.value, '.2~s')"
    if unit in ("bytes", "Bps"):
        suffix = "/s" if unit == "Bps" else ""
        return (
            f"datum.value >= 1048576 ? format(datum.value / 1048576, '.3~g') + ' MiB{suffix}' : "
            f"datum.value >= 1024 ? format(datum.value / 1024, '.3~g') + ' KiB{suffix}' : "
            f"format(datum.value, '.3~g') + ' B{suffix}'"
        )
    if unit == "s":
        return (
            "datum.value == 0 ? '0 s'"
            " : datum.value < 1 ? format(datum.value * 1000, '.3~g') + ' ms'"
            " : datum.value < 120 ? format(datum.value, '.3~g') + ' s'"
            " : format(datum.value / 60, '.3~g') + ' min'"
        )
    figure = "format(datum.value, datum.value < 1 ? '.3~g' : '.3~s')"
    return f"{figure} + '{_SUFFIXES.get(unit, '')}'"


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def _scaled(value: float, base: int, names: tuple[str, ...]) -> str:
    power = 0
    while abs(value) >= base and power < len(names) - 1:
        value /= base
        power += 1
    return f"{_number(value)} {names[power]}"


def _duration(value: float) -> str:
    for size, name in _TIMES:
        if abs(value) >= size:
            return f"{_number(value / size)} {name}"
    return f"{_number(value * 1000)} ms"
