#!/usr/bin/env python3
"""What idle connections cost, and whether others notice: ecslocal beside nginx (where it is installed) in the same run.

    tests/bench/idle_connections.py [--connections 10000] [--binary target/release/ecslocal]

Each connection makes one request and stays open. Printed are the memory per connection, and how long a request takes on another listener
(for ecslocal also: on the control endpoint) while they are there. Only this machine is asked; the whole ends within two minutes.
"""

import argparse
import asyncio
import json
import os
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time

MANIFEST = """
cluster: idle
loadBalancers:
  - name: idle
    listeners:
      - { port: %d, defaultActions: [{ type: fixed-response, fixedResponseConfig: { statusCode: "200", messageBody: hello } }] }
      - { port: %d, defaultActions: [{ type: fixed-response, fixedResponseConfig: { statusCode: "200", messageBody: hello } }] }
"""

NGINX = """
worker_processes 2; daemon off; pid %s/nginx.pid; error_log stderr error; worker_rlimit_nofile 60000;
events { worker_connections 30000; }
http {
  access_log off; keepalive_timeout 300s;
  client_body_temp_path %s/a; proxy_temp_path %s/b; fastcgi_temp_path %s/c; uwsgi_temp_path %s/d; scgi_temp_path %s/e;
  server { listen 127.0.0.1:%d; location / { return 200 hello; } }
  server { listen 127.0.0.1:%d; location / { return 200 hello; } }
}
"""

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def memory(pids):
    """Resident kilobytes of some processes together."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/status", encoding="utf-8") as status:
            total += next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    return total


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
    return statistics.median(times), times[int(len(times) * 0.99)]


async def measure(name, pids, port, other, control, connections):
    await ask(port)
    before = memory(pids())
    quiet = await latencies(other)
    begun = time.perf_counter()
    held = []
    while len(held) < connections:
        held += await asyncio.gather(*(ask(port, keep=True) for _ in range(min(200, connections - len(held)))))
    opened = time.perf_counter() - begun
    after = memory(pids())
    busy = await latencies(other)
    print(f"{name}: {connections} idle connections opened in {opened:.1f} s, {(after - before) / connections:.2f} KB each ({before} -> {after} KB)")
    print(f"  another listener, p50 and p99: {quiet[0]:.2f} and {quiet[1]:.2f} ms before, {busy[0]:.2f} and {busy[1]:.2f} ms beside them")
    if control:
        found = await latencies(control, b"GET /local/v1/hello HTTP/1.1\r\nHost: localhost\r\n\r\n", 200)
        print(f"  the control endpoint, p50 and p99: {found[0]:.2f} and {found[1]:.2f} ms beside them")
    for writer in held:
        writer.close()


def free(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def ours(binary, connections):
    port, other, control = free(3)
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/cluster.yaml", "w", encoding="utf-8") as manifest:
            manifest.write(MANIFEST % (port, other))
        environment = {**os.environ, "ECSLOCAL_HOME": f"{folder}/home", "ECSLOCAL_CONTROL": f"127.0.0.1:{control}"}
        run = lambda *words: subprocess.run([binary, *words], cwd=folder, env=environment, check=True, capture_output=True, timeout=60)
        run("up", "-d")
        try:
            with open(f"{folder}/home/daemon.json", encoding="utf-8") as note:
                pid = json.load(note)["pid"]
            asyncio.run(measure("ecslocal", lambda: [pid], port, other, control, connections))
        finally:
            run("down")


def nginx(connections):
    port, other = free(2)
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/nginx.conf", "w", encoding="utf-8") as configuration:
            configuration.write(NGINX % (*[folder] * 6, port, other))
        process = subprocess.Popen(["nginx", "-p", folder, "-c", f"{folder}/nginx.conf"], stderr=subprocess.DEVNULL)
        try:
            end = time.time() + 10
            while time.time() < end:
                try:
                    asyncio.run(ask(port))
                    break
                except OSError:
                    time.sleep(0.05)
            children = lambda: [process.pid, *map(int, subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=True).stdout.split())]
            asyncio.run(measure("nginx", children, port, other, None, connections))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(10)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--binary", default="target/release/ecslocal")
    arguments = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    connections = min(arguments.connections, most - 500, 20_000)
    if connections < arguments.connections:
        print(f"only {connections} connections: this machine allows {most} open files")
    ours(os.path.abspath(arguments.binary), connections)
    if shutil.which("nginx"):
        nginx(connections)
    else:
        print("nginx is not installed: no comparison (`apt-get install nginx-light`)")


if __name__ == "__main__":
    main()
