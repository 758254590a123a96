#!/bin/sh
# MLX loads float8 weights as whole numbers, and refuses float64 although it has such arrays.
#
# Packages: mlx 0.32.4 with its CPU backend, numpy 2.4.6.
# Seen, with safetensors files of one tensor: F8_E4M3 becomes uint8, the bytes as they are (1.0 is
# 56), without a word; F8_E5M2 is an error. F64 is an error both in save_safetensors and in load,
# while save and load of .npy keep float64. F16, BF16, I64, U16, BOOL and C64 come back right.
# One would have guessed float64 turned into float32 on loading, and float8 either decoded or
# refused, both kinds alike.
# Why it matters: text encoders are passed around in float8; such a file loads, shapes and names
# are right, and the first product with it is one with numbers from 0 to 255.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
cd "$tmp"
python3 -m venv env
env/bin/pip install -qq --disable-pip-version-check 'mlx[cpu]==0.32.4' numpy==2.4.6
env/bin/python - <<'EOF'
import json
import struct
import sys
import mlx.core as mx
import numpy as np

def load(kind, data):
    head = json.dumps({"a": {"dtype": kind, "shape": [2], "data_offsets": [0, len(data)]}})
    head += " " * (-len(head) % 8)
    with open("a.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(head)) + head.encode() + data)
    try:
        array = mx.load("a.safetensors")["a"]
        return str(array.dtype).rpartition(".")[2], array.tolist()
    except RuntimeError as error:
        return "error", str(error)

ok = True
for kind, data, dtype, numbers in (
        ("F8_E4M3", bytes((0x38, 0xb8)), "uint8", [56, 184]),  # 1 and -1
        ("F8_E5M2", bytes((0x3c, 0xbc)), "error", None),
        ("F64", np.array([1.5, -2]).tobytes(), "error", None),
        ("BF16", struct.pack("<2H", 0x3fc0, 0xc000), "bfloat16", [1.5, -2]),
        ("F16", np.array([1.5, -2], np.float16).tobytes(), "float16", [1.5, -2]),
        ("I64", np.array([2**40, -2]).tobytes(), "int64", [2**40, -2])):
    got = load(kind, data)
    print(kind, *got)
    ok &= got[0] == dtype and (numbers is None or got[1] == numbers)

double = mx.array(np.array([0.1, -2]), dtype=mx.float64)
try:
    mx.save_safetensors("b.safetensors", {"a": double})
    ok = False
except RuntimeError as error:
    print("save_safetensors of float64: error", error)
mx.save("b.npy", double)
back = mx.load("b.npy")
print("save and load of .npy:", back.dtype, np.load("b.npy"))
ok &= back.dtype == mx.float64 and np.load("b.npy").tolist() == [0.1, -2]
sys.exit(0 if ok else 1)
EOF
