from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

import unspool
from tests.tasks.made import write_model
from unspool.data.sources import Text
from unspool.data.stepwise import read_stepwise
from unspool.errors import DataError, SpecError
from unspool.tasks.tagging.baselines import accuracies
from unspool.tasks.tagging.batches import cut
from unspool.tasks.tagging.encoding import encoding_from_dict, encoding_of
from unspool.tasks.tagging.options import TaggerOptions
from unspool.tasks.tagging.tagger import UNSCORED, Tagger
from unspool.training.events import Progress
from unspool.training.options import Budget

SMALL = {"hidden_size": 8, "layers": 1, "dropout": 0.0, "batch_size": 8}
LEARNS = {**SMALL, "hidden_size": 16, "learning_rate": 0.03}
KINDS = ("channels", "pictures", "tokens", "text")


def sums(count: int = 40, seed: int = 0) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Channels [T, 2] of 0 and 1, and whether the first has had an odd sum so far: no step tells its label alone."""
    source = np.random.default_rng(seed)
    arrays = [source.integers(0, 2, (source.integers(3, 9), 2)).astype(np.float32) for _ in range(count)]
    return arrays, [np.where(array[:, 0].cumsum() % 2 == 1, "odd", "even") for array in arrays]


def made(kind: str, count: int = 24, seed: int = 0) -> tuple[list[Any], list[Any]]:
    """Sequences of a kind, with labels."""
    arrays, labels = sums(count, seed)
    if kind == "pictures":
        return [array[:, None, :] * np.ones((1, 3, 1), np.float32) for array in arrays], labels
    if kind == "tokens":
        return [["one" if step[0] else "none" for step in array] for array in arrays], labels
    if kind == "text":
        return ["".join("1" if step[0] else "0" for step in array) for array in arrays], labels
    return arrays, labels


def tagger(data: Any = None, **options: Any) -> Tagger:
    """A tagger that has learned nothing yet."""
    task = Tagger.prepare(TaggerOptions(**{**SMALL, **options}), sums() if data is None else data, Budget("steps", 30))
    task.model = task.build()
    return task


@pytest.mark.no_cover
@pytest.mark.parametrize("kind", KINDS)
def test_a_parity_that_no_step_tells_alone(kind: str, tmp_path: Path) -> None:
    run = unspool.train("tagger", made(kind, 160), steps=250, out=str(tmp_path / "run"), causal=True, **LEARNS)
    sequences, truth = made(kind, 20, seed=5)
    for found, labels in zip(run.model.predict(sequences), truth, strict=True):
        assert found.labels == labels.tolist()
        np.testing.assert_allclose(found.probabilities.sum(1), 1)


@pytest.mark.no_cover
def test_what_comes_later_helps_both_ways_only(tmp_path: Path) -> None:
    """The label of every step is the last value of its sequence."""
    arrays, _ = sums(80)
    data = (arrays, [np.full(len(array), "ab"[int(array[-1, 0])]) for array in arrays])
    found = {}
    for causal in (False, True):
        run = unspool.train("tagger", data, steps=80, out=str(tmp_path / f"{causal}"), causal=causal, **LEARNS)
        found[causal] = run.model.evaluate((data[0][:30], data[1][:30]))["accuracy"]
    assert found[False] == 1 and found[True] < 0.85


def test_metrics_are_those_of_scikit_learn() -> None:
    arrays, labels = sums(30)
    labels = [np.where(np.arange(len(row)) == 1, "second", row) for row in labels]
    task = tagger((arrays, labels))
    found, tags = task.evaluate((arrays[:9], labels[:9])), task.predict(arrays[:9])
    truth, guess = np.concatenate(labels[:9]), np.concatenate([tagging.labels for tagging in tags])
    assert found["accuracy"] == pytest.approx(accuracy_score(truth, guess))
    assert found["macro_f1"] == pytest.approx(f1_score(truth, guess, average="macro"))
    each = f1_score(truth, guess, average=None, labels=list(task.classes))
    assert [found["f1"][name] for name in task.classes] == pytest.approx(each.tolist())
    np.testing.assert_array_equal(found["confusion"], confusion_matrix(truth, guess, labels=task.classes))
    places = [[task.classes.index(label) for label in row] for row in labels[:9]]
    chosen = [p[np.arange(len(row)), row] for p, row in zip((t.probabilities for t in tags), places, strict=True)]
    assert found["validation_loss"] == pytest.approx(-np.log(np.concatenate(chosen)).mean())
    assert found["steps"] == len(truth) and found["sequences"] == 9


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_neighbours_padding_and_model_files_change_nothing(kind: str, causal: bool, tmp_path: Path) -> None:
    task = tagger(made(kind), causal=causal, layers=2)
    sequences = [*made(kind, 4, seed=3)[0], made(kind, 1)[0][0][:0]]
    together = task.predict(sequences)
    again = unspool.load(write_model(task, tmp_path / "model.safetensors"))
    assert isinstance(again, Tagger) and again.classes == task.classes and again.options == task.options
    for sequence, found, loaded in zip(sequences, together, again.predict(sequences), strict=True):
        assert len(found.labels) == len(sequence)
        if len(sequence):
            np.testing.assert_allclose(task.predict([sequence])[0].probabilities, found.probabilities, atol=1e-6)
        np.testing.assert_array_equal(loaded.probabilities, found.probabilities)


def test_the_loss_is_a_weighted_sum_over_labelled_steps() -> None:
    arrays, labels = sums(12)
    rare = [[None if step == 0 else label for step, label in enumerate(row)] for row in labels]
    task = tagger((arrays, rare), class_weights="balanced", validation="0.2")
    assert task.training is not None and task.training.labels is not None
    counts = np.bincount(np.concatenate([row[row != UNSCORED] for row in task.training.labels]))
    np.testing.assert_allclose(task.class_weights, counts.sum() / (2 * counts), rtol=1e-6)
    task.model.eval()
    batch = next(task.batches())
    loss, expected, items = task.loss(batch, None), 0.0, 0
    logs = task.model(batch.values, batch.lengths).raw.log_softmax(-1).detach()
    for column, length in enumerate(batch.lengths.tolist()):
        assert (batch.labels[length:, column] == UNSCORED).all() and batch.labels[0, column] == UNSCORED
        for step in range(1, length):
            label = batch.labels[step, column]
            expected, items = expected - float(task.class_weights[label] * logs[step, column, label]), items + 1
    assert loss.sum.item() == pytest.approx(expected, rel=1e-5) and loss.items == items


def test_long_sequences_are_cut_for_training_only() -> None:
    data = read_stepwise((["abcdefg", "", "xy"], [list("1010101"), [], list("10")]))
    parts = cut(data, 3)
    assert parts.sequences == ["ab", "cd", "efg", "", "xy"]
    assert parts.labels is not None and data.labels is not None
    np.testing.assert_array_equal(np.concatenate(parts.labels), np.concatenate(data.labels))
    task = tagger(made("text", 30), window=4)
    assert max(int(next(batches).lengths.max()) for batches in [task.batches()] * 9) == 4
    assert task.held is not None and task.metrics()["steps"] == task.held.lengths.sum()
    with pytest.raises(SpecError, match="window"):
        tagger(window=0)


def test_augmentation_leaves_labels_where_they_are_and_a_resume_draws_the_same() -> None:
    data = sums(20)
    plain, noisy = tagger(data).batches(), tagger(data, augment="light").batches()
    for left, right in zip([next(plain) for _ in range(4)], [next(noisy) for _ in range(4)], strict=True):
        assert torch.equal(left.labels, right.labels) and torch.equal(left.lengths, right.lengths)
        assert not torch.equal(left.values, right.values)
        beyond = torch.arange(len(right.values))[:, None] >= right.lengths
        assert not right.values[beyond].any()
    place = noisy.state_dict()
    again = tagger(data, augment="light").batches()
    again.load_state_dict(place)
    for _ in range(3):
        assert torch.equal(next(noisy).values, next(again).values)
    letters = tagger(made("text"), augment="strong").batches()
    assert any((next(letters).values == 0).any() for _ in range(5))


def test_a_resume_goes_on_exactly(tmp_path: Path) -> None:
    data, options = made("text", 60), {**SMALL, "dropout": 0.2, "augment": "strong"}
    files = []
    for stops in (False, True):
        out = tmp_path / str(stops)
        session = unspool.begin("tagger", data, options=options, budget=Budget("steps", 9), out=str(out))
        for event in session.events:
            if stops and isinstance(event, Progress) and event.step == 4:
                break
        session.close()
        files.append(unspool.resume(out, data=data).path / "model.safetensors")
    assert files[0].read_bytes() == files[1].read_bytes()


def test_batches_are_divided_among_processes() -> None:
    whole, parts = tagger(sums(20)).batches(), [tagger(sums(20)).batches() for _ in range(2)]
    parts[0].divide(lambda count: range(count // 2))
    parts[1].divide(lambda count: range(count // 2, count))
    for _ in range(3):
        expected, found = next(whole), [next(part) for part in parts]
        for name in ("values", "labels"):
            joined = torch.cat([getattr(part, name) for part in found], 1)
            assert torch.equal(joined, getattr(expected, name))
        assert parts[1].whole == len(expected.lengths) and list(parts[1].rows)[-1] == parts[1].whole - 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_is_labelled_as_the_batch_is(kind: str) -> None:
    task = tagger(made(kind), causal=True, layers=2)
    sequences = [sequence for sequence in made(kind, 9, seed=2)[0] if len(sequence) >= 5]
    stepper = task.stepper()
    state = stepper.initial(len(sequences))
    expected = task.predict(sequences)
    for step in range(5):
        rows = [np.ravel(sequence[step]).tolist() for sequence in sequences]
        inputs = np.stack([stepper.read([str(cell) for cell in row]) for row in rows])
        assert inputs.dtype == np.float32
        answers, state = stepper.step(inputs, state)
        for answer, tagging in zip(answers, expected, strict=True):
            assert answer["label"] == tagging.labels[step]
            assert answer["probability"] == pytest.approx(tagging.probabilities[step].max(), abs=1e-5)
    assert stepper.told({"label": "odd", "probability": 0.75}) == "odd\t0.7500"


def test_rows_of_a_stream_that_cannot_be_read() -> None:
    read = tagger(causal=True).stepper().read
    for cells in (["1"], ["1", "x"], ["nan", "1"], ["1", "2", "3"]):
        with pytest.raises(DataError, match="2 finite numbers"):
            read(cells)
    read = tagger(made("text"), causal=True).stepper().read
    for cells in (["ab"], ["a", "b"], [""]):
        with pytest.raises(DataError, match="one of the characters"):
            read(cells)


def test_a_model_that_reads_from_both_ends_labels_no_stream() -> None:
    with pytest.raises(SpecError, match="--causal"):
        tagger().stepper()


def test_answers_are_ready_for_json_and_a_picture(tmp_path: Path) -> None:
    tokens = tagger(made("tokens"))
    (answer,) = tokens.answers(Text("one none never heard of"))
    assert len(answer["labels"]) == 5 and np.shape(answer["probabilities"]) == (5, 2)
    assert answer["classes"] == ["even", "odd"] and tokens.told({"labels": ["a", "b"]}) == "a b"
    for name, task, data in (
        ("tokens.png", tokens, Text("one none none")),
        ("waves.svg", tagger(), (sums(12)[0], None)),
        ("empty.png", tagger(made("text")), (["", "0"], None)),
    ):
        assert task.draw_answers(data, tmp_path / name) == task.answers(data)
        assert (tmp_path / name).stat().st_size > 1000
    assert [*tokens.figures({})] == [] and [*tokens.figures(tokens.metrics())] == ["confusion"]
    with pytest.raises(SpecError, match="--output"):
        tokens.draw_answers(Text("one"), tmp_path / "picture.gif")


def test_the_bar_is_what_one_step_tells() -> None:
    """Channels meet scikit-learn's logistic regression, symbols the most frequent label of each."""
    arrays, _ = sums(60)
    source = np.random.default_rng(1)
    flipped = [np.where(source.random(len(a)) < 0.2, 1 - a[:, 1], a[:, 1]).astype(int).astype(str) for a in arrays]
    whole = read_stepwise((arrays, flipped))
    training, held = whole.select(range(40)), whole.select(range(40, 60))
    found = accuracies(training, held, encoding_of(training))
    steps, labels = np.concatenate(arrays[:40]), np.concatenate(flipped[:40])
    model = LogisticRegression().fit(steps, labels)
    truth = np.concatenate(flipped[40:])
    assert found["logistic regression on the step alone"] == pytest.approx(
        model.score(np.concatenate(arrays[40:]), truth), abs=0.02
    )
    often = max(set(labels), key=labels.tolist().count)
    assert found["majority label"] == np.mean(truth == often)
    texts = ["".join(a[:, 1].astype(int).astype(str)) for a in arrays]
    whole = read_stepwise((texts, flipped))
    training, held = whole.select(range(40)), whole.select(range(40, 60))
    found = accuracies(training, held, encoding_of(training))
    assert found["most frequent label of the symbol"] == np.mean(truth == np.array(list("".join(texts[40:]))))


