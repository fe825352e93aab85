from medallion import SQL, hashed, month, silver


@silver(
    time_column="ordered_at",
    partition_by=month("ordered_at"),
    unique_key=["order_id"],
    mask={"email": hashed()},
)
def orders() -> SQL:
    """One row per order, typed, the same order only once.

    Columns:
        email: SHA-256 of the customer's address
        amount: dollars, never negative
    """
    return """
        select distinct
            order_id::bigint as order_id,
            ordered_at,
            lower(trim(email)) as email,
            country,
            amount::decimal(10, 2) as amount
        from bronze.orders
        where amount::decimal(10, 2) >= 0
    """
