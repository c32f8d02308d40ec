#!/usr/bin/env python3
"""What the registry costs beside Debian's docker-registry in the same run: one large blob is pushed and pulled, as `docker push` and `pull` do.

    tests/bench/registry.py [--megabytes 500] [--rounds 3] [--binary target/release/ecslocal] [--json FILE]

Printed are the medians of megabytes per second each way, the CPU per gigabyte, and the most memory that the server ever had. The client is
the same for both and reads and writes in pieces; what it sends is random, so nothing can be left out. Only this machine is asked.
"""

import argparse
import contextlib
import hashlib
import http.client
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

import peers

PIECE = 1024 * 1024

REGISTRY = """
version: 0.1
log: { level: error, accesslog: { disabled: true } }
storage: { filesystem: { rootdirectory: %(folder)s/data }, delete: { enabled: true } }
http: { addr: "127.0.0.1:%(port)d" }
"""


def call(port, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request(method, path, body=body, headers=headers or {}, encode_chunked="Transfer-Encoding" in (headers or {}))
    return connection, connection.getresponse()


def finished(called, status):
    connection, response = called
    said = response.read()
    if response.status != status:
        raise SystemExit(f"{response.status} instead of {status}: {said[:300]}")
    connection.close()
    return response


def path_of(location):
    return location[location.index("/v2/") :] if "/v2/" in location else location


def push(port, name, file, headers):
    """A blob in one PATCH, as `docker push` sends it, and the PUT that ends it."""
    begun = finished(call(port, "POST", f"/v2/{name}/blobs/uploads/", headers=headers), 202)
    digest = hashlib.sha256()
    with open(file, "rb") as source:

        def pieces():
            while piece := source.read(PIECE):
                digest.update(piece)
                yield piece

        sent = {**headers, "Content-Type": "application/octet-stream", "Transfer-Encoding": "chunked"}
        patched = finished(call(port, "PATCH", path_of(begun.headers["Location"]), pieces(), sent), 202)
    location = path_of(patched.headers["Location"])
    name = f"sha256:{digest.hexdigest()}"
    finished(call(port, "PUT", f"{location}{'&' if '?' in location else '?'}digest={name}", headers={**headers, "Content-Length": "0"}), 201)
    return name


def pull(port, name, digest, headers):
    connection, response = call(port, "GET", f"/v2/{name}/blobs/{digest}", headers=headers)
    assert response.status == 200, response.status
    found = hashlib.sha256()
    while piece := response.read(PIECE):
        found.update(piece)
    connection.close()
    assert f"sha256:{found.hexdigest()}" == digest


def peak(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


@contextlib.contextmanager
def ours(binary):
    port = peers.free()
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "cluster.yaml").write_text("cluster: bench\nrepositories: [bench]\n")
        environment = {**os.environ, "ECSLOCAL_HOME": f"{folder}/home", "ECSLOCAL_CONTROL": f"127.0.0.1:{port}"}
        run = lambda *words: subprocess.run([binary, *words], cwd=folder, env=environment, check=True, capture_output=True, timeout=60)
        run("up", "-d")
        try:
            asked = {"X-Amz-Target": "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken", "Content-Type": "application/x-amz-json-1.1"}
            token = json.loads(call(port, "POST", "/", "{}", asked)[1].read())["authorizationData"][0]["authorizationToken"]
            pid = json.loads(pathlib.Path(folder, "home", "daemon.json").read_text())["pid"]
            yield pid, port, {"Authorization": f"Basic {token}"}
        finally:
            run("down", "--repositories")


@contextlib.contextmanager
def theirs():
    port = peers.free()
    words = ["docker-registry", "serve", "%(file)s"]
    with peers.configured("registry.yml", REGISTRY, {"port": port}, words, peers.CANDIDATE_CORE) as pid:
        end = time.time() + 20
        while time.time() < end:
            with contextlib.suppress(OSError):
                if call(port, "GET", "/v2/")[1].status == 200:
                    break
            time.sleep(0.05)
        yield pid, port, {}


def measure(candidates, megabytes, rounds):
    found = {name: [] for name in candidates}
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "blob")
        for _ in range(rounds):
            with open(file, "wb") as blob:
                for _ in range(megabytes):
                    blob.write(os.urandom(PIECE))
            for name, (pid, port, headers) in candidates.items():
                cpu, begun = peers.cpu(pid), time.perf_counter()
                digest = push(port, "bench", file, headers)
                pushed, pushing = time.perf_counter(), peers.cpu(pid) - cpu
                pull(port, "bench", digest, headers)
                pulled, pulling = time.perf_counter(), peers.cpu(pid) - cpu - pushing
                found[name].append(
                    {
                        "push_mb_s": megabytes / (pushed - begun),
                        "pull_mb_s": megabytes / (pulled - pushed),
                        "push_cpu_s_gb": pushing * 1000 / megabytes,
                        "pull_cpu_s_gb": pulling * 1000 / megabytes,
                        "peak_mb": peak(pid),
                    }
                )
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--binary", default="target/release/ecslocal")
    parser.add_argument("--json", type=pathlib.Path, help="write all figures to this file")
    asked = parser.parse_args()
    with contextlib.ExitStack() as stack:
        candidates = {"ecslocal": stack.enter_context(ours(os.path.abspath(asked.binary)))}
        if shutil.which("docker-registry"):
            candidates["docker-registry"] = stack.enter_context(theirs())
        found = measure(candidates, asked.megabytes, asked.rounds)
    print(f"a blob of {asked.megabytes} MB, {asked.rounds} rounds")
    for name, rounds in found.items():
        middle = {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}
        print(f"  {name:16} push {middle['push_mb_s']:6.0f} MB/s, pull {middle['pull_mb_s']:6.0f} MB/s,", end=" ")
        print(f"CPU per GB {middle['push_cpu_s_gb']:.2f} and {middle['pull_cpu_s_gb']:.2f} s, at most {max(one['peak_mb'] for one in rounds):.0f} MB of memory")
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
