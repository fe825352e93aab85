from medallion import SQL, column, gold, month

ZONE = column("integer", nullable=False, references="gold.dim_zone.zone_id")


@gold(
    time_column="pickup_at",
    partition_by=month("pickup_at"),
    columns={
        "pickup_date": column(nullable=False, references="gold.dim_date.calendar_date"),
        "pickup_zone_id": ZONE,
        "dropoff_zone_id": ZONE,
        "payment_type": column(nullable=False, references="gold.dim_payment.payment_type"),
    },
    owner="analytics",
    tags=["daily"],
)
def fct_trips() -> SQL:
    """One row per trip, with keys to dim_date, dim_zone and dim_payment that always match.

    Columns:
        pickup_date: key to dim_date
        pickup_zone_id: key to dim_zone
        dropoff_zone_id: key to dim_zone
        payment_type: key to dim_payment
        duration_minutes: from pickup to dropoff
        tip_fraction: tip as a share of the total; NULL where nothing was paid
    """
    return """
        select
            t.vendor_id,
            t.pickup_at,
            t.dropoff_at,
            t.pickup_at::date as pickup_date,
            coalesce(pickup.zone_id, -1) as pickup_zone_id,
            coalesce(dropoff.zone_id, -1) as dropoff_zone_id,
            coalesce(payment.payment_type, 0) as payment_type,
            t.passenger_count,
            t.trip_distance,
            date_diff('second', t.pickup_at, t.dropoff_at) / 60 as duration_minutes,
            t.fare_amount,
            t.tip_amount,
            t.tolls_amount,
            t.total_amount,
            t.tip_amount / nullif(t.total_amount, 0) as tip_fraction
        from silver.trips as t
        left join gold.dim_zone as pickup on pickup.zone_id = t.pickup_zone_id
        left join gold.dim_zone as dropoff on dropoff.zone_id = t.dropoff_zone_id
        left join gold.dim_payment as payment on payment.payment_type = t.payment_type
    """
