//! The house of a story: keeper, observer and prober on the simulated fleet, and the commands that a story may give.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use daemon::hooks::{Answer, Hooks};
use daemon::keeper::{Handle, Keeper, Parts, Traffic};
use daemon::prober::Probe;
use daemon::{meter, observer, prober};
use engine::simulated::{Fleet, SimulatedAnswer, VerbName};
use engine::{Clock as _, EngineError, EngineErrorKind, ManualClock};
use model::{
    Change, ClusterName, EngineName, HealthCheck, HookAction, HookAnswer, HookTarget, Ids, InstanceName, InstanceStatus, OwnerId, Placement, RunTask,
    ServiceKey, ServiceName, Settings, TaskId, TaskOverrides, Timestamp, World,
};
use routing::ProbeOutcome;
use tokio::task::JoinSet;

use crate::scaled::{self, Loads};
use crate::words::Words;

/// When every story begins: 2026-01-01T00:00:00Z.
pub(super) const BEGINNING: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// How often in a row nothing may have moved before all is taken to be settled. Every task of the house runs on this one thread and
/// each yield gives each of them a turn, so a chain of messages longer than this would have to go on without moving anything.
const QUIET_TURNS: usize = 64;

/// How late the keeper may save what it learned of the engine.
const SAVE_WITHIN: Duration = Duration::from_millis(100);

pub(crate) struct House {
    manifests: PathBuf,
    clock: Arc<ManualClock>,
    pub(super) fleet: Arc<Fleet>,
    processes: Processes,
    pub(super) hooks: ToldHooks,
    pub(super) keeper: Handle,
    tasks: JoinSet<()>,
    pub(super) words: Words,
    pub(super) told_events: u64,
    /// How many faults were ever injected.
    pub(super) injected: u32,
    lives: u64,
    loads: Loads,
    /// What a state file would hold now, and since when it is behind: news of the engine's is saved within [`SAVE_WITHIN`].
    saved: World,
    behind_since: Option<Timestamp>,
}

struct NoTraffic;

impl Traffic for NoTraffic {
    fn publish(&self, _: Arc<routing::Table>, _: &model::World) {}
}

/// What processes answer that no container is, started from an editor for example: a status by port of this machine.
type Processes = Arc<Mutex<BTreeMap<u16, u16>>>;

/// Hooks that answer what the story says, by the name of their program; and what they were asked.
#[derive(Clone, Default)]
pub(super) struct ToldHooks {
    answers: Arc<Mutex<BTreeMap<String, HookAnswer>>>,
    pub(super) asked: Arc<Mutex<Vec<String>>>,
}

impl Hooks for ToldHooks {
    fn ask<'a>(&'a self, target: &'a HookTarget, question: &'a serde_json::Value) -> Answer<'a> {
        let HookTarget::Command { command, .. } = target else { panic!("a story's hooks are programs") };
        let details = &question["executionDetails"];
        let weights = [&details["testTrafficWeights"], &details["productionTrafficWeights"]].map(ToString::to_string).concat().replace("{}", "");
        let line = format!("{} {} {weights}", command[0], question["lifecycleStage"].as_str().unwrap());
        self.asked.lock().unwrap().push(line.trim().to_owned());
        let answer = self.answers.lock().unwrap().get(&command[0]).cloned().unwrap_or(HookAnswer::Succeeded);
        Box::pin(async move { answer })
    }
}

struct FleetProbe(Arc<Fleet>, Arc<ManualClock>, Processes);

impl Probe for FleetProbe {
    fn probe<'a>(&'a self, address: SocketAddr, check: &'a HealthCheck) -> Pin<Box<dyn Future<Output = ProbeOutcome> + Send + 'a>> {
        Box::pin(async move {
            let process = self.2.lock().unwrap().get(&address.port()).copied();
            if let Some(status) = process {
                return ProbeOutcome::Status(status);
            }
            match self.0.probe_status(address) {
                SimulatedAnswer::Status(status) => ProbeOutcome::Status(status),
                SimulatedAnswer::Refused => ProbeOutcome::Failed,
                SimulatedAnswer::Silent => {
                    self.1.sleep(check.timeout).await;
                    ProbeOutcome::Timeout
                }
            }
        })
    }
}

struct Files;

impl manifest::Source for Files {
    fn read(&self, path: &Path) -> Result<String, String> {
        std::fs::read_to_string(path).map_err(|error| error.to_string())
    }
}

