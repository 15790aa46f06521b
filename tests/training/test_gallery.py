from __future__ import annotations

import json
from pathlib import Path

from unspool.training.folder import RunFolder
from unspool.training.gallery import draw_samples


def write_log(folder: Path, *lines: dict) -> RunFolder:
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return RunFolder(folder)


def test_samples_stand_in_order_with_the_losses_of_their_time(tmp_path):
    folder = write_log(
        tmp_path,
        {"step": 1, "seconds": 0.5, "sample": "x<b>&\n y"},
        {"step": 10, "seconds": 2.0, "loss": 3.21},
        {"step": 10, "seconds": 2.0, "validation_loss": 3.5},
        {"step": 10, "seconds": 2.1, "sample": "the cat"},
    )
    page = draw_samples(folder, "nats a character").read_text(encoding="utf-8")
    assert page.index("x&lt;b&gt;&amp;\u21b5\n y") < page.index("update 10") < page.index("the cat")
    assert "training loss 3.210, validation loss 3.500 nats a character" in page
    assert "loss" not in page[page.index("update 1 ") : page.index("x&lt;b")]


def test_no_samples_no_page(tmp_path):
    assert draw_samples(write_log(tmp_path, {"step": 1, "seconds": 0.1, "loss": 1.0}), "nats") is None
    assert list(tmp_path.iterdir()) == [tmp_path / "log.jsonl"]


def test_control_characters_can_be_seen(tmp_path):
    folder = write_log(tmp_path, {"step": 1, "seconds": 0.5, "sample": "a\x00\x1b[2J\u202eb\x9b"})
    page = draw_samples(folder, "nats a byte").read_text(encoding="utf-8")
    assert "a\u2400\u241b[2J\\u202eb\\x9b" in page
    assert not {"\x00", "\x1b", "\u202e", "\x9b"} & set(page)
