"""Whole training updates of the default language model against a plain torch loop of the same network, and against our
own kernels alone: `python benchmarks/end_to_end.py TEXT [--unit word] [--updates N] [--rounds N] [--epochs E]`.

An update is everything: batch, embedding, layers, dropout, output layer, loss, backward pass, clipping, AdamW. The
plain loop has torch.nn.LSTM, torch's dropout and cross-entropy, and starts from the same weights. Each library runs in
its own process, in turns; medians. With --epochs both then train so long from the same start, losses shown beside it.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import torch
from command import print_place, print_table
from interleave import Peer, serve, take_turns
from torch import Tensor, nn
from torch.nn import functional

from unspool.data.stream import single_pass
from unspool.tasks.language.language import Language
from unspool.tasks.language.options import LanguageOptions
from unspool.training.options import Budget
from unspool.training.schedule import learning_rate, warmup_steps
from unspool.training.state import Training


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", nargs="?")
    parser.add_argument("--unit", default="char")
    parser.add_argument("--updates", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--epochs", type=float, default=0.0)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if given.peer:
        serve(answer(given.peer))
        return
    peers = [Peer(name, given.threads) for name in PEERS]
    request = {"text": given.text, "unit": given.unit, "epochs": given.epochs or 8.0}
    seconds = take_turns(peers, given.rounds, updates=given.updates, **request)
    symbols = peers[0].ask(updates=0, **request)
    print_place()
    print(f"{given.threads} threads; medians of {given.rounds} times {given.updates} updates\n")
    each = {name: spent / given.updates for name, spent in seconds.items()}
    print_table(
        ["", "ms an update", "symbols/s"], [[name, 1e3 * spent, round(symbols / spent)] for name, spent in each.items()]
    )
    print(f"\ntorch/unspool {each['torch'] / each['unspool']:.2f}, ", end="")
    print(f"share of the kernels' own speed {each['kernels'] / each['unspool']:.0%}")
    if given.epochs:
        trained = {peer.name: peer.ask(train=True, **request) for peer in peers if peer.name != "kernels"}
        print()
        rows = [[name, *found] for name, found in trained.items()]
        print_table([f"{given.epochs:g} epochs", "validation nats", "seconds"], rows)
    for peer in peers:
        peer.close()


def answer(name: str) -> Any:
    """What a peer does: the seconds of some updates, or the loss and the seconds of a whole training."""
    kept: dict[str, Any] = {}

    def respond(request: dict[str, Any]) -> Any:
        if request.get("train"):
            return train(PEERS[name](prepare(request)), request["epochs"])
        if not kept:
            kept["task"] = prepare(request)
            kept["peer"] = PEERS[name](kept["task"])
        if not request["updates"]:
            return kept["task"].options.batch_size * kept["task"].options.window
        began = time.perf_counter()
        for _ in range(request["updates"]):
            kept["peer"].update(1e-4)
        return time.perf_counter() - began

    return respond


def prepare(request: dict[str, Any]) -> Language:
    """The task with its default network."""
    task = Language.prepare(
        LanguageOptions(unit=request["unit"]), [request["text"]], Budget("epochs", request["epochs"])
    )
    task.model = task.build()
    return task


def train(peer: Any, epochs: float) -> list[float]:
    """Train with the task's own schedule, and measure once at the end."""
    began = time.perf_counter()
    total = round(epochs * peer.batches.steps_per_epoch)
    for step in range(total):
        rate = learning_rate(peer.task.options.learning_rate, step, step / total, warmup_steps(total))
        peer.update(rate)
    return [peer.validate(), time.perf_counter() - began]


class Ours(Training):
    """Our own updates."""

    def validate(self) -> float:
        """Held-out nats a symbol."""
        return float(self.task.metrics()["validation_loss"])


class Kernels:
    """The recurrent layers alone, forward and backward, on inputs and gradients of the right shapes."""

    def __init__(self, task: Language) -> None:
        o = task.options
        assert o.window is not None and o.batch_size is not None
        self.layers = task.model.stack
        self.inputs = [torch.randn(o.window, o.batch_size, layer.input_size).requires_grad_() for layer in self.layers]

    def update(self, _: float) -> None:
        """One pass through every layer and back."""
        for layer, x in zip(self.layers, self.inputs, strict=True):
            output = layer(x).output
            torch.autograd.grad(output, [x, *layer.parameters()], torch.ones_like(output))


class Plain(nn.Module):
    """The same network and the same updates, as one writes them with torch alone."""

    def __init__(self, task: Language) -> None:
        super().__init__()
        self.task, self.batches = task, task.batches()
        net = task.model
        self.embedding, self.output, self.projection = (
            net.embedding,
            nn.Linear(*reversed(net.output.weight.shape)),
            None,
        )
        if net.projection is not None:
            self.projection = net.projection
        self.output.weight, self.output.bias = net.output.weight, net.output.bias
        self.layers = nn.ModuleList()
        for layer in net.stack:
            lstm = nn.LSTM(layer.input_size, layer.output_size)
            weights = {f"{name}_l0": tensor for name, tensor in layer.cell.state_dict().items()}  # type: ignore[operator, union-attr]
            lstm.load_state_dict(weights)
            self.layers.append(lstm)
        decay = task.options.weight_decay
        matrices, vectors = ([p for p in self.parameters() if (p.dim() > 1) == many] for many in (True, False))
        groups = [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.99))
        self.state: list[Any] = [None] * len(self.layers)

    def forward(self, ids: Tensor, state: list[Any]) -> tuple[Tensor, list[Any]]:
        """Scores [T, B, V] and the states after them."""
        skip, p = self.task.options.skip, float(self.task.options.dropout or 0)
        assert self.embedding is not None
        x = self.embedding(ids)
        outputs, after, share = [], [], x
        for lstm, before in zip(self.layers, state, strict=True):
            h, carried = lstm(share, before)
            outputs.append(h)
            after.append(tuple(part.detach() for part in carried))
            below = functional.dropout(h, p, self.training)
            share = torch.cat([x, below], -1) if skip else below
        hidden = functional.dropout(torch.cat(outputs, -1) if skip else outputs[-1], p, self.training)
        return self.output(hidden if self.projection is None else self.projection(hidden)), after

    def update(self, rate: float) -> None:
        """One update."""
        self.train()
        window = next(self.batches)
        state = [None] * len(self.layers) if window.fresh else self.state
        scores, self.state = self(window.inputs, state)
        loss = functional.cross_entropy(scores.flatten(0, 1), window.targets.flatten())
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters(), self.task.options.clip)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()

    @torch.no_grad()
    def validate(self) -> float:
        """Held-out nats a symbol."""
        self.eval()
        state: list[Any] = [None] * len(self.layers)
        nats, count = 0.0, 0
        for window in single_pass(self.task.validation_ids):
            scores, state = self(window.inputs, state)
            nats += float(functional.cross_entropy(scores.flatten(0, 1), window.targets.flatten(), reduction="sum"))
            count += window.targets.numel()
        return nats / count


PEERS = {"unspool": Ours, "kernels": Kernels, "torch": Plain}

if __name__ == "__main__":
    main()
