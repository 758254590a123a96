#!/usr/bin/env python3
"""One stage of a model in another library, run as often as another program asks.

    other.py BACKEND MODEL STAGE THREADS SECONDS [CACHE]

BACKEND   torch     PyTorch, float32, as diffusers and transformers run it
          compile   the same through torch.compile (needs a C++ compiler)
          bf16      the same networks and inputs in bfloat16
          onnx      ONNX Runtime, all optimisations, what torch.onnx.export makes of it
MODEL     tiny      demo/tiny.tango, its own weights
          full      Tango as published: 866 M parameters of the UNet, random numbers
STAGE     as tools/bench_stages.h names them
CACHE     a folder that keeps exported networks

"ready" is printed after one run; then every line on standard input asks for one run, and
its seconds are printed, as tests/peers/stages.c does. pip install torch diffusers
transformers sentencepiece numpy, and onnx onnxruntime onnxscript for onnx.
"""
import os
import sys
import time

if len(sys.argv) < 6:
    sys.exit(__doc__)
BACKEND, MODEL, STAGE, THREADS, SECONDS = sys.argv[1:6]
THREADS, SECONDS = int(THREADS), float(SECONDS)
CACHE = sys.argv[6] if len(sys.argv) > 6 else None
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(THREADS)
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "oracle"))

import math
import tempfile

TOKENS = 13     # of the prompt that bench_stages.h runs
FRAMES = 4 * math.ceil(round(SECONDS * 16000) / 640)


def random_model(kind, config):
    """A module of the published size without the time that torch takes to initialise it."""
    import torch
    with torch.device("meta"):
        module = kind(config)
    module = module.to_empty(device="cpu")
    with torch.no_grad():
        for p in list(module.parameters()) + list(module.buffers()):
            if p.is_floating_point():
                p.uniform_(-0.02, 0.02)
            else:
                p.zero_()
    return module


def parts():
    """The networks of this stage: {"unet": ..., ...}."""
    import reference as R
    if MODEL == "tiny":
        import blob
        folder = os.path.join(tempfile.mkdtemp(), "tiny")
        blob.unpack(os.path.join(HERE, "..", "..", "demo", "tiny.tango"), folder)
        m = R.Model(folder)
        return {"unet": m.unet, "vae": m.vae, "vocoder": m.vocoder, "text": m.t5}
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import SpeechT5HifiGan, T5Config, T5EncoderModel
    vae = R.vae_cfg(128, [1, 2, 4], 2, voc=1024)
    made = {}
    if STAGE == "unet step":
        made["unet"] = random_model(UNet2DConditionModel.from_config, R.unet_cfg(
            [320, 640, 1280, 1280], [5, 10, 20, 20], 32, 1024, layers=2))
    elif STAGE == "text":
        made["text"] = random_model(T5EncoderModel, T5Config(
            **R.t5_cfg(1024, 16, 64, 2816, 24, vocab=32128)))
    else:
        made["vae"] = random_model(lambda c: AutoencoderKL(**c), R.vae_config(vae))
        made["vocoder"] = random_model(SpeechT5HifiGan, R.vocoder_config(vae))
    return made


def stage():
    """The stage as a module, and its inputs by name."""
    import torch

    class Stage(torch.nn.Module):
        def __init__(self, run, *modules):
            super().__init__()
            self.modules_ = torch.nn.ModuleList(modules)
            self.run = run

        def forward(self, *inputs):
            return self.run(*self.modules_, *inputs)

    p = parts()
    for module in p.values():
        module.eval().requires_grad_(False)
    rows = FRAMES // 4
    mel = torch.randn(1, FRAMES, 64)
    latent = torch.randn(1, 8, rows, 16)
    if STAGE == "unet step":
        c = p["unet"].config
        return Stage(lambda u, x, t, text, mask: u(
            x, t, encoder_hidden_states=text, encoder_attention_mask=mask,
            return_dict=False)[0], p["unet"]), {
                "x": torch.randn(2, c.in_channels, rows, 16), "t": torch.tensor(500),
                "text": torch.randn(2, TOKENS, c.cross_attention_dim),
                "mask": torch.ones(2, TOKENS)}
    if STAGE == "text":
        return Stage(lambda t, ids, mask: t(input_ids=ids, attention_mask=mask)[0],
                     p["text"]), {"ids": torch.full((2, TOKENS), 7),
                                  "mask": torch.ones(2, TOKENS, dtype=torch.long)}
    if STAGE == "vae decode":
        return Stage(lambda v, z: v.decode(z, return_dict=False)[0], p["vae"]), {"z": latent}
    if STAGE == "vae encode":
        return Stage(lambda v, x: v.encode(x, return_dict=False)[0].mean, p["vae"]), {
            "x": mel[:, None]}
    if STAGE == "hifi-gan":
        return Stage(lambda h, x: h(x), p["vocoder"]), {"x": mel}
    if STAGE == "vae decode + hifi-gan":
        return Stage(lambda v, h, z: h(v.decode(z, return_dict=False)[0][:, 0]),
                     p["vae"], p["vocoder"]), {"z": latent}
    sys.exit("no other library has the stage %r" % STAGE)


def exported(file):
    """The file of the stage's network for ONNX Runtime, made unless it is there."""
    import torch
    if not os.path.exists(file):
        module, inputs = stage()
        with torch.no_grad():
            torch.onnx.export(module, tuple(inputs.values()), file, dynamo=True,
                              verbose=False, input_names=list(inputs), external_data=True)
    return file


def onnx_run():
    import numpy as np
    import onnxruntime as ort
    folder = CACHE or tempfile.mkdtemp()
    name = "%s-%s-%g.onnx" % (MODEL, STAGE.replace(" ", ""), SECONDS)
    file = os.path.join(folder, name)
    if not os.path.exists(file):
        # A process of its own: the memory of the export is not part of the run.
        pid = os.fork()
        if pid == 0:
            exported(file)
            os._exit(0)
        if os.waitpid(pid, 0)[1] != 0:
            sys.exit("the export failed")
    options = ort.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.inter_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = ort.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(1)
    arrays = {}
    for i in session.get_inputs():
        if i.type == "tensor(int64)":
            arrays[i.name] = np.full(i.shape, 500 if i.name == "t" else 1, np.int64)
        else:
            arrays[i.name] = (np.ones(i.shape, np.float32) if i.name == "mask"
                              else random.standard_normal(i.shape, np.float32))
    return lambda: session.run(None, arrays)


def torch_run():
    import torch
    module, inputs = stage()
    torch.set_num_threads(THREADS)      # behind reference.py, which asks for one
    if BACKEND == "bf16":
        module = module.bfloat16()
        inputs = {k: v.bfloat16() if v.is_floating_point() else v for k, v in inputs.items()}
    if BACKEND == "compile":
        module = torch.compile(module)

    def run():
        with torch.inference_mode():
            return module(*inputs.values())
    return run


def main():
    said = os.dup(1)        # libraries that print do not disturb who reads
    os.dup2(2, 1)
    run = onnx_run() if BACKEND == "onnx" else torch_run()
    run()
    os.write(said, b"ready\n")
    for _ in sys.stdin:
        start = time.perf_counter()
        run()
        os.write(said, b"%.6f\n" % (time.perf_counter() - start))


if __name__ == "__main__":
    main()
