#!/usr/bin/env python3
"""Times the layers of the models beside other libraries, in turns.

    python3 tests/peers/shapes.py [--filter TEXT] [--threads N] [--rounds 7]
        [--peers torch,torch-last,onednn,onnx] [--ggml FOLDER] [--types f32,f16]

Every line is a shape of `bench --list`; printed are our GFLOP/s by the formula, and how
many times as long each other library takes (below 1: it is faster). --ggml names the
folder of ggml_shapes.c's comment. `--types` are ours, the first one is what is compared.
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.argv, ARGUMENTS = [sys.argv[0], "none", "1"], sys.argv[1:]
sys.path.insert(0, HERE)
import other_shape


class Peer:
    def __init__(self, name, command, translate=lambda line: line):
        self.name, self.translate = name, translate
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if self.process.stdout.readline().strip() != b"ready":
            sys.exit("%s does not start" % name)

    def run(self, line):
        self.process.stdin.write(self.translate(line).encode() + b"\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        return None if answer in (b"none", b"") else float(answer)


def for_ggml(line):
    kind, d = other_shape.parsed(line)
    return " ".join([kind or "none"] + [str(x) for x in d])


def operations(line):
    kind, d = other_shape.parsed(line)
    if kind == "linear":
        return 2.0 * d[0] * d[1] * d[2]
    if kind == "attend":
        return 4.0 * d[0] * d[1] * d[2] * d[3]
    h, w, a, b, kh, kw, stride, dilation, pad = d
    rows = h + kh - 1 if pad == kh - 1 and kw == 1 else h * w // stride ** 2
    return 2.0 * rows * a * b * kh * kw


def main():
    ap = argparse.ArgumentParser(description=__doc__,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--filter", default="")
    ap.add_argument("--threads", type=int, default=1)
    ap.add_argument("--rounds", type=int, default=7)
    ap.add_argument("--peers", default="torch,onednn,onnx")
    ap.add_argument("--ggml")
    ap.add_argument("--types", default="f32")
    ap.add_argument("--programs")
    ap.add_argument("--python", default=sys.executable)
    ap.add_argument("--cc", default="cc")
    a = ap.parse_args(ARGUMENTS)
    work = a.programs or tempfile.mkdtemp()
    bench = os.path.join(work, "bench")
    if not os.path.exists(bench):
        subprocess.run(a.cc.split() + ["-w", "-DTANGO_PTHREADS", "-pthread", os.path.join(
            ROOT, "tools", "bench.c"), "-lm", "-o", bench], check=True)
    lines = subprocess.run([bench, "--list", "--filter", a.filter], check=True,
                           stdout=subprocess.PIPE).stdout.decode().splitlines()
    n = str(a.threads)
    peers = [Peer("ours " + t, [bench, "--ask", "--threads", n, "--type", t])
             for t in a.types.split(",")]
    peers += [Peer(p, [a.python, os.path.join(HERE, "other_shape.py"), p, n])
              for p in a.peers.split(",") if p]
    if a.ggml:
        out = os.path.join(work, "ggml_shapes")
        if not os.path.exists(out):
            subprocess.run(a.cc.split() + [
                "-O2", "-w", "-I" + os.path.join(a.ggml, "include"),
                os.path.join(HERE, "ggml_shapes.c"), "-L" + os.path.join(a.ggml, "lib"),
                "-lggml", "-lggml-cpu", "-lggml-base", "-lm",
                "-Wl,-rpath," + os.path.join(a.ggml, "lib"), "-o", out], check=True)
        peers.append(Peer("ggml", [out, n], for_ggml))
    print("%-50s %9s" % ("%d thread%s, medians of %d" % (
        a.threads, "" if a.threads == 1 else "s", a.rounds), "GFLOP/s")
        + "".join(" %10s" % p.name for p in peers[1:]))
    for line in lines:
        times = [[] for _ in peers]
        for _ in range(a.rounds):
            for t, p in zip(times, peers):
                t.append(p.run(line))
        middle = [None if None in t else statistics.median(t) for t in times]
        print("%-50s %9.1f" % (line, operations(line) / middle[0] * 1e-9) + "".join(
            " %10s" % ("-" if m is None else "%.2f" % (m / middle[0])) for m in middle[1:]),
            flush=True)


if __name__ == "__main__":
    main()