impl House {
    pub(crate) async fn new(manifests: PathBuf) -> Self {
        let clock = Arc::new(ManualClock::at(BEGINNING));
        let fleet = Fleet::new(clock.clone());
        let settings = Settings {
            owner: OwnerId::from_text("story"),
            account: "000000000000".into(),
            region: "us-east-1".into(),
            instance: "i-0".into(),
            speed: model::Speed::default(),
        };
        let mut saved = World::new(settings);
        saved.engines.insert(EngineName::own(), fleet.resources());
        let processes = Processes::default();
        let hooks = ToldHooks::default();
        let (keeper, tasks) = begin((saved.clone(), 1), &clock, &fleet, &processes, &hooks);
        Self {
            manifests,
            clock,
            fleet,
            processes,
            hooks,
            keeper,
            tasks,
            words: Words::default(),
            told_events: 0,
            injected: 0,
            lives: 1,
            loads: Loads::default(),
            saved,
            behind_since: None,
        }
    }

    /// | command | does |
    /// |---|---|
    /// | `up FILE [KEY=VALUE …]` | applies a manifest of `tests/stories/manifests`, with those variables |
    /// | `scale SERVICE=N` / `down [CLUSTER]` | as on the command line |
    /// | `deploy SERVICE [FAMILY:N]` / `rollback SERVICE` | a new deployment, of what it runs or of that revision; of what it ran before |
    /// | `continue SERVICE` / `continue SERVICE back` | lets a paused deployment go on, or sends it back |
    /// | `run FAMILY[:N] [COUNT]` | tasks that no service keeps alive: `task/1`, `task/2` … |
    /// | `drain INSTANCE` / `activate INSTANCE` | as on the command line |
    /// | `instances` | container instances, with what is left of them and the tasks that are not over |
    /// | `protect SERVICE/N 30s` / `protect SERVICE/N off` | keeps a task from being scaled in or replaced |
    /// | `chaos kill SERVICE 50% 10s` / `pause` / `errors` / `chaos ends` | a fault on so many of its tasks, for so long; all faults end |
    /// | `faults` | which there are, and how many containers are struck |
    /// | `stop SERVICE/N` | StopTask |
    /// | `kill SERVICE/N[/CONTAINER] CODE` | its first container, or that one, ends with that code |
    /// | `remove SERVICE/N` | its containers are taken away as `docker rm --force` does |
    /// | `advance 5s` | winds the clock, letting everything happen that is due on the way |
    /// | `daemon dies` | and another begins with the saved state |
    /// | `daemon dies unsaved` | the same, and what it learned of the engine in its last 100 ms was not saved |
    /// | `engine goes` / `engine comes` | the engine cannot be reached, and can again |
    /// | `attach SERVICE PORT` / `detach SERVICE` | a process takes a service's requests, or gives them back |
    /// | `fail VERB KIND` | the engine's next such verb fails so, for example `fail create timeout` |
    /// | `process PORT STATUS` / `process PORT ends` | a process that no container is answers so on a port, or is there no more |
    /// | `hook NAME says yes` / `no` / `later 5s` | what a lifecycle hook answers from now on; `yes` where nothing is said |
    /// | `hooks` | what hooks were asked since they were last asked for |
    /// | `rule LOAD_BALANCER:PORT/PRIORITY` | what a rule does now |
    /// | `load GROUP N` / `load GROUP N failing M` | from now on so many requests a minute come for a target group, and so many get 5xx |
    /// | `speed 10x` | how much faster time runs from now on |
    /// | `alarms` | what alarms say |
    /// | `scaling` | what scales services, what it sees, and why nothing happens |
    /// | `targets [GROUP]` | the targets that no task stands behind, or all of a group |
    /// | `show [SERVICE]` | services, tasks that are not over, targets |
    /// | `containers SERVICE/N` | the containers of a task |
    /// | `stopped SERVICE` / `stopped task` | tasks that are over, with reason and exit code |
    /// | `deployments SERVICE` | its history |
    /// | `schedules` | tasks that start by a schedule: the last time and the next |
    /// | `events` | service events since they were last asked for |
    /// | `calls` | what the engine was asked to do since it was last asked for, counted by verb and service |
    pub(crate) async fn obey(&mut self, command: &str) -> String {
        let words: Vec<&str> = command.split_whitespace().collect();
        let mut answer = String::new();
        match words.as_slice() {
            ["up", file, variables @ ..] => answer = self.up(file, variables).await,
            ["scale", assignment] => {
                let (name, count) = assignment.split_once('=').unwrap();
                answer = self.change(Change::Scale { service: self.service(name), desired_count: count.parse().unwrap() }).await;
            }
            ["down", only @ ..] => answer = self.change(Change::DeleteCluster(cluster(only.first().copied()))).await,
            ["deploy", service, named @ ..] => {
                let task_definition = named.first().map(|name| name.parse().unwrap());
                answer = self.change(Change::Deploy { service: self.service(service), task_definition }).await;
            }
            ["attach", service, port] => {
                answer = self.change(Change::Attach { service: self.service(service), port: port.parse().unwrap() }).await;
            }
            ["detach", service] => answer = self.change(Change::Detach(self.service(service))).await,
            ["rollback", service] => answer = self.change(Change::RollBack(self.service(service))).await,
            ["continue", service, back @ ..] => {
                let action = if back.is_empty() { HookAction::Continue } else { HookAction::RollBack };
                answer = self.change(Change::ContinueDeployment { service: self.service(service), hook: None, action }).await;
            }
            ["run", name, count @ ..] => answer = self.change(run(name, count.first().copied())).await,
            ["drain", name] => answer = self.set_instance(name, InstanceStatus::Draining).await,
            ["activate", name] => answer = self.set_instance(name, InstanceStatus::Active).await,
            ["instances"] => answer = self.instances(),
            ["protect", task, "off"] => answer = self.change(Change::ProtectTask { task: self.task(task), until: None }).await,
            ["protect", task, duration] => {
                let until = Some(self.clock.now() + parse_duration(duration));
                answer = self.change(Change::ProtectTask { task: self.task(task), until }).await;
            }
            ["chaos", "ends"] => answer = self.end_faults().await,
            ["chaos", what, service, percent, lasts] => answer = self.chaos(what, service, percent, parse_duration(lasts)).await,
            ["faults"] => answer = self.faults(),
            ["stop", task] => answer = self.change(Change::StopTask { task: self.task(task), reason: None }).await,
            ["kill", container, code] => answer = self.kill(container, code.parse().unwrap()),
            ["remove", task] => answer = self.remove(task),
            ["advance", duration] => self.advance(parse_duration(duration)).await,
            ["daemon", "dies"] => self.die(true).await,
            ["daemon", "dies", "unsaved"] => self.die(false).await,
            ["engine", "goes"] => self.fleet.go_down(),
            ["engine", "comes"] => self.fleet.come_back(),
            ["fail", verb, kind] => self.fail(verb, kind),
            ["process", port, "ends"] => drop(self.processes.lock().unwrap().remove(&port.parse().unwrap())),
            ["process", port, status] => drop(self.processes.lock().unwrap().insert(port.parse().unwrap(), status.parse().unwrap())),
            ["hook", name, "says", answer @ ..] => self.tell_hook(name, answer),
            ["hooks"] => answer = self.asked_hooks(),
            ["rule", name] => answer = self.rule(name),
            ["speed", speed] => answer = self.change(Change::SetSpeed(speed.parse().unwrap())).await,
            ["load", group, requests] => self.loads.set(group, requests.parse().unwrap(), 0),
            ["load", group, requests, "failing", failures] => self.loads.set(group, requests.parse().unwrap(), failures.parse().unwrap()),
            ["alarms"] => answer = scaled::alarms(&self.world()),
            ["scaling"] => answer = scaled::scaling(&self.world(), self.clock.now()),
            ["targets"] => answer = self.registered_targets(|_, target| target.task.is_none()),
            ["targets", only] => answer = self.registered_targets(|group, _| group == *only),
            ["show", only @ ..] => answer = self.show(only.first().copied()),
            ["containers", task] => answer = self.containers(task),
            ["stopped", service] => answer = self.stopped(service),
            ["schedules"] => answer = self.schedules(),
            ["deployments", service] => answer = self.deployments(service),
            ["events"] => answer = self.events(),
            ["calls"] => answer = self.calls(),
            _ => panic!("`{command}` is no command of a story"),
        }
        self.settle().await;
        answer
    }

