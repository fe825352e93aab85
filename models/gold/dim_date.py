from medallion import SQL, gold


@gold(unique_key=["calendar_date"], owner="analytics")
def dim_date() -> SQL:
    """Every day from the first pickup to the last dropoff.

    Columns:
        calendar_date: the key that facts refer to
        day_of_week: 1 for Monday to 7 for Sunday
    """
    return """
        with days as (
            select
                unnest(
                    generate_series(
                        date_trunc('day', min(pickup_at)), max(dropoff_at), interval 1 day
                    )
                )::date as calendar_date
            from silver.trips
        )
        select
            calendar_date,
            year(calendar_date) as year,
            quarter(calendar_date) as quarter,
            month(calendar_date) as month,
            isodow(calendar_date) as day_of_week,
            dayname(calendar_date) as day_name,
            isodow(calendar_date) >= 6 as is_weekend
        from days
    """
