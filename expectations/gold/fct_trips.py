"""What dollars and minutes of a trip are plausible, beside what `fct_trips.json` demands."""

import great_expectations.expectations as gxe

PLAUSIBLE = {
    "fare_amount": 500,
    "tip_amount": 100,
    "tolls_amount": 100,
    "duration_minutes": 180,
}

expectations = [
    gxe.ExpectColumnValuesToBeBetween(
        column=column, min_value=0, max_value=most, mostly=0.99, severity="warning"
    )
    for column, most in PLAUSIBLE.items()
]
