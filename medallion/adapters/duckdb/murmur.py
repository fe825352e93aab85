"""Murmur3, 32 bits, as DuckDB macros: the hash that Iceberg's `bucket` transform is made of.

Numbers are held in 64 bits, so that no product overflows. DuckDB gives all its bit operators the
same precedence: hence the parentheses.
Source: the Iceberg table specification, "Appendix B: 32-bit Hash Requirements".
"""

from medallion.schema import Type, decimal_of


def hashed(column: str, type: Type) -> str:
    """The hash of a column's value, by the `MACROS`: a number from 0 to 2³² - 1, NULL for NULL."""
    if decimal_of(type):
        number = f"replace({column}::VARCHAR, '.', '')::HUGEINT"
        return f"medallion_hash_hex(medallion_fewest_bytes({number}))"
    match type:
        case "string" | "binary":
            return f"medallion_hash_hex(hex({column}))"
        case "uuid":
            return f"medallion_hash_hex(replace({column}::VARCHAR, '-', ''))"
        case "date":
            return f"medallion_hash_long(({column} - DATE '1970-01-01')::BIGINT)"
        case "time" | "timestamp" | "timestamptz":
            return f"medallion_hash_long(epoch_us({column}))"
    return f"medallion_hash_long({column}::BIGINT)"


def _macro(signature: str, body: str) -> str:
    return f"CREATE OR REPLACE TEMP MACRO medallion_{signature} AS ({body})"


MACROS = (
    _macro("low(x)", "x & 4294967295"),
    _macro("first(k)", "medallion_low(k * 3432918353)"),
    _macro(
        "scramble(k)",
        "medallion_low("
        "medallion_low((medallion_first(k) << 15) | (medallion_first(k) >> 17)) * 461845907)",
    ),
    _macro(
        "mix(h, k)",
        "medallion_low(medallion_low((xor(h, k) << 13) | (xor(h, k) >> 19)) * 5 + 3864292196)",
    ),
    # Blocks are little-endian; one that the bytes do not fill comes last and is not rotated.
    _macro(
        "blocks(blocks, bytes)",
        "list_reduce(list_transform(blocks::UBIGINT[], lambda k: medallion_scramble(k)),"
        " lambda h, k, i:"
        " CASE WHEN i <= bytes // 4 THEN medallion_mix(h, k) ELSE xor(h, k) END, 0::UBIGINT)",
    ),
    _macro(
        "murmur(blocks, bytes)",
        "list_reduce([[16, 2246822507], [13, 3266489909], [16, 1]]::UBIGINT[][],"
        " lambda h, step: medallion_low(xor(h, h >> step[1]) * step[2]),"
        " xor(medallion_blocks(blocks, bytes), bytes::UBIGINT))",
    ),
    _macro(
        "hash_long(x)",
        "medallion_murmur([medallion_low(x), medallion_low(x >> 32)], 8)",
    ),
    # Hexadecimal text is big-endian: each block of it is turned round.
    _macro(
        "turn(k)",
        "((k & 255) << 24) | ((k & 65280) << 8) | ((k >> 8) & 65280) | (k >> 24)",
    ),
    _macro(
        "hash_hex(hex)",
        "medallion_murmur(list_transform(list_transform(range(length(hex) // 8 + 1), lambda i:"
        " ('0x' || substr(hex || '000000', i * 8 + 1, 8))::UBIGINT),"
        " lambda k: medallion_turn(k)), length(hex) // 2)",
    ),
    # A signed number as hexadecimal, without the leading bytes that only repeat its sign.
    _macro(
        "fewest_bytes(x)",
        "CASE WHEN x < 0 THEN regexp_extract(hex(x), '^(?:FF)*([89A-F].(?:..)*)$', 1) ELSE"
        " regexp_replace(repeat('0', length(hex(x)) % 2) || hex(x), '^([89A-F])', '00\\1') END",
    ),
)
"""Statements to run once on a connection before a hash is asked of it."""
