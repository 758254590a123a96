"""A badly behaved server for tests/test_download.sh, on 127.0.0.1 only.

    python3 download_server.py WWW PLAN REQUESTS PORT_FILE

Serves the files below WWW under their paths, and lists of them in the forms of the two hosts
that the download scripts know. PLAN has lines "PATH<TAB>BEHAVIOUR ...": the first request for
PATH meets the first behaviour, and so on; after the last all is well. Each request becomes a
line "PATH RANGE STATUS AUTHORIZATION" in REQUESTS. It ends by itself after ten minutes.

    ok           as it should be            drop:N     N bytes of the announced length
    short:N      announces and sends only N 404 429 .. that status; 429:S with Retry-After
    norange      ignores Range              wrong      the right length, other bytes
    away:URL     a redirection              page       an HTML page
    elsewhere    a list with its next page at another place
"""
import hashlib
import http.server
import json
import os
import re
import sys
import threading

www, plan_path, log_path, port_path = sys.argv[1:5]
lock = threading.Lock()
seen = {}


def behaviour(path):
    """The next item of the plan for this path; a changed line starts anew."""
    try:
        with open(plan_path) as plan:
            rows = dict(line.rstrip("\n").split("\t", 1) for line in plan if "\t" in line)
    except OSError:
        rows = {}
    steps = rows.get(path, "")
    with lock:
        number = seen.get((path, steps), 0)
        seen[path, steps] = number + 1
    steps = steps.split()
    return steps[number] if number < len(steps) else "ok"


def entry(folder, prefix, name):
    path = os.path.join(folder, name)
    full = prefix + "/" + name if prefix else name
    if os.path.isdir(path):
        return {"type": "directory", "oid": "0" * 40, "size": 0, "path": full}
    with open(path, "rb") as f:
        data = f.read()
    git = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
    row = {"type": "file", "oid": git, "size": len(data), "path": full}
    if not name.endswith(".json"):
        row["oid"] = hashlib.sha1(b"a pointer").hexdigest()
        digest = hashlib.sha256(data).hexdigest()
        row["lfs"] = {"oid": digest, "size": len(data), "pointerSize": 134}
        row["note"] = 'quotes \\"path\\": {}, and a \u00fc'
    return row


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def record(self, status):
        with lock, open(log_path, "a") as log:
            log.write("%s %s %s %s\n" % (self.path, self.headers.get("Range", "-"), status,
                                         self.headers.get("Authorization", "")))

    def answer(self, status, body=b"", headers=(), announce=None):
        self.record(status)
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if announce is None else announce))
        if announce is not None and announce != len(body):
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body)

    def tree(self, match):
        """Two entries a page, the way to the next page in a Link header."""
        repository, folder, page = match.group(2), match.group(3) or "", int(match.group(5) or 0)
        folder = folder.strip("/")
        place = os.path.join(www, repository, folder)
        if not os.path.isdir(place):
            return self.answer(404, b"{}")
        names = sorted(os.listdir(place))
        if ".tree" in names:
            with open(os.path.join(place, ".tree"), "rb") as f:
                return self.answer(200, f.read())
        rows = [entry(place, folder, n) for n in names[2 * page:2 * page + 2]]
        headers = []
        if len(names) > 2 * page + 2:
            here = self.path.split("?")[0]
            headers = [("Link", '<http://127.0.0.1:%d%s?page=%d>; rel="next"'
                        % (self.server.server_port, here, page + 1))]
        return self.answer(200, json.dumps(rows, indent=page or None).encode(), headers)

    def zenodo(self, number):
        place = os.path.join(www, "zenodo", number)
        files = []
        for name in sorted(os.listdir(place)):
            with open(os.path.join(place, name), "rb") as f:
                data = f.read()
            files.append({"id": "x", "key": name, "size": len(data),
                          "checksum": "md5:" + hashlib.md5(data).hexdigest(),
                          "links": {"self": "http://127.0.0.1/"}})
        self.answer(200, json.dumps({"id": 1, "metadata": {"title": "t"}, "files": files}).encode())

    def do_GET(self):
        path = self.path.split("?")[0]
        step = behaviour(path)
        if re.match(r"^[0-9]{3}(:|$)", step):
            status, _, wait = step.partition(":")
            return self.answer(int(status), b"sorry", [("Retry-After", wait)] if wait else [])
        if step.startswith("away:"):
            return self.answer(302, b"", [("Location", step[5:])])
        if step == "page":
            return self.answer(200, b"<!DOCTYPE html><html>sorry</html>")
        if step == "elsewhere":
            return self.answer(200, b"[]", [("Link", '<https://127.0.0.2/x>; rel="next"')])
        match = re.match(r"^/api/(models/)?((?:datasets/)?[^/]+/[^/]+)/tree/main(/[^?]*)?"
                         r"(\?page=(\d+))?$", self.path)
        if match:
            return self.tree(match)
        match = re.match(r"^/api/records/(\d+)$", path)
        if match:
            return self.zenodo(match.group(1))
        path = path.replace("/resolve/main/", "/")
        path = re.sub(r"^/records/(\d+)/files/", r"/zenodo/\1/", path)
        place = os.path.join(www, path.lstrip("/"))
        if ".." in path or not os.path.isfile(place):
            return self.answer(404, b"not here")
        with open(place, "rb") as f:
            data = f.read()
        return self.send_data(data, step)

    def send_data(self, data, step):
        status, headers = 200, [("Accept-Ranges", "bytes")]
        if data[:4] == b"RIFF" or data[4:8] == b"ftyp":
            headers.append(("Content-Type", "audio/wav" if data[:1] == b"R" else "audio/mp4"))
        wanted = re.match(r"bytes=(\d+)-$", self.headers.get("Range", ""))
        if step == "wrong":
            data = bytes(255 - b for b in data)
        if wanted and step != "norange":
            start = int(wanted.group(1))
            if start >= len(data):
                return self.answer(416, b"", [("Content-Range", "bytes */%d" % len(data))])
            headers.append(("Content-Range", "bytes %d-%d/%d" % (start, len(data) - 1, len(data))))
            status, data = 206, data[start:]
        kind, _, number = step.partition(":")
        if kind == "drop":
            return self.answer(status, data[:int(number)], headers, len(data))
        if kind == "short":
            return self.answer(status, data[:int(number)], headers)
        return self.answer(status, data, headers)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):    # a client that ends early is what is tried here
        pass


server = Server(("127.0.0.1", 0), Handler)
with open(port_path + ".new", "w") as f:
    f.write(str(server.server_port))
os.rename(port_path + ".new", port_path)
threading.Timer(600, lambda: os._exit(0)).start()
server.serve_forever()
