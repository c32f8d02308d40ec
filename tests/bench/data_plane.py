#!/usr/bin/env python3
"""What a request costs the load balancer, beside nginx and HAProxy (where they are installed) in the same run.

    tests/bench/data_plane.py [--binary target/release/ecslocal ...] [--rounds 5] [--seconds 2] [--only NAME] [--json FILE]

Each scenario is run by all candidates one after the other, round by round. The candidates have one core, load and target the other one.
Printed are medians over the rounds: CPU of the candidate per request in microseconds, its ratio to nginx in the same round, requests per
second, and the 99th percentile. Several binaries are compared with each other. Needs wrk and nginx (`apt-get install wrk nginx-light
haproxy`); asks only this machine, and ends within a few minutes.
"""

import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time

MANIFEST = """
cluster: bench
loadBalancers:
  - name: bench
    listeners:
      - port: %(port)d
        defaultActions: [{ type: fixed-response, fixedResponseConfig: { statusCode: "200", messageBody: hello } }]
        rules:
          - priority: 1
            conditions: [{ field: path-pattern, values: ["/target/*"] }]
            actions: [{ type: forward, targetGroup: target }]
targetGroups:
  - name: target
    targetType: ip
    port: 80
    targets: [{ id: 127.0.0.1, port: %(target)d }]
    healthCheckPath: /target/small
"""

PATHS = "client_body_temp_path %(folder)s/a; proxy_temp_path %(folder)s/b; fastcgi_temp_path %(folder)s/c; uwsgi_temp_path %(folder)s/d; scgi_temp_path %(folder)s/e;"

TARGET = """
worker_processes 1; daemon off; pid %(folder)s/nginx.pid; error_log stderr error; worker_rlimit_nofile 20000;
events { worker_connections 4000; }
http {
  access_log off; keepalive_timeout 300s; keepalive_requests 100000000; client_max_body_size 100m; """ + PATHS + """
  server {
    listen 127.0.0.1:%(port)d;
    location = /target/small { return 200 hello; }
    location /target/ { root %(folder)s; }
    location = /target/upload { return 200 taken; }
  }
}
"""

NGINX = """
worker_processes 1; daemon off; pid %(folder)s/nginx.pid; error_log stderr error; worker_rlimit_nofile 20000;
events { worker_connections 4000; }
http {
  access_log off; keepalive_timeout 300s; keepalive_requests 100000000; client_max_body_size 100m; """ + PATHS + """
  upstream target { server 127.0.0.1:%(target)d; keepalive 512; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:%(port)d;
    location / { return 200 hello; }
    location /target/ {
      proxy_pass http://target; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Port $server_port; proxy_set_header X-Amzn-Trace-Id $request_id; proxy_request_buffering off;
    }
  }
}
"""

HAPROXY = """
global
  nbthread 1
  maxconn 4000
defaults
  mode http
  timeout connect 10s
  timeout client 300s
  timeout server 60s
  http-reuse always
frontend front
  bind 127.0.0.1:%(port)d
  unique-id-format %%[uuid()]
  unique-id-header X-Amzn-Trace-Id
  option forwardfor
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Port %%[dst_port]
  use_backend target if { path_beg /target/ }
  http-request return status 200 content-type text/plain string hello unless { path_beg /target/ }
backend target
  server one 127.0.0.1:%(target)d maxconn 4000
"""

# Name, path, connections, script of wrk.
SCENARIOS = [
    ("fixed response", "/", 16, None),
    ("small, 1 connection", "/target/small", 1, None),
    ("small, 16 connections", "/target/small", 16, None),
    ("small, 64 connections", "/target/small", 64, None),
    ("small, 512 connections", "/target/small", 512, None),
    ("16 KiB", "/target/16k", 16, None),
    ("1 MiB", "/target/1m", 16, None),
    ("64 KiB upload", "/target/upload", 16, 'wrk.method = "POST"; wrk.body = string.rep("x", 65536)'),
    ("a new connection each", "/target/small", 16, 'wrk.headers["Connection"] = "close"'),
]

CANDIDATE_CORE, OTHER_CORE = "0", "1"


def pinned(core, *words):
    return ["taskset", "-c", core, *words] if os.cpu_count() > 1 and shutil.which("taskset") else list(words)


def free():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def answers(port, path):
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as stream:
            stream.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            return b" 200" in stream.recv(100)
    except OSError:
        return False


def wait(port, path):
    end = time.time() + 20
    while time.time() < end:
        if answers(port, path):
            return
        time.sleep(0.05)
    raise SystemExit(f"nothing answers on port {port}")


