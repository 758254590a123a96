#!/bin/sh
# safetensors.numpy.save of a transposed array stores other numbers in 0.8.0.
#
# Packages: safetensors 0.8.0 beside 0.7.0, numpy 2.4.6.
# Seen: save({"a": x.T}) under 0.8.0 writes the shape of x.T and the memory of x. It loads
# without complaint as [[0, 1], [2, 3], [4, 5]] where x.T is [[0, 3], [1, 4], [2, 5]]. So does any
# array in Fortran order (np.asfortranarray). 0.7.0 stores both rightly.
# One would have guessed that it copies, as 0.7.0 does, or refuses.
# Why it matters: weights are transposed between frameworks exactly while they are being
# converted, and the shape is right. Read back what a converter wrote.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
cd "$tmp"
cat >try.py <<'EOF'
import sys
import numpy as np
import safetensors
from safetensors.numpy import load, save

x = np.arange(6, dtype=np.float32).reshape(2, 3)
right = []
for name, a in ("plain", x), ("transposed", x.T), ("Fortran order", np.asfortranarray(x)):
    b = load(save({"a": a}))["a"]
    right.append(a.shape == b.shape and bool((a == b).all()))
    print(safetensors.__version__, name, a.tolist(), "->", b.tolist())
sys.exit(right != [True] + 2 * [safetensors.__version__ == "0.7.0"])
EOF
status=0
for version in 0.7.0 0.8.0; do
    python3 -m venv $version
    $version/bin/pip install -qq --disable-pip-version-check safetensors==$version numpy==2.4.6
    $version/bin/python try.py || status=1
done
exit $status
