#!/usr/bin/env python3
"""library.py: a sentence becomes a sound in Python, by ctypes. No packages. MIT-0

    cc -O2 -shared -fPIC -DTANGO_IMPLEMENTATION -x c tango.h -lm -o libtango.so
    python3 demo/library.py "a dog barks" dog.wav
"""
import array
import ctypes as c
import mmap
import sys
import wave

tango = c.CDLL("./libtango.so")
STEP = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_size_t, c.c_size_t)


class Error(c.Structure):  # tango_error
    _fields_ = [("text", c.c_char * 160)]


class Params(c.Structure):  # tango_params, in its order
    _fields_ = [
        ("prompt", c.c_char_p), ("negative", c.c_char_p), ("seconds", c.c_double),
        ("steps", c.c_size_t), ("guidance", c.c_double), ("rescale", c.c_double),
        ("guidance_from", c.c_double), ("guidance_until", c.c_double), ("cache", c.c_size_t),
        ("sampler", c.c_int), ("final_sigma", c.c_int), ("sigmas", c.c_int), ("eta", c.c_double),
        ("crop", c.c_double), ("seed", c.c_uint64), ("seeds", c.c_void_p), ("samples", c.c_size_t),
        ("vocoder", c.c_int), ("noise", c.c_void_p), ("noise_draws", c.c_size_t),
        ("latent", c.c_void_p), ("latent_rows", c.c_size_t), ("init", c.c_void_p),
        ("init_rows", c.c_size_t), ("strength", c.c_double), ("fill", c.c_void_p),
        ("fills", c.c_size_t), ("window", c.c_double), ("loop", c.c_int), ("mel", c.c_void_p),
        ("mel_frames", c.c_size_t), ("denormalize", c.c_int), ("denormalize_mean", c.c_float),
        ("denormalize_std", c.c_float), ("kernels", c.c_void_p), ("parallel_for", c.c_void_p),
        ("pool", c.c_void_p), ("threads", c.c_size_t), ("prompt_cut", c.c_void_p),
        ("on_step", STEP), ("on_layer", c.c_void_p), ("on_stage", c.c_void_p),
        ("on_audio", c.c_void_p), ("on_done", c.c_void_p), ("user", c.c_void_p),
        ("profile", c.c_void_p), ("observe", c.c_void_p)]


class Plan(c.Structure):  # tango_plan
    _fields_ = [("params", Params), ("frames", c.c_size_t), ("latent_rows", c.c_size_t),
                ("latent_width", c.c_size_t), ("calls", c.c_size_t), ("windows", c.c_size_t),
                ("window_rows", c.c_size_t), ("whole", c.c_size_t), ("samples", c.c_size_t),
                ("memory", c.c_size_t)]


def size(name):
    function = getattr(tango, name)
    function.restype = c.c_size_t
    return function()


def check(result, error):
    if result != 0:
        raise RuntimeError(error.text.decode())


def main(prompt, path, blob="demo/tiny.tango"):
    # Another version of the library has other structures: that is seen here.
    if size("tango_params_size") != c.sizeof(Params) or size("tango_plan_size") != c.sizeof(Plan):
        raise RuntimeError("tango_params and tango_plan are not as described here")
    error, plan, model = Error(), Plan(), c.create_string_buffer(size("tango_model_size"))
    with open(blob, "rb") as file:
        weights = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    data = (c.c_char * len(weights)).from_buffer(weights)
    check(tango.tango_open(model, data, c.c_size_t(len(weights)), c.byref(error)), error)

    params = Params(prompt=prompt.encode())  # the others are 0: the model's defaults
    params.on_step = STEP(lambda user, done, calls: print(f"\r{done}/{calls}", end="",
                                                          file=sys.stderr) or 0)
    check(tango.tango_prepare(c.byref(plan), model, c.byref(params), c.byref(error)), error)
    memory = c.create_string_buffer(plan.memory)
    samples = array.array("f", bytes(4 * plan.samples))
    check(tango.tango_generate((c.c_float * plan.samples).from_buffer(samples), model, c.byref(params),
                               memory, c.c_size_t(plan.memory), c.byref(error)), error)
    print(file=sys.stderr)

    tango.tango_model_rate.restype = c.c_size_t
    loudest = max(1.0, max(map(abs, samples)))
    with wave.open(path, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(tango.tango_model_rate(model))
        whole = array.array("h", (int(x / loudest * 32767) for x in samples))
        if sys.byteorder == "big":
            whole.byteswap()
        out.writeframes(whole.tobytes())


if __name__ == "__main__":
    main(*sys.argv[1:])
