from medallion import SQL, gold


@gold(unique_key=["zone_id"], owner="analytics")
def dim_zone() -> SQL:
    """Where trips begin and end: every zone, and -1 for what is none.

    Columns:
        zone_id: the key that facts refer to
    """
    return """
        select zone_id, zone_name, borough, coalesce(service_zone, 'None') as service_zone
        from silver.zones
        union all
        select -1, 'Not a zone', 'Unknown', 'None'
    """
