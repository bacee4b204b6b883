"""Cached features: kept by hashes, made again when damaged, never in the way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from medxmodal.modalities.cache import FeatureCache, cache_folder

VALUE = np.arange(6, dtype=np.float32).reshape(2, 3)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_what_one_kept_another_finds(tmp_path: Path) -> None:
    key = FeatureCache.key("weights", "content")
    FeatureCache(tmp_path).put(key, VALUE)
    found = FeatureCache(tmp_path).get(key)
    assert found is not None
    np.testing.assert_array_equal(found, VALUE)
    assert FeatureCache(tmp_path).get(FeatureCache.key("weights", "other")) is None


def test_keys_do_not_run_into_each_other() -> None:
    assert FeatureCache.key("a", "bc") != FeatureCache.key("ab", "c")
    assert FeatureCache.key("a", "b") == FeatureCache.key("a", "b")
    assert len(FeatureCache.key("a")) == 64


def test_file_names_hold_hashes_only(tmp_path: Path) -> None:
    FeatureCache(tmp_path).put(FeatureCache.key("encoder", "patient-Smith.png"), VALUE)
    assert not [path for path in files(tmp_path) if "Smith" in str(path.relative_to(tmp_path))]


@pytest.mark.parametrize("content", [b"", b"damaged", b"\x00" * 100])
def test_a_damaged_entry_is_made_again(tmp_path: Path, content: bytes) -> None:
    key = FeatureCache.key("k")
    FeatureCache(tmp_path).put(key, VALUE)
    files(tmp_path)[0].write_bytes(content)
    cache = FeatureCache(tmp_path)
    assert cache.get(key) is None
    cache.put(key, VALUE)
    assert FeatureCache(tmp_path).get(key) is not None


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("x")
    cache = FeatureCache(in_the_way)
    cache.put("k", VALUE)
    assert cache.get("k") is VALUE


def test_without_a_folder_it_keeps_in_memory() -> None:
    cache = FeatureCache()
    cache.put("k", VALUE)
    assert cache.get("k") is VALUE
    assert FeatureCache().get("k") is None


def test_the_folder_is_a_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MEDXMODAL_CACHE", "off")
    assert cache_folder() is None
    monkeypatch.setenv("MEDXMODAL_CACHE", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"
    monkeypatch.delenv("MEDXMODAL_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "medxmodal"
