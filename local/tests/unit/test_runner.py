"""When data counts as loaded already."""

import os
from pathlib import Path

from local.runner import fingerprint


def test_the_same_files_have_the_same_fingerprint_in_any_order(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a.csv", "b.csv")]
    for file in files:
        file.write_text("date,sku,quantity\n")
    assert fingerprint(files) == fingerprint(files[::-1])


def test_a_changed_file_or_other_files_have_another_fingerprint(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("date,sku,quantity\n")
    before = fingerprint([file])
    file.write_text("date,sku,quantity\n2026-01-01,A,1\n")
    changed = fingerprint([file])
    os.utime(file, (1, 1))
    other = tmp_path / "b.csv"
    other.write_text("date,sku,quantity\n2026-01-01,A,1\n")
    assert len({before, changed, fingerprint([file]), fingerprint([file, other]), fingerprint([])}) == 5
