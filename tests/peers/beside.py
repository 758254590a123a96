#!/usr/bin/env python3
"""Times stages of a model in this tree beside other versions and other libraries.

    python3 tests/peers/beside.py [--model tiny|full|FILE] [--stage NAME]... [--threads 1,2]
        [--beside TREE]... [--peers torch,onnx] [--rounds 7] [--seconds S] [--cache DIR]

    python3 tests/peers/beside.py --stage "unet step" --beside ../today --peers torch,onnx
    python3 tests/peers/beside.py --model full --blob full.tango --rounds 3 --peers torch

All contenders stay in memory and take turns, one run each, `--rounds` times; the medians,
and their ratio to this tree's, are printed. TREE is a folder with the four headers of
another version. `full` is Tango as published with random numbers; --blob names the file
with it for this tree (tests/oracle/layouts.py published, convert). --peers: what other.py
knows. --kernels NAME as in generate; --ours FILE adds another blob, such as one of another type.
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


class Contender:
    """A program that runs a stage for each line it gets, and says the seconds."""

    def __init__(self, name, command):
        self.name, self.command, self.times = name, command, []

    def ready(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return self.process.stdout.readline().strip() == b"ready"

    def why(self):
        self.process.kill()
        lines = self.process.communicate()[1].decode("utf-8", "replace").splitlines()
        return lines[-1] if lines else "it ended with status %s" % self.process.returncode

    def run(self):
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        self.times.append(float(self.process.stdout.readline()))

    def end(self):
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()


def build(cc, tree, out):
    """The program of stages.c with the headers of a tree."""
    if not os.path.exists(out):
        header = os.path.join(os.path.abspath(tree), "tango.h")
        subprocess.run(cc.split() + ['-DTANGO_H_FILE="%s"' % header, "-w", "-pthread",
                                     os.path.join(HERE, "stages.c"), "-lm", "-o", out],
                       check=True)
    return out


def turns(contenders, rounds):
    """Starts all, drops those that cannot, and lets the others take turns."""
    able = []
    for c in contenders:        # one after the other: starting takes memory and time
        if c.ready():
            able.append(c)
        else:
            print("    %-24s no run: %s" % (c.name, c.why()), flush=True)
    for _ in range(rounds):
        for c in able:
            c.run()
    for c in able:
        c.end()
    return able


def table(stage, threads, contenders):
    ours = statistics.median(contenders[0].times)
    print("%s, %d thread%s" % (stage, threads, "" if threads == 1 else "s"))
    for c in contenders:
        t = statistics.median(c.times)
        print("    %-24s %10.2f ms  (%.2f to %.2f)  ratio %.2f" % (
            c.name, t * 1e3, min(c.times) * 1e3, max(c.times) * 1e3, t / ours), flush=True)


def main():
    ap = argparse.ArgumentParser(description=__doc__,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--model", default="tiny")
    ap.add_argument("--blob")
    ap.add_argument("--ours", action="append", default=[])
    ap.add_argument("--stage", action="append")
    ap.add_argument("--threads", default="1")
    ap.add_argument("--seconds", type=float)
    ap.add_argument("--rounds", type=int, default=7)
    ap.add_argument("--beside", action="append", default=[])
    ap.add_argument("--peers", default="")
    ap.add_argument("--kernels")
    ap.add_argument("--cache")
    ap.add_argument("--programs", help="a folder that keeps what is built")
    ap.add_argument("--build-only", action="store_true")
    ap.add_argument("--python", default=sys.executable)
    ap.add_argument("--cc", default="cc")
    a = ap.parse_args()
    folder = a.programs or tempfile.mkdtemp()
    tiny = os.path.join(ROOT, "demo", "tiny.tango")
    blob = a.blob or (tiny if a.model == "tiny" else a.model)
    seconds = a.seconds or (2.56 if a.model == "tiny" else 10.24)
    trees = [("this tree", ROOT)] + [(os.path.basename(os.path.abspath(t)), t) for t in a.beside]
    programs = [(name, build(a.cc, t, os.path.join(folder, "stages%d" % i)))
                for i, (name, t) in enumerate(trees)]
    if a.build_only:
        return
    kernels = [a.kernels] if a.kernels else []
    for stage in a.stage or ["unet step", "vae decode", "hifi-gan"]:
        for threads in [int(t) for t in a.threads.split(",")]:
            tail = [stage, str(threads), "%g" % seconds]
            contenders = [Contender(name, [program, blob] + tail + kernels)
                          for name, program in programs]
            contenders += [Contender(os.path.basename(other), [programs[0][1], other] + tail + kernels)
                           for other in a.ours]
            for peer in [p for p in a.peers.split(",") if p]:
                contenders.append(Contender(peer, [
                    a.python, os.path.join(HERE, "other.py"), peer, a.model] + tail
                    + ([a.cache] if a.cache else [])))
            able = turns(contenders, a.rounds)
            if able and able[0] is contenders[0]:
                table(stage, threads, able)
            else:
                sys.exit("this tree cannot run the stage %r" % stage)


if __name__ == "__main__":
    main()
