"""The interview: its document, its people, and what may become of it."""
