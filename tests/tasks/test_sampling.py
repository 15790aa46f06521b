"""What a language model writes, and that it depends on nothing but seed, number, prompt and options."""

from __future__ import annotations

import itertools
import tracemalloc
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from tests.tasks.made import language, story
from unspool.data.marks import Marked
from unspool.engine import kernels
from unspool.engine.library import library
from unspool.errors import DataError, SpecError
from unspool.tasks.language.language import Language
from unspool.tasks.language.text import READ, TextModel

OPTIONS: list[dict[str, Any]] = [{}, {"temperature": 0.7, "top_k": 5}, {"top_p": 0.8}, {"min_p": 0.05}]
RULES: list[dict[str, Any]] = [
    {"repetition_penalty": 3.0, "penalty_window": 4},
    {"block_ngrams": 2},
    {"temperature": "1.5:0.3"},
    {"alphabet": "the cas\n"},
]


@cache
def model(unit: str = "char", cell: str = "lstm") -> Language:
    task = language(unit=unit, cell=cell, layers=2)
    with torch.no_grad():
        task.model.output.weight.mul_(6.0)  # scores that differ, as after training
    return task


def text_of(pieces: Any) -> str:
    return "".join(piece.text for piece in pieces)


@cache
def marked(unit: str, *marks: str) -> Language:
    """A model of documents, each of which begins with a mark."""
    plain = model(unit)
    task = Language(plain.options, Marked(plain.vocabulary, marks))
    task.model = task.build()
    with torch.no_grad():
        task.model.output.weight.mul_(6.0)
        task.model.output.bias[-1] += 3  # the last mark is likely
    return task


@pytest.mark.parametrize("options", [*OPTIONS, *RULES])
def test_a_sample_depends_on_its_own_number_alone(options: dict[str, Any]) -> None:
    many = model().sample("the ", count=20, length=25, seed=3, **options)
    assert len(many) == 20 and len(set(many)) > 10
    assert many[0] == model().sample("the ", length=25, seed=3, **options)
    assert many[:3] == model().sample("the ", count=3, length=25, seed=3, **options)
    for number in (0, 1, 7, 8, 13):
        alone = model().stream("the ", length=25, sample=number, seed=3, **options)
        assert "the " + text_of(alone) == many[number]
    assert many != model().sample("the ", count=20, length=25, seed=4, **options)


def test_log_probabilities_do_not_depend_on_the_number_either() -> None:
    written = list(model().samples("a ", 11, length=12, seed=1))
    for number in (0, 9, 10):
        assert list(model().stream("a ", length=12, sample=number, seed=1)) == written[number]


def test_a_prompt_is_read_once_and_written_from_often() -> None:
    prompt = model().read("the cat ")
    assert model().sample(prompt, length=20) == model().sample("the cat ", length=20)
    assert model().sample(prompt, length=20) == model().sample(prompt, length=20)
    further = model().read("sat on ", after=prompt)
    whole = model().read("the cat sat on ")
    assert further.text == whole.text == "the cat sat on "
    torch.testing.assert_close(further.scores, whole.scores, rtol=0, atol=1e-5)
    assert model().sample(further, length=20) == model().sample(whole, length=20)
    assert model().read("", after=prompt) is prompt


def test_a_long_prompt_is_read_in_parts() -> None:
    long = story(600)[: 2 * READ + 3]
    model().model.eval()
    with torch.no_grad():
        ids = torch.from_numpy(model().vocabulary.encode(long))[:, None]
        whole = model().model(ids).raw[-1]
    torch.testing.assert_close(model().read(long).scores, whole, rtol=0, atol=1e-5)


needs_native = pytest.mark.skipif(library() is None, reason="the native engine was not built")


@needs_native
@pytest.mark.parametrize("unit", ["char", "byte"])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("options", OPTIONS)
def test_the_native_generator_writes_what_the_loop_writes(unit: str, cell: str, options: dict[str, Any]) -> None:
    asked = {"count": 11, "length": 30, "seed": 2, **options}
    native = list(model(unit, cell).samples("the ", **asked))
    with kernels(False):
        loop = list(model(unit, cell).samples("the ", **asked))
    # a random number at the border of two symbols may fall to either side, once in about a million
    same = [[p.id for p in a] == [p.id for p in b] for a, b in zip(native, loop, strict=True)]
    assert sum(same) >= len(same) - 1
    for a, b, equal in zip(native, loop, same, strict=True):
        if equal:
            np.testing.assert_allclose([p.log_prob for p in a], [p.log_prob for p in b], atol=2e-5)


