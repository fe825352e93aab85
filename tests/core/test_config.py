"""Settings: from the file, from variables, from flags."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from core.examples import write

from medallion.config import Settings, find_root, read_settings
from medallion.errors import DefinitionError
from medallion.plan import Scope
from medallion.resources import machine_memory
from medallion.source import files


def read(root: Path, table: str = "", variables: Mapping[str, str] = {}, **flags: Any) -> Settings:
    """The settings of a project with this `[tool.medallion]`."""
    write(root, {"pyproject.toml": f"[tool.medallion]\n{table}"})
    return read_settings(root, variables, **flags)


def refused(root: Path, *given: Any, **flags: Any) -> DefinitionError:
    """How settings are refused."""
    with pytest.raises(DefinitionError) as error:
        read(root, *given, **flags)
    return error.value


def test_a_fresh_project_needs_no_settings(tmp_path: Path) -> None:
    settings = read(tmp_path)
    assert settings == Settings(tmp_path)
    assert read_settings(tmp_path / "empty", {}) == Settings(tmp_path / "empty")
    assert settings.publish is Scope.LAYER
    assert settings.local_path == tmp_path / "warehouse"
    assert settings.spill_path == tmp_path / "warehouse" / ".spill"
    assert settings.catalog_uri == f"sqlite:///{tmp_path}/warehouse/catalog.db"


def test_the_file_sets(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        'models = "m"\nexpectations = "e"\nwarehouse = "w"\ncatalog = "sqlite:///c.db"\n'
        'memory_limit = "1GB"\nspill_limit = "9GB"\nthreads = 3\nworkers = 4\npublish = "model"\n'
        "fail_fast = true\n"
        '[tool.medallion.locations]\nlanding = "in"\n[tool.medallion.limits]\ndatabase = 2',
    )
    assert settings == Settings(
        tmp_path,
        models="m",
        expectations="e",
        warehouse="w",
        catalog="sqlite:///c.db",
        locations={"landing": "in"},
        memory_limit="1GB",
        spill_limit="9GB",
        threads=3,
        workers=4,
        publish=Scope.MODEL,
        fail_fast=True,
        limits={"database": 2},
    )


def test_a_variable_goes_before_the_file_and_a_flag_before_both(tmp_path: Path) -> None:
    file = 'models = "file"\nwarehouse = "file"\nthreads = 1\nworkers = 1'
    variables = {"MEDALLION_MODELS": "variable", "MEDALLION_THREADS": "2", "MEDALLION_WORKERS": "2"}
    settings = read(tmp_path, file, variables, workers=3)
    assert (settings.warehouse, settings.models) == ("file", "variable")
    assert (settings.threads, settings.workers) == (2, 3)


def test_a_flag_that_was_not_given_sets_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, "workers = 7", workers=None).workers == 7


def test_the_scope_is_a_word(tmp_path: Path) -> None:
    assert read(tmp_path, "", {"MEDALLION_PUBLISH": "run"}).publish is Scope.RUN
    assert read(tmp_path, "", publish=Scope.MODEL).publish is Scope.MODEL


@pytest.mark.parametrize(("text", "told"), [("true", True), ("false", False)])
def test_a_truth_can_be_a_variable(tmp_path: Path, text: str, *, told: bool) -> None:
    assert read(tmp_path, "", {"MEDALLION_FAIL_FAST": text}).fail_fast is told


def test_a_location_can_be_a_variable(tmp_path: Path) -> None:
    table = '[tool.medallion.locations]\nlanding = "file"\nother = "file"'
    variables = {"MEDALLION_LOCATIONS_LANDING": "/variable", "MEDALLION_LOCATIONS_MORE": "m"}
    assert read(tmp_path, table, variables).locations == {
        "landing": "/variable",
        "other": "file",
        "more": "m",
    }


def test_other_variables_and_other_tools_do_not_matter(tmp_path: Path) -> None:
    write(tmp_path, {"pyproject.toml": "[project]\nname = 'x'\n[tool.other]\nmodels = 1"})
    assert read_settings(tmp_path, {"PATH": "x", "XMEDALLION_MODELS": "y"}) == Settings(tmp_path)


def test_a_misspelt_setting_is_refused_wherever_it_is(tmp_path: Path) -> None:
    file = refused(tmp_path, 'warehuose = "w"')
    assert file.message == f"{tmp_path}/pyproject.toml: there is no setting 'warehuose'"
    variable = refused(tmp_path, "", {"MEDALLION_WAREHUOSE": "w"})
    assert variable.message == "MEDALLION_WAREHUOSE: there is no setting 'warehuose'"
    flag = refused(tmp_path, warehuose="w")
    assert flag.message == "--warehuose: there is no setting 'warehuose'"
    assert {file.hint, variable.hint, flag.hint} == {"did you mean warehouse?"}


@pytest.mark.parametrize("key", ["root", "xyz"])
def test_a_setting_that_looks_like_none_is_refused_with_all_there_are(
    tmp_path: Path, key: str
) -> None:
    error = refused(tmp_path, f'{key} = "x"')
    assert error.hint == (
        "settings are: models, expectations, warehouse, results, catalog, memory_limit, "
        "spill_limit, codec, threads, workers, executor, publish, fail_fast, secrets"
    )


@pytest.mark.parametrize(
    ("setting", "shown", "hint"),
    [
        ('workers = "many"', "'many'", "a whole number"),
        ("workers = 1.5", "1.5", "a whole number"),
        ("workers = 2.0", "2.0", "a whole number"),
        ("workers = true", "True", "a whole number"),
        ("workers = -1", "-1", "a whole number"),
        ("workers = 0", "0", "a whole number, at least 1"),
        ("threads = -1", "-1", "a whole number, at least 0"),
        ("threads = [1]", "[1]", "a whole number"),
        ("threads = inf", "inf", "a whole number"),
        ('memory_limit = "much"', "'much'", "a size from 10MB on, or a share"),
        ('memory_limit = "0%"', "'0%'", "a size from 10MB on, or a share"),
        ('memory_limit = "101%"', "'101%'", "a size from 10MB on, or a share"),
        ('memory_limit = "9MB"', "'9MB'", "a size from 10MB on, or a share"),
        ("memory_limit = 2", "2", "a size from 10MB on, or a share"),
        ('spill_limit = "50%"', "'50%'", 'a size from 10MB on: "50GB"'),
        ('spill_limit = "9999999TB"', "'9999999TB'", 'a size from 10MB on: "50GB"'),
        ('codec = "brotli"', "'brotli'", "one of: zstd, snappy, gzip, lz4, uncompressed"),
        ('codec = "zstd:23"', "'zstd:23'", "one of: zstd"),
        ('codec = "zstd:"', "'zstd:'", "one of: zstd"),
        ('codec = "gzip:3"', "'gzip:3'", "one of: zstd"),
        ("models = 1", "1", "a text"),
        ('models = ["a"]', "['a']", "a text"),
        ('publish = "all"', "'all'", "one of: layer, model, run"),
        ("publish = 1", "1", "one of: layer, model, run"),
        ("publish = []", "[]", "one of: layer, model, run"),
        ("fail_fast = 1", "1", "true or false"),
        ('fail_fast = "yes"', "'yes'", "true or false"),
        ("limits = 2", "2", "write tags"),
        ("limits = {database = 0}", "{'database': 0}", "write tags"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(
    tmp_path: Path, setting: str, shown: str, hint: str
) -> None:
    error = refused(tmp_path, setting)
    key = setting.partition(" ")[0]
    assert error.message == f"{tmp_path}/pyproject.toml: {key} = {shown} does not fit"
    assert error.hint.startswith(hint)


@pytest.mark.parametrize("locations", ['"in"', "[1]", "{ landing = 1 }"])
def test_locations_are_names_and_folders(tmp_path: Path, locations: str) -> None:
    error = refused(tmp_path, f"locations = {locations}")
    assert "/pyproject.toml: locations = " in error.message
    assert error.hint


def test_a_file_that_is_no_toml_is_refused(tmp_path: Path) -> None:
    assert "pyproject.toml is no TOML: " in refused(tmp_path, "models = ").message
    (tmp_path / "pyproject.toml").write_bytes(b"\xff")
    with pytest.raises(DefinitionError, match="is no TOML"):
        read_settings(tmp_path, {})


def test_the_settings_are_a_table(tmp_path: Path) -> None:
    write(tmp_path, {"pyproject.toml": "[tool]\nmedallion = 1"})
    with pytest.raises(DefinitionError, match="medallion = 1 is no table"):
        read_settings(tmp_path, {})


@pytest.mark.parametrize(
    ("catalog", "address"),
    [
        ("sqlite:///c.db", "sqlite:///{root}/c.db"),
        ("sqlite:///../c.db", "sqlite:///{root.parent}/c.db"),
        ("sqlite:////tmp/c.db", "sqlite:////tmp/c.db"),
        ("postgresql://me@db/lake", "postgresql://me@db/lake"),
    ],
)
def test_the_file_of_a_catalog_starts_at_the_root(
    tmp_path: Path, catalog: str, address: str
) -> None:
    assert Settings(tmp_path, catalog=catalog).catalog_uri == address.format(root=tmp_path)


@pytest.mark.parametrize("warehouse", ["lake", "./lake/", "x/../lake", "file://lake"])
def test_the_warehouse_starts_at_the_root(tmp_path: Path, warehouse: str) -> None:
    assert Settings(tmp_path, warehouse=warehouse).local_path == tmp_path / "lake"


def test_the_warehouse_can_be_elsewhere(tmp_path: Path) -> None:
    elsewhere = tmp_path / "lake"
    for warehouse in (str(elsewhere), f"file://{elsewhere}"):
        assert Settings(Path("/project"), warehouse=warehouse).local_path == elsewhere


def test_a_warehouse_in_a_store_leaves_on_this_machine_what_belongs_there(tmp_path: Path) -> None:
    settings = Settings(tmp_path, warehouse="s3://bucket/lake/")

    assert settings.warehouse_address == "s3://bucket/lake"
    assert settings.frames == "s3://bucket/lake/.frames"
    assert settings.local_path == tmp_path / "warehouse"
    assert settings.spill_path == tmp_path / "warehouse" / ".spill"
    assert settings.log_path == tmp_path / "warehouse" / ".runs"
    assert settings.cache_path == tmp_path / "warehouse" / ".cache"
    assert settings.catalog_uri == f"sqlite:///{tmp_path}/warehouse/catalog.db"


def test_the_options_of_stores_are_read_by_their_addresses(tmp_path: Path) -> None:
    table = """
    [tool.medallion.stores."s3://bucket"]
    endpoint = "http://127.0.0.1:9000"
    style = "path"
    timeout = 5
    [tool.medallion.stores."gs://other"]
    project = "taxis"
    """
    assert read(tmp_path, table).stores == {
        "s3://bucket": {"endpoint": "http://127.0.0.1:9000", "style": "path", "timeout": 5},
        "gs://other": {"project": "taxis"},
    }


@pytest.mark.parametrize(
    ("table", "message", "hint"),
    [
        ('stores = "s3://bucket"', "stores is no table", r"stores\."),
        ('[tool.medallion.stores.bucket]\nkey = "x"', "'bucket' is no address", "s3://"),
        ('[tool.medallion.stores."s3://"]\nendpiont = "x"', "no option 'endpiont'", "endpoint"),
        ('[tool.medallion.stores."s3://"]\nother = "x"', "no option 'other'", "profile"),
        ('[tool.medallion.stores."s3://"]\nstyle = "odd"', "style does not fit", "virtual"),
        ('[tool.medallion.stores."s3://"]\nsecret = 987654321', "secret does not fit", "secret"),
        ('[tool.medallion.stores."s3://"]\ntimeout = "5"', "timeout does not fit", "seconds"),
    ],
)
def test_options_that_no_store_has_are_refused(
    tmp_path: Path, table: str, message: str, hint: str
) -> None:
    error = refused(tmp_path, table)
    assert re.search(message, error.message)
    assert re.search(hint, error.hint)
    assert "987654321" not in str(error)


def test_settings_do_not_show_the_secrets_of_stores(tmp_path: Path) -> None:
    assert "hidden" not in repr(Settings(tmp_path, stores={"s3://": {"secret": "hidden"}}))


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("in/*.csv", "{root}/in/*.csv"),
        ("/in/*.csv", "/in/*.csv"),
        ("{here}/*.csv", "{root}/landing/*.csv"),
        ("{there}/{here}.csv", "/elsewhere/landing.csv"),
    ],
)
def test_a_source_is_placed(tmp_path: Path, pattern: str, path: str) -> None:
    settings = Settings(tmp_path, locations={"here": "landing", "there": "/elsewhere"})
    placed = settings.place(files(pattern, columns={"a": "int"}))
    assert placed == files(path.replace("{root}", str(tmp_path)), columns={"a": "int"})


@pytest.mark.parametrize(
    "pattern", ["{nope}/x", "{}/x", "{0}/x", "{here", "here}", "{here.x}", "{here[x]}", "{here!z}"]
)
def test_a_source_in_a_place_that_is_not_set_is_refused(tmp_path: Path, pattern: str) -> None:
    settings = Settings(tmp_path, locations={"here": "landing"})
    with pytest.raises(DefinitionError) as error:
        settings.place(files(pattern))
    assert repr(pattern) in error.value.message
    assert error.value.hint.endswith("there are: here")


def test_a_root_is_the_nearest_folder_with_settings(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "pyproject.toml": "[tool.medallion]",
            "a/pyproject.toml": "[tool.medallion.locations]",
            "a/b/pyproject.toml": "[project]",
            "a/b/c/file": "",
        },
    )
    assert find_root(tmp_path / "a/b/c") == tmp_path / "a"
    assert find_root(tmp_path / "a" / "..") == tmp_path


def test_a_folder_in_no_project_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="is in no medallion project") as error:
        find_root(tmp_path)
    assert error.value.hint == "make one: medallion init my_lake"


@pytest.mark.parametrize("codec", ["zstd", "zstd:22", "snappy", "gzip", "lz4", "uncompressed"])
def test_a_codec_is_a_name_and_zstd_has_levels(tmp_path: Path, codec: str) -> None:
    assert read(tmp_path, f'codec = "{codec}"').codec == codec


def test_memory_is_a_size_or_a_share_of_the_machine(tmp_path: Path) -> None:
    assert read(tmp_path, 'memory_limit = "123456789B"').memory_bytes == 123456789
    half = read(tmp_path, "", {"MEDALLION_MEMORY_LIMIT": "50%"}).memory_bytes
    assert half == machine_memory() // 2


@pytest.mark.parametrize(
    ("groups", "file"),
    [
        ("0::/a/b", "memory.max"),
        ("0::/a/b", "a/memory.max"),
        ("0::/a/b", "a/b/memory.max"),
        ("3:cpu:/\n4:memory:/a/b\n0::/", "memory/memory.limit_in_bytes"),
        ("4:memory:/a/b", "memory/a/b/memory.limit_in_bytes"),
    ],
)
def test_a_control_group_limits_the_memory(tmp_path: Path, groups: str, file: str) -> None:
    limits = {f"sys/fs/cgroup/{file}": "1000000\n", "sys/fs/cgroup/other/memory.max": "1"}
    write(tmp_path, {"proc/self/cgroup": f"{groups}\n", **limits})
    assert machine_memory(tmp_path) == 1000000


def test_without_a_limit_all_memory_of_the_machine_may_be_used(tmp_path: Path) -> None:
    alone = machine_memory(tmp_path)
    write(tmp_path, {"proc/self/cgroup": "0::/a", "sys/fs/cgroup/a/memory.max": "max"})
    assert machine_memory(tmp_path) == alone > 0


def test_options_of_the_catalog_are_read_and_not_shown(tmp_path: Path) -> None:
    table = '[tool.medallion.catalog_options]\ntoken = "file"\nscope = "s3cret"'
    variables = {
        "MEDALLION_CATALOG_OPTIONS_TOKEN": "s3cret",
        "MEDALLION_CATALOG_OPTIONS_OAUTH2_SERVER_URI": "s3cret",
    }
    settings = read(tmp_path, table, variables)

    assert settings.catalog_options == {
        "token": "s3cret",
        "scope": "s3cret",
        "oauth2-server-uri": "s3cret",
    }
    assert "s3cret" not in repr(settings)


@pytest.mark.parametrize(
    "table",
    [
        'catalog_options = "s3cret"',
        "[tool.medallion.catalog_options]\nheader.x = 's3cret'",
        "[tool.medallion.catalog_options]\ntoken = ['s3cret']",
    ],
)
def test_options_of_the_catalog_that_are_no_texts_are_refused_and_not_shown(
    tmp_path: Path, table: str
) -> None:
    error = refused(tmp_path, table)
    assert "catalog" in error.message
    assert "s3cret" not in str(error)


@pytest.mark.parametrize("catalog", ["glue", "glue://eu-central-1/shop", "https://host/x"])
def test_the_address_of_another_kind_of_catalog_stays_as_it_is(
    tmp_path: Path, catalog: str
) -> None:
    assert read(tmp_path, "", {"MEDALLION_CATALOG": catalog}).catalog_uri == catalog
