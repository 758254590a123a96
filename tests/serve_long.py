#!/usr/bin/env python3
"""python3 tests/serve_long.py GENERATE [REQUESTS]

Sends REQUESTS (2,000 if not given) of the smallest kind to one `generate --serve`, each after the
answer to the one before. In the first half every 50th is wrong and every 60th is cancelled, so that
workers come and go; in the second half one worker does all. Memory and descriptors of server and worker
after 40 requests of either half are those at its end but for 1 MB; they are printed. Linux, no packages."""
import json
import os
import random
import subprocess
import sys


def state(pid):
    """Resident bytes without files, and descriptors, of a process."""
    status = open(f"/proc/{pid}/status").read()
    anon = int(status.split("RssAnon:")[1].split()[0]) * 1024
    return anon, len(os.listdir(f"/proc/{pid}/fd"))


def children(pid):
    return [int(p) for p in open(f"/proc/{pid}/task/{pid}/children").read().split()]


def main():
    program, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 2000
    server = subprocess.Popen([program, "-q", "--serve"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)
    draw = random.Random(0)
    seen = []
    counts = {"result": 0, "error": 0, "cancelled": 0}
    answer = json.loads(server.stdout.readline())
    assert answer["event"] == "ready", answer
    for i in range(count):
        request = {"id": i, "prompt": f"rain {i}", "seconds": draw.choice([0.32, 0.36, 0.64]),
                   "steps": draw.randint(1, 4), "vocoder": "griffin-lim", "seed": i}
        wild = i < count // 2
        if wild and i % 50 == 49:
            request["steps"] = 0
        server.stdin.write(json.dumps(request) + "\n")
        if wild and i % 60 == 59:
            server.stdin.write(json.dumps({"cancel": i}) + "\n")
        server.stdin.flush()
        while True:
            answer = json.loads(server.stdout.readline())
            if answer["id"] == i and answer["event"] in counts:
                counts[answer["event"]] += 1
                break
        if i in (40, count // 2 - 10, count // 2 + 40, count - 1):
            worker = children(server.pid)
            assert len(worker) == 1, worker
            seen.append((state(server.pid), state(worker[0])))
            print(f"request {i}: server {seen[-1][0]}, worker {seen[-1][1]} (bytes, descriptors)")
    server.stdin.close()
    rest = server.stdout.read()
    status = server.wait()
    print(counts, "status", status)
    same = all(b[k][0] < a[k][0] + 1000000 and b[k][1] == a[k][1]
               for a, b in (seen[0:2], seen[2:4]) for k in (0, 1))
    good = same and status == 0 and counts["result"] > count * 0.9 and rest.count("\n") <= count // 120
    print("1 passed, 0 failed" if good else "0 passed, 1 failed")
    return not good


if __name__ == "__main__":
    sys.exit(main())