@needs_native
@pytest.mark.parametrize("options", RULES)
def test_rules_that_only_the_loop_knows_take_native_steps(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"count": 5, "length": 30, "seed": 2, **options}
    with kernels(False):
        loop = model().sample("the ", **asked)
    monkeypatch.setattr(TextModel, "_step", None)
    native = model().sample("the ", **asked)
    assert sum(a == b for a, b in zip(native, loop, strict=True)) >= 4
    assert native != model().sample("the ", count=5, length=30, seed=2)


@needs_native
@pytest.mark.parametrize("weights", ["bf16", "int8"])
def test_smaller_weights_write_almost_the_same(weights: str) -> None:
    found = list(model().stream("the ", length=40, seed=1, weights=weights))
    text = model().read("the ")
    for piece in found:
        exact = float(text.scores[0].double().log_softmax(-1)[piece.id])
        assert abs(piece.log_prob - exact) < 0.1
        text = model().read(piece.text, after=text)
    assert model().sample("the ", count=9, weights=weights)[0] == model().sample("the ", weights=weights)


def test_smaller_weights_need_the_native_generator() -> None:
    with kernels(False), pytest.raises(SpecError, match="--weights int8"):
        model().sample(weights="int8")


def test_greedy_takes_the_likeliest() -> None:
    found = list(model().stream("the ", length=10, greedy=True))
    prompt = "the "
    for piece in found:
        assert piece.id == int(model().read(prompt).scores.argmax())
        prompt += piece.text
    assert model().sample("the ", count=3, length=10, temperature=0) == ["the " + text_of(found)] * 3


@pytest.mark.parametrize("unit", ["char", "byte"])
def test_the_log_probabilities_are_those_of_score(unit: str) -> None:
    written = list(model(unit).stream("the ", length=40, temperature=0.6, top_k=9, raw=False))
    text = "the " + text_of(written)
    surprise = model(unit).score(text)[len("the ") :]
    np.testing.assert_allclose([-piece.log_prob for piece in written], surprise, atol=1e-5)


@pytest.mark.parametrize("unit", ["char", "byte"])
@pytest.mark.parametrize("alphabet", ["the", "né€ \n"])
def test_an_alphabet_is_all_that_is_written_with(unit: str, alphabet: str) -> None:
    written = model(unit).sample("cat", count=6, length=60, alphabet=alphabet, echo=False)
    assert set("".join(written)) == set(alphabet)
    (best,) = model(unit).search("cat", beam=1, length=31, alphabet=alphabet)
    assert set(best.text) <= set(alphabet)
    with pytest.raises(SpecError, match="--alphabet"):
        model("char").sample(alphabet="aЖ")


@pytest.mark.parametrize("kernel", [True, False])
@pytest.mark.parametrize("unit", ["char", "byte"])
def test_beam_search_finds_texts_of_their_own_surprise(unit: str, kernel: bool) -> None:
    with kernels(kernel):
        found = model(unit).search("the ", beam=5, length=12)
        assert model(unit).sample("the ", beam=5, length=12) == "the " + found[0].text
        assert model(unit).sample("the ", beam=5, length=12, count=3, echo=False) == [f.text for f in found[:3]]
        greedy = model(unit).sample("the ", length=12, greedy=True, echo=False)
        assert model(unit).search("the ", beam=1, length=12)[0].text == greedy
    assert len({f.text for f in found}) == 5
    assert [f.score for f in found] == sorted((f.score for f in found), reverse=True)
    for text in found:
        surprise = model(unit).score("the " + text.text)[4:]
        assert text.log_prob == pytest.approx(-surprise.sum(), abs=1e-4)
        np.testing.assert_allclose([-piece.log_prob for piece in text.pieces], surprise, atol=1e-5)
    assert found[0].log_prob >= model(unit).search("the ", beam=1, length=12)[0].log_prob


def test_beam_search_ends_and_counts_what_it_ends_with() -> None:
    stop = model().search("the ", beam=9, length=30)[0].text[8:10]
    found = model().search("the ", beam=9, length=30, stop=stop, length_penalty=0.7)
    ended = [f for f in found if len(f.pieces) < 28]
    assert ended
    for text in ended:
        assert stop not in text.text
        surprise = model().score("the " + text.text + stop)[4:]
        assert text.log_prob == pytest.approx(-surprise.sum(), abs=1e-4)
        assert text.score == pytest.approx(text.log_prob / ((5 + len(surprise)) / 6) ** 0.7)
    lines = model().search("mat.", beam=30, length=30, until="line")
    assert any(len(f.pieces) < 30 for f in lines) and not any("\n" in f.text for f in lines)
    pairs = list(itertools.pairwise(model().search("a", beam=3, length=40, block_ngrams=2)[0].text))
    assert len(pairs) == len(set(pairs))
    assert len(set(itertools.pairwise(model().search("a", beam=3, length=40)[0].text))) < 39