    /// The World as readers see it.
    pub(crate) fn world(&self) -> World {
        self.keeper.snapshot().world.clone()
    }

    /// The word for a task.
    pub(crate) fn word(&self, task: &TaskId) -> String {
        self.words.task(task.as_str())
    }

    /// The engine.
    pub(crate) fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    async fn up(&mut self, file: &str, variables: &[&str]) -> String {
        let environment: BTreeMap<String, String> =
            variables.iter().filter_map(|pair| pair.split_once('=')).map(|(key, value)| (key.to_owned(), value.replace('+', " "))).collect();
        let files = [self.manifests.join(file)];
        let request = manifest::Request { files: &files, environment: &environment, source: &Files, directory: &self.manifests };
        let read = manifest::read(&request).unwrap_or_else(|problems| panic!("{}", problems.render(false)));
        let told = match self.keeper.up(read.desired).await.unwrap() {
            Ok(done) => lines(&done.changes),
            Err(refused) => format!("refused: {refused}\n"),
        };
        self.saved = self.world();
        told
    }

    pub(super) async fn change(&mut self, change: Change) -> String {
        let told = match self.keeper.change(vec![change]).await.unwrap() {
            Ok(_) => String::new(),
            Err(refused) => self.words.put(&format!("refused: {refused}\n")),
        };
        self.saved = self.world();
        told
    }

