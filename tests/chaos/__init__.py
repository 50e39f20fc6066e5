"""Chaos tests: after any crash no interview is lost and no effect is duplicated."""
