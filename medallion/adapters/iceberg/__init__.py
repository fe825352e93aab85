"""Catalog and Store on Apache Iceberg, by PyIceberg."""
