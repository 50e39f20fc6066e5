"""Booking the follow-up meeting."""
