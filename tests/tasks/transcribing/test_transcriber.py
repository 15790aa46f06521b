from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import unspool
from tests.tasks.transcribing.made import LETTERS, SMALL, chatter, signs, transcriber
from unspool.data.pen.made import made_inks
from unspool.data.sound.made import made_sounds
from unspool.errors import DataError, SpecError
from unspool.tasks.streaming import Streams
from unspool.tasks.transcribing.kinds import kind_of
from unspool.tasks.transcribing.listening import Listener
from unspool.tasks.transcribing.measures import error_rates
from unspool.tasks.transcribing.search import Search
from unspool.tasks.transcribing.transcriber import Transcriber


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Transcriber:
    """A causal transcriber of signs that has learned them."""
    out = tmp_path_factory.mktemp("signs") / "run"
    learns = {**SMALL, "hidden_size": 24, "learning_rate": 0.03, "frame": 1, "encoder": "linear"}
    unspool.train("transcriber", signs(200), steps=150, out=str(out), causal=True, **learns)
    task = unspool.load(str(out))
    assert isinstance(task, Transcriber)
    return task


def test_signs_are_read(reader: Transcriber) -> None:
    series, texts = signs(40, seed=1)
    found = reader.transcribe((series, texts))
    assert error_rates(texts, [transcript.text for transcript in found])["character_error_rate"] < 0.05
    measured = reader.evaluate((series, texts))
    assert measured["character_error_rate"] < 0.05
    assert measured["split"] == "the whole of the given data"
    assert all(0.5 < transcript.confidence <= 1 for transcript in found[:5])


def test_symbols_lie_where_they_are_said(reader: Transcriber) -> None:
    pause, a, b = np.zeros((4, 3)), np.repeat(LETTERS[[0]], 3, 0), np.repeat(LETTERS[[1]], 3, 0)
    series = np.concatenate([pause, b, pause, a])
    (answer,) = reader.answers(([series.astype(np.float32)], None))
    assert answer["text"] == "ba"
    first, second = answer["symbols"]
    assert 3 <= first["from"] <= first["to"] <= 9 < second["from"]


def test_rows_say_one_by_one_what_the_whole_says(reader: Transcriber) -> None:
    series, _ = signs(6, seed=2)
    stepper = reader.stepper()
    for whole, transcript in zip(series, reader.transcribe((series, None)), strict=True):
        state, said = stepper.initial(1), ""
        for row in whole:
            (answer,), state = stepper.step(stepper.read([str(value) for value in row])[None], state)
            said += answer["text"]
        assert said == transcript.text


def test_streams_say_at_their_end_what_a_frame_that_is_not_full_says() -> None:
    task = transcriber(causal=True, frame=3, encoder="linear")
    chatter(task)
    series = [np.random.default_rng(length).normal(size=(length, 3)).astype(np.float32) for length in range(30, 60)]
    whole = [transcript.text for transcript in task.transcribe((series, None))]
    streams, said = Streams(task.stepper()), [""] * len(series)
    order = [(number, row) for number, rows in enumerate(series) for row in rows]
    read = np.stack([streams.stepper.read([str(value) for value in row]) for _, row in order])
    for (number, _), answer in zip(order, streams.step([str(number) for number, _ in order], read), strict=True):
        said[number] += answer["text"]
    assert said != whole
    ends = list(streams.end())
    for key, answer in ends:
        said[int(key)] += answer["text"]
    assert said == whole and all(answer["text"] and answer["probability"] > 0 for _, answer in ends)
    assert len(streams) == 0 and list(streams.end()) == []


def test_a_beam_is_at_least_as_likely_as_the_best_path(reader: Transcriber) -> None:
    series, _ = signs(20, seed=3)
    noisy = [one + np.random.default_rng(0).normal(0, 0.6, one.shape).astype(np.float32) for one in series]
    best, beam = (reader.transcribe((noisy, None), Search(width)) for width in (1, 8))
    assert all(wide.confidence >= narrow.confidence - 1e-9 for wide, narrow in zip(beam, best, strict=True))
    assert any(wide.text != narrow.text for wide, narrow in zip(beam, best, strict=True))


def test_how_wide_a_search_is() -> None:
    language = object()
    assert [Search().width, Search(3).width, Search(language=language).width] == [1, 3, 16]  # type: ignore[arg-type]
    assert Search(1, language=language).width == 1  # type: ignore[arg-type]


