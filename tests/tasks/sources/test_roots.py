"""What policies may read: nothing outside the roots, by whatever way a path tries to leave them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from augmill.policies.errors import DataError, PolicyError
from augmill.tasks.sources.listing import list_named, list_uri
from augmill.tasks.sources.roots import Roots

SECRET = "user,password\nada,hunter2\n"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """The folder of a policy, beside one that policies may read and one that they may not."""
    for name in ("policies", "data/deep", "private"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "data" / "rows.csv").write_text("a,b\n1,2\n")
    (tmp_path / "data" / "deep" / "rows.csv").write_text("a,b\n3,4\n")
    (tmp_path / "private" / "users.csv").write_text(SECRET)
    (tmp_path / "data-private").mkdir()
    (tmp_path / "data-private" / "users.csv").write_text(SECRET)
    return tmp_path / "policies"


@pytest.fixture
def roots(base: Path) -> Roots:
    return Roots.of(f"{base.parent / 'data'}:s3://bucket/raw")


@pytest.mark.parametrize("uri", ["../data", "../data/rows.csv", "../data/*.csv", "../data/**/*.csv", "../data/./deep"])
def test_what_lies_below_a_root_is_listed(base, roots, uri):
    assert list_uri(uri, base, roots).files == list_uri(uri, base).files


@pytest.mark.parametrize(
    "uri",
    [
        "../private",
        "../private/users.csv",
        "../private/*.csv",
        "../data/../private/users.csv",
        "../data/*/../../private/*.csv",
        "../data/**/../../private/users.csv",
        "../*/users.csv",
        "../**/*.csv",
        "../data-private/users.csv",
        "..",
        "/",
        "/etc/passwd",
        "/etc/*",
        "/proc/self/environ",
        "../nowhere/rows.csv",
    ],
)
def test_what_lies_outside_is_refused_and_not_even_said_to_exist(base, roots, uri):
    with pytest.raises(PolicyError, match="lies outside of what policies may read here") as refused:
        list_uri(uri, base, roots)
    assert "AUGMILL_DATA_ROOTS allows" in refused.value.cause
    assert "AUGMILL_DATA_ROOTS" in refused.value.remedy


@pytest.mark.parametrize("uri", ["../data", "../data/*.csv", "../data/**/*.csv", "../data/link.csv", "../data/way/*"])
def test_a_symbolic_link_out_of_a_root_is_refused(base, roots, uri):
    (base.parent / "data" / "link.csv").symlink_to(base.parent / "private" / "users.csv")
    (base.parent / "data" / "way").symlink_to(base.parent / "private")
    with pytest.raises(PolicyError, match=r"it leads to .*/private"):
        list_uri(uri, base, roots)


def test_a_link_within_a_root_and_a_root_that_is_a_link_are_fine(base):
    (base.parent / "data" / "link.csv").symlink_to(base.parent / "data" / "deep" / "rows.csv")
    (base.parent / "mount").symlink_to(base.parent / "data")
    for root in ("data", "mount"):
        for uri in ("../data", "../mount"):
            found = list_uri(uri, base, Roots.of(str(base.parent / root)))
            assert [one.name for one in found.files] == ["deep/rows.csv", "link.csv", "rows.csv"]


def test_a_picture_of_a_manifest_that_is_a_link_out_of_a_root_is_refused(base, roots):
    (base.parent / "data" / "x.png").symlink_to(base.parent / "private" / "users.csv")
    folder = str(base.parent / "data")
    assert [one.name for one in list_named(folder, ["x.png"])] == ["x.png"]
    with pytest.raises(PolicyError, match="leads to"):
        list_named(folder, ["rows.csv", "x.png"], roots)


@pytest.mark.parametrize(
    "uri", ["s3://bucket", "s3://bucket/", "s3://bucket/raw-private/x.csv", "s3://other/raw/x.csv"]
)
def test_a_bucket_or_prefix_that_no_root_names_is_refused_before_it_is_asked_for(base, roots, uri):
    with pytest.raises(PolicyError, match="lies outside"):
        list_uri(uri, base, roots)


@pytest.mark.parametrize("uri", ["s3://bucket/raw/../private/x.csv", "s3://bucket/raw/./x.csv", "s3://bucket/.."])
def test_a_key_that_climbs_is_refused_with_roots_and_without(base, roots, uri):
    for chosen in (roots, None):
        with pytest.raises(PolicyError, match=r"`\.` or `\.\.`"):
            list_uri(uri, base, chosen)


@pytest.mark.parametrize(
    "uri", ["http://127.0.0.1/x.csv", "https://h/x.csv", "file:///etc/passwd", "ftp://h/x", "S3://bucket/raw/x.csv"]
)
def test_no_other_scheme_is_read_whatever_the_roots(base, uri):
    for chosen in (Roots.of("/"), None):
        with pytest.raises(PolicyError, match="not supported"):
            list_uri(uri, base, chosen)


def test_the_root_folder_itself_allows_everything_local_and_no_bucket(base):
    everything = Roots.of("/")
    assert list_uri("../private/users.csv", base, everything).files
    with pytest.raises(PolicyError, match="lies outside"):
        list_uri("s3://bucket/x.csv", base, everything)


def test_roots_are_read_from_text_relative_to_here_and_home(base, monkeypatch):
    monkeypatch.chdir(base.parent)
    monkeypatch.setenv("HOME", str(base))
    found = Roots.of(f"data: s3://bucket:~:s3://b/x/ {os.pathsep}")
    assert found.folders == (str(base.parent / "data"), str(base))
    assert found.prefixes == ("s3://bucket/", "s3://b/x/")


@pytest.mark.parametrize("text", ["nowhere", ":", "s3://", "http://h/x", "s3://b/../c", "s3://k:s@b/x", "file:///"])
def test_roots_that_cannot_be_are_refused(text):
    with pytest.raises(ValueError, match="folders that exist and s3://BUCKET/PREFIX"):
        Roots.of(text)


def test_inside_the_roots_what_is_missing_is_said_to_be_missing(base, roots):
    with pytest.raises(PolicyError, match="does not exist"):
        list_uri("../data/none.csv", base, roots)
    with pytest.raises(DataError, match="matches no file"):
        list_uri("../data/*.parquet", base, roots)