def test_what_beam_search_cannot_do() -> None:
    for options, sentence in (
        ({"temperature": 0.5}, "--beam searches for the likeliest text and takes no --temperature"),
        ({"top_k": 3, "greedy": True}, "takes no --top-k or --greedy"),
        ({"length": None}, "--beam .* needs a --length"),
        ({"count": 5}, "--beam 4 finds 4 texts at most, got --count 5"),
    ):
        with pytest.raises(SpecError, match=sentence):
            model().sample(**{"beam": 4, **options})
    with pytest.raises(SpecError, match="cannot stream"):
        model().stream(beam=4)
    with pytest.raises(SpecError, match="--length-penalty 1 belongs to --beam"):
        model().sample(length_penalty=1.0)
    with pytest.raises(SpecError, match="--penalty-window belongs to --repetition-penalty"):
        model().sample(penalty_window=9)


@pytest.mark.parametrize("kernel", [True, False])
@pytest.mark.parametrize("unit", ["char", "byte"])
def test_a_document_ends_at_its_mark(unit: str, kernel: bool) -> None:
    task = marked(unit, "document")
    first = len(task.vocabulary) - 1
    with kernels(kernel):
        asked = {"count": 12, "length": 60, "seed": 1, "temperature": 1.5}
        whole = list(task.samples("né", until="length", **asked))
        ended = list(task.samples("né", **asked))
        lines = list(task.samples("né", until="line", **asked))
    assert any(piece.id == first for pieces in whole for piece in pieces)
    for a, b, c in zip(whole, ended, lines, strict=True):
        cut = [p.id for p in a].index(first) if first in [p.id for p in a] else len(a)
        assert [p.id for p in b] == [p.id for p in a[:cut]]
        assert text_of(c) == text_of(b).partition("\n")[0]
        assert "<document>" not in text_of(a)
        if unit == "byte":
            bytes(piece.id for piece in b).decode("utf-8")
    best = task.search("", beam=30, length=20)
    assert any(len(found.pieces) < 20 for found in best)
    assert not any(piece.id == first for found in best for piece in found.pieces)


def test_a_text_that_ends_is_found_once_whatever_begins_after_it() -> None:
    task = marked("char", "Irish", "Italian")
    found = task.search(label="Irish", beam=20, length=3)
    ended = [f for f in found if len(f.pieces) < 3]
    assert ended and len({f.text for f in found}) == len(found) == 20
    for text in ended:
        prompt = task.read(text.text, label="Irish")
        end = prompt.scores[0].double().softmax(-1)[-2:].sum().log()
        assert text.log_prob == pytest.approx(float(end) - task.score(text.text, "Irish").sum(), abs=1e-4)


def test_a_text_of_a_kind_begins_with_its_mark() -> None:
    task = marked("char", "Irish", "Italian")
    italian = task.sample("the ", label="Italian", length=20)
    assert italian != task.sample("the ", label="Irish", length=20)
    assert italian == task.sample(task.read("the ", label="Italian"), length=20)
    ids = np.concatenate([[task.vocabulary.mark("Italian")], task.vocabulary.encode("the ")])
    assert torch.equal(task.read_ids(ids, None, "the ").scores, task.read("the ", label="Italian").scores)
    surprise = task.score("the ", label="Italian")
    assert len(surprise) == 4 and not np.isnan(surprise).any()
    first = task.read("", label="Italian").scores[0].double().log_softmax(-1)
    assert surprise[0] == pytest.approx(-float(first[task.vocabulary.encode("t")[0]]), abs=1e-5)
    for call in (task.sample, task.score):
        with pytest.raises(SpecError, match="needs a --label; choose one of Irish, Italian"):
            call("the ")
    with pytest.raises(SpecError, match="has its label already"):
        task.sample(task.read("", label="Irish"), label="Irish")
    with pytest.raises(SpecError, match="a label stands before a text"):
        task.read("a", after=task.read("", label="Irish"), label="Irish")
    with pytest.raises(SpecError, match="--until document needs a model that learned documents"):
        model().sample(until="document")


