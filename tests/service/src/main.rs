//! The one container of the tests: a small static binary that runs `FROM scratch` and misbehaves on request.
//!
//! Here: an HTTP/1.1 server with one thread per connection, and every fault that a test needs from a container.
//! Not here: anything that the product uses. Built with
//! `RUSTFLAGS='-C target-feature=+crt-static' cargo build --release -p test-service --target <host>`, so that it needs no C library in its image.
//!
//! # Words of the command line
//! | words | what happens |
//! | --- | --- |
//! | `--print LINE` | writes `LINE` to stdout at start; may be given many times |
//! | `--eprint LINE` | the same on stderr |
//! | `--start-delay MS` | waits so long before it listens |
//! | `--exit-after MS CODE` | exits with `CODE` so long after its start, listening or not |
//! | `--ignore-sigterm` | takes SIGTERM, says so, and goes on |
//! | `--see PATH` | writes `PATH is …` to stdout at start: where a link leads, the names in a folder, else the lines of a file with ` \| ` between; may be given many times |
//! | `--write PATH TEXT` | writes a file at start, before it looks at anything; what the system says against it is a line on stderr |
//! | `--resolve NAME` | the same with the first address of a host's name, or `unknown` |
//! | `--forward PATH` | listens for Fluentd's forward protocol on a Unix socket at that path and on port 24224, and writes `forwarded TAG: key=value …` for each message to stdout |
//! | `--no-listen` | opens no port; lives until SIGTERM |
//! | `--cat` | does not serve: writes what it reads to stdout, to its end |
//! | `--check PATH` | does not serve: asks `PATH` of the server in this container, exits 0 on a 200 and 1 otherwise (for container health checks) |
//!
//! An unknown word is an error: exit code 64.
//!
//! # Environment
//! | variable | default | meaning |
//! | --- | --- | --- |
//! | `PORT` | 8080 | the port; 0 lets the system choose, and the line `listening on ADDRESS` on stdout tells it |
//! | `TASK` | host name | the value of the header `X-Served-By`, which every answer carries |
//! | `PREFIX` | none | taken off the front of every path that has it: `/users/echo` is `/echo` with `PREFIX=/users` |
//! | `HEALTH_STATUS` | 200 | the status of `/` |
//!
//! # Paths
//! | path | answer |
//! | --- | --- |
//! | `/` | the health status, 200 unless changed |
//! | `/health-becomes?status=500` | 200; `/` answers with that status from now on |
//! | `/echo` | lines `method: `, `path: `, `peer: `, one `header: name: value` for each header in order, `body-bytes: ` |
//! | `/env?name=N` | the value of an environment variable, 404 where it is not set |
//! | `/slow?ms=1000` | 200 after so long |
//! | `/hang` | never answers; in flight until the client goes away, so SIGTERM alone does not end the process |
//! | `/close` | closes the connection without an answer |
//! | `/half?bytes=10` | promises ten times as many bytes as it sends, then closes |
//! | `/bytes?n=1024&chunked=1` | so many bytes `x`, with a content length, or in chunks |
//! | `/big-header?bytes=8192` | 200 with a header `X-Big` of that size |
//! | `/status?code=503` | that status |
//! | `/stream?n=5&ms=100` | so many chunks `event 1`, `event 2`, …, so far apart |
//! | `/sse?n=5&ms=100` | the same as server-sent events |
//! | `/upgrade` | 101 Switching Protocols, then every byte comes back |
//! | `/dial?to=HOST:PORT&ms=1000` | 200 `connected ADDRESS` when a TCP connection opens, else 502 with the reason |
//! | `/ask?of=HOST:PORT&path=/echo` | 200 with the status that another server answers over a new connection and its `X-Served-By`, else 502 with the reason |
//! | `/send?to=HOST:PORT&hex=474554` | opens a TCP connection, sends those bytes, and answers with what came back, or 502 |
//! | `/records?name=N&type=33` | 200 with the message that the container's name server answers when it is asked over UDP for records of that name, or 502 |
//! | `/eat-memory?mb=64` | holds that much more memory until the process ends |
//! | `/crash?code=1` | the process exits at once, without an answer |
//!
//! Any other path: 404. A number that cannot be read: 400.
//!
//! # Stopping
//! SIGTERM: no new connections, requests in flight are finished (their answers say `Connection: close`), exit code 0.
//! As PID 1 the kernel gives a process no default action for SIGTERM, which is why this is handled at all.

mod forward;
mod http;
mod look;
mod paths;
mod server;
mod settings;

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use crate::settings::{Mode, Settings};

/// Exit code for words that it does not know, as in BSD's `sysexits.h`.
const USAGE: u8 = 64;

fn main() -> ExitCode {
    let settings = match Settings::read() {
        Ok(settings) => settings,
        Err(problem) => {
            say_error(&problem);
            return ExitCode::from(USAGE);
        }
    };
    if let Mode::Check(path) = &settings.mode {
        return if http::answers_ok(settings.port, path) { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    if settings.mode == Mode::Cat {
        let copied = std::io::copy(&mut std::io::stdin(), &mut std::io::stdout());
        return if copied.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    if let Some(path) = &settings.forward
        && let Err(problem) = forward::listen(path)
    {
        say_error(&format!("cannot listen on {path}: {problem}"));
        return ExitCode::FAILURE;
    }
    for line in &settings.print {
        say(line);
    }
    for (path, text) in &settings.writes {
        if let Err(problem) = std::fs::write(path, text) {
            say_error(&format!("cannot write {path}: {problem}"));
        }
    }
    for look in &settings.looks {
        say(&look.line());
    }
    for line in &settings.eprint {
        say_error(line);
    }
    if let Some((delay, code)) = settings.exit_after {
        thread::spawn(move || {
            thread::sleep(delay);
            exit_now(code);
        });
    }
    match server::run(&settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            say_error(&format!("cannot serve on port {}: {problem}", settings.port));
            ExitCode::FAILURE
        }
    }
}

/// A line on stdout, where container logs are read.
#[expect(clippy::print_stdout, reason = "the log of a container is its stdout")]
fn say(line: &str) {
    println!("{line}");
}

/// A line on stderr.
#[expect(clippy::print_stderr, reason = "the log of a container is its stderr, too")]
fn say_error(line: &str) {
    eprintln!("{line}");
}

/// Ends the process with no clean-up at all, from any thread: this is the crash that a test asks for.
#[expect(clippy::exit, clippy::disallowed_methods, reason = "a crash on request is what this binary is for")]
fn exit_now(code: i32) -> ! {
    std::process::exit(code)
}

/// A duration from a number of milliseconds.
fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}
