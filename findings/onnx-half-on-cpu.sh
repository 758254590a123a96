#!/bin/sh
# A float16 ONNX model runs in float32 on a CPU: it neither overflows nor rounds between its nodes.
#
# Packages: onnxruntime 1.32.0, openvino 2026.4.1, onnx 1.23.2 (its reference evaluator),
# numpy 2.4.6.
# Seen, with inputs, outputs, constants and every value between declared float16:
# - (x * 2) * 0.5 of 65504 and 60000 gives inf by the standard (reference evaluator, numpy) and
#   65504 and 60000 in both engines; (2048 + 1) + 1 gives 2048 by the standard, 2050 in both.
# - onnxruntime does so with all optimisations off as well: it has no half kernels on a CPU, puts
#   Casts around each node and takes out those that meet. Yet two Casts written into the model,
#   float32 to float16 and back, do round there; with one Abs between them they no longer do.
# - OpenVINO drops such a pair of Casts too: 65520 and 1e-8 pass through float16 unchanged.
# One would have guessed that a slow CPU path still rounds each value to the type that the model
# gives it, and that at least an explicit Cast is kept.
# Why it matters: exporting a text encoder or UNet as float16 and running it on a CPU says nothing
# about whether it overflows on a device that computes in half floats, which T5 is known for.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
cd "$tmp"
python3 -m venv env
env/bin/pip install -qq --disable-pip-version-check onnxruntime==1.32.0 openvino==2026.4.1 \
    onnx==1.23.2 numpy==2.4.6
env/bin/python - <<'EOF'
import sys
import numpy as np
import onnx
import onnxruntime
import openvino
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

def cast(source, target, kind):
    return helper.make_node("Cast", [source], [target], to=kind)

def run(nodes, kind, x):
    "What the standard's evaluator, onnxruntime without and with optimisation, and OpenVINO give."
    constants = [numpy_helper.from_array(np.array([v], np.float16), n)
                 for n, v in (("one", 1), ("two", 2), ("half", 0.5))]
    value = [helper.make_tensor_value_info(name, kind, ["n"]) for name in "xy"]
    graph = helper.make_graph(nodes, "g", value[:1], value[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    onnx.checker.check_model(model)
    data = model.SerializeToString()
    got = [ReferenceEvaluator(model).run(None, {"x": x})[0]]
    levels = onnxruntime.GraphOptimizationLevel
    for level in levels.ORT_DISABLE_ALL, levels.ORT_ENABLE_ALL:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = level
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        got.append(session.run(None, {"x": x})[0])
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(data), "CPU",
                                  {"INFERENCE_PRECISION_HINT": "f32"})
    got.append(next(iter(compiled([x]).values())))
    return [one.astype(np.float64).tolist() for one in got]

half = TensorProto.FLOAT16
inf = float("inf")
add = [helper.make_node("Add", ["x", "one"], ["a"]), helper.make_node("Add", ["a", "one"], ["y"])]
scale = [helper.make_node("Mul", ["x", "two"], ["a"]),
         helper.make_node("Mul", ["a", "half"], ["y"])]
pair = [cast("x", "a", half), cast("a", "y", TensorProto.FLOAT)]
apart = [cast("x", "a", half), helper.make_node("Abs", ["a"], ["b"]),
         cast("b", "y", TensorProto.FLOAT)]
big = np.array([65504, 60000], np.float16)
wide = np.array([65520, 2049], np.float32)
standard, kept = [inf, 2048.0], [65520.0, 2049.0]
ok = True
for name, nodes, x, expected in (
        ("2048 + 1 + 1", add, np.array([2048], np.float16), [[2048.0]] + [[2050.0]] * 3),
        ("x * 2 * 0.5", scale, big, [[inf, inf]] + [[65504.0, 60000.0]] * 3),
        ("Cast, Cast", pair, wide, [standard, standard, standard, kept]),
        ("Cast, Abs, Cast", apart, wide, [standard, kept, kept, kept])):
    with np.errstate(over="ignore"):
        got = run(nodes, half if x.dtype == np.float16 else TensorProto.FLOAT, x)
    for who, numbers in zip(("standard", "onnxruntime, plain", "onnxruntime", "OpenVINO"), got):
        print(f"{name:16} {who:19}", *numbers)
    ok &= got == expected
sys.exit(0 if ok else 1)
EOF
