"""convert.py: tools/convert.c beside diffusers and torch.

    cc tools/convert.c -lm -o convert; cc tools/inspect.c -lm -o inspect
    python tests/oracle/convert.py classes ./convert ./inspect     (diffusers 0.42.1)
    python tests/oracle/convert.py files tests/golden/wrapped      (torch 2.13.0)

classes: for every scheduler class of diffusers and configurations with absent, foreign and
changed keys, the blob's betas give the alphas_cumprod of CLASS.from_config; a class or key
that convert refuses is one whose alphas or steps it could not give. files: writes the small
archives of tests/test_convert.c and of other tests.
"""
import collections
import json
import os
import shutil
import subprocess
import sys
import tempfile

import torch

KEYS = [{}, {"beta_start": 0.001}, {"beta_end": 0.03}, {"beta_schedule": "scaled_linear"},
        {"beta_schedule": "linear"}, {"num_train_timesteps": 500}, {"beta_start": 0.0005,
        "beta_end": 0.01, "beta_schedule": "linear"}, {"rescale_betas_zero_snr": True},
        {"use_karras_sigmas": True}, {"trained_betas": [0.1, 0.2, 0.3]},
        {"beta_schedule": "squaredcos_cap_v2"}, {"shift": 3.0}]


def alphas_of(values):
    """alphas_cumprod from the three numbers of a blob, as torch computes them."""
    start, end = values["schedule.beta_start"], values["schedule.beta_end"]
    n = values["schedule.train_steps"]
    if values["schedule.beta_schedule"] == "scaled_linear":
        betas = torch.linspace(start ** 0.5, end ** 0.5, n, dtype=torch.float32) ** 2
    else:
        betas = torch.linspace(start, end, n, dtype=torch.float32)
    return torch.cumprod(1.0 - betas, dim=0)


def converted(convert, inspect, config, folder):
    with open(os.path.join(folder, "scheduler_config.json"), "w") as f:
        json.dump(config, f)
    blob = os.path.join(folder, "x.tango")
    run = subprocess.run([convert, folder, "-o", blob, "-q"], capture_output=True, text=True)
    if run.returncode != 0:
        return None, run.stderr.strip()
    out = subprocess.run([inspect, "--no-check", "--json", blob, "schedule."],
                         capture_output=True, text=True, check=True).stdout
    return json.loads(out)["values"], ""


def classes(convert, inspect):
    import diffusers
    here = os.path.dirname(os.path.abspath(__file__))
    folder = os.path.join(tempfile.mkdtemp(), "model")
    shutil.copytree(os.path.join(here, "../golden/models/v1"), folder)
    os.chmod(folder, 0o755)
    os.remove(os.path.join(folder, "scheduler_config.json"))
    equal = refused = wrong = 0
    for name in sorted(n for n in dir(diffusers) if n.endswith("Scheduler")):
        for keys in KEYS:
            values, why = converted(convert, inspect, {"_class_name": name, **keys}, folder)
            try:
                theirs = getattr(diffusers, name).from_config(dict(keys)).alphas_cumprod
            except Exception:
                theirs = None
            if values is None:
                refused += 1
                print(f"refused  {name} {keys}: {why[:110]}")
            elif theirs is None and name == "DPMSolverSDEScheduler":
                print(f"unknown  {name} {keys}: torchsde is not installed")
            elif theirs is not None and torch.equal(alphas_of(values), theirs):
                equal += 1
            else:
                wrong += 1
                print(f"WRONG    {name} {keys}")
    print(f"{equal} equal, {refused} refused, {wrong} wrong")
    return wrong != 0


def files(folder):
    os.makedirs(folder, exist_ok=True)
    torch.manual_seed(0)
    tensors = collections.OrderedDict(a=torch.randn(2, 3), b=torch.randn(4))

    def save(name, value):
        torch.save(value, os.path.join(folder, name))

    save("flat.bin", tensors)
    save("nested.bin", {"epoch": 3, "state_dict": tensors})
    save("twice.bin", {"model": {"state_dict": tensors}})
    save("both.bin", {"model": tensors, "state_dict": tensors})
    save("none.bin", {"weights": tensors})
    save("prefixed.bin", {"module._orig_mod." + k: v for k, v in tensors.items()})
    save("mixed.bin", {"module.a": tensors["a"], "b": tensors["b"]})
    save("expanded.bin", {"a": torch.randn(1, 3).expand(2, 3), "b": tensors["b"]})
    save("overlapping.bin", {"a": torch.randn(4).as_strided((2, 3), (1, 1)),
                             "b": tensors["b"]})
    save("endless.pt", torch.zeros(1).expand(8, 10000000, 16))
    return 0


if __name__ == "__main__":
    sys.exit(classes(*sys.argv[2:4]) if sys.argv[1] == "classes" else files(sys.argv[2]))
