"""Engine on DuckDB."""
