"""Tables and queries of MySQL, MariaDB and PostgreSQL, as Arrow batches."""
