from __future__ import annotations

import io
import json
from types import SimpleNamespace

import numpy as np
import pytest

from tests.data.sound.made_files import saved, tone
from unspool.data.sound.read import read_sounds
from unspool.data.sound.sounds import Sound, Sounds


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def told(sounds):
    """Name of the file, text and speaker of each."""
    return [(sound.source.name, sound.text, sound.speaker) for sound in sounds]


def librispeech(root):
    for name in ("84-1-0000", "84-1-0001"):
        saved(root / "84" / "1" / f"{name}.flac")
    saved(root / "99" / "7" / "99-7-0000.flac")
    write(root / "84" / "1" / "84-1.trans.txt", "84-1-0000 GO ON\r\n84-1-0001 YES\n")
    write(root / "99" / "7" / "99-7.trans.txt", "99-7-0000 IT'S HIM\n")
    return [("84-1-0000.flac", "GO ON", "84"), ("84-1-0001.flac", "YES", "84"), ("99-7-0000.flac", "IT'S HIM", "99")]


def ljspeech(root):
    for name in ("LJ001-0001", "LJ001-0002"):
        saved(root / "wavs" / f"{name}.wav")
    write(root / "metadata.csv", 'LJ001-0001|In 1455, "so"|In fourteen fifty-five, "so"\nLJ001-0002|Yes.|\n')
    return [("LJ001-0001.wav", 'In fourteen fifty-five, "so"', None), ("LJ001-0002.wav", "Yes.", None)]


def common_voice(root):
    for name in ("one.wav", "two.wav", "unlisted.wav"):
        saved(root / "clips" / name)
    write(
        root / "train.tsv",
        'client_id\tpath\tsentence\tup_votes\nc1\tone.wav\t"Hm," he said.\t2\nc2\ttwo\tJa.\t0\n',
    )
    write(root / "reported.tsv", "sentence\tsentence_id\tlocale\n")
    write(root / "times.txt", "no list")
    return [("one.wav", '"Hm," he said.', "c1"), ("two.wav", "Ja.", "c2")]


def hub(root):
    saved(root / "data" / "a.wav")
    saved(root / "b.wav")
    write(root / "metadata.csv", 'file_name,transcription\ndata/a.wav,"well, yes"\nb.wav, no \n')
    return [("a.wav", "well, yes", None), ("b.wav", "no", None)]


def manifest(root):
    saved(root / "x" / "a.wav")
    elsewhere = saved(root.parent / "elsewhere.wav")
    rows = [
        {"audio_filepath": "x/a.wav", "duration": 0.5, "text": " hi ", "speaker": 3},
        {"audio_filepath": str(elsewhere), "text": ""},
        {"audio_filepath": "x/a.wav"},
    ]
    write(root / "train.jsonl", "\n".join(map(json.dumps, rows)))
    return [("a.wav", "hi", "3"), ("elsewhere.wav", "", None), ("a.wav", None, None)]


def side_by_side(root):
    saved(root / "s1" / "a.b.wav")
    saved(root / "c.OGG", file_format="OGG")
    write(root / "s1" / "a.b.txt", "so\n it  is\n")
    write(root / "c.txt", b"\xef\xbb\xbfno")
    write(root / "notes.md", "not ours")
    write(root / "._c.OGG", "a shadow of another system")
    return [("c.OGG", "no", None), ("a.b.wav", "so it is", None)]


def digits(root):
    for name in ("0_theo_12", "7_mary_ann_0"):
        saved(root / "recordings" / f"{name}.wav")
    write(root / "README.md", "digits")
    return [("0_theo_12.wav", "0", "theo"), ("7_mary_ann_0.wav", "7", "mary_ann")]


def nothing_said(root):
    for name in ("0_theo_12.wav", "holiday.wav"):
        saved(root / name)
    return [("0_theo_12.wav", None, None), ("holiday.wav", None, None)]


LAYOUTS = [librispeech, ljspeech, common_voice, hub, manifest, side_by_side, digits, nothing_said]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_folder_of_every_layout(tmp_path, layout):
    expected = layout(tmp_path / "data")
    sounds = read_sounds(tmp_path / "data")
    assert told(sounds) == expected
    assert all(sound.rate == 8000 for sound in sounds)
    assert sounds.fingerprint() == read_sounds([str(tmp_path / "data")]).fingerprint()


@pytest.mark.parametrize(
    ("layout", "name"),
    [
        (librispeech, "84/1/84-1.trans.txt"),
        (ljspeech, "metadata.csv"),
        (common_voice, "train.tsv"),
        (hub, "metadata.csv"),
        (manifest, "train.jsonl"),
    ],
)
def test_a_list_by_its_name(tmp_path, layout, name):
    expected = layout(tmp_path / "data")
    found = told(read_sounds(tmp_path / "data" / name))
    assert found == expected[: len(found)]
    assert len(found) >= 2


@pytest.mark.parametrize(
    ("layout", "name", "text"),
    [
        (librispeech, "84/1/84-1-0001.flac", "YES"),
        (side_by_side, "s1/a.b.wav", "so it is"),
        (digits, "recordings/0_theo_12.wav", "0"),
        (ljspeech, "wavs/LJ001-0001.wav", None),
    ],
)
def test_one_file_has_the_text_beside_it(tmp_path, layout, name, text):
    layout(tmp_path / "data")
    assert [sound.text for sound in read_sounds(tmp_path / "data" / name)] == [text]


