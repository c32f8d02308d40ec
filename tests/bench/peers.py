"""Who is measured: ecslocal and its peers, each on a core of its own, in front of one target.

Every candidate listens on the ports of `PORTS`, as far as it has the feature: `plain` (a fixed response, and `/target/` forwarded), `logged`
(the same with an access log), `tls` (the same under TLS, HTTP/2 offered), `rules` (the last of 100 rules forwards). What ecslocal does
with every request the peers do too: forwarded headers and a trace id. Everything listens on loopback and ends with its context.
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

CANDIDATE_CORE, OTHER_CORE = "0", "1"
PORTS = ("plain", "logged", "tls", "rules")
# AWS's limit for a load balancer, less the default rule.
RULES = 99

FIXED = '[{ type: fixed-response, fixedResponseConfig: { statusCode: "200", messageBody: hello } }]'
RULE = "{{ priority: {0}, conditions: [{{ field: path-pattern, values: ['{1}'] }}], actions: [{{ type: forward, targetGroup: {2} }}] }}"

MANIFEST = """
cluster: bench
loadBalancers:
  - name: bench
    listeners:
      - { port: %(plain)d, defaultActions: """ + FIXED + """, rules: [%(bench_rule)s] }
      - port: %(tls)d
        protocol: HTTPS
        certificates: [{ certificate: certificate.pem, privateKey: key.pem }]
        defaultActions: """ + FIXED + """
        rules: [%(bench_rule)s]
  - name: rules
    listeners:
      - { port: %(rules)d, defaultActions: """ + FIXED + """, rules: [%(many)s] }
  - name: logged
    attributes: { access_logs.s3.enabled: true, access_logs.s3.bucket: bench }
    listeners:
      - { port: %(logged)d, defaultActions: """ + FIXED + """, rules: [%(logged_rule)s] }
targetGroups:
  - { name: bench, targetType: ip, port: 80, targets: [{ id: 127.0.0.1, port: %(target)d }], healthCheckPath: /target/small }
  - { name: rules, targetType: ip, port: 80, targets: [{ id: 127.0.0.1, port: %(target)d }], healthCheckPath: /target/small }
  - { name: logged, targetType: ip, port: 80, targets: [{ id: 127.0.0.1, port: %(target)d }], healthCheckPath: /target/small }
"""

NGINX_HEAD = """
worker_processes 1; daemon off; pid %(folder)s/nginx.pid; error_log stderr error; worker_rlimit_nofile 20000;
events { worker_connections 4000; }
http {
  access_log off; keepalive_timeout 300s; keepalive_requests 100000000; client_max_body_size 100m;
  client_body_temp_path %(folder)s/a; proxy_temp_path %(folder)s/b; fastcgi_temp_path %(folder)s/c; uwsgi_temp_path %(folder)s/d;
  scgi_temp_path %(folder)s/e;
"""

TARGET = NGINX_HEAD + """
  server {
    listen 127.0.0.1:%(port)d;
    location = /target/small { return 200 hello; }
    location /target/ { root %(folder)s; }
    location = /target/upload { return 200 taken; }
  }
}
"""

NGINX_PROXY = """
    location / { return 200 hello; }
    location /target/ {
      proxy_pass http://target; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Port $server_port; proxy_set_header X-Amzn-Trace-Id $request_id; proxy_request_buffering off;
    }
"""

NGINX = NGINX_HEAD + """
  upstream target { server 127.0.0.1:%(target)d; keepalive 512; keepalive_requests 100000000; }
  server { listen 127.0.0.1:%(plain)d; """ + NGINX_PROXY + """ }
  server { listen 127.0.0.1:%(logged)d; access_log %(folder)s/access.log combined buffer=64k flush=1s; """ + NGINX_PROXY + """ }
  server {
    listen 127.0.0.1:%(tls)d ssl http2; ssl_certificate %(folder)s/certificate.pem; ssl_certificate_key %(folder)s/key.pem;
    ssl_protocols TLSv1.2 TLSv1.3; """ + NGINX_PROXY + """
  }
}
"""

HAPROXY_PROXY = """
  option forwardfor
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Port %%[dst_port]
  use_backend target if { path_beg /target/ }
  http-request return status 200 content-type text/plain string hello unless { path_beg /target/ }
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
  unique-id-format %%[uuid()]
  unique-id-header X-Amzn-Trace-Id
frontend plain
  bind 127.0.0.1:%(plain)d
""" + HAPROXY_PROXY + """
frontend tls
  bind 127.0.0.1:%(tls)d ssl crt %(folder)s/both.pem alpn h2,http/1.1
""" + HAPROXY_PROXY + """
backend target
  server one 127.0.0.1:%(target)d maxconn 4000
