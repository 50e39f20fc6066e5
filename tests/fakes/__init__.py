"""In-memory fakes of the adapters; the contract suites verify that they behave the same."""
