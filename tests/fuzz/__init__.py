"""Fuzz tests: a few cases in `make test`, many in `make fuzz`."""

import os

LONG = "FUZZ" in os.environ
"""Whether to run many cases; set by `make fuzz`."""

SEED = int(os.environ.get("FUZZ_SEED", "1"))