@contextlib.contextmanager
def process(words, core):
    running = subprocess.Popen(pinned(core, *words), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        yield running.pid
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(10)


@contextlib.contextmanager
def nginx(template, core, values):
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "target").mkdir()
        pathlib.Path(folder, "target", "16k").write_bytes(b"x" * 16 * 1024)
        pathlib.Path(folder, "target", "1m").write_bytes(b"x" * 1024 * 1024)
        os.chmod(folder, 0o755)
        configuration = pathlib.Path(folder, "nginx.conf")
        configuration.write_text(template % {"folder": folder, **values})
        with process(["nginx", "-p", folder, "-c", str(configuration)], core) as pid:
            yield pid


@contextlib.contextmanager
def haproxy(target):
    port = free()
    with tempfile.TemporaryDirectory() as folder:
        configuration = pathlib.Path(folder, "haproxy.cfg")
        configuration.write_text(HAPROXY % {"port": port, "target": target})
        with process(["haproxy", "-db", "-f", str(configuration)], CANDIDATE_CORE) as pid:
            yield pid, port


@contextlib.contextmanager
def front_nginx(target):
    port = free()
    with nginx(NGINX, CANDIDATE_CORE, {"port": port, "target": target}) as pid:
        yield pid, port


@contextlib.contextmanager
def ours(binary, target):
    port = free()
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "cluster.yaml").write_text(MANIFEST % {"port": port, "target": target})
        environment = {**os.environ, "ECSLOCAL_HOME": f"{folder}/home", "ECSLOCAL_CONTROL": f"127.0.0.1:{free()}"}
        run = lambda *words: subprocess.run(pinned(CANDIDATE_CORE, binary, *words), cwd=folder, env=environment, check=True, capture_output=True, timeout=60)
        run("up", "-d")
        try:
            yield json.loads(pathlib.Path(folder, "home", "daemon.json").read_text())["pid"], port
        finally:
            run("down")


def family(pid):
    children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout.split()
    return [pid, *map(int, children)]


def cpu(pid):
    """Seconds of CPU that a process and its children have had."""
    ticks = 0
    for one in family(pid):
        fields = pathlib.Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60_000}[unit]


def load(port, scenario, seconds):
    _, path, connections, script = scenario
    words = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", f"http://127.0.0.1:{port}{path}"]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as lua:
        if script:
            lua.write(script)
            lua.flush()
            words += ["-s", lua.name]
        out = subprocess.run(pinned(OTHER_CORE, *words), capture_output=True, text=True, check=True, timeout=seconds + 30).stdout
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)", out)
    if failed and "read 0, write 0, timeout 0" not in out:
        print(f"    {scenario[0]}: {failed.group(0)}")
    requests = int(re.search(r"(\d+) requests in", out).group(1))
    if requests == 0:
        raise SystemExit(f"{scenario[0]}: port {port} answered nothing in {seconds} s")
    return requests, milliseconds(re.search(r"^\s+99%\s+(\S+)", out, re.MULTILINE).group(1))


def measure(candidates, scenario, rounds, seconds):
    found = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, (pid, port) in candidates.items():
            before = cpu(pid)
            requests, late = load(port, scenario, seconds)
            found[name].append({"cpu_us": (cpu(pid) - before) * 1e6 / requests, "per_second": requests / seconds, "p99_ms": late})
    return found


def show(scenario, found):
    print(f"{scenario[0]}")
    for name, rounds in found.items():
        middle = {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}
        ratio = ""
        if "nginx" in found and name != "nginx":
            ratios = sorted(one["cpu_us"] / other["cpu_us"] for one, other in zip(rounds, found["nginx"]))
            ratio = f"{statistics.median(ratios):5.2f} of nginx ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        print(f"  {name:28} {middle['cpu_us']:8.1f} us CPU {middle['per_second']:9.0f}/s  p99 {middle['p99_ms']:7.2f} ms  {ratio}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", action="append", help="may be given several times")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--only", default="", help="scenarios whose name holds this")
    parser.add_argument("--json", help="write all figures to this file")
    arguments = parser.parse_args()
    binaries = [os.path.abspath(binary) for binary in arguments.binary or ["target/release/ecslocal"]]
    for needed in ("wrk", "nginx"):
        if not shutil.which(needed):
            raise SystemExit(f"{needed} is not installed (`apt-get install wrk nginx-light haproxy`)")
    results = {}
    with contextlib.ExitStack() as stack:
        target = free()
        stack.enter_context(nginx(TARGET, OTHER_CORE, {"port": target}))
        wait(target, "/target/small")
        candidates = {}
        for binary in binaries:
            name = "ecslocal" if len(binaries) == 1 else binary[-28:]
            candidates[name] = stack.enter_context(ours(binary, target))
        candidates["nginx"] = stack.enter_context(front_nginx(target))
        if shutil.which("haproxy"):
            candidates["haproxy"] = stack.enter_context(haproxy(target))
        for _, port in candidates.values():
            wait(port, "/target/small")
        for scenario in SCENARIOS:
            if arguments.only in scenario[0]:
                results[scenario[0]] = measure(candidates, scenario, arguments.rounds, arguments.seconds)
                show(scenario, results[scenario[0]])
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
