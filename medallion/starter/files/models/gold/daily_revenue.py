from medallion import SQL, gold, month


@gold(time_column="day", partition_by=month("day"), unique_key=["day", "country"])
def daily_revenue() -> SQL:
    """Orders and revenue by day and country."""
    return """
        select ordered_at::date as day, country, count(*) as orders, sum(amount) as revenue
        from silver.orders
        group by all
    """
