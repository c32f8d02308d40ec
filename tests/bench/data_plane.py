#!/usr/bin/env python3
"""What a request costs the load balancer, beside nginx, HAProxy and Caddy (those that are installed) in the same run.

    tests/bench/data_plane.py [--binary target/release/ecslocal ...] [--rounds 6] [--seconds 1] [--only NAME] [--json FILE]

Each scenario is run by all candidates one after the other, round by round. The candidates have one core, load and target the other one.
Printed are medians over the rounds: CPU of the candidate per request in microseconds, its ratio to each peer's in the same round (with
the quartiles), requests per second, and the 99th percentile. Several binaries are compared with each other. `tests/bench/all` installs
what it needs. It asks only this machine, and ends within ten minutes.
"""

import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import tempfile

import peers

UPLOAD = 'wrk.method = "POST"; wrk.body = string.rep("x", 65536)'
CLOSE = 'wrk.headers["Connection"] = "close"'

# Name, the candidates' port, path, connections, script of wrk; the generator where it is not wrk.
SCENARIOS = [
    ("fixed response", "plain", "/", 16, None),
    ("small, 1 connection", "plain", "/target/small", 1, None),
    ("small, 16 connections", "plain", "/target/small", 16, None),
    ("small, 64 connections", "plain", "/target/small", 64, None),
    ("small, 512 connections", "plain", "/target/small", 512, None),
    ("16 KiB", "plain", "/target/16k", 16, None),
    ("1 MiB", "plain", "/target/1m", 16, None),
    ("64 KiB upload", "plain", "/target/upload", 16, UPLOAD),
    ("a new connection each", "plain", "/target/small", 16, CLOSE),
    ("the last of 99 rules", "rules", "/target/small", 64, None),
    ("access log", "logged", "/target/small", 64, None),
    ("TLS, small", "tls", "/target/small", 64, None),
    ("TLS, 1 MiB", "tls", "/target/1m", 16, None),
    ("TLS, a handshake each", "tls", "/target/small", 16, CLOSE),
    ("HTTP/2, small", "tls", "/target/small", 16, "h2"),
]


def milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60_000}[unit]


def wrk(url, connections, script, seconds):
    words = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", url]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as lua:
        if script:
            lua.write(script)
            lua.flush()
            words += ["-s", lua.name]
        out = subprocess.run(peers.pinned(peers.OTHER_CORE, *words), capture_output=True, text=True, check=True, timeout=seconds + 30).stdout
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)", out)
    if failed and "read 0, write 0, timeout 0" not in out:
        print(f"    {url}: {failed.group(0)}")
    return int(re.search(r"(\d+) requests in", out).group(1)), milliseconds(re.search(r"^\s+99%\s+(\S+)", out, re.MULTILINE).group(1))


def h2load(url, connections, seconds):
    """Ten requests at once on each connection. It tells no percentiles: the second figure is the longest."""
    words = ["h2load", "-t1", f"-c{connections}", "-m10", f"-D{seconds}", url]
    out = subprocess.run(peers.pinned(peers.OTHER_CORE, *words), capture_output=True, text=True, check=True, timeout=seconds + 30).stdout
    succeeded = int(re.search(r"(\d+) succeeded", out).group(1))
    return succeeded, milliseconds(re.search(r"time for request:\s+\S+\s+(\S+)", out).group(1))


def load(port, scenario, seconds):
    name, kind, path, connections, script = scenario
    url = f"{'https' if kind == 'tls' else 'http'}://localhost:{port}{path}".replace("localhost", "127.0.0.1" if kind != "tls" else "localhost")
    requests, late = h2load(url, connections, seconds) if script == "h2" else wrk(url, connections, script, seconds)
    if requests == 0:
        raise SystemExit(f"{name}: port {port} answered nothing in {seconds} s")
    return requests, late


def measure(candidates, scenario, rounds, seconds):
    able = {name: (pid, ports[scenario[1]]) for name, (pid, ports) in candidates.items() if scenario[1] in ports}
    found = {name: [] for name in able}
    for _ in range(rounds):
        for name, (pid, port) in able.items():
            before = peers.cpu(pid)
            requests, late = load(port, scenario, seconds)
            found[name].append({"cpu_us": (peers.cpu(pid) - before) * 1e6 / requests, "per_second": requests / seconds, "p99_ms": late})
    return found


def ratio(rounds, others):
    """The median of the rounds' ratios, and their quartiles."""
    ratios = sorted(one["cpu_us"] / max(other["cpu_us"], 0.01) for one, other in zip(rounds, others))
    return f"{statistics.median(ratios):.2f} ({ratios[len(ratios) // 4]:.2f}-{ratios[-1 - len(ratios) // 4]:.2f})"


def show(scenario, found):
    print(scenario[0], flush=True)
    for name, rounds in found.items():
        middle = {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}
        against = [f"{ratio(rounds, found[peer])} of {peer}" for peer in ("nginx", "haproxy") if peer in found and peer != name]
        print(f"  {name:20} {middle['cpu_us']:8.1f} us CPU {middle['per_second']:9.0f}/s  p99 {middle['p99_ms']:7.2f} ms  {', '.join(against)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", action="append", help="may be given several times")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=int, default=1)
    parser.add_argument("--only", default="", help="scenarios whose name holds this")
    parser.add_argument("--json", type=pathlib.Path, help="write all figures to this file")
    asked = parser.parse_args()
    binaries = [os.path.abspath(binary) for binary in asked.binary or ["target/release/ecslocal"]]
    for needed in ("wrk", "nginx", "openssl"):
        if not shutil.which(needed):
            raise SystemExit(f"{needed} is not installed (`tests/bench/all` installs all peers)")
    results = {}
    with contextlib.ExitStack() as stack:
        target = stack.enter_context(peers.target())
        candidates = {}
        for binary in binaries:
            name = "ecslocal" if len(binaries) == 1 else binary[-20:]
            candidates[name] = stack.enter_context(peers.ecslocal(binary, target))
        for name, peer in (("nginx", peers.nginx), ("haproxy", peers.haproxy), ("caddy", peers.caddy)):
            if shutil.which(name):
                candidates[name] = stack.enter_context(peer(target))
        for scenario in SCENARIOS:
            if asked.only in scenario[0] and (scenario[4] != "h2" or shutil.which("h2load")):
                results[scenario[0]] = measure(candidates, scenario, asked.rounds, asked.seconds)
                show(scenario, results[scenario[0]])
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
