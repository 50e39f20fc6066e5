"""Interviews: documents, people, transcripts, events and state transitions."""
