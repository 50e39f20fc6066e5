"""Input that nobody thought of; little of it in `make test`, much in `make fuzz`."""

import os

LONG = "FUZZ" in os.environ
"""Whether there is time: set by `make fuzz`."""

SEED = int(os.environ.get("FUZZ_SEED", "1"))
