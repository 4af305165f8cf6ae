"""Networks for faces at toy size: an ONNX file of constant maps, written by hand; a RestoreFormer of few channels."""

import numpy as np
import torch


def maps():
    """One face, 32 wide and 48 high, about (50, 42), seen from two neighbouring cells."""
    sure, sizes, shifts = np.zeros((1, 1, 32, 40)), np.zeros((1, 2, 32, 40)), np.zeros((1, 2, 32, 40))
    sure[0, 0, 10, 12:14] = 0.9, 0.6
    sizes[0, 0], sizes[0, 1] = np.log(48 / 4), np.log(32 / 4)
    points = np.array([0.25, 0.25, 0.25, 0.75, 0.5, 0.5, 0.8, 0.3, 0.8, 0.7])
    return [sure, sizes, shifts, np.tile(points[None, :, None, None], (1, 1, 32, 40))]


def restoreformer():
    """The tensors of a RestoreFormer with random weights."""
    from spandrel.architectures.RestoreFormer import RestoreFormer

    torch.manual_seed(0)
    network = RestoreFormer(n_embed=16, embed_dim=32, ch=32, ch_mult=(1,) * 6, num_res_blocks=1, z_channels=32)
    return network.state_dict()


def constant_network(maps, side=4):
    """The bytes of a network that takes 1 x 3 x H·side x W·side and gives these maps, each 1 x C x H x W, float32."""
    height, width = maps[0].shape[2:]
    weight = np.zeros((1, 3, 1, 1), np.float32)
    strides = _field(1, b"strides") + _field(8, side) * 2 + _field(20, 7)
    nodes = _field(1, _node("Conv", ("x", "weight"), "nothing", strides))
    tensors = _field(5, _tensor("weight", weight))
    outputs = b""
    for n, one in enumerate(maps):
        nodes += _field(1, _node("Add", ("nothing", f"map{n}"), f"out{n}"))
        tensors += _field(5, _tensor(f"map{n}", one.astype(np.float32)))
        outputs += _field(12, _value(f"out{n}", one.shape))
    seen = _field(11, _value("x", (1, 3, height * side, width * side)))
    graph = nodes + _field(2, b"toy") + tensors + seen + outputs
    return _field(1, 8) + _field(7, graph) + _field(8, _field(1, b"") + _field(2, 13))


def _number(value):
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


def _field(tag, content):
    """A field of a protocol buffer: a whole number, or bytes with their length."""
    if isinstance(content, int):
        return _number(tag << 3) + _number(content)
    return _number(tag << 3 | 2) + _number(len(content)) + content


def _node(kind, inputs, output, attribute=b""):
    named = b"".join(_field(1, name.encode()) for name in inputs) + _field(2, output.encode())
    return named + _field(3, output.encode()) + _field(4, kind.encode()) + (_field(5, attribute) if attribute else b"")


def _tensor(name, values):
    dims = b"".join(_field(1, side) for side in values.shape)
    return dims + _field(2, 1) + _field(8, name.encode()) + _field(9, values.tobytes())


def _value(name, shape):
    dims = b"".join(_field(1, _field(1, side)) for side in shape)
    return _field(1, name.encode()) + _field(2, _field(1, _field(1, 1) + _field(2, dims)))
