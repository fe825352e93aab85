import polars as pl

from medallion import gold, ref


@gold(unique_key=["zone_id"], owner="analytics")
def tips(
    trips: pl.LazyFrame = ref("gold.fct_trips"),
    zones: pl.LazyFrame = ref("gold.dim_zone"),
) -> pl.LazyFrame:
    """How well riders tip by card, by the zone they start from; cash tips are not recorded.

    Columns:
        trips: trips paid by card
        tip_fraction: mean share of the total that was tip; NULL where no trip had a total
    """
    by_zone = (
        trips.filter(pl.col("payment_type") == 1)
        .group_by(pl.col("pickup_zone_id").alias("zone_id"))
        .agg(
            pl.len().cast(pl.Int64).alias("trips"),
            pl.col("tip_fraction").mean().round(6),  # the order of a sum shows in its last digits
        )
    )
    return by_zone.join(zones.select("zone_id", "zone_name", "borough"), on="zone_id")
