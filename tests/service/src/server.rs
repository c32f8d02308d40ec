//! The listener, the connections, and an orderly end on SIGTERM.

use std::io::{self, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use signal_hook::consts::SIGTERM;
use signal_hook::iterator::Signals;

use crate::http::{Answer, Request, reason};
use crate::paths::{self, Outcome};
use crate::settings::{Mode, Settings};
use crate::{say, say_error};

/// How long requests in flight may still take after SIGTERM; the longest `stopTimeout` of ECS is 120 s.
const DRAIN_LIMIT: Duration = Duration::from_secs(120);

/// What all connections share.
pub(crate) struct Shared {
    /// The value of `X-Served-By`.
    pub(crate) served_by: String,
    /// What is taken off the front of every path.
    pub(crate) prefix: String,
    /// The status of `/` now.
    pub(crate) health_status: AtomicU16,
    /// Memory that `/eat-memory` took.
    pub(crate) eaten: Mutex<Vec<Vec<u8>>>,
    stopping: AtomicBool,
    in_flight: Mutex<usize>,
    less_in_flight: Condvar,
}

/// Serves until SIGTERM, then finishes what is in flight.
///
/// # Errors
/// The port cannot be bound, or signals cannot be received.
pub(crate) fn run(settings: &Settings) -> io::Result<()> {
    // Before anything slow: a SIGTERM during the start delay must be obeyed as well.
    let mut signals = Signals::new([SIGTERM])?;
    let shared = Arc::new(Shared {
        served_by: settings.served_by.clone(),
        prefix: settings.prefix.clone(),
        health_status: AtomicU16::new(settings.health_status),
        eaten: Mutex::default(),
        stopping: AtomicBool::new(false),
        in_flight: Mutex::new(0),
        less_in_flight: Condvar::new(),
    });
    if settings.mode == Mode::Serve {
        start_listening(settings, &shared)?;
    }
    for _signal in signals.forever() {
        if !settings.ignore_sigterm {
            break;
        }
        say("SIGTERM ignored");
    }
    shared.stopping.store(true, Ordering::SeqCst);
    let in_flight = lock(&shared.in_flight);
    let (left, _) = shared.less_in_flight.wait_timeout_while(in_flight, DRAIN_LIMIT, |count| *count > 0).unwrap_or_else(PoisonError::into_inner);
    say(&format!("stopped by SIGTERM, {left} requests cut"));
    Ok(())
}

/// Takes a lock whether or not another thread has panicked with it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Binds at once, or after the start delay in a thread of its own, so that SIGTERM is heard meanwhile.
fn start_listening(settings: &Settings, shared: &Arc<Shared>) -> io::Result<()> {
    let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, settings.port));
    let shared = Arc::clone(shared);
    if settings.start_delay.is_zero() {
        let listener = TcpListener::bind(address)?;
        thread::spawn(move || accept(&listener, &shared));
        return Ok(());
    }
    let delay = settings.start_delay;
    thread::spawn(move || {
        thread::sleep(delay);
        match TcpListener::bind(address) {
            Ok(listener) => accept(&listener, &shared),
            Err(problem) => {
                say_error(&format!("cannot serve on {address}: {problem}"));
                crate::exit_now(1)
            }
        }
    });
    Ok(())
}

/// One thread per connection; after SIGTERM new connections are closed unanswered, as if nobody listened.
fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    if let Ok(address) = listener.local_addr() {
        say(&format!("listening on {address}"));
    }
    for stream in listener.incoming() {
        if shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            // A client that goes away or speaks no HTTP only loses its own connection.
            serve(stream, &shared).ok();
        });
    }
}

/// All requests of one connection.
fn serve(stream: TcpStream, shared: &Arc<Shared>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    while let Some(mut request) = Request::read_head(&mut reader)? {
        let _in_flight = InFlight::enter(shared);
        request.read_body(&mut reader, &mut writer)?;
        let last = shared.stopping.load(Ordering::SeqCst) || request.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        match paths::answer(&request, shared, &writer) {
            Outcome::Answer(answer) => write_answer(&mut writer, &request, (&answer, &shared.served_by, last))?,
            Outcome::Stream(stream) => stream.write(&mut writer, (&shared.served_by, last))?,
            Outcome::Half(bytes) => {
                let head = format!("HTTP/1.1 200 OK\r\nX-Served-By: {}\r\nContent-Length: {}\r\n\r\n", shared.served_by, bytes.saturating_mul(10));
                writer.write_all(head.as_bytes())?;
                return writer.write_all(&vec![b'x'; bytes]);
            }
            Outcome::Upgrade => {
                let head = format!(
                    "HTTP/1.1 101 Switching Protocols\r\nX-Served-By: {}\r\nConnection: upgrade\r\nUpgrade: {}\r\n\r\n",
                    shared.served_by,
                    request.header("upgrade").unwrap_or("echo")
                );
                writer.write_all(head.as_bytes())?;
                return io::copy(&mut reader, &mut writer).map(drop);
            }
            Outcome::Close => return Ok(()),
        }
        if last {
            return Ok(());
        }
    }
    Ok(())
}

/// Writes an answer in one piece; a HEAD gets the same head and no body, a 204 or 304 has none.
fn write_answer(writer: &mut TcpStream, request: &Request, (answer, served_by, last): (&Answer, &str, bool)) -> io::Result<()> {
    let status = answer.status;
    let bodiless = matches!(status, 204 | 304);
    let mut bytes = format!("HTTP/1.1 {status} {}\r\nX-Served-By: {served_by}\r\n", reason(status));
    if !bodiless {
        bytes.push_str(&format!("Content-Length: {}\r\n", answer.body.len()));
    }
    for (name, value) in &answer.headers {
        bytes.push_str(&format!("{name}: {value}\r\n"));
    }
    bytes.push_str(if last { "Connection: close\r\n\r\n" } else { "\r\n" });
    let mut bytes = bytes.into_bytes();
    if request.method != "HEAD" && !bodiless {
        bytes.extend_from_slice(&answer.body);
    }
    writer.write_all(&bytes)
}

/// Counts one request as in flight for as long as it lives.
struct InFlight<'a>(&'a Shared);

impl<'a> InFlight<'a> {
    fn enter(shared: &'a Shared) -> Self {
        *lock(&shared.in_flight) += 1;
        Self(shared)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        *lock(&self.0.in_flight) -= 1;
        self.0.less_in_flight.notify_all();
    }
}
