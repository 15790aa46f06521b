from __future__ import annotations

import shutil

import numpy as np
import pytest

from tests.data.sound.made_files import noise, saved, tone
from unspool.data.sound.sounds import Sound, Sounds
from unspool.errors import ShapeError


def test_a_file_and_an_array_say_the_same(tmp_path):
    path = saved(tmp_path / "a.wav", noise(), 8000, "FLOAT")
    file, array = Sound("a", path, "hello", "me"), Sound.of(noise(), 8000, "hello", "me")
    assert (file.rate, file.seconds) == (array.rate, array.seconds) == (8000, 0.5)
    assert np.array_equal(file.samples(), array.samples())
    assert np.array_equal(file.samples(16000), array.samples(16000))
    assert file.samples(16000).dtype == np.float32
    assert len(file.samples(16000)) == 8000


def test_nothing_is_read_before_it_is_asked_for_and_nothing_is_kept(tmp_path):
    sound = Sound("a", tmp_path / "later.wav")
    saved(tmp_path / "later.wav", np.zeros(100, np.float32))
    assert not sound.samples().any()
    saved(tmp_path / "later.wav", tone())
    assert len(sound.samples()) == 4000


def test_segments(tmp_path):
    path = saved(tmp_path / "a.wav", tone(seconds=1.0))
    assert Sound("a", path, start=0.25, stop=0.75).seconds == 0.5
    assert Sound("a", path, start=0.25, stop=1.05).seconds == 0.75
    assert len(Sound("a", path, start=0.25, stop=0.75).samples()) == 4000
    assert Sound("a", path, start=3.0).seconds == 0.0


def test_refusals_name_the_sound(tmp_path, refused):
    (tmp_path / "a.wav").write_bytes(b"no")
    for ask in (lambda sound: sound.samples(16000), lambda sound: sound.rate, lambda sound: sound.seconds):
        with refused("the first one", "is not"):
            ask(Sound("the first one", tmp_path / "a.wav"))
    with refused("the given sound", "[2, 9, 9]", error=ShapeError):
        Sound.of(np.zeros((2, 9, 9)), 8000)


def test_a_list_is_a_sequence():
    sounds = [Sound.of(tone(), 8000, str(number)) for number in range(5)]
    many = Sounds(iter(sounds))
    assert list(many) == sounds
    assert many[-1] is sounds[-1]
    assert isinstance(many[1:3], Sounds)
    assert [sound.text for sound in many[1:3]] == ["1", "2"]
    assert [sound.text for sound in many.select([3, 0, 3])] == ["3", "0", "3"]
    assert len(many.select(np.array([], dtype=np.int64))) == 0
    with pytest.raises(IndexError):
        many[5]


def test_the_fingerprint_is_of_content_not_of_places(tmp_path):
    path = saved(tmp_path / "a.wav")
    copy = tmp_path / "b.wav"
    shutil.copy(path, copy)
    first, second = (Sounds([Sound(str(where), where, "x", "me")]) for where in (path, copy))
    assert first.fingerprint() == second.fingerprint()
    array = Sounds([Sound.of(tone(), 8000, "x", "me", "one name")])
    assert array.fingerprint() == Sounds([Sound.of(tone(), 8000, "x", "me", "other")]).fingerprint()


def test_the_fingerprint_tells_apart(tmp_path):
    path = saved(tmp_path / "a.wav")
    other = saved(tmp_path / "b.wav", noise())
    lists = [
        [],
        [Sound("", path)],
        [Sound("", path), Sound("", path)],
        [Sound("", other)],
        [Sound("", path, "x")],
        [Sound("", path, "")],
        [Sound("", path, "None")],
        [Sound("", path, None, "x")],
        [Sound("", path, start=0.1)],
        [Sound("", path, start=0.1, stop=0.2)],
        [Sound.of(tone(), 8000)],
        [Sound.of(tone(), 16000)],
        [Sound.of(tone().astype(np.float64), 8000)],
        [Sound.of(tone().reshape(-1, 2), 8000)],
    ]
    assert len({Sounds(sounds).fingerprint() for sounds in lists}) == len(lists)


def test_the_fingerprint_of_what_is_gone(tmp_path, refused):
    with refused("readable", "gone.wav"):
        Sounds([Sound("a", tmp_path / "gone.wav")]).fingerprint()