def test_the_picture(reader: Transcriber, tmp_path: Path) -> None:
    series, texts = signs(3, seed=4)
    assert reader.draw_answers((series, texts), tmp_path / "a.png") == reader.answers((series, texts))
    assert (tmp_path / "a.png").stat().st_size > 10_000


KINDS = [(made_inks(24, 4), "pen", "points"), (made_sounds(24, 4), "sound", "frames"), (signs(24), "numbers", "steps")]


@pytest.mark.parametrize(("data", "kind", "noun"), KINDS)
def test_every_kind_of_input(data: Any, kind: str, noun: str) -> None:
    assert kind_of(data) == kind
    task = transcriber(data)
    assert (task.source.kind, task.source.noun) == (kind, noun)
    again = Transcriber.from_metadata(task.options, task.metadata())
    again.model = task.model
    batch = next(task.batches())
    loss = task.loss(batch, None)
    assert loss.sum.isfinite() and loss.items == int(batch.widths.sum())
    whole = read_back(task), read_back(again)
    assert whole[0] == whole[1]


def read_back(task: Transcriber) -> list[str]:
    """What it reads in its own kind of data, learned or not."""
    data = {"pen": made_inks(4, 2), "sound": made_sounds(4, 2), "numbers": signs(4)}[task.source.kind]
    return [transcript.text for transcript in task.transcribe(data)]


def visits(data: Any, strength: str) -> tuple[Transcriber, list[dict[int, np.ndarray]]]:
    """A task, and the features that each training sample has at its first two visits."""
    task = transcriber(data, augment=strength)
    assert task.training is not None
    batches, order, found = task.batches(), task.batches().order, []
    for _ in range(2):
        seen: dict[int, np.ndarray] = {}
        for _ in range(batches.steps_per_epoch):
            places, batch = next(order).tolist(), next(batches)
            rows = zip(batch.values.unbind(1), batch.lengths.tolist(), strict=True)
            seen |= {place: values[:length].numpy() for place, (values, length) in zip(places, rows, strict=True)}
        assert sorted(seen) == list(range(len(task.training)))
        found.append(seen)
    return task, found


@pytest.mark.parametrize("data", [data for data, _, _ in KINDS], ids=[kind for _, kind, _ in KINDS])
def test_what_augmentation_changes_and_what_it_keeps(data: Any) -> None:
    task, (first, second) = visits(data, "none")
    assert task.training is not None
    plain = [task.training.sample(place) for place in range(len(task.training))]
    assert all((first[place] == one).all() and (second[place] == one).all() for place, one in enumerate(plain))
    sizes = []
    for strength in ("light", "strong"):
        varied, changed = visits(data, strength)
        assert varied.loss(next(varied.batches()), None).sum.isfinite()
        assert not any(np.array_equal(changed[0][place], changed[1][place]) for place in range(len(plain)))
        assert not any(np.array_equal(seen[place], one) for seen in changed for place, one in enumerate(plain))
        sizes.append(np.mean([distance(seen[place], one) for seen in changed for place, one in enumerate(plain)]))
        if task.source.kind != "sound":  # whose speed changes
            assert all(seen[place].shape == one.shape for seen in changed for place, one in enumerate(plain))
        if task.source.kind == "pen":  # strokes end where they ended
            ends = [(seen[place][:, 2], one[:, 2]) for seen in changed for place, one in enumerate(plain)]
            assert all(np.allclose(after, before, atol=1e-5) and np.ptp(before) > 1 for after, before in ends)
    assert 0 < sizes[0] < sizes[1]


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """How far two sequences are apart, the longer one brought to the steps of the other."""
    places = np.linspace(0, len(one) - 1, len(other)).round().astype(int)
    return float(np.abs(one[places] - other).mean())


def test_sound_in_blocks_says_what_the_whole_says() -> None:
    task = transcriber(made_sounds(24, 4), causal=True)
    chatter(task)
    sound = made_sounds(30, 4)[29]
    samples = sound.samples(sound.rate)
    listener = Listener(task, sound.rate)
    said = [answer for block in np.array_split(samples, 37) for answer in listener.accept(block)]
    said += list(listener.finish())
    assert "".join(answer["text"] for answer in said) == task.transcribe([sound])[0].text != ""
    times = [answer["time"] for answer in said]
    assert times == sorted(times) and times[-1] <= sound.seconds


def test_how_finely_strokes_and_sounds_are_read() -> None:
    fine, coarse = (transcriber(made_inks(24, 4), points_per_letter=points) for points in (20.0, 10.0))
    assert fine.training is not None and coarse.training is not None
    assert 1.7 < fine.training.lengths.sum() / coarse.training.lengths.sum() < 2.3
    assert transcriber(made_sounds(24, 4), bands=12).source.channels == 12


