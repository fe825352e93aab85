import pandas as pd

from medallion import gold, ref


@gold(unique_key=["pickup_date", "borough"], owner="analytics")
def borough_trend(
    days: pd.DataFrame = ref("gold.daily_zones"),
    zones: pd.DataFrame = ref("gold.dim_zone"),
) -> pd.DataFrame:
    """Revenue of each borough by day, and its mean over the seven days that end there.

    Columns:
        pickup_date: key to dim_date
        revenue: dollars paid for trips that began there; 0 on a day without any
        revenue_7_days: mean of the day and the six before it
    """
    placed = days.merge(zones, left_on="pickup_zone_id", right_on="zone_id")
    revenue = (
        placed.assign(
            pickup_date=pd.to_datetime(placed["pickup_date"]),
            revenue=placed["revenue"].astype(float),
        )
        .pivot_table(index="pickup_date", columns="borough", values="revenue", aggfunc="sum")
        .asfreq("D")
        .fillna(0.0)
    )
    trend = pd.DataFrame(
        {"revenue": revenue.stack(), "revenue_7_days": revenue.rolling("7D").mean().stack()}
    )
    trend = trend.round(2).reset_index()
    return trend.assign(pickup_date=trend["pickup_date"].astype("date32[pyarrow]"))
