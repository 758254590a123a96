"""Sounds, archives and stand-ins for tests/test_download.sh.

    python3 download_tools.py sound FILE [SECONDS]   a stereo WAV at 44100 Hz
    python3 download_tools.py click FILE SECONDS AT  a stereo tone with a click at a second
    python3 download_tools.py clicked FILE AT        mono at 16 kHz: the click is there, and
        the tone from the first sample on
    python3 download_tools.py split FOLDER NAME DISK_SIZE ENTRY...
        NAME.z01 ... NAME.zip, an archive in parts. ENTRY is PATH=FILE, PATH=@TARGET (a
        symbolic link) or PATH=!FILE (with a wrong CRC-32).
    python3 download_tools.py 7z ...                 what the scripts ask of 7z
    python3 download_tools.py rate FILE              sample rate and channels of WAV or FLAC
    python3 download_tools.py linear FOLDER SHAPE COMMAND...
        runs COMMAND, with FILE replaced, on a text of SHAPE and one of four times its size;
        fails if it takes more than eight times the processor time
"""
import math
import os
import resource
import struct
import subprocess
import sys
import wave
import zlib


def sound(path, seconds="1", click="-1"):
    count = int(44100 * float(seconds))
    at = int(44100 * float(click))
    frames = b"".join(struct.pack("<hh", v, v // 2) for v in
                      (30000 if 0 <= i - at < 8 else int(9000 * math.sin(i / 15.0))
                       for i in range(count)))
    with wave.open(path, "wb") as w:
        w.setnchannels(2)
        w.setsampwidth(2)
        w.setframerate(44100)
        w.writeframes(frames)


def clicked(path, at):
    with wave.open(path, "rb") as w:
        x = struct.unpack("<%dh" % w.getnframes(), w.readframes(w.getnframes()))
    loudest = max(range(len(x)), key=lambda i: x[i])
    first = max(map(abs, x[:64]))
    print("loudest at %d, the first 64 up to %d" % (loudest, first))
    return not (abs(loudest - 16000 * int(at) - 1) <= 3 and first > 3000)


def split(folder, name, disk_size, *entries):
    disks = [bytearray(b"PK\x07\x08")]
    central = b""
    for e in entries:
        path, _, source = e.partition("=")
        mode, wrong = 0o100644, 0
        if source.startswith("@"):
            data, mode = source[1:].encode(), 0o120777
        else:
            wrong = source.startswith("!")
            with open(source.lstrip("!"), "rb") as f:
                data = f.read()
        crc = zlib.crc32(data) ^ int(wrong)
        common = struct.pack("<HHHHHIIIHH", 20, 0, 0, 0, 0x21, crc, len(data), len(data),
                             len(path), 0)
        header = b"PK\x03\x04" + common + path.encode()
        if len(disks[-1]) + len(header) > int(disk_size):
            disks.append(bytearray())
        central += (b"PK\x01\x02" + struct.pack("<H", 0x0314) + common
                    + struct.pack("<HHHII", 0, len(disks) - 1, 0, mode << 16, len(disks[-1]))
                    + path.encode())
        disks[-1] += header
        while data:
            room = int(disk_size) - len(disks[-1])
            if room <= 0:
                disks.append(bytearray())
                continue
            disks[-1] += data[:room]
            data = data[room:]
    last = len(disks) - 1
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", last, last, len(entries), len(entries),
                                      len(central), len(disks[-1]), 0)
    disks[-1] += central + end
    for i, d in enumerate(disks):
        suffix = "zip" if i == last else "z%02d" % (i + 1)
        with open(os.path.join(folder, "%s.%s" % (name, suffix)), "wb") as f:
            f.write(d)


def members(archive):
    """(path, bytes, crc is right, is link) of every entry of a split archive of stored files."""
    disks, i = [], 1
    while os.path.exists(archive[:-3] + "z%02d" % i):
        disks.append(open(archive[:-3] + "z%02d" % i, "rb").read())
        i += 1
    disks.append(open(archive, "rb").read())
    starts = [sum(map(len, disks[:k])) for k in range(len(disks))]
    whole = b"".join(disks)
    at = whole.rindex(b"PK\x05\x06")
    last, count, offset = struct.unpack("<HxxxxHxxxxI", whole[at + 4:at + 20])
    at = starts[last] + offset
    for _ in range(count):
        crc, size, _, n = struct.unpack("<IIIH", whole[at + 16:at + 30])
        disk, mode, where = struct.unpack("<HxxII", whole[at + 34:at + 46])
        path = whole[at + 46:at + 46 + n].decode()
        where += starts[disk] + 30 + n
        data = whole[where:where + size]
        yield path, data, zlib.crc32(data) == crc, mode >> 28 == 10
        at += 46 + n


