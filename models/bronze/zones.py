from medallion import Source, bronze, files


@bronze(owner="taxi")
def zones() -> Source:
    """Taxi zones exactly as they landed.

    Columns:
        location_id: the number that trips name the zone by
    """
    return files(
        "{zones}/zones.csv",
        columns={
            "location_id": "varchar",
            "borough": "varchar",
            "zone": "varchar",
            "service_zone": "varchar",
        },
    )
