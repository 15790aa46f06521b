from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from unspool.errors import SpecError
from unspool.nets.transcribing import TranscribingNet


def net(frame: int = 1, **options: object) -> TranscribingNet:
    torch.manual_seed(0)
    made = TranscribingNet(3, 5, cell="lstm", hidden_size=6, layers=2, frame=frame, **options)  # type: ignore[arg-type]
    return made.eval()


def streamed(model: TranscribingNet, x: Tensor, lengths: list[int]) -> list[list[Tensor]]:
    """The scores of each stream, frame by frame; a stream that has ended is fed on, and what it says then is left."""
    state = model.initial(x.shape[1])
    found: list[list[Tensor]] = [[] for _ in lengths]
    for step, row in enumerate(x):
        raw, full, state = model.step(row, state)
        for stream, length in enumerate(lengths):
            if step < length and full[stream]:
                found[stream].append(raw[stream])
            if step + 1 == length:
                ended, started, _ = model.flush(state)
                if started[stream]:
                    found[stream].append(ended[stream])
    return found


@settings(max_examples=25, deadline=None)
@given(frame=st.integers(1, 5), lengths=st.lists(st.integers(1, 13), min_size=1, max_size=4))
def test_a_stream_says_step_by_step_what_the_whole_says(frame: int, lengths: list[int]) -> None:
    model = net(frame)
    x = torch.randn(max(lengths), len(lengths), 3, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        whole = model(x, torch.tensor(lengths))
    assert whole.lengths.tolist() == [-(-length // frame) for length in lengths]
    for stream, rows in enumerate(streamed(model, x, lengths)):
        expected = whole.raw[: len(rows), stream]
        assert len(rows) == whole.lengths[stream]
        torch.testing.assert_close(torch.stack(rows), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("encoder", "frame"), [("conv", 1), ("linear", 1), ("linear", 3)])
def test_neighbours_and_padding_change_nothing(encoder: str, frame: int) -> None:
    model = net(frame, encoder=encoder, bidirectional=True)
    x = torch.randn(20, 2, 3)
    lengths = torch.tensor([20, 9])
    padded = x.clone()
    padded[9:, 1] = float("nan")
    with torch.no_grad():
        both, alone = model(padded, lengths), model(x[:9, 1:], torch.tensor([9]))
    assert both.lengths.tolist() == [-(-20 // model.steps_per_frame), -(-9 // model.steps_per_frame)]
    torch.testing.assert_close(both.raw[: len(alone.raw), 1], alone.raw[:, 0])


def test_streams_at_different_places_of_their_frames() -> None:
    model = net(3)
    x = torch.randn(4, 2, 3)
    state = model.initial(2)
    _, _, late = model.step(x[0], state)
    joined = late._replace(filled=torch.tensor([1.0, 0.0]))  # the second begins now
    raw, full, _ = model.step(x[1], model.step(x[2], joined)[2])
    assert full.tolist() == [True, False]
    assert raw[1].eq(0).all()


def test_an_encoder_cannot_answer_streams() -> None:
    with pytest.raises(SpecError, match="--causal"):
        net(encoder="conv").initial(1)
