#!/usr/bin/env python3
"""Golden vectors of guidance and its rescale, from diffusers.

    guidance.py OUT        writes uncond, cond (images, C, H, W), y (runs, images, C, H, W)
                           and runs.json: guidance and rescale of each run

y = rescale_noise_cfg(u + g (c - u), c, r), or without rescale where r is 0, as the
pipelines of diffusers do. Image 0 is centred, image 1 lies off zero, image 2 is small.
Needs torch and diffusers.
"""
import json
import os
import sys
import diffusers
import numpy as np
import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import rescale_noise_cfg

RUNS = [(3.0, 0.0), (3.0, 0.3), (3.0, 0.7), (3.0, 1.0), (7.5, 0.7), (1.5, 1.0), (1000.0, 0.5)]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    out = sys.argv[1]
    os.makedirs(out, exist_ok=True)
    torch.manual_seed(17)
    u = torch.randn(3, 8, 2, 6)
    c = u + 0.4 * torch.randn(u.shape)
    scale, offset = torch.tensor([1.0, 0.5, 1e-3]), torch.tensor([0.0, 2.0, 0.0])
    u, c = ((x * scale[:, None, None, None] + offset[:, None, None, None]) for x in (u, c))
    y = []
    for g, r in RUNS:
        x = u + g * (c - u)
        y.append(rescale_noise_cfg(x, c, guidance_rescale=r) if r > 0 else x)
    for name, x in (("uncond", u), ("cond", c), ("y", torch.stack(y))):
        np.save(os.path.join(out, name + ".npy"), x.numpy())
    with open(os.path.join(out, "runs.json"), "w", encoding="ascii") as f:
        json.dump(dict(versions=dict(torch=torch.__version__, diffusers=diffusers.__version__),
                       runs=[dict(guidance=g, rescale=r) for g, r in RUNS]), f, indent=1)
        f.write("\n")


if __name__ == "__main__":
    main()
