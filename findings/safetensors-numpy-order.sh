#!/bin/sh
# safetensors.numpy.save of a transposed array stores other numbers, since 0.8.0.
#
# Packages: safetensors 0.8.0 beside 0.7.0, numpy 2.4.6.
# Seen: save({"a": x.T}) under 0.8.0 writes the shape of x.T and the memory of x. It loads
# without complaint as [[0, 1], [2, 3], [4, 5]] where x.T is [[0, 3], [1, 4], [2, 5]]. So does any
# array in Fortran order (np.asfortranarray; results of LAPACK often are). 0.7.0 stores both
# rightly; safetensors.torch.save of 0.8.0 raises ValueError for such a tensor.
# One would have guessed that it copies, as np.save does, or refuses, as the torch half does.
# Why it matters: weights and mel filterbanks are transposed between frameworks exactly while
# they are being converted. A square matrix cannot even be caught by its shape. Wrap every array
# in np.ascontiguousarray, and read back what a converter wrote.
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