def test_held_out_by_name_and_by_speaker() -> None:
    sounds = made_sounds(24, 4)
    speaker = str(sounds[0].speaker)
    task = transcriber(sounds, hold_out=speaker)
    assert task.held is not None and len(task.held) == sum(sound.speaker == speaker for sound in sounds)
    assert f"match {speaker}" in task.split
    assert "validation on 1 speaker, a fraction" in transcriber(sounds, validation="0.3").split
    again = task.evaluate(sounds)
    assert again["split"] == task.split and again["sequences"] == len(task.held)


def test_a_file_for_validation_is_read_by_the_columns_of_the_training(tmp_path: Path) -> None:
    said = [(place, x, x + 10, "ab" if place % 2 else "b") for place in range(6) for x in range(8)]
    straight, turned = tmp_path / "straight.csv", tmp_path / "turned.csv"
    straight.write_text("id,x,y,text\n" + "".join(f"{key},{x},{y},{text}\n" for key, x, y, text in said))
    turned.write_text("text,y,id,x\n" + "".join(f"{text},{y},{key},{x}\n" for key, x, y, text in said))
    task = transcriber([straight], key="id", label_column="text", validation=str(turned))
    assert task.training is not None and task.held is not None
    np.testing.assert_array_equal(task.held.rows, task.training.rows)


def test_texts_that_are_taken_from_names_are_told_with_an_example(tmp_path: Path) -> None:
    for number, sound in enumerate(made_sounds(12, 3)):
        soundfile.write(tmp_path / f"my_recording_{number}.wav", sound.samples(8000), 8000)
    task = transcriber([tmp_path])
    told = task.describe()["texts"]
    assert told.startswith("from the names of the files: my_recording_0.wav says 'my', by 'recording'; .txt files")
    assert task.evaluate([tmp_path])["texts"] == told
    for file in tmp_path.glob("*.wav"):
        file.with_suffix(".txt").write_text("hello")
    task = transcriber([tmp_path])
    assert "texts" not in {**task.describe(), **task.evaluate([tmp_path])} and task.targets.symbols == tuple("ehlo")


def test_texts_that_no_path_can_say_are_left_out() -> None:
    series, texts = signs(40)
    texts[0] = "abcabcabcabcabcabcabcabcabcabcabcabc"
    task = transcriber((series, texts), validation="0.2", frame=2)
    assert task.training is not None and task.held is not None
    told = task.describe()["left_out"]
    measured = task.metrics()
    assert told.get("too short for its text", 0) + measured.get("without_loss", 0) == 1


def test_rare_symbols_are_named() -> None:
    series, texts = signs(40)
    task = transcriber((series, ["x", *texts[1:]]), rarest=2)
    assert task.targets.symbols == ("a", "b", "c")
    known = task.describe()
    assert known["left_out"] == {"rare symbol": 1} or known["not_learned"] == "x"


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"causal": True, "encoder": "conv"}, SpecError, "--encoder conv reads ahead"),
        ({"bands": 20}, SpecError, "--bands is for sound, got numbers"),
        ({"hold_out": "nobody"}, DataError, "matches 0 of 60"),
        ({"hold_out": "*", "validation": "0.2"}, SpecError, "--hold-out says what is held out"),
        ({"input": "pen"}, DataError, "sample 1|pen data"),
    ],
)
def test_what_is_refused(options: dict[str, Any], error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        transcriber(**options)


def test_strokes_cannot_be_streamed() -> None:
    with pytest.raises(SpecError, match="strokes are read when their line is whole"):
        transcriber(made_inks(24, 4), causal=True)

    with pytest.raises(SpecError, match="got a stream; name files"):
        transcriber(made_inks(24, 4)).stepper()


def test_one_series_is_measured(reader: Transcriber) -> None:
    (series, *_), (text, *_) = signs(1, seed=5)
    assert reader.evaluate(([series], [text]))["sequences"] == 1
    assert reader.evaluate(([series] * 3, [text] * 3))["sequences"] == 3


def test_known_symbols_are_needed() -> None:
    base = transcriber()
    with pytest.raises(DataError, match=r"\(\d+ by 'rare symbol'\); lower --rarest"):
        Transcriber.prepare(base.options, (signs(20)[0], ["x"] * 20), base=base)


def test_a_model_that_reads_both_ways_answers_no_stream() -> None:
    with pytest.raises(SpecError, match="train it with --causal"):
        transcriber().stepper()
