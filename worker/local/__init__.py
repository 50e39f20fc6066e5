"""The whole stack on one machine: embedded servers, supervisor, demo."""
