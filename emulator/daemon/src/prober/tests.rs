//! When targets are asked and what is told of them; the test plays the keeper.

use std::path::Path;
use std::sync::Mutex;

use engine::ManualClock;
use model::{Ids, Step, TargetHealthReason, World};
use tokio::sync::{mpsc, watch};

use super::*;

const MANIFEST: &str = "
cluster: test
loadBalancers:
  - name: front
    listeners: [{ port: 80, protocol: HTTP, defaultActions: [{ type: forward, targetGroup: used }] }]
targetGroups:
  - { name: used, protocol: HTTP, port: 80, healthCheckIntervalSeconds: 5, healthCheckTimeoutSeconds: 2 }
  - { name: unused, protocol: HTTP, port: 80 }
  - { name: other-port, protocol: HTTP, port: 80, healthCheckPort: \"8081\" }
";

struct Text;

impl manifest::Source for Text {
    fn read(&self, path: &Path) -> Result<String, String> {
        if path.ends_with("cluster.yaml") { Ok(MANIFEST.into()) } else { Err("there is no such file".into()) }
    }
}

fn world() -> World {
    let nothing = String::new;
    let mut world = World::new(model::Settings {
        owner: model::OwnerId::from_text("o"),
        account: nothing(),
        region: nothing(),
        instance: nothing(),
        speed: model::Speed::default(),
    });
    let files = ["cluster.yaml".into()];
    let request = manifest::Request { files: &files, environment: &BTreeMap::new(), source: &Text, directory: Path::new("/nowhere") };
    let desired = manifest::read(&request).unwrap_or_else(|problems| panic!("{}", problems.render(false))).desired;
    let changes = model::diff::changes(&world, &desired).unwrap();
    world.apply_all(changes, Timestamp::default(), &mut Ids::seeded(1)).unwrap();
    world
}

fn register(world: &mut World, group: &str, port: u16, health: TargetHealth) {
    let target = Target {
        address: SocketAddr::from(([127, 0, 0, 1], port)),
        task: None,
        registered_at: Timestamp::default(),
        draining_since: (health.state == TargetHealthState::Draining).then(Timestamp::default),
        health,
    };
    world.record(Step::PutTarget { target_group: TargetGroupName::new(group).unwrap(), key: TargetKey { id: "i-0".into(), port }, target });
}

fn initial() -> TargetHealth {
    TargetHealth::because(TargetHealthState::Initial, TargetHealthReason::RegistrationInProgress, Timestamp::default())
}

/// Answers by a rule, and writes down who was asked when.
struct Asked<F> {
    clock: Arc<ManualClock>,
    rule: F,
    asked: Mutex<Vec<(u64, u16)>>,
}

impl<F: Fn(u64) -> ProbeOutcome + Send + Sync + 'static> Probe for Asked<F> {
    fn probe<'a>(&'a self, address: SocketAddr, check: &'a HealthCheck) -> Pin<Box<dyn Future<Output = ProbeOutcome> + Send + 'a>> {
        Box::pin(async move {
            let now = self.clock.now().as_millis();
            self.asked.lock().unwrap().push((now, address.port()));
            let outcome = (self.rule)(now);
            if outcome == ProbeOutcome::Timeout {
                self.clock.sleep(check.timeout).await;
            }
            outcome
        })
    }
}

/// Plays a keeper for some seconds. Gives who was asked when (ms), and which states were told when.
async fn play(mut world: World, seconds: u64, rule: impl Fn(u64) -> ProbeOutcome + Send + Sync + 'static) -> (Vec<(u64, u16)>, Vec<(u64, String)>) {
    let clock = Arc::new(ManualClock::at(Timestamp::default()));
    let probe = Arc::new(Asked { clock: clock.clone(), rule, asked: Mutex::default() });
    let snapshot = |world: &World| {
        let table = Arc::new(routing::compile(world, None));
        let (waiting, hopeless, sequence) = (Vec::new(), Vec::new(), world.version);
        Arc::new(Snapshot {
            sequence,
            world: world.clone(),
            waiting,
            hopeless,
            table,
            engine_problems: BTreeMap::new(),
            listed: std::collections::BTreeSet::new(),
            state_problem: None,
            idle: true,
        })
    };
    let (publisher, snapshots) = watch::channel(snapshot(&world));
    let (sender, mut inputs) = mpsc::channel(16);
    let mut prober = JoinSet::new();
    prober.spawn(run(probe.clone(), clock.clone(), Handle::of_a_test(sender, snapshots)));
    let mut told = Vec::new();
    let end = Timestamp::default() + Duration::from_secs(seconds);
    loop {
        for _ in 0..32 {
            tokio::task::yield_now().await;
            while let Ok(input) = inputs.try_recv() {
                let Input::Health { target_group, target: key, health, .. } = input else { panic!("{input:?}") };
                told.push((clock.now().as_millis(), health.state.as_str().to_owned()));
                world.record(Step::SetTargetHealth { target_group, key, health });
                publisher.send_replace(snapshot(&world));
            }
        }
        match clock.next_deadline().filter(|deadline| *deadline <= end) {
            Some(deadline) => clock.advance_to(deadline),
            None => break,
        }
    }
    let asked = probe.asked.lock().unwrap().clone();
    (asked, told)
}

