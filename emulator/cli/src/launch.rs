//! Finding the daemon, or starting it: in the background, or inside this process.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use daemon::{Options, Running};
use tokio::sync::oneshot::{self, error::TryRecvError};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use wire::local::{API_VERSION, Failure, Fault, Hello, path};

use crate::client::Client;
use crate::end::Outcome;
use crate::settings::Settings;

/// How long a daemon may take to answer after its start, and to end after it was asked to.
const START: Duration = Duration::from_secs(15);
const STOP: Duration = Duration::from_secs(15);
/// How long a process may live on after its daemon has ended.
const LINGER: Duration = Duration::from_secs(1);
/// Between two looks at a daemon that starts or ends.
const LOOK: Duration = Duration::from_millis(20);
/// How long a daemon that listens may take to say who it is.
const HELLO: Duration = Duration::from_secs(5);

/// Where the daemon is and how it is started.
pub(crate) struct Launcher {
    options: Options,
}

/// The daemon inside this process: a thread with a runtime of its own.
pub(crate) struct OwnDaemon {
    stop: CancellationToken,
    ending: oneshot::Receiver<Result<(), Failure>>,
    /// What `ending` said; it speaks once.
    ended: Option<Result<(), Failure>>,
    thread: Option<JoinHandle<()>>,
}

impl Launcher {
    /// With the daemon's settings from the environment.
    pub(crate) fn new(settings: &Settings) -> Result<Self, Failure> {
        Ok(Self { options: Options::from_environment(&|name| settings.variable(name))? })
    }

    /// The daemon that runs, if one does.
    pub(crate) async fn find(&self) -> Result<Option<Client>, Failure> {
        let Some(running) = Running::read(&self.options.state_folder) else {
            return Ok(None);
        };
        let client = Client::new(running.endpoint);
        // Nobody listening means that the note is stale; another program on the port says something else than hello.
        if timeout(HELLO, tokio::net::TcpStream::connect(running.endpoint)).await.is_ok_and(|connected| connected.is_err()) {
            return Ok(None);
        }
        match timeout(HELLO, client.get::<Hello>(path::HELLO)).await {
            Ok(Ok(hello)) if hello.product == "ecslocal" => same_version(&hello).map(|()| Some(client)),
            Ok(_) => Ok(None),
            Err(_) => Err(Failure::environment(format!("the daemon (process {}) at {} does not answer", running.pid, running.endpoint))
                .hint(format!("end it with `kill {}`; `ecslocal up` starts another, which finds its containers", running.pid))),
        }
    }

    /// The daemon that a listing needs.
    pub(crate) async fn require(&self) -> Result<Client, Failure> {
        self.find().await?.ok_or_else(|| Failure::input("no daemon is running").hint("`ecslocal up -d` starts it with what cluster.yaml says"))
    }

    /// The daemon that runs, or a new one in the background.
    pub(crate) async fn find_or_spawn(&self) -> Result<Client, Failure> {
        if let Some(client) = self.find().await? {
            return Ok(client);
        }
        let log = self.log_file();
        fs::create_dir_all(&self.options.state_folder).map_err(|error| {
            Failure::environment(format!("the state folder `{}` cannot be made: {error}", self.options.state_folder.display()))
                .hint("set `ECSLOCAL_HOME` to a folder of yours")
        })?;
        let before = fs::metadata(&log).map(|metadata| metadata.len()).unwrap_or(0);
        let mut child = spawn(&log)?;
        let deadline = Instant::now() + START;
        while Instant::now() < deadline {
            if let Some(client) = self.find().await? {
                return Ok(client);
            }
            if let Some(status) = child.try_wait().map_err(|error| Failure::environment(format!("the daemon cannot be watched: {error}")))? {
                return match self.of_another(deadline).await? {
                    Some(client) => Ok(client),
                    None => Err(last_words(status, &new_lines(&log, before), &log)),
                };
            }
            sleep(LOOK).await;
        }
        Err(Failure::environment(format!("the daemon (process {}) does not answer {} s after its start", child.id(), START.as_secs()))
            .hint(format!("see `{}`", log.display()))
            .log(tail(&new_lines(&log, before), 10)))
    }

    /// The daemon that runs, or a new one inside this process.
    pub(crate) async fn find_or_host(&self) -> Result<(Client, Option<OwnDaemon>), Failure> {
        if let Some(client) = self.find().await? {
            return Ok((client, None));
        }
        let (ready, readiness) = oneshot::channel();
        let mut own = host(self.options.clone(), ready)?;
        match timeout(START, readiness).await {
            Ok(Ok(running)) => Ok((Client::new(running.endpoint), Some(own))),
            Ok(Err(_)) => match self.of_another(Instant::now() + START).await? {
                Some(client) => Ok((client, None)),
                None => Err(own.end().await.err().unwrap_or_else(|| Failure::environment("the daemon ended before it was ready"))),
            },
            Err(_) => Err(Failure::environment(format!("the daemon is not ready {} s after its start", START.as_secs()))
                .hint("`ecslocal doctor` looks at the engine and the ports")),
        }
    }