def seven(*args):
    folder = next((a[2:] for a in args if a.startswith("-o")), None)
    chosen = next((a[3:] for a in args if a.startswith("-i@")), None)
    wanted = open(chosen).read().splitlines() if chosen else []
    status = 0
    for path, data, good, link in members(args[-1]):
        if args[0] == "l":
            print("Path = %s\nSize = %d\nAttributes = A_ %srw-r--r--\n"
                  % (path, len(data), "l" if link else "-"))
        elif path in wanted:
            with open(os.path.join(folder, os.path.basename(path)), "wb") as f:
                f.write(data)
            if not good:
                print("ERROR: CRC Failed : " + path)
                status = 2
    return status


def rate(path):
    with open(path, "rb") as f:
        head = f.read(64)
    if head[:4] == b"fLaC":
        bits = int.from_bytes(head[18:26], "big")
        print(bits >> 44, (bits >> 41 & 7) + 1)
    else:
        print(struct.unpack("<I", head[24:28])[0], struct.unpack("<H", head[22:24])[0])


HEADER = "audiocap_id,youtube_id,start_time,caption\n1,AAAAAAAAAAA,1,a\n"
SHAPES = {
    "numbers": lambda n: "[" + "1," * (n // 2) + "1]",
    "members": lambda n: "{" + ",".join('"%d":%d' % (i, i) for i in range(n // 14)) + "}",
    "escaped_quotes": lambda n: '["' + '\\"' * (n // 2) + '"]',
    "backslashes": lambda n: '["' + "\\\\" * (n // 2) + '"]',
    "long_string": lambda n: '["' + "x" * (16 * n) + '"]',
    "long_name": lambda n: '{"' + "x" * (n // 2) + '":[' + "1," * (n // 4) + "1]}",
    "deep": lambda n: "[" * 64 + "1," * (n // 4) + "1" + "]" * 64,
    "spaces": lambda n: "[" + " " * (16 * n) + "1]",
    "nested": lambda n: "[" + ",".join(["[" * 63 + "]" * 63] * (n // 127)) + "]",
    "quotes": lambda n: HEADER + '2,BBBBBBBBBBB,2,"' + '""' * n + '"\n',
    "commas": lambda n: HEADER + "2,BBBBBBBBBBB,2," + "," * (2 * n) + "\n",
    "rows": lambda n: HEADER + "".join("%d,B%010d,2,x\n" % (i, i) for i in range(2, n // 16)),
    "bad_rows": lambda n: HEADER + "x\n\n" * (n // 4),
    "lines": lambda n: HEADER + '2,BBBBBBBBBBB,2,"' + "x\n" * n + '"\n',
    "unclosed": lambda n: HEADER + '2,BBBBBBBBBBB,2,"x\n' * (n // 8),
    "id_spaces": lambda n: '{"id"' + " " * n + '"caption": "' + " " * n + 'x"}',
}


def processor_time(command, text, place):
    """Seconds of the command and what it starts; the text is test.csv or x.json there."""
    os.makedirs(place, exist_ok=True)
    name = "test.csv" if text.startswith("audiocap_id") else "x.json"
    with open(os.path.join(place, name), "w") as f:
        f.write(text)
    whole = "-o" in command or any(c.endswith("/ids") for c in command)
    file = place if whole else os.path.join(place, name)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([file if c == "FILE" else c for c in command], timeout=100,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit("status %d: %s" % (done.returncode, done.stderr[-300:]))
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def linear(folder, shape, *command):
    small, large = (processor_time(command, SHAPES[shape](n),
                                   os.path.join(folder, "%s%d" % (shape, n)))
                    for n in (60000, 240000))
    print("%.2f s, %.2f s for four times as much" % (small, large))
    return not large < 8 * small + 0.3


commands = {"linear": linear, "sound": sound, "click": sound, "clicked": clicked,
             "split": split, "7z": seven, "rate": rate}
sys.exit(commands[sys.argv[1]](*sys.argv[2:]))
