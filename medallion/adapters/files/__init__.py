"""Files beside tables: what landed, and small texts that are kept."""
