from medallion import SQL, gold, month


@gold(
    time_column="pickup_date",
    partition_by=month("pickup_date"),
    unique_key=["pickup_date", "pickup_zone_id"],
    owner="analytics",
    tags=["daily"],
)
def daily_zones() -> SQL:
    """Trips and revenue of each zone, for each day it had a pickup.

    Columns:
        pickup_date: key to dim_date
        pickup_zone_id: key to dim_zone
        passengers: as far as they were counted
        revenue: dollars paid
        tip_fraction: all tips as a share of all revenue; NULL on a day without revenue
    """
    return """
        select
            pickup_date,
            pickup_zone_id,
            count(*) as trips,
            coalesce(sum(passenger_count), 0)::bigint as passengers,
            sum(trip_distance) as distance,
            sum(total_amount) as revenue,
            sum(tip_amount) / nullif(sum(total_amount), 0) as tip_fraction
        from gold.fct_trips
        group by pickup_date, pickup_zone_id
    """