    async fn set_instance(&mut self, name: &str, status: InstanceStatus) -> String {
        let name = InstanceName::new(name).unwrap();
        self.change(Change::SetContainerInstanceStatus { cluster: cluster(None), name, status }).await
    }

    fn tell_hook(&self, name: &str, answer: &[&str]) {
        let answer = match answer {
            ["yes"] => HookAnswer::Succeeded,
            ["no"] => HookAnswer::Failed("no".into()),
            ["later", delay] => HookAnswer::InProgress(parse_duration(delay)),
            _ => panic!("{answer:?} is no answer of a hook"),
        };
        self.hooks.answers.lock().unwrap().insert(name.to_owned(), answer);
    }

    fn kill(&self, container: &str, code: i64) -> String {
        let mut parts = container.splitn(3, '/');
        let task = self.task(&format!("{}/{}", parts.next().unwrap(), parts.next().unwrap()));
        let name = parts.next();
        let world = self.world();
        let found = world.tasks.get(&task).and_then(|task| task.containers.iter().find(|found| name.is_none_or(|name| found.name.as_str() == name)));
        let killed = found.and_then(|found| found.runtime_id.as_ref()).is_some_and(|id| self.fleet.kill(id, code));
        if killed { String::new() } else { format!("{container} does not run\n") }
    }

    fn remove(&self, task: &str) -> String {
        let id = self.task(task);
        let found = self.fleet.containers().into_iter().filter(|container| container.spec.task == id);
        let removed = found.filter(|container| self.fleet.remove_behind(&container.seen.id)).count();
        if removed == 0 { format!("{task} has no container\n") } else { String::new() }
    }

    fn fail(&self, verb: &str, kind: &str) {
        let verb = match verb {
            "image" => VerbName::Image,
            "create" => VerbName::Create,
            "start" => VerbName::Start,
            "stop" => VerbName::Stop,
            "remove" => VerbName::Remove,
            "inspect" => VerbName::Inspect,
            "list" => VerbName::List,
            "network" => VerbName::RemoveNetwork,
            "disturb" => VerbName::Disturb,
            "restore" => VerbName::Restore,
            _ => panic!("`{verb}` is no verb that a story lets fail"),
        };
        let kind = match kind {
            "failed" => EngineErrorKind::Failed,
            "timeout" => EngineErrorKind::Timeout,
            "unreachable" => EngineErrorKind::Unreachable,
            "not-found" => EngineErrorKind::NotFound,
            "port-taken" => EngineErrorKind::PortTaken,
            _ => panic!("`{kind}` is no kind of failure"),
        };
        self.fleet.fail_next(verb, EngineError::new(kind, "it was told to fail"));
    }

    async fn advance(&mut self, duration: Duration) {
        let end = self.clock.now() + duration;
        loop {
            self.settle().await;
            let next = self.clock.next_deadline().filter(|deadline| *deadline <= end);
            self.loads.send(&self.keeper.snapshot().table, next.unwrap_or(end).since(self.clock.now()));
            match next {
                Some(deadline) => self.clock.advance_to(deadline),
                None => break self.clock.advance_to(end),
            }
        }
    }

