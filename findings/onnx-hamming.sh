#!/bin/sh
# ONNX's HammingWindow is not the Hamming window of numpy, scipy and torch.
#
# Packages: onnxruntime 1.32.0, onnx 1.23.2, numpy 2.4.6.
# Seen: the operator uses 25/46 = 0.5435 and 21/46 = 0.4565, where numpy.hamming, scipy's and
# torch's windows use 0.54 and 0.46. The ends are 0.0870 instead of 0.08, all points differ by up
# to 0.007. onnx's own reference evaluator agrees with onnxruntime, so a test of one against the
# other passes. HannWindow and BlackmanWindow equal numpy's to 1e-6, symmetric and periodic.
# One would have guessed equality for all three, from the names.
# Why it matters: front ends of speech and audio models use Hamming. An export that replaces the
# table by the operator changes every bin a little, and the two usual checks disagree: against
# the reference evaluator all is well, against torch it is not. Export the window as a constant.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check onnxruntime==1.32.0 onnx==1.23.2 \
    numpy==2.4.6
"$tmp/venv/bin/python" - <<'EOF'
import sys
import numpy as np
import onnxruntime
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

ok = True
size = 400
for operator, function in (("HannWindow", np.hanning), ("HammingWindow", np.hamming),
                           ("BlackmanWindow", np.blackman)):
    for periodic in 0, 1:
        graph = helper.make_graph(
            [helper.make_node(operator, ["n"], ["w"], periodic=periodic)], "g",
            [helper.make_tensor_value_info("n", TensorProto.INT64, [])],
            [helper.make_tensor_value_info("w", TensorProto.FLOAT, [None])])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        feed = {"n": np.array(size, np.int64)}
        session = onnxruntime.InferenceSession(model.SerializeToString(),
                                               providers=["CPUExecutionProvider"])
        runtime = session.run(None, feed)[0]
        reference = ReferenceEvaluator(model).run(None, feed)[0]
        table = function(size + periodic)[:size]
        own = np.abs(runtime - reference).max()
        off = np.abs(runtime - table).max()
        print(f"{operator} periodic={periodic}: first {runtime[0]:.4f}, numpy {table[0]:.4f}; "
              f"largest difference {off:.1e}, from the reference evaluator {own:.1e}")
        ok &= own < 1e-6
        if function is np.hamming:
            ok &= 0.0069 < off < 0.0070 and abs(runtime[0] - 4 / 46) < 1e-6
        else:
            ok &= off < 1e-6
sys.exit(0 if ok else 1)
EOF