def test_tables_are_read_by_their_columns(tmp_path: Path) -> None:
    """A row a step; columns are found again by name, whatever stands beside them, and strange labels do not matter."""
    arrays, labels = sums(20)
    table = pd.DataFrame(np.concatenate(arrays), columns=["a", "b"])
    table["kind"], table["who"] = np.concatenate(labels), np.repeat(np.arange(20), [len(array) for array in arrays])
    task = tagger(table, key="who", label_column="kind", causal=True)
    expected = [tagging.probabilities for tagging in task.predict(arrays)]
    assert task.stepper().columns == ("a", "b")
    again = unspool.load(write_model(task, tmp_path / "model.safetensors"))
    others = table[["b", "who", "a"]]
    for given in (table, others.assign(kind="unheard of"), others.assign(more=1.0)):
        for found, probabilities in zip(again.predict(given), expected, strict=True):
            np.testing.assert_allclose(found.probabilities, probabilities, atol=1e-6)


def test_unknown_symbols_keep_every_step() -> None:
    encoding = encoding_of(read_stepwise((["aab", "aac"], [list("112"), list("112")])))
    np.testing.assert_array_equal(encoding.encode("abzéa"), [1, 0, 0, 0, 1])  # what came once is unknown too
    again = encoding_from_dict(encoding.to_dict())
    np.testing.assert_array_equal(again.encode("abzéa"), [1, 0, 0, 0, 1])
    with pytest.raises(DataError, match="encoding"):
        encoding_from_dict({"kind": "smells"})


