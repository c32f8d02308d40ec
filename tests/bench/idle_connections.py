#!/usr/bin/env python3
"""What idle connections cost, and whether others notice: ecslocal beside nginx and HAProxy (those that are installed) in the same run.

    tests/bench/idle_connections.py [--connections 10000] [--binary target/release/ecslocal ...] [--json FILE]

Each connection makes one request and stays open. Printed are the memory per connection, and how long a request takes on another listener
(for ecslocal also: on the control endpoint) while they are there. nginx sets memory for all connections that it may ever have aside when it
starts: that is measured and told too. Only this machine is asked; the whole ends within three minutes.
"""

import argparse
import asyncio
import contextlib
import json
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import tempfile
import time

import peers

FIXED = '[{ type: fixed-response, fixedResponseConfig: { statusCode: "200", messageBody: hello } }]'

MANIFEST = """
cluster: idle
loadBalancers:
  - name: idle
    listeners:
      - { port: %d, defaultActions: """ + FIXED + """ }
      - { port: %d, defaultActions: """ + FIXED + """ }
"""

NGINX = """
worker_processes 1; daemon off; pid %(folder)s/nginx.pid; error_log stderr error; worker_rlimit_nofile 60000;
events { worker_connections %(most)d; }
http {
  access_log off; keepalive_timeout 300s;
  client_body_temp_path %(folder)s/a; proxy_temp_path %(folder)s/b; fastcgi_temp_path %(folder)s/c; uwsgi_temp_path %(folder)s/d;
  scgi_temp_path %(folder)s/e;
  server { listen 127.0.0.1:%(port)d; location / { return 200 hello; } }
  server { listen 127.0.0.1:%(other)d; location / { return 200 hello; } }
}
"""

HAPROXY = """
global
  nbthread 1
  maxconn %(most)d
defaults
  mode http
  timeout client 300s
  timeout http-keep-alive 300s
frontend front
  bind 127.0.0.1:%(port)d
  bind 127.0.0.1:%(other)d
  http-request return status 200 content-type text/plain string hello
"""

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
HELLO = b"GET /local/v1/hello HTTP/1.1\r\nHost: localhost\r\n\r\n"


def memory(pid):
    """Resident kilobytes of a process and its children together."""
    children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout.split()
    lines = [line for one in [pid, *children] for line in pathlib.Path(f"/proc/{one}/status").read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


async def ask(port, keep=False, request=REQUEST):
    reader, writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", port), 10)
    writer.write(request)
    line = await asyncio.wait_for(reader.readline(), 10)
    assert b" 200" in line, line
    if keep:
        return writer
    writer.close()
    return None


async def latencies(port, request=REQUEST, count=500):
    times = []
    for _ in range(count):
        begun = time.perf_counter()
        await ask(port, request=request)
        times.append((time.perf_counter() - begun) * 1000)
    times.sort()
    return {"p50_ms": statistics.median(times), "p99_ms": times[int(len(times) * 0.99)]}


async def measure(pid, port, other, control, connections):
    await ask(port)
    quiet = await latencies(other)
    before = memory(pid)
    held = []
    while len(held) < connections:
        held += await asyncio.gather(*(ask(port, keep=True) for _ in range(min(200, connections - len(held)))))
    after = memory(pid)
    found = {"each_kb": (after - before) / connections, "before_kb": before, "other_before": quiet, "other_beside": await latencies(other)}
    if control:
        found["control_beside"] = await latencies(control, HELLO, 200)
    for writer in held:
        writer.close()
    return found


def show(name, found):
    quiet, busy = found["other_before"], found["other_beside"]
    aside = f", {found['aside_kb']:.2f} KB more set aside at the start" if "aside_kb" in found else ""
    print(f"{name}: {found['each_kb']:.2f} KB each{aside}; {found['before_kb']} KB without any")
    print(f"  another listener, p50 and p99: {quiet['p50_ms']:.2f} and {quiet['p99_ms']:.2f} ms before,", end=" ")
    print(f"{busy['p50_ms']:.2f} and {busy['p99_ms']:.2f} ms beside them")
    if "control_beside" in found:
        control = found["control_beside"]
        print(f"  the control endpoint, p50 and p99: {control['p50_ms']:.2f} and {control['p99_ms']:.2f} ms beside them", flush=True)


def ours(binary, connections):
    port, other, control = peers.free(), peers.free(), peers.free()
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "cluster.yaml").write_text(MANIFEST % (port, other))
        environment = {**os.environ, "ECSLOCAL_HOME": f"{folder}/home", "ECSLOCAL_CONTROL": f"127.0.0.1:{control}"}
        run = lambda *words: subprocess.run([binary, *words], cwd=folder, env=environment, check=True, capture_output=True, timeout=60)
        run("up", "-d")
        try:
            pid = json.loads(pathlib.Path(folder, "home", "daemon.json").read_text())["pid"]
            return asyncio.run(measure(pid, port, other, control, connections))
        finally:
            run("down")


@contextlib.contextmanager
def peer(name, text, words, most):
    port, other = peers.free(), peers.free()
    with peers.configured(name, text, {"port": port, "other": other, "most": most}, words, peers.CANDIDATE_CORE) as pid:
        peers.wait(port, "/")
        yield pid, port, other


def nginx(connections):
    words = ["nginx", "-p", "%(folder)s", "-c", "%(file)s"]
    with peer("nginx.conf", NGINX, words, 512) as (pid, _, _):
        small = memory(pid)
    with peer("nginx.conf", NGINX, words, connections + 1000) as (pid, port, other):
        found = asyncio.run(measure(pid, port, other, None, connections))
    return {**found, "aside_kb": max(0, found["before_kb"] - small) / connections}


def haproxy(connections):
    with peer("haproxy.cfg", HAPROXY, ["haproxy", "-db", "-f", "%(file)s"], connections + 1000) as (pid, port, other):
        return asyncio.run(measure(pid, port, other, None, connections))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--binary", action="append", help="may be given several times")
    parser.add_argument("--json", type=pathlib.Path, help="write all figures to this file")
    asked = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    connections = min(asked.connections, most - 500, 20_000)
    print(f"{connections} idle connections")
    results = {}
    for binary in asked.binary or ["target/release/ecslocal"]:
        results[binary] = ours(os.path.abspath(binary), connections)
        show("ecslocal" if not asked.binary or len(asked.binary) == 1 else binary, results[binary])
    # HAProxy wants two file descriptors for each connection that it may ever have.
    for name, measured, count in (("nginx", nginx, connections), ("haproxy", haproxy, min(connections, most // 2 - 2500))):
        if shutil.which(name):
            results[name] = measured(count)
            show(name, results[name])
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
