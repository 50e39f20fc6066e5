"""`make install-check`: test a new user's first command and the existence of all wheels."""
