import pyarrow as pa

from medallion import gold


@gold(unique_key=["payment_type"], owner="analytics")
def dim_payment() -> pa.Table:
    """How riders pay, by the meter's code; 0 for none or an unknown one.

    Columns:
        payment_type: the key that facts refer to
    """
    methods = {
        0: "Not reported",
        1: "Credit card",
        2: "Cash",
        3: "No charge",
        4: "Dispute",
        5: "Unknown",
        6: "Voided trip",
    }
    return pa.table(
        {
            "payment_type": pa.array(methods.keys(), pa.int32()),
            "payment_method": pa.array(methods.values(), pa.string()),
        }
    )
