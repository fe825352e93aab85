"""Bronze, silver and gold models in Python, audited on a branch before any reader sees them."""
