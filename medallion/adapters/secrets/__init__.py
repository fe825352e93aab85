"""Where values of secrets are kept."""
