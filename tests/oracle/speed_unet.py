#!/usr/bin/env python3
"""Time one denoising step (a UNet run of batch 2: with and without the prompt) beside PyTorch and
ONNX Runtime: one thread each, in turns, medians.

    python3 tests/oracle/speed_unet.py [--model tiny|wide] [--rounds 9] [--seconds 2.56]

The step of `generate` is what MORE steps take longer than FEW, over the steps between, so that
text, decoder and loading do not count. ONNX Runtime runs what torch.onnx.export makes of the same
UNet, with all its optimisations. pip install as oracle.py says, and onnx onnxruntime onnxscript.
"""
import argparse, json, os, statistics, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"
import onnxruntime
import torch

import blob
import oracle
import reference

torch.set_num_threads(1)


class Step(torch.nn.Module):
    def __init__(self, unet):
        super().__init__()
        self.unet = unet

    def forward(self, x, t, text, mask):
        return self.unet(x, t, encoder_hidden_states=text, encoder_attention_mask=mask,
                         return_dict=False)[0]


def onnx_session(step, inputs, work):
    file = os.path.join(work, "step.onnx")
    torch.onnx.export(step, tuple(inputs.values()), file, dynamo=True, verbose=False,
                      input_names=list(inputs))
    o = onnxruntime.SessionOptions()
    o.intra_op_num_threads = o.inter_op_num_threads = 1
    o.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    return onnxruntime.InferenceSession(file, o, providers=["CPUExecutionProvider"])


def main():
    ap = argparse.ArgumentParser(description=__doc__,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--model", default="tiny")
    ap.add_argument("--rounds", type=int, default=9)
    ap.add_argument("--seconds", type=float, default=2.56)
    a = ap.parse_args()
    few, more = (2, 42) if a.model == "tiny" else (1, 3)
    with tempfile.TemporaryDirectory() as work, torch.no_grad():
        oracle.build(work, "cc")
        with open(os.path.join(work, "spiece.model"), "wb") as f:
            tiny = os.path.join(oracle.ROOT, "demo", "tiny.tango")
            f.write(blob.Blob(tiny).values["tokenizer.spiece"])
        folder, file = oracle.model(a.model, work, 1)
        unet = reference.Model(folder).unet
        step = Step(unet.eval())
        frames = reference.frames_for(a.seconds) // 4
        inputs = {"x": torch.randn(2, unet.config.in_channels, frames, 16),
                  "t": torch.tensor(500), "text": torch.randn(2, 4, unet.config.cross_attention_dim),
                  "mask": torch.ones(2, 4)}
        session = onnx_session(step, inputs, work)
        arrays = {i.name: inputs[i.name].numpy() for i in session.get_inputs()}
        want = step(*inputs.values())
        error = float((torch.from_numpy(session.run(None, arrays)[0]) - want).abs().max())

        def generate(steps):
            return json.loads(subprocess.run(
                [os.path.join(work, "generate"), "-q", "--json", "-m", file, "--sampler", "ddim",
                 "--steps", str(steps), "--seconds", str(a.seconds), "--guidance", "3", "--seed",
                 "7", "-t", "1", "-o", os.path.join(work, "out.wav"), "a dog barks"],
                check=True, stdout=subprocess.PIPE).stdout)["compute_seconds"]

        def timed(run):
            start = time.perf_counter()
            for _ in range(more - few):
                run()
            return (time.perf_counter() - start) / (more - few)

        times = {"generate": [], "PyTorch": [], "ONNX Runtime": []}
        for _ in range(a.rounds + 1):       # the first round warms caches and is dropped
            times["generate"].append((generate(more) - generate(few)) / (more - few))
            times["PyTorch"].append(timed(lambda: step(*inputs.values())))
            times["ONNX Runtime"].append(timed(lambda: session.run(None, arrays)))
    ours = statistics.median(times["generate"][1:])
    print("%s, %g s, one step, 1 thread: generate %.1f ms" % (a.model, a.seconds, ours * 1e3))
    for name, version in (("PyTorch", torch.__version__), ("ONNX Runtime", onnxruntime.__version__)):
        t = statistics.median(times[name][1:])
        print("%s %s: %.1f ms, ratio %.2f" % (name, version, t * 1e3, t / ours))
    print("ONNX Runtime differs from PyTorch by %.1e; medians of %d rounds" % (error, a.rounds))


if __name__ == "__main__":
    main()
