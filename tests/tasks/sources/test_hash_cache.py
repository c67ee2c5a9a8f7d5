from __future__ import annotations

from pathlib import Path

from augmill.tasks.sources.hash_cache import HashCache

LONG_AGO = 1_000_000_000_000_000_000


def test_a_hash_is_remembered_until_its_stamp_changes(tmp_path: Path) -> None:
    with HashCache(tmp_path / "deep" / "cache") as cache:
        cache.put("/a", "1:2:3", "abc", mtime_ns=LONG_AGO)
        cache.put("s3://b/a", "1:etag", "def", "version-1")
    with HashCache(tmp_path / "deep" / "cache") as cache:
        assert cache.get("/a", "1:2:3") == ("abc", None)
        assert cache.get("s3://b/a", "1:etag") == ("def", "version-1")
        assert cache.get("/a", "1:2:4") is None
        assert cache.get("/b", "1:2:3") is None


def test_a_file_modified_just_before_it_was_hashed_is_not_trusted(tmp_path: Path) -> None:
    with HashCache(tmp_path) as cache:
        marker = tmp_path / "young"
        marker.touch()
        now = marker.stat().st_mtime_ns
        cache.put("/young", "s", "abc", mtime_ns=now)
        cache.put("/nearly", "s", "abc", mtime_ns=now - 1_500_000_000)
        cache.put("/old", "s", "abc", mtime_ns=now - 10_000_000_000)
        assert cache.get("/young", "s") is None
        assert cache.get("/nearly", "s") is None
        assert cache.get("/old", "s") == ("abc", None)


def test_a_damaged_cache_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "source-hashes.sqlite").write_bytes(b"this is no database, but it is long enough to look like one" * 99)
    with HashCache(tmp_path) as cache:
        cache.put("/a", "s", "abc", mtime_ns=LONG_AGO)
        assert cache.get("/a", "s") == ("abc", None)


def test_two_runs_may_use_it_at_once(tmp_path: Path) -> None:
    with HashCache(tmp_path) as one, HashCache(tmp_path) as other:
        one.put("/a", "s", "abc", mtime_ns=LONG_AGO)
        assert other.get("/a", "s") is None
    with HashCache(tmp_path) as later:
        assert later.get("/a", "s") == ("abc", None)