fn times(asked: &[(u64, u16)]) -> Vec<u64> {
    asked.iter().map(|(at, _)| *at).collect()
}

fn told(pairs: &[(u64, &str)]) -> Vec<(u64, String)> {
    pairs.iter().map(|(at, state)| (*at, (*state).to_owned())).collect()
}

#[tokio::test]
async fn an_interval_counts_from_the_start_of_a_check() {
    let mut world = world();
    register(&mut world, "used", 1, TargetHealth::healthy(Timestamp::default()));
    let (asked, said) = play(world, 16, |now| if now == 5000 { ProbeOutcome::Timeout } else { ProbeOutcome::Status(200) }).await;
    assert_eq!(times(&asked), [0, 5000, 10_000, 15_000]);
    assert_eq!(said, told(&[]));
}

#[tokio::test]
async fn a_new_target_is_asked_eagerly_and_fails_once_an_interval() {
    let mut world = world();
    register(&mut world, "used", 1, initial());
    let (asked, said) = play(world.clone(), 16, |_| ProbeOutcome::Failed).await;
    let eager: Vec<u64> = times(&asked).into_iter().take_while(|at| *at < 5000).collect();
    assert_eq!(eager[..4], [0, 20, 40, 60]);
    assert!(eager.windows(2).all(|pair| pair[1] - pair[0] <= (pair[0] / 8).max(20)), "never later than an eighth: {eager:?}");
    assert!(eager.len() < 40, "and never many: {eager:?}");
    assert_eq!(times(&asked)[eager.len()..], [5000, 10_000, 15_000]);
    assert_eq!(said, told(&[(0, "initial"), (5000, "unhealthy")]));
    let (asked, said) = play(world, 12, |now| if now < 300 { ProbeOutcome::Failed } else { ProbeOutcome::Status(200) }).await;
    let passed = times(&asked).into_iter().find(|at| *at >= 300).unwrap();
    assert!(passed <= 337, "an eighth after 300: {passed}");
    assert_eq!(times(&asked).into_iter().filter(|at| *at > passed).collect::<Vec<_>>(), [passed + 5000, passed + 10_000]);
    assert_eq!(said, told(&[(0, "initial"), (passed, "healthy")]));
}

#[tokio::test]
async fn thresholds_are_counted_one_an_interval() {
    let mut world = world();
    register(&mut world, "used", 1, TargetHealth::healthy(Timestamp::default()));
    // Two failures in a row at 10 and 15; five passes in a row from 20.
    let (_, said) = play(world, 60, |now| ProbeOutcome::Status(if [0, 10_000, 15_000].contains(&now) { 500 } else { 200 })).await;
    assert_eq!(said, told(&[(15_000, "unhealthy"), (40_000, "healthy")]));
}

#[tokio::test]
async fn only_targets_that_take_requests_are_asked_each_on_its_check_port() {
    let mut world = world();
    register(&mut world, "used", 1, TargetHealth::healthy(Timestamp::default()));
    register(
        &mut world,
        "used",
        2,
        TargetHealth::because(TargetHealthState::Draining, TargetHealthReason::DeregistrationInProgress, Timestamp::default()),
    );
    register(&mut world, "unused", 3, initial());
    let (asked, _) = play(world.clone(), 1, |_| ProbeOutcome::Status(200)).await;
    assert_eq!(asked, [(0, 1)]);
    let group = world.target_groups[&TargetGroupName::new("other-port").unwrap()].clone();
    register(&mut world, "other-port", 4, initial());
    let target = &world.target_groups["other-port"].targets.values().next().unwrap().clone();
    assert_eq!(subject(&group, target, model::Speed::default()).address.port(), 8081);
}

#[tokio::test]
async fn a_check_that_breaks_off_begins_again() {
    let mut world = world();
    register(&mut world, "used", 1, TargetHealth::healthy(Timestamp::default()));
    let (asked, said) = play(world, 7, |now| if now == 0 { panic!("on purpose") } else { ProbeOutcome::Status(200) }).await;
    assert_eq!(times(&asked), [0, 1000, 6000]);
    assert_eq!(said, told(&[]));
}
