from medallion import SQL, silver


@silver(unique_key=["zone_id"], owner="taxi")
def zones() -> SQL:
    """One row per taxi zone.

    Columns:
        zone_id: the number that trips name the zone by
        borough: the part of the city it lies in
        service_zone: which kind of taxi may pick up there; NULL where none may
    """
    return """
        select distinct
            try_cast(location_id as integer) as zone_id,
            trim(borough) as borough,
            trim(zone) as zone_name,
            nullif(trim(service_zone), '') as service_zone
        from bronze.zones
    """
