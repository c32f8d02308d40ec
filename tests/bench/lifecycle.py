#!/usr/bin/env python3
"""Measures the life cycle of the sample cluster, beside docker-compose with the same images in the same run.

    tests/bench/lifecycle.py [--rounds 5] [--binary target/release/ecslocal]

Needs the images of the sample (`scripts/up` once), Docker and docker-compose (Debian's package). Loopback only, bounded in rounds and
time. Prints a table of medians (minimum to maximum), and the same as JSON with --json FILE.
"""

import argparse
import http.client
import json
import os
import pathlib
import socket
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVICES = ("users", "threads", "posts")
PATIENCE = 120


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def get(port, path, timeout=5):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path, headers={"x-ecslocal-client": "bench"})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def until(what, found, pause=0.002):
    end = time.monotonic() + PATIENCE
    while True:
        try:
            value = found()
        except (OSError, http.client.HTTPException):
            value = None
        if value:
            return value
        if time.monotonic() > end:
            raise SystemExit(f"waited in vain until {what}")
        time.sleep(pause)


class Ecslocal:
    def __init__(self, binary, home):
        self.binary, self.home, self.port = binary, home, free_port()
        self.environment = dict(os.environ, ECSLOCAL_HOME=home, ECSLOCAL_CONTROL="0", ECSLOCAL_PORT=str(self.port), NO_COLOR="1")

    def run(self, *words):
        return subprocess.run([self.binary, *words], cwd=ROOT, env=self.environment, check=True, capture_output=True, text=True).stdout

    def note(self):
        try:
            return json.loads(pathlib.Path(self.home, "daemon.json").read_text())
        except (OSError, ValueError):
            return None

    def control(self):
        return int(self.note()["endpoint"].rsplit(":", 1)[1])

    def view(self, after=None):
        query = "" if after is None else f"?after={after}"
        return json.loads(get(self.control(), f"/local/v1/view{query}", timeout=30)[1])

    def targets(self, view, service):
        return [target for group in view["clusters"][0]["targetGroups"] if group["targetGroupName"] == service for target in group["targets"]]


def daemon_start(binary):
    """From the spawn of the daemon to the control endpoint's first answer, and its memory with nothing to do."""
    with tempfile.TemporaryDirectory() as home:
        house = Ecslocal(binary, home)
        begin = time.monotonic()
        daemon = subprocess.Popen([binary, "daemon"], env=house.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            until("the daemon answers", lambda: house.note() and get(house.control(), "/local/v1/hello")[0] == 200, 0.0005)
            return (time.monotonic() - begin) * 1000
        finally:
            daemon.terminate()
            daemon.wait()


def resident_megabytes(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def answers(port):
    return all(get(port, f"/api/{service}")[0] == 200 for service in SERVICES)


def life(binary, rounds, figures):
    with tempfile.TemporaryDirectory() as home:
        house = Ecslocal(binary, home)
        for _ in range(rounds):
            begin = time.monotonic()
            house.run("up", "-d")
            until("all routes answer", lambda: answers(house.port))
            figures.setdefault("ecslocal up -d to all routes answering, ms", []).append((time.monotonic() - begin) * 1000)
            figures.setdefault("daemon's memory with three services, MB", []).append(resident_megabytes(house.note()["pid"]))
            kill(house, figures)
            begin = time.monotonic()
            house.run("down")
            figures.setdefault("ecslocal down, ms", []).append((time.monotonic() - begin) * 1000)


class Engine(http.client.HTTPConnection):
    """Docker's API over its socket: the command line would add its own start to every figure."""

    def __init__(self):
        super().__init__("localhost", timeout=30)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect("/var/run/docker.sock")


def kill(house, figures):
    """From Docker's own die event, and from the call, to the target's absence and to the replacement's first healthy check."""
    house.run("wait", "steady")
    view = house.view()
    task = next(task for task in view["clusters"][0]["tasks"] if task["serviceName"] == "posts" and task["lastStatus"] == "RUNNING")
    container = task["containers"][0]["runtimeId"]
    filters = urllib.parse.quote(json.dumps({"container": [container], "event": ["die"]}))
    events = Engine()
    events.request("GET", f"/v1.41/events?filters={filters}")
    stream = events.getresponse()
    died = []
    watcher = threading.Thread(target=lambda: died.append(stream.readline() and time.monotonic()))
    watcher.start()
    begin = time.monotonic()
    killer = Engine()
    killer.request("POST", f"/v1.41/containers/{container}/kill")
    gone = None
    while True:
        view = house.view(view["version"])
        targets = house.targets(view, "posts")
        now = time.monotonic()
        if gone is None and all(target["taskId"] != task["taskId"] for target in targets):
            gone = now
        if gone is not None and any(target["state"] == "healthy" for target in targets):
            break
    killer.getresponse().read()
    watcher.join()
    events.close()
    figures.setdefault("kill call to Docker's die event, ms", []).append((died[0] - begin) * 1000)
    figures.setdefault("die event to target out of rotation, ms", []).append((gone - died[0]) * 1000)
    figures.setdefault("kill call to replacement healthy, ms", []).append((now - begin) * 1000)


def compose(rounds, figures):
    """The same three images with docker-compose, to the same question answered."""
    port = {service: free_port() for service in SERVICES}
    services = {
        service: {"image": f"ecslocal/{service}", "ports": [f"127.0.0.1:{port[service]}:3000"], "stop_grace_period": "10s"} for service in SERVICES
    }
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "docker-compose.yml").write_text(json.dumps({"version": "2.4", "services": services}))
        command = ["docker-compose", "--project-name", "ecslocal-bench"]
        for _ in range(rounds):
            begin = time.monotonic()
            subprocess.run([*command, "up", "-d"], cwd=folder, check=True, capture_output=True)
            until("all services answer", lambda: all(get(port[service], f"/api/{service}")[0] == 200 for service in SERVICES))
            figures.setdefault("docker-compose up -d to all services answering, ms", []).append((time.monotonic() - begin) * 1000)
            begin = time.monotonic()
            subprocess.run([*command, "down"], cwd=folder, check=True, capture_output=True)
            figures.setdefault("docker-compose down, ms", []).append((time.monotonic() - begin) * 1000)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--binary", default=str(ROOT / "target/release/ecslocal"))
    parser.add_argument("--json", type=pathlib.Path)
    asked = parser.parse_args()
    rounds = max(1, min(asked.rounds, 50))
    figures = {"binary, MB": [os.path.getsize(asked.binary) / 1e6]}
    for _ in range(rounds):
        figures.setdefault("daemon start to control endpoint answering, ms", []).append(daemon_start(asked.binary))
    for _ in range(rounds):  # one of each in turn, so that the machine's moods meet both
        life(asked.binary, 1, figures)
        compose(1, figures)
    print(f"{'median':>10} {'min':>10} {'max':>10}  figure ({rounds} rounds)")
    for name, values in figures.items():
        print(f"{statistics.median(values):10.1f} {min(values):10.1f} {max(values):10.1f}  {name}")
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
