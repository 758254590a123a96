#!/usr/bin/env python3
"""pipe.py: sounds in Python, made by `generate --serve` behind a pipe. No packages. MIT-0

    cc demo/generate.c -lm -o generate && python3 demo/pipe.py "a dog barks" "heavy rain falls"

    a dog barks: 40960 samples at 16000 Hz, peak 1.23, seed 0
    heavy rain falls: 40960 samples at 16000 Hz, peak 0.03, seed 0
"""
import array
import base64
import json
import subprocess
import sys


class Generate:
    """A server that answers one request after the other; options are those of the program."""

    def __init__(self, program="./generate", *options):
        self.process = subprocess.Popen([program, "--serve", "--quiet", *options], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.count = 0
        self.ready = json.loads(self.process.stdout.readline() or "null")
        if not self.ready:
            raise RuntimeError("generate did not start")

    def __call__(self, prompt, progress=None, **options):
        """The samples of a sound, -1 to 1, and what is said of it; the file alone with output=."""
        self.count += 1
        request = {"id": self.count, "prompt": prompt, "bits": "f32", **options}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        samples = array.array("f")
        for line in self.process.stdout:
            answer = json.loads(line)
            if answer["event"] == "progress" and progress:
                progress(answer)
            elif answer["event"] == "sound" and "audio" in answer:
                samples.frombytes(base64.b64decode(answer["audio"]))
                if sys.byteorder == "big":
                    samples.byteswap()
            elif answer["event"] == "error":
                raise ValueError(answer["message"])
            elif answer["event"] == "result":
                return samples, answer
        raise RuntimeError("generate has ended")

    def close(self):
        self.process.stdin.close()
        return self.process.wait()


def main():
    generate = Generate()
    for prompt in sys.argv[1:]:
        samples, result = generate(prompt)
        print(f"{prompt}: {len(samples)} samples at {result['rate']} Hz,"
              f" peak {max(map(abs, samples)):.2f}, seed {result['seed']}")
    return generate.close()


if __name__ == "__main__":
    sys.exit(main())
