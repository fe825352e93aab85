from medallion import Source, bronze, files


@bronze()
def orders() -> Source:
    """Orders exactly as they landed."""
    return files("{landing}/orders_*.csv", columns={"ordered_at": "timestamp"})
