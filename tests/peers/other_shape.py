#!/usr/bin/env python3
"""Layers in another library, run as often as another program asks.

    other_shape.py BACKEND THREADS

BACKEND   torch       PyTorch's own choice (MKL for products, oneDNN for convolutions)
          torch-last  the same, images with channels last
          onednn      oneDNN through torch.utils.mkldnn: weights packed before
          onnx        ONNX Runtime, one node a layer
          bf16        PyTorch in bfloat16

A line on standard input is a shape as `bench --list` prints it and asks for one run; its
seconds are printed, or "none" where the backend has no such layer.
"""
import os
import re
import sys
import time

BACKEND, THREADS = sys.argv[1], int(sys.argv[2])
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(THREADS)


def parsed(line):
    """(kind, dimensions) of a line."""
    m = re.search(r" linear (\d+) x (\d+)->(\d+)$", line)
    if m:
        return "linear", [int(x) for x in m.groups()]
    m = re.search(r" attention (\d+) x (\d+) keys, (\d+) heads of (\d+)$", line)
    if m:
        return "attend", [int(x) for x in m.groups()]
    m = re.search(r" conv k(\d+) d(\d+) (\d+) x (\d+)->(\d+)( \(transposed\))?$", line)
    if m:
        k, d, length, a, b = (int(x) for x in m.groups()[:5])
        return "conv", [length, 1, a, b, k, 1, 1, d, k - 1 if m.group(6) else k // 2 * d]
    m = re.search(r" conv (\d+)x(\d+) (\d+)x(\d+) x (\d+)->(\d+)(, stride 2)?$", line)
    if not m:
        return None, []
    kh, kw, h, w, a, b = (int(x) for x in m.groups()[:6])
    return "conv", [h, w, a, b, kh, kw, 2 if m.group(7) else 1, 1, kh // 2]


def torch_layer(kind, d):
    import torch
    import torch.nn.functional as F
    from torch.utils import mkldnn
    torch.set_num_threads(THREADS)
    kind_of = torch.bfloat16 if BACKEND == "bf16" else torch.float32
    new = lambda *shape: torch.rand(*shape).to(kind_of) - 0.5
    if kind == "attend":
        if BACKEND in ("onednn", "torch-last"):
            return None
        queries, keys, heads, width = d
        q, k, v = (new(1, heads, n, width) for n in (queries, keys, keys))
        return lambda: F.scaled_dot_product_attention(q, k, v)
    if kind == "linear":
        if BACKEND == "torch-last":
            return None
        rows, inputs, outputs = d
        layer, x = torch.nn.Linear(inputs, outputs, bias=False), new(rows, inputs)
    else:
        h, w, a, b, kh, kw, stride, dilation, pad = d
        if kw == 1 and BACKEND != "torch-last":
            layer = torch.nn.Conv1d(a, b, kh, stride, pad, dilation, bias=False)
            x = new(1, a, h)
        else:
            layer = torch.nn.Conv2d(a, b, (kh, kw), stride, (pad, kw // 2), dilation, bias=False)
            x = new(1, a, h, w)
    layer = layer.eval().requires_grad_(False).to(kind_of)
    if BACKEND == "torch-last":
        layer, x = layer.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    if BACKEND == "onednn":
        layer, x = mkldnn.to_mkldnn(layer), x.to_mkldnn()
    return lambda: layer(x)


def onnx_layer(kind, d):
    import numpy as np
    import onnxruntime as ort
    from onnx import TensorProto, helper, numpy_helper
    random = np.random.default_rng(1)
    if kind == "linear":
        rows, inputs, outputs = d
        x, w = (rows, inputs), (inputs, outputs)
        node = helper.make_node("MatMul", ["x", "w"], ["y"])
    elif kind == "conv":
        h, width, a, b, kh, kw, stride, dilation, pad = d
        x, w = ((1, a, h), (b, a, kh)) if kw == 1 else ((1, a, h, width), (b, a, kh, kw))
        axes = len(x) - 2
        node = helper.make_node("Conv", ["x", "w"], ["y"], strides=[stride] * axes,
                                dilations=[dilation] * axes,
                                pads=([pad] if axes == 1 else [pad, kw // 2]) * 2)
    else:
        return None
    graph = helper.make_graph(
        [node], "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, x)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(random.random(w, np.float32) - np.float32(0.5), "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    options = ort.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = ort.InferenceSession(model.SerializeToString(), options,
                                   providers=["CPUExecutionProvider"])
    value = {"x": random.random(x, np.float32) - np.float32(0.5)}
    return lambda: session.run(None, value)


def main():
    said = os.dup(1)
    os.dup2(2, 1)
    if BACKEND == "onnx":
        import onnxruntime
    else:
        import torch
    os.write(said, b"ready\n")
    last = layer = None
    for line in sys.stdin:
        if line != last:
            kind, d = parsed(line.strip())
            layer = kind and (onnx_layer if BACKEND == "onnx" else torch_layer)(kind, d)
            last = line
            if layer:
                layer()
        if not layer:
            os.write(said, b"none\n")
            continue
        runs, start, spent = 0, time.perf_counter(), 0
        while spent < 0.01:
            layer()
            runs, spent = runs + 1, time.perf_counter() - start
        os.write(said, b"%.9f\n" % (spent / runs))


if __name__ == "__main__":
    main()