def test_echo() -> None:
    echoed = model().sample("the ", length=9)
    assert echoed == "the " + model().sample("the ", length=9, echo=False)
    assert len(echoed) == 13
    assert model().sample(length=0) == "" and model().sample("the ", length=0) == "the "


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_stop_cuts_exactly(cell: str) -> None:
    for seed in range(4):
        whole = model(cell=cell).sample("the ", length=60, seed=seed, echo=False)
        for stop in (whole[10], whole[10:13], whole[:2], "never in it", whole[-2:], whole):
            stopped = model(cell=cell).sample("the ", length=60, seed=seed, echo=False, stop=stop)
            assert stopped == whole.partition(stop)[0]
    many = model(cell=cell).sample("the ", count=10, length=40, seed=5)
    stopped = model(cell=cell).sample("the ", count=10, length=40, seed=5, stop="a")
    assert stopped == ["the " + text[4:].partition("a")[0] for text in many]


@pytest.mark.parametrize("length", range(1, 12))
def test_a_byte_model_writes_whole_characters(length: int) -> None:
    for options in ({}, {"temperature": 3.0}, {"greedy": True}, {"top_k": 1}):
        for pieces in model("byte").samples("né", 16, length=length, seed=length, **options):
            raw = bytes(piece.id for piece in pieces)
            assert len(raw) == length
            assert raw.decode("utf-8") == text_of(pieces)


def test_raw_bytes_are_not_made_whole() -> None:
    broken = 0
    for pieces in model("byte").samples("", 16, length=50, temperature=3.0, raw=True):
        raw = bytes(piece.id for piece in pieces)
        assert text_of(pieces).rstrip("\ufffd") == raw.decode("utf-8", "replace").rstrip("\ufffd")
        broken += "\ufffd" in raw.decode("utf-8", "replace")
    assert broken == 16
    with pytest.raises(SpecError, match="--raw needs a model of --unit byte, this one is of --unit char"):
        model("char").sample("a", length=9, raw=True)


def test_stop_works_on_raw_bytes_too() -> None:
    whole = b"".join(bytes([p.id]) for p in model("byte").stream(length=400, temperature=1.5, raw=True))
    stop = next(chr(byte) for byte in whole[20:] if 32 < byte < 127)
    pieces = model("byte").stream(length=400, temperature=1.5, raw=True, stop=stop)
    assert bytes(piece.id for piece in pieces) == whole.partition(stop.encode())[0]


def test_an_endless_stream_needs_no_more_memory() -> None:
    stream = language(cell="rnn").stream("the ", length=None)
    tracemalloc.start()
    for _ in itertools.islice(stream, 600):
        pass
    before = tracemalloc.get_traced_memory()[0]
    for _ in itertools.islice(stream, 3000):
        pass
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 20_000


def test_writing_leaves_gradients_and_the_global_generator_alone() -> None:
    before = torch.random.get_rng_state()
    stream = model().stream(length=5)
    next(stream)
    assert torch.is_grad_enabled()
    text_of(stream)
    assert torch.equal(before, torch.random.get_rng_state())


def test_what_cannot_be_written() -> None:
    with pytest.raises(DataError, match=r"U\+0416"):
        model().sample("Ж")
    with pytest.raises(DataError, match=r"U\+0416"):
        model().stream("Ж")  # before the first symbol is asked for
    with pytest.raises(SpecError, match="temprature"):
        model().sample(temprature=1.0)
    with pytest.raises(SpecError, match="--temperature"):
        model().sample(temperature=-1.0)
    with pytest.raises(SpecError, match="--count"):
        model().sample(count=0)
    assert language(unknown="skip").sample("thЖe ", length=3).startswith("thЖe ")


@pytest.mark.parametrize("unit", ["char", "byte"])
@pytest.mark.parametrize("symbols", [0, 1, 2, READ - 1, READ, READ + 1, 2 * READ + 5])
def test_score_is_a_loop_over_the_text(unit: str, symbols: int) -> None:
    task = model(unit)
    ids = task.vocabulary.encode(story(700))[:symbols]
    text = task.vocabulary.decode(ids)
    if unit == "byte":
        ids = task.vocabulary.encode(text)  # a character cut in two becomes another
    found = task.score(text)
    expected: list[float] = []
    state = task.model.init_state(1)
    logs = None
    with torch.no_grad():
        for symbol in torch.from_numpy(ids.astype(np.int64)):
            expected.append(float("nan") if logs is None else -float(logs[symbol]))
            scores, state = task._step(symbol[None], state)
            logs = scores[0].double().log_softmax(-1)
    np.testing.assert_allclose(found, expected, atol=2e-5)
    assert len(found) == len(ids) and (not len(found) or np.isnan(found[0]))


def test_score_does_not_depend_on_where_it_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    text = story(80)
    whole = model().score(text)
    for size in (1, 7, 100):
        monkeypatch.setattr("unspool.tasks.language.text.READ", size)
        np.testing.assert_allclose(model().score(text), whole, atol=2e-5)
    assert isinstance(model(), TextModel)