def test_data_of_another_kind() -> None:
    for task, wrong, sentence in (
        (tagger(), ["text"], "2 channels, got text"),
        (tagger(), [np.zeros((3, 5), np.float32)], r"2 channels, got steps of shape \[5\]"),
        (tagger(made("pictures")), [np.zeros((3, 4, 4), np.float32)], r"pictures of 3 by 2 pixels, got .*\[4, 4\]"),
        (tagger(made("text")), [["token"]], "characters, got tokens"),
        (tagger(made("tokens")), [np.zeros((3, 2), np.float32)], "tokens, got numeric"),
    ):
        with pytest.raises(DataError, match=sentence):
            task.predict(wrong)
    with pytest.raises(SpecError, match="--text"):
        tagger().answers(Text("one"))
    with pytest.raises(DataError, match="list"):
        tagger(made("text")).predict("one text")
    with pytest.raises(DataError, match="colour"):
        tagger(([np.zeros((3, 2, 2, 3), np.float32)] * 4, [["a", "b", "a"]] * 4))
    with pytest.raises(DataError, match="label"):
        tagger().evaluate(([np.zeros((3, 2), np.float32)], [[None] * 3]))


def test_pictures_have_an_encoder() -> None:
    assert tagger(made("pictures")).options.encoder == "conv" and tagger().options.encoder is None
    plain = tagger(made("pictures"), encoder="linear")
    assert plain.model.front is None and plain.model.stack.input_size == 6
    with pytest.raises(SpecError, match="--encoder"):
        tagger(encoder="conv")


def test_a_probe_looks_at_labels_or_guesses() -> None:
    task = tagger()
    for data in (None, (sums(5)[0], None)):
        specimen = task.specimen(data, 3)
        beyond = torch.arange(len(specimen.batch.values))[:, None] >= specimen.batch.lengths
        assert torch.equal(specimen.batch.labels == UNSCORED, beyond)
        assert task.loss(specimen.batch, None).sum.item() > 0


def test_what_is_held_out_is_found_again() -> None:
    data = sums(40)
    task = tagger(data)
    found = task.evaluate(data)
    assert found == {**task.metrics(), "classes": ["even", "odd"], "split": task.split}
    assert found["sequences"] == 4 and "0.1 of the sequences" in found["split"]
    assert task.describe()["training_sequences"] == 36 and 0 < task.validation_cost() < 0.3
    assert task.keeps == "last"
