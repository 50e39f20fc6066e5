"""Language providers."""