    /// As `kill -9` would: nothing is told, nothing is waited for.
    async fn die(&mut self, saved: bool) {
        self.settle().await;
        if saved {
            self.saved = self.world();
        }
        self.saved = serde_json::from_str(&serde_json::to_string(&self.saved).unwrap()).unwrap();
        self.behind_since = None;
        self.tasks.shutdown().await;
        self.lives += 1;
        (self.keeper, self.tasks) = begin((self.saved.clone(), self.lives), &self.clock, &self.fleet, &self.processes, &self.hooks);
    }

    /// Plays the state file.
    fn save(&mut self) {
        let (world, now) = (self.world(), self.clock.now());
        if world.version == self.saved.version {
            self.behind_since = None;
        } else if now.since(*self.behind_since.get_or_insert(now)) >= SAVE_WITHIN {
            (self.saved, self.behind_since) = (world, None);
        }
    }

    /// Lets everything happen that can happen without time passing.
    async fn settle(&mut self) {
        let mut quiet = 0;
        let mut last = (0, 0);
        while quiet < QUIET_TURNS {
            tokio::task::yield_now().await;
            let now = (self.keeper.snapshot().world.version, self.fleet.calls().len());
            let still = now == last && self.fleet.pending_verbs() == 0 && self.fleet.undelivered_events() == 0;
            quiet = if still { quiet + 1 } else { 0 };
            last = now;
        }
        self.words.learn(&self.keeper.snapshot().world);
        self.save();
    }

    pub(super) fn service(&self, name: &str) -> ServiceKey {
        let world = &self.keeper.snapshot().world;
        let known = world.services.keys().find(|key| key.name.as_str() == name).cloned();
        known.unwrap_or_else(|| ServiceKey { cluster: cluster(None), name: ServiceName::new(name).unwrap() })
    }

    pub(super) fn task(&self, word: &str) -> TaskId {
        TaskId::from_text(&self.words.task_id(word).unwrap_or_else(|| panic!("there is no task {word}")))
    }
}

fn begin(
    (world, seed): (World, u64),
    clock: &Arc<ManualClock>,
    fleet: &Arc<Fleet>,
    processes: &Processes,
    hooks: &ToldHooks,
) -> (Handle, JoinSet<()>) {
    let owner = world.settings.owner.clone();
    let engines = daemon::engines::Engines::only(fleet.clone());
    let (keeper, handle) = Keeper::new(Parts {
        world,
        ids: Ids::seeded(seed),
        clock: clock.clone(),
        pace: scheduler::Pace::default(),
        engines: engines.clone(),
        store: None,
        traffic: Arc::new(NoTraffic),
        mint: Arc::new(iam::Mint::new(&[0; 32])),
        doors: None,
        hooks: Arc::new(hooks.clone()),
        connections: Arc::new(daemon::connections::Connections::nowhere()),
        vault: daemon::vault_store::VaultStore::in_memory(),
        overlays: Arc::default(),
    });
    let mut tasks = JoinSet::new();
    tasks.spawn(keeper.run());
    tasks.spawn(meter::run(engines.clone(), clock.clone(), handle.clone(), scheduler::Pace::default()));
    tasks.spawn(observer::run(engines, owner, clock.clone(), handle.clone()));
    tasks.spawn(prober::run(Arc::new(FleetProbe(fleet.clone(), clock.clone(), processes.clone())), clock.clone(), handle.clone()));
    (handle, tasks)
}

fn cluster(name: Option<&str>) -> ClusterName {
    ClusterName::new(name.unwrap_or("story")).unwrap()
}

fn run(name: &str, count: Option<&str>) -> Change {
    let count = count.map_or(1, |count| count.parse().unwrap());
    let task_definition = name.parse().unwrap();
    Change::RunTask(Box::new(RunTask {
        cluster: cluster(None),
        task_definition,
        count,
        overrides: TaskOverrides::default(),
        started_by: None,
        placement: Placement::default(),
        placed: None,
        enable_execute_command: false,
    }))
}

fn lines(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn parse_duration(text: &str) -> Duration {
    match text.strip_suffix("ms") {
        Some(millis) => Duration::from_millis(millis.parse().unwrap()),
        None => match text.strip_suffix('m') {
            Some(minutes) => Duration::from_secs(60 * minutes.parse::<u64>().unwrap()),
            None => Duration::from_secs(text.strip_suffix('s').unwrap().parse().unwrap()),
        },
    }
}
