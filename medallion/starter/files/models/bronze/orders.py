from medallion import Source, bronze, files, month


@bronze(time_column="ordered_at", partition_by=month("ordered_at"))
def orders() -> Source:
    """Orders exactly as they landed."""
    return files("{landing}/orders_*.csv", columns={"ordered_at": "timestamp"})
