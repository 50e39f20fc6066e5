"""In-memory twins of the adapters; the contract suites hold them to the same behaviour."""
