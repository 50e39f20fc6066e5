"""`make install-check`: whether a new user's first command works, and whether all wheels exist."""