    /// Two `up` at once: one daemon is too late for the state folder, the other is as good and answers soon.
    async fn of_another(&self, deadline: Instant) -> Result<Option<Client>, Failure> {
        loop {
            if let Some(client) = self.find().await? {
                return Ok(Some(client));
            }
            if Instant::now() >= deadline || !daemon::is_held(&self.options.state_folder) {
                return Ok(None);
            }
            sleep(LOOK).await;
        }
    }

    /// Whether there is state of a daemon that ended.
    pub(crate) fn has_state(&self) -> bool {
        self.options.state_folder.join("state.json").exists()
    }

    /// The daemon's process, as it announced itself.
    pub(crate) fn process(&self) -> Option<u32> {
        Running::read(&self.options.state_folder).map(|running| running.pid)
    }

    /// Waits until the daemon of that process is gone; false if it is still there. Its announcement goes when it has ended in order;
    /// the process ends a moment later, and with it the lock on the state.
    pub(crate) async fn gone(&self, process: Option<u32>) -> bool {
        let deadline = Instant::now() + STOP;
        let mut patience = None;
        while Instant::now() < deadline {
            if !process.is_some_and(is_alive) {
                return true;
            }
            if self.process() != process {
                // The daemon of another `up` in the foreground: its process may have more to say.
                let until = *patience.get_or_insert_with(|| Instant::now() + LINGER);
                if Instant::now() >= until {
                    return true;
                }
            }
            sleep(LOOK).await;
        }
        false
    }

    /// What is wrong with this machine.
    pub(crate) async fn examine(&self) -> Vec<daemon::doctor::Finding> {
        daemon::doctor::examine(&self.options).await
    }

    fn log_file(&self) -> PathBuf {
        self.options.state_folder.join("daemon.log")
    }
}

impl OwnDaemon {
    /// Asks it to end in order, and waits.
    pub(crate) async fn end(&mut self) -> Result<(), Failure> {
        self.stop.cancel();
        let Ok(ended) = timeout(STOP, self.ended()).await else {
            return Err(Failure::environment(format!("the daemon does not end within {} s", STOP.as_secs())));
        };
        if let Some(thread) = self.thread.take() {
            // It has sent its result: nothing is left but to return.
            thread.join().map_err(|_| Failure::environment("the daemon broke off"))?;
        }
        ended
    }

    /// Waits until it ends by itself.
    async fn ended(&mut self) -> Result<(), Failure> {
        if self.ended.is_none() {
            let result = (&mut self.ending).await;
            self.ended = Some(result.unwrap_or_else(|_| Err(Failure::environment("the daemon broke off"))));
        }
        self.ended.clone().unwrap_or(Ok(()))
    }

    /// How it ended by itself, if it did.
    pub(crate) fn has_ended(&mut self) -> Option<Result<(), Failure>> {
        if self.ended.is_none() {
            self.ended = match self.ending.try_recv() {
                Ok(result) => Some(result),
                Err(TryRecvError::Empty) => None,
                Err(TryRecvError::Closed) => Some(Err(Failure::environment("the daemon broke off"))),
            };
        }
        self.ended.clone()
    }
}

/// `ecslocal daemon`: the daemon alone, until SIGTERM or SIGINT.
pub(crate) async fn run(settings: &Settings) -> Outcome {
    // A daemon that was started in the background leaves the terminal's session; one that a person started leads a group already.
    rustix::process::setsid().ok();
    daemon::journal::begin();
    let options = Launcher::new(settings)?.options;
    let (ready, _readiness) = oneshot::channel();
    let mut own = host(options, ready)?;
    let mut interrupts = crate::interrupt::Interrupts::new()?;
    tokio::select! {
        () = interrupts.next() => own.end().await?,
        ended = own.ended() => ended?,
    }
    Ok(())
}

fn host(options: Options, ready: oneshot::Sender<Running>) -> Result<OwnDaemon, Failure> {
    let stop = CancellationToken::new();
    let (end, ending) = oneshot::channel();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::environment(format!("the daemon's threads cannot be started: {error}")))?;
    let serving = stop.clone();
    let thread = thread::Builder::new()
        .name("daemon".into())
        .spawn(move || {
            let result = runtime.block_on(daemon::serve(options, ready, serving));
            // Nobody waits any more when the user left at once.
            end.send(result).ok();
        })
        .map_err(|error| Failure::environment(format!("the daemon's thread cannot be started: {error}")))?;
    Ok(OwnDaemon { stop, ending, ended: None, thread: Some(thread) })
}

