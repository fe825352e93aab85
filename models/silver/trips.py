from medallion import SQL, hashed, month, silver

# Two cabs of one company can start and stop in the same second between the same zones: what they
# drove and were paid tells them apart.
TRIP = [
    "vendor_id",
    "pickup_at",
    "dropoff_at",
    "pickup_zone_id",
    "dropoff_zone_id",
    "trip_distance",
    "total_amount",
]


@silver(
    time_column="pickup_at",
    partition_by=month("pickup_at"),
    unique_key=TRIP,
    mask={"driver_licence": hashed()},
    owner="taxi",
    tags=["daily"],
)
def trips() -> SQL:
    """One row per completed trip: typed, the same row only once, impossible ones refused.

    A trip is refused if an amount is negative or no number, if it ends before it begins or a day
    later, if it is longer than 200 miles, or if it begins more than a day outside its file's month.

    Columns:
        vendor_id: the company behind the meter; 0 where the file does not say
        pickup_at: when the meter was started
        dropoff_at: when the meter was stopped
        trip_distance: miles
        pickup_zone_id: a zone; 264 where the file does not say
        dropoff_zone_id: a zone; 264 where the file does not say
        payment_type: 1 card, 2 cash, 3 no charge, 4 dispute; NULL where the file does not say
        tip_amount: dollars tipped by card; cash tips are not recorded
        total_amount: dollars paid, without cash tips
        driver_licence: SHA-256 of the licence
    """
    return """
        with typed as (
            select
                coalesce(try_cast(vendor_id as integer), 0) as vendor_id,
                pickup_datetime as pickup_at,
                dropoff_datetime as dropoff_at,
                try_cast(passenger_count as integer) as passenger_count,
                try_cast(trip_distance as decimal(10, 2)) as trip_distance,
                try_cast(rate_code_id as integer) as rate_code_id,
                store_and_fwd_flag = 'Y' as stored_and_forwarded,
                coalesce(try_cast(pickup_location_id as integer), 264) as pickup_zone_id,
                coalesce(try_cast(dropoff_location_id as integer), 264) as dropoff_zone_id,
                try_cast(payment_type as integer) as payment_type,
                try_cast(fare_amount as decimal(10, 2)) as fare_amount,
                try_cast(extra as decimal(10, 2)) as extra,
                try_cast(mta_tax as decimal(10, 2)) as mta_tax,
                try_cast(tip_amount as decimal(10, 2)) as tip_amount,
                try_cast(tolls_amount as decimal(10, 2)) as tolls_amount,
                try_cast(improvement_surcharge as decimal(10, 2)) as improvement_surcharge,
                try_cast(total_amount as decimal(10, 2)) as total_amount,
                try_cast(congestion_surcharge as decimal(10, 2)) as congestion_surcharge,
                driver_licence,
                coalesce(
                    try_strptime(
                        regexp_extract(_source_file, '([0-9]{4}-[0-9]{2})[.]csv$', 1), '%Y-%m'
                    ),
                    date_trunc('month', pickup_datetime)
                ) as file_month
            from bronze.trips
        )
        select distinct * exclude (file_month)
        from typed
        where fare_amount >= 0
            and tip_amount >= 0
            and total_amount >= tip_amount
            and trip_distance between 0 and 200
            and dropoff_at >= pickup_at
            and dropoff_at < pickup_at + interval 1 day
            and pickup_at >= file_month - interval 1 day
            and pickup_at < file_month + interval 1 month + interval 1 day
    """
