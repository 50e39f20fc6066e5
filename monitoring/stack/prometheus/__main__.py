"""`make rules`: writes the rule files beside this one."""

from monitoring.stack.prometheus.files import PLACE, contents


def main() -> None:
    """Write each file."""
    for name, text in contents().items():
        (PLACE / name).write_text(text)


if __name__ == "__main__":
    main()
