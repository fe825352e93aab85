"""The auditor: suites of Great Expectations, checked through DuckDB.

Great Expectations takes seconds to import, so nothing here imports it before the first suite.
"""

from typing import Any

from medallion.adapters.expectations.auditor import ExpectationsAuditor, Opener

__all__ = ["ExpectationsAuditor", "Opener", "document_of"]


def document_of(expectation: Any) -> dict[str, Any]:
    """The JSON document of a Great Expectations object: type, kwargs, severity and meta.

    Raises:
        DefinitionError: it is no expectation.
    """
    from medallion.adapters.expectations import documents

    return documents.document_of(expectation)
