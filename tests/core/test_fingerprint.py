"""A model's fingerprint is of its meaning: what changes its rows counts, what does not does not."""

import subprocess
import sys
from pathlib import Path

import pytest

from medallion.config import Settings
from medallion.loading import load

FILES = {
    "models/_shared.py": """
        RATES = {"eur": 1.1, "usd": 1.0}
        FACTOR = 2
        UNUSED = 3

        class Money:
            def cents(self, amount):
                return rounded(amount * 100)

        def rounded(amount):
            # to whole numbers
            return int(amount)

        def unused():
            return UNUSED
    """,
    "models/models.py": '''
        import pyarrow as pa
        from medallion import *
        from . import _shared
        from ._shared import FACTOR, Money

        @silver(unique_key=["a"])
        def by_sql() -> SQL:
            """A comment."""
            return "select 1 as a, 'x' as b -- one row"

        @silver()
        def by_python() -> pa.Table:
            """Another comment."""
            return pa.table({"a": [Money().cents(FACTOR)]})

        @silver()
        def by_module() -> pa.Table:
            return pa.table({"a": list(_shared.RATES)})

        @bronze()
        def by_source() -> Source:
            return files("landing/*.csv", columns={"a": "bigint"})
    ''',
}
MODELS = {"by_sql", "by_python", "by_module", "by_source"}


def codes(root: Path, *edits: tuple[str, str]) -> dict[str, str]:
    """The fingerprints of the project's models after texts were replaced in its files."""
    for name, text in FILES.items():
        lines = [line.removeprefix("        ") for line in text.splitlines()]
        changed = "\n".join(lines) + "\n"
        for old, new in edits:
            changed = changed.replace(old, new)
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(changed)
    return {name.model: code for name, code in load(Settings(root)).codes.items()}


@pytest.mark.parametrize(
    "edit",
    [
        ("-- one row", "/* a row */"),
        ("select 1 as a, 'x' as b", "SELECT   1 AS  a,  'x' AS b"),
        ('"""Another comment."""', '"""Said otherwise."""'),
        ("# to whole numbers", "# cut"),
        ("return int(amount)", "return int( amount )"),
        ("import pyarrow as pa", "# a line more\n\nimport pyarrow as pa"),
        ("@silver()", '@silver(owner="me", tags=["daily"])'),
    ],
)
def test_what_changes_no_row_does_not_count(tmp_path: Path, edit: tuple[str, str]) -> None:
    assert codes(tmp_path, edit) == codes(tmp_path)


@pytest.mark.parametrize(
    ("edit", "changed"),
    [
        (("select 1 as a", "select 2 as a"), {"by_sql"}),
        (("'x' as b", "'X' as b"), {"by_sql"}),
        (('unique_key=["a"]', 'unique_key=["b"]'), {"by_sql"}),
        (("@silver(u", '@silver(deduplicate=latest("a", by="b"), u'), {"by_sql"}),
        (("@silver(u", """@silver(strategy="merge", deleted="b = 'x'", u"""), {"by_sql"}),
        (('unique_key=["a"]', 'strategy=scd2("a", changed_at="b")'), {"by_sql"}),
        (("landing/*.csv", "landing/*.tsv"), {"by_source"}),
        (('"a": "bigint"', '"a": "integer"'), {"by_source"}),
        (("cents(FACTOR)", "cents(FACTOR + 1)"), {"by_python"}),
        (("FACTOR = 2", "FACTOR = 3"), {"by_python", "by_module"}),
        (("amount * 100", "amount * 1000"), {"by_python", "by_module"}),
        (("int(amount)", "round(amount)"), {"by_python", "by_module"}),
        (('"eur": 1.1', '"eur": 1.2'), {"by_module"}),
        (("return UNUSED", "return -UNUSED"), {"by_module"}),
    ],
)
def test_what_changes_rows_counts_for_those_who_use_it(
    tmp_path: Path, edit: tuple[str, str], changed: set[str]
) -> None:
    """A module that is named as a whole counts as a whole."""
    before, after = codes(tmp_path), codes(tmp_path, edit)
    assert {name for name in MODELS if before[name] != after[name]} == changed


@pytest.mark.parametrize(
    ("declared", "other"),
    [
        ('deduplicate=latest("a", by="b")', 'deduplicate=earliest("a", by="b")'),
        ('deduplicate=latest("a", by="b")', 'deduplicate=latest("a", by=["b", "a"])'),
        ('strategy="merge", deleted="b = 1"', 'strategy="merge", deleted="b = 2"'),
        ('strategy="merge", deleted="b = 1"', 'strategy="merge"'),
    ],
)
def test_all_that_is_declared_of_which_rows_stay_counts(
    tmp_path: Path, declared: str, other: str
) -> None:
    one, two = (codes(tmp_path, ("@silver(u", f"@silver({d}, u")) for d in (declared, other))
    assert one["by_sql"] != two["by_sql"]


def test_all_that_is_declared_of_a_history_counts(tmp_path: Path) -> None:
    said = ('"a", changed_at="b"', '"a", changed_at="c"', '"a", changed_at="b", snapshots=True')
    more = (*said, '"a", changed_at="b", deleted="b = 1"', '"a", "c", changed_at="b"')
    edits = [('unique_key=["a"]', f"strategy=scd2({text})") for text in more]
    assert len({codes(tmp_path, edit)["by_sql"] for edit in edits}) == len(more)


def test_helpers_that_call_each_other_have_an_end(tmp_path: Path) -> None:
    there = (
        "return int(amount)",
        "return int(amount) if amount else again()\n\ndef again():\n    return rounded(1)",
    )
    assert codes(tmp_path, there)["by_python"] != codes(tmp_path)["by_python"]


def test_another_folder_and_another_process_give_the_same_digits(tmp_path: Path) -> None:
    here = codes(tmp_path / "here")
    assert codes(tmp_path / "there") == here
    program = (
        "import sys; from pathlib import Path; from medallion.config import Settings\n"
        "from medallion.loading import load\n"
        "found = load(Settings(Path(sys.argv[1]))).codes\n"
        "print(sorted(found[n] for n in found))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "here")],
        capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7"},
    )  # fmt: skip
    assert done.stdout.strip() == str(sorted(here.values()))
    assert all(len(code) == 16 and int(code, 16) >= 0 for code in here.values())