def test_segments_of_a_long_recording(tmp_path):
    saved(tmp_path / "long.wav", tone(seconds=2.0))
    rows = [{"audio_filepath": "long.wav", "offset": 0.5, "duration": 0.25, "text": "a"}]
    rows += [{"audio_filepath": "long.wav", "offset": 1.5, "text": "b"}, {"audio_filepath": "long.wav", "duration": 1}]
    write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)))
    sounds = read_sounds(tmp_path / "a.jsonl")
    assert [len(sound.samples()) for sound in sounds] == [2000, 4000, 16000]
    assert np.array_equal(sounds[0].samples(), sounds[2].samples()[4000:6000])
    assert "0.5 to 0.75 s" in sounds[0].name


def test_objects_and_lists_of_anything(tmp_path):
    path = saved(tmp_path / "a.wav")
    sound = Sound.of(tone(), 8000, "x", "me")
    items = [(tone(), 8000), (tone(), 8000.0, "x"), (tone(), 8000, "x", "me"), sound, Sounds([sound]), path, str(path)]
    found = read_sounds(items)
    assert [each.text for each in found] == [None, "x", "x", "x", "x", None, None]
    assert [each.speaker for each in found] == [None, None, "me", "me", "me", None, None]
    assert found[0].name == "sound 1"
    assert all(len(each.samples(8000)) == 4000 for each in found)
    for one in (sound, (tone(), 8000, "x"), Sounds([sound]), path):
        assert len(read_sounds(one)) == 1


def test_standard_input(tmp_path, monkeypatch):
    data = saved(tmp_path / "a.flac").read_bytes()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    (sound,) = read_sounds("-")
    assert (sound.name, len(sound.samples())) == ("standard input", 4000)


def test_an_empty_text_is_a_text(tmp_path):
    nothing_said(tmp_path)
    write(tmp_path / "holiday.txt", "sun")
    assert [sound.text for sound in read_sounds(tmp_path)] == [None, "sun"]
    write(tmp_path / "0_theo_12.txt", "")
    assert [sound.text for sound in read_sounds(tmp_path)] == ["", "sun"]


def test_lists_of_several_kinds(tmp_path, refused):
    ljspeech(tmp_path)
    saved(tmp_path / "x.wav")
    write(tmp_path / "all.jsonl", '{"audio_filepath": "x.wav", "text": "x"}')
    with refused("lists of one kind", "metadata.csv", "all.jsonl", "name the list"):
        read_sounds(tmp_path)


def test_several_lists_of_one_kind(tmp_path, refused):
    common_voice(tmp_path)
    write(tmp_path / "dev.tsv", "path\tsentence\none.wav\tagain\n")
    with refused("the same recordings", "dev.tsv, train.tsv", "name the one"):
        read_sounds(tmp_path)
    assert len(read_sounds([tmp_path / "dev.tsv", tmp_path / "train.tsv"])) == 3


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        ("a.trans.txt", "one YES\ngone NO", ("line 2", "'gone'")),
        ("a.trans.txt", "x" * 5000, ("line 1", "'xxx")),
        ("a.trans.txt", b"one \xff", ("UTF-8", "a.trans.txt")),
        ("metadata.csv", "one|a\n\ntwo|b", ("line 3", "'two'", "wavs or ")),
        ("metadata.csv", "one|a\none", ("line 2", "NAME|TEXT", "'one'")),
        ("t.tsv", "path\tsentence\none.wav\n", ("line 2", "2 cells", "has 1")),
        ("t.tsv", "path\tsentence\n../two.wav\tx\n", ("line 2", "'../two.wav'")),
        ("t.csv", "path,sentence\n,x\n", ("line 2", "''")),
        ("m.jsonl", '{"audio_filepath": "one.wav"}\n{"text": "x"}', ("line 2", "audio_filepath")),
        ("m.jsonl", '{"audio_filepath": "one.wav"}\n{"audio_filepath": 3}', ("line 2",)),
        ("m.jsonl", '{"audio_filepath": "one.wav", "text": ["x"]}', ("line 1", "['x']")),
        ("m.jsonl", '{"audio_filepath": "one.wav", "offset": "x"}', ("line 1", "'x'")),
        ("m.jsonl", '{"audio_filepath": "one.wav", "offset": -1}', ("line 1", "-1")),
        ("m.jsonl", '{"audio_filepath": "one.wav"}\n{', ("line 2", "mend")),
        ("notes.txt", "hello", ("notes.txt is none of these", "*.trans.txt")),
        ("t.csv", "a,b\n1,2\n", ("t.csv is none of these",)),
        ("m.jsonl", '{"text": "x"}', ("m.jsonl is none of these",)),
    ],
)
def test_broken_lists(tmp_path, name, content, parts, refused):
    saved(tmp_path / "one.wav")
    write(tmp_path / name, content)
    with refused(*parts):
        read_sounds(tmp_path / name)


def test_an_empty_recording_in_a_folder(tmp_path, refused):
    nothing_said(tmp_path)
    write(tmp_path / "empty.wav", b"")
    with refused("empty.wav has 0 bytes"):
        read_sounds(tmp_path)


def test_refusals(tmp_path, refused):
    for nothing in ([], Sounds([])):
        with refused("at least one recording"):
            read_sounds(nothing)
    with refused("there is no nowhere.wav"):
        read_sounds("nowhere.wav")
    for other, kind in ((np.zeros(9), "ndarray"), ([tone()], "ndarray"), ((8000, tone()), "int"), (None, "NoneType")):
        with refused("sound 1 is of type " + kind, "(samples, rate)"):
            read_sounds(other)
    write(tmp_path / "a.m4a", b"x")
    with refused("has none", "ffmpeg", str(tmp_path)):
        read_sounds(tmp_path)
