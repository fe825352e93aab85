"""Reads a query of MySQL with connectorx, in a process of its own: rows as an Arrow stream.

A process, because connectorx holds Python's lock while it waits for the server, and panics where it
meets a value that it cannot take. Standard input has the question as JSON; the address is in it, so
that no password is among the arguments. It imports nothing of the package.
"""

import json
import sys


def main() -> None:
    """Ask, and write the batches to standard output; a failure ends with another exit code."""
    import connectorx
    import pyarrow as pa

    asked = json.load(sys.stdin)
    batches = connectorx.read_sql(
        asked["address"],
        asked["query"],
        return_type="arrow_stream",
        batch_size=asked["batch"],
        pre_execution_query=asked["before"],
    )
    with pa.ipc.new_stream(sys.stdout.buffer, batches.schema) as stream:
        for batch in batches:
            if batch.num_rows:
                stream.write_batch(batch)


if __name__ == "__main__":
    main()
