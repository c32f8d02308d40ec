#!/usr/bin/env python3
"""Measures how long it takes from a saved file to the new version's first answer: `ecslocal up --watch`, beside `docker-compose up --build`
typed at once after the save, with the sample's `users` service, in the same run. Requests go on all the while; those that fail are counted.

    ECSLOCAL_NODE_BASE=ecslocal/node-base:local tests/bench/save_to_serving.py [--rounds 5] [--binary target/release/ecslocal] [--json FILE]

Needs Docker, the base image (`scripts/make-node-base`) and docker-compose (Debian's package). Works on a copy of the sample in a folder of its
own with images of its own, and leaves nothing. Loopback only, bounded in rounds and time.
"""

import argparse
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATIENCE = 120
MARK = "response.setHeader('X-Served-By', servedBy);"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def version(port):
    """The version that answers, or None where nobody does."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/api/users")
        response = connection.getresponse()
        response.read()
        return response.getheader("X-Version", "0") if response.status == 200 else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def save(folder, number):
    """As editors do it: a new file that takes the old one's place."""
    file = folder / "services/users/server.js"
    text = (ROOT / "services/users/server.js").read_text()
    assert MARK in text, "the sample has changed: where does it set X-Served-By?"
    new = file.with_name("server.js.new")
    new.write_text(text.replace(MARK, f"{MARK}\n  response.setHeader('X-Version', '{number}');"))
    begin = time.monotonic()
    new.rename(file)
    return begin


def until_served(port, number, begin):
    """Milliseconds until that version answers, and how many requests failed by then."""
    failed = 0
    while (found := version(port)) != str(number):
        failed += found is None
        if time.monotonic() - begin > PATIENCE:
            raise SystemExit(f"waited in vain for version {number}")
        time.sleep(0.005)
    return (time.monotonic() - begin) * 1000, failed


def copy(folder, prefix):
    shutil.copytree(ROOT / "services", folder / "services")
    text = (ROOT / "cluster.yaml").read_text()
    (folder / "cluster.yaml").write_text(text.replace("image: ecslocal/", f"image: {prefix}/").replace("cluster: tutorial", f"cluster: {prefix}"))


def watched(binary, rounds, figures):
    port = free_port()
    prefix = f"bench-{port}"
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory() as home:
        folder = pathlib.Path(name)
        copy(folder, prefix)
        environment = dict(os.environ, ECSLOCAL_HOME=home, ECSLOCAL_CONTROL="0", ECSLOCAL_PORT=str(port), NO_COLOR="1")
        said = open(folder / "said.txt", "w+")
        up = subprocess.Popen([binary, "up", "--watch"], cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=said)
        owner = "nobody yet"
        text = lambda: (folder / "said.txt").read_text()
        try:
            wait_for(up, lambda: "following logs" in text())
            owner = json.loads(pathlib.Path(home, "state.json").read_text())["world"]["settings"]["owner"]
            for number in range(1, rounds + 1):
                took, failed = until_served(port, number, save(folder, number))
                figures.setdefault("ecslocal up --watch: save to answer, ms", []).append(took)
                figures.setdefault("ecslocal up --watch: failed requests meanwhile", []).append(failed)
                wait_for(up, lambda: text().count("users: steady with") == number)
        finally:
            up.send_signal(signal.SIGINT)
            up.wait(PATIENCE)
            remove_images(prefix, f"dev.ecslocal.owner={owner}")


def composed(rounds, figures):
    port = free_port()
    prefix = f"bench-{port}"
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        shutil.copytree(ROOT / "services", folder / "services")
        base = os.environ.get("ECSLOCAL_NODE_BASE", "node:22-alpine")
        service = {"image": f"{prefix}/users", "build": {"context": "services/users", "args": {"BASE": base}, "labels": {"bench": prefix}}, "ports": [f"127.0.0.1:{port}:3000"]}
        (folder / "docker-compose.yml").write_text(json.dumps({"version": "2.4", "services": {"users": service}}))
        compose = lambda *words: subprocess.Popen(
            ["docker-compose", "--project-name", prefix, *words], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            compose("up", "-d", "--build").wait(PATIENCE)
            until_served(port, 0, time.monotonic())
            for number in range(1, rounds + 1):
                begin = save(folder, number)
                typed = compose("up", "-d", "--build", "users")
                took, failed = until_served(port, number, begin)
                typed.wait(PATIENCE)
                figures.setdefault("docker-compose up --build: save to answer, ms", []).append(took)
                figures.setdefault("docker-compose up --build: failed requests meanwhile", []).append(failed)
        finally:
            compose("down").wait(PATIENCE)
            remove_images(prefix, f"bench={prefix}")


def wait_for(process, found):
    end = time.monotonic() + PATIENCE
    while not found():
        if time.monotonic() > end or process.poll() is not None:
            raise SystemExit("`up --watch` did not come so far")
        time.sleep(0.05)


def remove_images(prefix, label):
    """Those of this run, by their names, and those that have lost theirs to a later one, by their label."""
    listed = subprocess.run(["docker", "images", "--format", "{{.Repository}}:{{.Tag}}", f"{prefix}/*"], capture_output=True, text=True).stdout.split()
    listed += subprocess.run(["docker", "images", "--quiet", "--filter", f"label={label}"], capture_output=True, text=True).stdout.split()
    for image in dict.fromkeys(listed):
        subprocess.run(["docker", "rmi", image], capture_output=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--binary", default=str(ROOT / "target/release/ecslocal"))
    parser.add_argument("--json")
    options = parser.parse_args()
    rounds = max(1, min(options.rounds, 20))
    figures = {}
    watched(str(pathlib.Path(options.binary).resolve()), rounds, figures)
    composed(rounds, figures)
    for name, values in figures.items():
        print(f"{name:55} {statistics.median(values):8.0f}   ({min(values):.0f} to {max(values):.0f}, {len(values)} rounds)")
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
