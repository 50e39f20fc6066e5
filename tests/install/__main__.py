"""Install as a new user would, with each Python of this machine, and check all wheels."""

import sys
import tempfile
from pathlib import Path

from tests.install import demo, wheels


def main() -> int:
    """Check everything, and print a line for each check."""
    faults = wheels.missing()
    with tempfile.TemporaryDirectory(prefix="install-check-") as place:
        faults += demo.check_each_python(Path(place))
    for fault in faults:
        print(f"FAILED: {fault}", file=sys.stderr)
    print(f"install-check: {'failed' if faults else 'passed'}")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