"""

CADDY = """
{
  admin off
  auto_https off
}
http://127.0.0.1:%(plain)d {
  bind 127.0.0.1
  handle /target/* {
    reverse_proxy 127.0.0.1:%(target)d {
      header_up X-Forwarded-Port %(plain)d
      header_up X-Amzn-Trace-Id {http.request.uuid}
    }
  }
  respond hello
}
"""


def pinned(core, *words):
    return ["taskset", "-c", core, *words] if os.cpu_count() > 1 and shutil.which("taskset") else list(words)


def free():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def free_ports():
    # Held together, so that all are different.
    held = [socket.create_server(("127.0.0.1", 0)) for _ in PORTS]
    ports = {name: one.getsockname()[1] for name, one in zip(PORTS, held)}
    for one in held:
        one.close()
    return ports


def wait(port, path):
    end = time.time() + 30
    while time.time() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as stream:
            stream.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            if b" 200" in stream.recv(100):
                return
        time.sleep(0.05)
    raise SystemExit(f"nothing answers on port {port}")


def certificate(folder):
    """One for `localhost`, the same kind for all."""
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    files = ["-keyout", f"{folder}/key.pem", "-out", f"{folder}/certificate.pem", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*words, *files], check=True, capture_output=True)
    pathlib.Path(folder, "both.pem").write_text(pathlib.Path(folder, "certificate.pem").read_text() + pathlib.Path(folder, "key.pem").read_text())


@contextlib.contextmanager
def process(words, core, environment=None):
    running = subprocess.Popen(pinned(core, *words), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=environment)
    try:
        yield running.pid
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(10)


@contextlib.contextmanager
def configured(name, text, values, words, core):
    """A program with a configuration file in a folder of its own, where its certificate is too."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        certificate(folder)
        target = pathlib.Path(folder, "target")
        target.mkdir()
        (target / "16k").write_bytes(b"x" * 16 * 1024)
        (target / "1m").write_bytes(b"x" * 1024 * 1024)
        configuration = pathlib.Path(folder, name)
        configuration.write_text(text % {"folder": folder, **values})
        home = {**os.environ, "HOME": folder, "GOMAXPROCS": "1"}
        with process([word % {"folder": folder, "file": configuration} for word in words], core, home) as pid:
            yield pid


@contextlib.contextmanager
def target():
    port = free()
    with configured("nginx.conf", TARGET, {"port": port}, ["nginx", "-p", "%(folder)s", "-c", "%(file)s"], OTHER_CORE):
        wait(port, "/target/small")
        yield port


@contextlib.contextmanager
def nginx(target):
    ports = free_ports()
    words = ["nginx", "-p", "%(folder)s", "-c", "%(file)s"]
    with configured("nginx.conf", NGINX, {"target": target, **ports}, words, CANDIDATE_CORE) as pid:
        wait(ports["plain"], "/target/small")
        yield pid, {name: ports[name] for name in ("plain", "logged", "tls")}


@contextlib.contextmanager
def haproxy(target):
    ports = free_ports()
    with configured("haproxy.cfg", HAPROXY, {"target": target, **ports}, ["haproxy", "-db", "-f", "%(file)s"], CANDIDATE_CORE) as pid:
        wait(ports["plain"], "/target/small")
        yield pid, {name: ports[name] for name in ("plain", "tls")}


@contextlib.contextmanager
def caddy(target):
    ports = free_ports()
    words = ["caddy", "run", "--adapter", "caddyfile", "--config", "%(file)s"]
    with configured("Caddyfile", CADDY, {"target": target, **ports}, words, CANDIDATE_CORE) as pid:
        wait(ports["plain"], "/target/small")
        yield pid, {"plain": ports["plain"]}


@contextlib.contextmanager
def ecslocal(binary, target):
    ports = free_ports()
    many = [RULE.format(number, f"/service-{number}/*", "rules") for number in range(1, RULES)] + [RULE.format(RULES, "/target/*", "rules")]
    rules = {"many": ", ".join(many), **{f"{name}_rule": RULE.format(1, "/target/*", name) for name in ("bench", "logged")}}
    with tempfile.TemporaryDirectory() as folder:
        certificate(folder)
        pathlib.Path(folder, "cluster.yaml").write_text(MANIFEST % {"target": target, **rules, **ports})
        environment = {**os.environ, "ECSLOCAL_HOME": f"{folder}/home", "ECSLOCAL_CONTROL": f"127.0.0.1:{free()}"}

        def run(*words):
            done = subprocess.run(pinned(CANDIDATE_CORE, binary, *words), cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
            if done.returncode:
                raise SystemExit(f"{binary} {' '.join(words)}: {done.stderr}")

        run("up", "-d")
        try:
            wait(ports["plain"], "/target/small")
            yield json.loads(pathlib.Path(folder, "home", "daemon.json").read_text())["pid"], ports
        finally:
            run("down")


def cpu(pid):
    """Seconds of CPU that a process and its children have had."""
    children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout.split()
    ticks = 0
    for one in [pid, *map(int, children)]:
        fields = pathlib.Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
