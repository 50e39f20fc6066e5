"""Provider decorators: fallback, instrumentation, masking."""
