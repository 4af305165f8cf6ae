"""Turns, with a device that holds shapes only in the place of an accelerator."""

import gc
import weakref

import torch
from torch import nn

from core.turns import Turns

AWAY = torch.device("meta")


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(4, 4)
        self.register_buffer("shift", torch.zeros(4))
        self.seen = []

    def forward(self, x):
        self.seen.append(self.inner.weight.device.type)
        return self.inner(x) + self.shift


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = Block(), Block(), nn.Linear(4, 4)

    def forward(self, x):
        return self.last(self.second(self.first(x)))


def places(module):
    return {tensor.device.type for tensor in (*module.parameters(), *module.buffers())}


def test_a_network_comes_when_it_is_called_and_leaves_when_another_is():
    turns, one, other = Turns(AWAY), Network(), Network()
    before = [*one.parameters(), *one.buffers()]
    for network in (one, other):
        turns.join(network)
    assert places(one) == places(other) == {"cpu"}
    one(torch.zeros(2, 4, device=AWAY))
    assert (places(one), places(other)) == ({"meta"}, {"cpu"})
    other(torch.zeros(2, 4, device=AWAY))
    assert (places(one), places(other)) == ({"cpu"}, {"meta"})
    assert all(now is then for now, then in zip([*one.parameters(), *one.buffers()], before, strict=True))


def test_streamed_parts_are_there_for_their_own_call_alone():
    turns, network = Turns(AWAY), Network()
    turns.join(network, (network.first, network.second))
    network(torch.zeros(2, 4, device=AWAY))
    assert network.first.seen == network.second.seen == ["meta"]
    assert places(network.first) == places(network.second) == {"cpu"}
    assert places(network.last) == {"meta"}


def test_what_makes_a_network_come_works_for_its_parts():
    turns, network, other = Turns(AWAY), Network(), Network()
    come = turns.join(network)
    turns.join(other)
    other(torch.zeros(2, 4, device=AWAY))
    come()
    network.last(torch.zeros(2, 4, device=AWAY))
    assert places(other) == {"cpu"}


def test_weights_put_in_their_place_meanwhile_come_too():
    turns, network, other = Turns(AWAY), Network(), Network()
    turns.join(network)
    turns.join(other)
    own, laid_over = network.last.weight, nn.Parameter(torch.ones(4, 4), requires_grad=False)
    for weight in (laid_over, own):
        network.last.weight = weight
        network(torch.zeros(2, 4, device=AWAY))
        assert network.last.weight.device == AWAY
    other(torch.zeros(2, 4, device=AWAY))
    assert network.last.weight is own


def test_a_network_that_nobody_needs_is_forgotten():
    turns, network, other = Turns(AWAY), Network(), Network()
    turns.join(network)
    turns.join(other)
    network(torch.zeros(2, 4, device=AWAY))
    other(torch.zeros(2, 4, device=AWAY))
    gone = weakref.ref(network)
    del network
    gc.collect()
    assert gone() is None