fn spawn(log: &Path) -> Result<Child, Failure> {
    let failed = |what: &str, error: std::io::Error| Failure::environment(format!("{what}: {error}"));
    let program = std::env::current_exe().map_err(|error| failed("the path of `ecslocal` itself cannot be found", error))?;
    let unwritable =
        |error| failed(&format!("the log `{}` cannot be written", log.display()), error).hint("set `ECSLOCAL_HOME` to a folder of yours");
    let file = File::options().create(true).append(true).open(log).map_err(unwritable)?;
    let second = file.try_clone().map_err(unwritable)?;
    Command::new(&program)
        .arg("daemon")
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(second)
        .spawn()
        .map_err(|error| failed(&format!("`{} daemon` cannot be started", program.display()), error))
}

fn is_alive(process: u32) -> bool {
    let id = i32::try_from(process).ok().and_then(rustix::process::Pid::from_raw);
    id.is_some_and(|id| rustix::process::test_kill_process(id) != Err(rustix::io::Errno::SRCH)) && !is_defunct(process)
}

/// A process that has ended and that nobody has asked about yet answers signals still. Its state stands behind its name in brackets.
fn is_defunct(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('Z'))
}

fn same_version(hello: &Hello) -> Result<(), Failure> {
    let own = env!("CARGO_PKG_VERSION");
    if hello.api == API_VERSION && hello.version == own {
        return Ok(());
    }
    Err(Failure::environment(format!("the daemon that runs (process {}) is ecslocal {}, this is {own}", hello.pid, hello.version))
        .hint(format!("`kill {}`, then `ecslocal up -d`: containers keep running and are found again", hello.pid)))
}

/// What was appended to the log since it was that long.
fn new_lines(log: &Path, before: u64) -> Vec<String> {
    let bytes = fs::read(log).unwrap_or_default();
    let start = usize::try_from(before).unwrap_or(usize::MAX).min(bytes.len());
    String::from_utf8_lossy(bytes.get(start..).unwrap_or_default()).lines().map(str::to_owned).collect()
}

fn tail(lines: &[String], count: usize) -> Vec<String> {
    lines.iter().skip(lines.len().saturating_sub(count)).cloned().collect()
}

/// The failure that a daemon printed before it ended; else the end of what it printed.
fn last_words(status: ExitStatus, lines: &[String], log: &Path) -> Failure {
    let fault = if status.code() == Some(1) { Fault::Input } else { Fault::Environment };
    let find = |prefix: &str| lines.iter().rev().find_map(|line| line.strip_prefix(prefix)).map(str::to_owned);
    let error = lines.iter().rposition(|line| line.starts_with("error: ")).and_then(|at| lines.get(at..)).unwrap_or_default();
    // A message's further lines stand below it, moved to the right.
    let further = error.iter().skip(1).take_while(|line| line.starts_with("  "));
    match find("error: ") {
        Some(first) => {
            let message = std::iter::once(first).chain(further.cloned()).collect::<Vec<_>>().join("\n");
            Failure { fault, message, hint: find("hint: "), log: Vec::new() }
        }
        None => Failure {
            fault,
            message: format!("the daemon ended at its start ({status})"),
            hint: Some(format!("see `{}`", log.display())),
            log: tail(lines, 10),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_daemons_last_words_become_the_failure() {
        let log = Path::new("/s/daemon.log");
        let said = lines("starting\nerror: port 4566 is held\n  by `node` (process 7)\nhint: set `ECSLOCAL_CONTROL`");
        let expected = Failure::input("port 4566 is held\n  by `node` (process 7)").hint("set `ECSLOCAL_CONTROL`");
        assert_eq!(last_words(ExitStatus::from_raw(1 << 8), &said, log), expected);
        let mute = last_words(ExitStatus::from_raw(9), &lines("a\nb"), log);
        assert_eq!((mute.fault, mute.log), (Fault::Environment, lines("a\nb")));
        assert!(mute.message.contains("signal: 9"), "{}", mute.message);
    }

    #[test]
    fn another_version_is_refused_with_the_way_out() {
        let mut hello: Hello = serde_json::from_value(serde_json::json!({
            "product": "ecslocal", "version": env!("CARGO_PKG_VERSION"), "api": API_VERSION, "pid": 7, "startedAt": 0.0, "stateFolder": "/s",
            "engine": {"name": "Docker", "version": "1", "endpoint": "unix", "problem": null},
        }))
        .unwrap();
        assert_eq!(same_version(&hello), Ok(()));
        hello.version = "0.0.1".into();
        let failure = same_version(&hello).unwrap_err();
        assert!(failure.message.contains("0.0.1") && failure.hint.unwrap().contains("kill 7"));
    }
}
