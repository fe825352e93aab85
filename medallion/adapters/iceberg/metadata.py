"""Tables between our words and PyIceberg's."""

import json
import uuid

from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema as IcebergSchema
from pyiceberg.table.metadata import TableMetadata, TableMetadataV2
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER
from pyiceberg.transforms import parse_transform

from medallion.adapters.iceberg import document
from medallion.errors import ModelError
from medallion.names import TableName
from medallion.partition import Transform
from medallion.schema import ListType, MapType, Schema, StructType, Type
from medallion.tables import Table

PROPERTIES = {
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
    "write.parquet.compression-codec": "zstd",
}


def table_of(name: TableName, metadata: TableMetadata) -> Table:
    """The table that the metadata describes."""
    return document.table_of(name, metadata.model_dump(mode="json"))


def schema_of(schema: IcebergSchema) -> Schema:
    """The columns of a PyIceberg schema."""
    return Schema.from_json(json.loads(schema.model_dump_json()))


def iceberg_schema(schema: Schema, id: int = 0) -> IcebergSchema:
    """The PyIceberg schema with the same columns."""
    return IcebergSchema.model_validate(schema.to_json() | {"schema-id": id})


def new_metadata(
    schema: Schema, partition_by: tuple[Transform, ...], location: str
) -> TableMetadata:
    """The metadata of a table that does not exist yet, with the schema's own field ids."""
    iceberg = iceberg_schema(schema)
    spec = new_spec(iceberg, partition_by, ())
    return TableMetadataV2(
        location=location,
        table_uuid=uuid.uuid4(),
        schemas=[iceberg],
        last_column_id=highest_id(schema),
        current_schema_id=0,
        partition_specs=[spec],
        default_spec_id=spec.spec_id,
        last_partition_id=spec.last_assigned_field_id,
        sort_orders=[UNSORTED_SORT_ORDER],
        default_sort_order_id=0,
        properties=dict(PROPERTIES),
    )


def new_spec(
    schema: IcebergSchema, partition_by: tuple[Transform, ...], specs: tuple[PartitionSpec, ...]
) -> PartitionSpec:
    """The spec among `specs` that partitions so, or a new one with the ids of known fields."""
    ids = {(f.source_id, str(f.transform)): f.field_id for s in specs for f in s.fields}
    last = max(ids.values(), default=999)
    fields = []
    for transform in partition_by:
        source = schema.find_field(transform.column).field_id
        kind = _iceberg_transform(transform)
        id = ids.get((source, kind))
        if id is None:
            id = last = last + 1
        fields.append(PartitionField(source, id, parse_transform(kind), transform.field))
    for spec in specs:
        if list(spec.fields) == fields:
            return spec
    return PartitionSpec(*fields, spec_id=max((s.spec_id for s in specs), default=-1) + 1)


def check_partitions(schema: Schema, partition_by: tuple[Transform, ...], owner: TableName) -> None:
    """Each transform's column exists, and no partition field takes the name of another column.

    Raises:
        ModelError: one does not.
    """
    for transform in partition_by:
        if schema.column(transform.column) is None:
            raise ModelError(
                f"{owner} is partitioned by {transform}, and gives no column {transform.column!r}",
                hint=f"its columns: {', '.join(schema.names)}",
            )
        if transform.kind != "identity" and schema.column(transform.field):
            raise ModelError(
                f"{owner} gives a column {transform.field!r}, the name of its partition field",
                hint="rename the column",
            )


def highest_id(schema: Schema) -> int:
    """The largest field id in a schema, nested fields included."""
    return max((i for c in schema for i in (c.id, *_ids(c.type))), default=0)


def _ids(type: Type) -> tuple[int, ...]:
    match type:
        case ListType():
            return (type.element_id, *_ids(type.element))
        case MapType():
            return (type.key_id, type.value_id, *_ids(type.key), *_ids(type.value))
        case StructType():
            return tuple(i for f in type.fields for i in (f.id, *_ids(f.type)))
    return ()


def _iceberg_transform(transform: Transform) -> str:
    if transform.argument is None:
        return transform.kind
    return f"{transform.kind}[{transform.argument}]"
