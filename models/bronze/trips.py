from medallion import Source, bronze, column, files, month


@bronze(
    time_column="pickup_datetime",
    partition_by=month("pickup_datetime"),
    columns={"driver_licence": column(pii=True)},
    owner="taxi",
    tags=["daily"],
)
def trips() -> Source:
    """Yellow-taxi trips exactly as they landed.

    Only the two times are typed: any other field may hold text, which silver sorts out.

    Columns:
        pickup_datetime: when the meter was started
        dropoff_datetime: when the meter was stopped
        driver_licence: personal; it goes no further than this table
    """
    return files(
        "{trips}/yellow_tripdata_*.csv",
        columns={
            "vendor_id": "varchar",
            "pickup_datetime": "timestamp",
            "dropoff_datetime": "timestamp",
            "passenger_count": "varchar",
            "trip_distance": "varchar",
            "rate_code_id": "varchar",
            "store_and_fwd_flag": "varchar",
            "pickup_location_id": "varchar",
            "dropoff_location_id": "varchar",
            "payment_type": "varchar",
            "fare_amount": "varchar",
            "extra": "varchar",
            "mta_tax": "varchar",
            "tip_amount": "varchar",
            "tolls_amount": "varchar",
            "improvement_surcharge": "varchar",
            "total_amount": "varchar",
            "congestion_surcharge": "varchar",
            "driver_licence": "varchar",
        },
    )
