#!/bin/sh
# ncnn keeps a linear layer's float32 weights as half floats on x86, and cuts instead of rounding.
#
# Packages: ncnn 1.0.20261020, numpy 2.4.6, on x86-64 with F16C, default options.
# Seen: an InnerProduct layer is given the unit matrix, so that its output shows the weights in
# use. With 64 outputs every weight is the half float next to the file's float32 towards zero;
# with 10 outputs it is the nearest half float. A product with 256 x 256 weights is wrong by 4e-4
# of its peak. A 1x1 Convolution and a Gemm with the same weights keep float32: below 1e-6. So does
# the linear layer with net.opt.use_fp16_storage = False.
# One would have guessed half floats on ARM and GPUs alone, the same numbers from a linear layer
# and a 1x1 convolution, and rounding wherever something is shortened.
# Why it matters: who checks or times a transformer beside ncnn compares 11 bits with 24.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
cd "$tmp"
python3 -m venv env
env/bin/pip install -qq --disable-pip-version-check ncnn==1.0.20261020 numpy==2.4.6
env/bin/python - <<'EOF'
import sys
import ncnn
import numpy as np

def run(layer, weights, x, **options):
    net = ncnn.Net()
    for name, value in options.items():
        setattr(net.opt, name, value)
    with open("net.param", "w") as file:
        file.write("7767517\n2 2\nInput in 0 1 in\n" + layer + "\n")
    with open("net.bin", "wb") as file:
        file.write(bytes(4) + weights.tobytes())  # a type of 0: float32 follows
    net.load_param("net.param")
    net.load_model("net.bin")
    extractor = net.create_extractor()
    x = np.ascontiguousarray(x)  # a Mat does not keep its array alive
    extractor.input("in", ncnn.Mat(x))
    return np.array(extractor.extract("out")[1]).copy()

def linear(weights, x, **options):
    layer = f"InnerProduct a 1 1 in out 0={len(weights)} 1=0 2={weights.size}"
    return run(layer, weights, x, **options)

def halves(weights):
    near = weights.astype(np.float16)
    away = abs(near.astype(np.float32)) > abs(weights)
    return near, np.where(away, np.nextafter(near, np.float16(0)), near)

ok = True
random = np.random.default_rng(0)
for outputs in 64, 10:
    weights = random.standard_normal((outputs, 64)).astype(np.float32)
    near, cut = halves(weights)
    used = linear(weights, np.eye(64, dtype=np.float32)).T
    plain = linear(weights, np.eye(64, dtype=np.float32), use_fp16_storage=False).T
    shares = [float(np.mean(used == kind)) for kind in (weights, near, cut)]
    print(outputs, "outputs: as in the file %.2f, nearest half %.2f, cut %.2f" % tuple(shares))
    ok &= shares[2 if outputs == 64 else 1] == 1 and shares[0] < 0.01
    ok &= bool(np.all(plain == weights))

weights = random.standard_normal((256, 256)).astype(np.float32)
x = random.standard_normal((50, 256)).astype(np.float32)
exact = x.astype(np.float64) @ weights.T.astype(np.float64)
conv = "Convolution a 1 1 in out 0=256 1=1 5=0 6=65536"
gemm = "Gemm a 1 1 in out 2=0 3=1 4=0 5=1 6=1 7=0 8=256 9=256 10=-1"
for name, got in (("linear", linear(weights, x)),
                  ("convolution", run(conv, weights, x.T[:, :, None])[:, :, 0].T),
                  ("gemm", run(gemm, weights, x))):
    error = abs(got - exact).max() / abs(exact).max()
    print(name, "%.1e of the peak" % error)
    ok &= bool(1e-4 < error < 1e-3) if name == "linear" else bool(error < 2e-6)
sys.exit(0 if ok else 1)
EOF
