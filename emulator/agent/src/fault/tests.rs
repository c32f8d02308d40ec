use model::{Change, ClusterName, FaultId, FaultScope, FaultSpec};

use super::*;
use crate::tests::{Bench, NOW};

const BLACKHOLE: &str = r#"{"Port":1234,"Protocol":"tcp","TrafficType":"egress"}"#;
const LATENCY: &str = r#"{"DelayMilliseconds":100,"JitterMilliseconds":0,"Sources":["10.0.0.1","10.1.0.0/16"],"SourcesToFilter":["10.1.2.3"]}"#;
const LOSS: &str = r#"{"LossPercent":10,"Sources":["::1"],"FlowsPercent":50}"#;

impl Bench {
    /// A task that may; in `awsvpc` mode.
    fn permitted(&mut self) -> model::TaskId {
        let id = self.run(NetworkMode::Awsvpc, 3);
        let family = self.world.tasks[&id].revision.family.clone();
        self.world.task_definitions.get_mut(&family).unwrap().revisions.get_mut(&1).unwrap().enable_fault_injection = true;
        let cluster = ClusterName::new("c").unwrap();
        self.world.apply(Change::CreateCluster(cluster), NOW, &mut self.ids).unwrap();
        id
    }

    fn ask(&self, id: &model::TaskId, kind: FaultType, action: FaultAction, body: &str) -> Result<FaultStep, (u16, String)> {
        decide(&self.world, self.task(id), (kind, action), body.as_bytes()).map_err(|answer| (answer.status, answer.body.to_string()))
    }

    fn begin(&mut self, id: &model::TaskId, name: &str, kind: FaultType, body: &str) {
        let Ok(FaultStep::Begin(wanted)) = self.ask(id, kind, FaultAction::Start, body) else { panic!("{body}") };
        let (cluster, lasts) = (ClusterName::new("c").unwrap(), std::time::Duration::from_secs(60));
        let scope = FaultScope::Tasks(vec![id.clone()]);
        let spec = FaultSpec { id: FaultId::from_text(name), cluster, scope, kind: wanted, lasts, origin: ORIGIN };
        self.world.apply(Change::InjectFault(Box::new(spec)), NOW, &mut self.ids).unwrap();
    }
}

fn error(status: u16, text: &str) -> Result<FaultStep, (u16, String)> {
    Err((status, json!({ "Error": text }).to_string()))
}

fn says(word: &str) -> Result<FaultStep, (u16, String)> {
    Err((200, json!({ "Status": word }).to_string()))
}

#[test]
fn bodies_are_looked_at_in_the_agent_s_words() {
    use FaultType::{BlackholePort, Latency, PacketLoss};
    let mut bench = Bench::new();
    let id = bench.permitted();
    let missing = |name: &str| format!("required parameter {name} is missing");
    for (kind, body, text) in [
        (BlackholePort, "", "required request body is missing".to_owned()),
        (BlackholePort, "{}", missing("Port")),
        (BlackholePort, r#"{"Port":80}"#, missing("Protocol")),
        (BlackholePort, r#"{"Port":80,"Protocol":"","TrafficType":"egress"}"#, missing("Protocol")),
        (BlackholePort, r#"{"Port":80,"Protocol":"tcp"}"#, missing("TrafficType")),
        (BlackholePort, r#"{"Port":80,"Protocol":"icmp","TrafficType":"egress"}"#, "invalid value icmp for parameter Protocol".into()),
        (BlackholePort, r#"{"Port":80,"Protocol":"udp","TrafficType":"both"}"#, "invalid value both for parameter TrafficType".into()),
        (Latency, r#"{"JitterMilliseconds":1}"#, missing("DelayMilliseconds")),
        (Latency, r#"{"DelayMilliseconds":1}"#, missing("JitterMilliseconds")),
        (
            Latency,
            r#"{"DelayMilliseconds":0,"JitterMilliseconds":0,"Sources":["10.0.0.1"]}"#,
            "required either DelayMilliseconds or JitterMilliseconds to be non-zero".into(),
        ),
        (Latency, r#"{"DelayMilliseconds":1,"JitterMilliseconds":0,"Sources":[]}"#, missing("Sources")),
        (Latency, r#"{"DelayMilliseconds":1,"JitterMilliseconds":0,"Sources":["db.local"]}"#, "invalid value db.local for parameter Sources".into()),
        (PacketLoss, r#"{"Sources":["10.0.0.1"]}"#, missing("LossPercent")),
        (PacketLoss, r#"{"LossPercent":101,"Sources":["10.0.0.1"]}"#, "invalid value 101 for parameter LossPercent".into()),
        (PacketLoss, r#"{"LossPercent":1,"Sources":["10.0.0.1"],"FlowsPercent":0}"#, "invalid value 0 for parameter flowsPercent".into()),
    ] {
        assert_eq!(bench.ask(&id, kind, FaultAction::Start, body), error(400, &text), "{body}");
    }
    // What is no body of that shape at all.
    assert!(matches!(bench.ask(&id, BlackholePort, FaultAction::Start, r#"{"Port":70000}"#), Err((400, _))));
}

#[test]
fn only_tasks_that_may_and_have_a_network_of_their_own_are_struck() {
    let mut bench = Bench::new();
    let (may_not, bridge, host) = (bench.run(NetworkMode::Awsvpc, 3), bench.run(NetworkMode::Bridge, 4), bench.run(NetworkMode::Host, 5));
    let arn = bench.world.task_arn(&bench.world.tasks[&may_not]);
    let ask = |bench: &Bench, id: &model::TaskId| bench.ask(id, FaultType::Latency, FaultAction::Status, "");
    assert_eq!(ask(&bench, &may_not), error(400, &format!("enableFaultInjection is not enabled for task: {arn}")));
    for id in [&bridge, &host] {
        let family = bench.world.tasks[id].revision.family.clone();
        bench.world.task_definitions.get_mut(&family).unwrap().revisions.get_mut(&1).unwrap().enable_fault_injection = true;
    }
    assert_eq!(ask(&bench, &bridge), error(400, "bridge mode is not supported. Please use either host or awsvpc mode."));
    assert!(matches!(ask(&bench, &host), Err((400, text)) if text.contains("the network of this machine")));
}

#[test]
fn what_runs_is_known_and_latency_and_loss_exclude_each_other() {
    use FaultAction::{Start, Status, Stop};
    let mut bench = Bench::new();
    let id = bench.permitted();
    for (kind, body) in [(FaultType::BlackholePort, BLACKHOLE), (FaultType::Latency, ""), (FaultType::PacketLoss, "")] {
        assert_eq!(bench.ask(&id, kind, Status, body), says("not-running"));
        assert_eq!(bench.ask(&id, kind, Stop, body), says("stopped"));
    }
    bench.begin(&id, "fault-1", FaultType::BlackholePort, BLACKHOLE);
    assert_eq!(bench.ask(&id, FaultType::BlackholePort, Status, BLACKHOLE), says("running"));
    assert_eq!(bench.ask(&id, FaultType::BlackholePort, Start, BLACKHOLE), says("running"));
    let ingress = BLACKHOLE.replace("egress", "ingress");
    assert_eq!(bench.ask(&id, FaultType::BlackholePort, Status, &ingress), says("not-running"));
    assert!(matches!(bench.ask(&id, FaultType::BlackholePort, Start, &ingress), Ok(FaultStep::Begin(_))));
    bench.begin(&id, "fault-2", FaultType::Latency, LATENCY);
    let already = |what: &str| error(409, &format!("There is already one network {what} fault running"));
    assert_eq!(bench.ask(&id, FaultType::Latency, Start, LATENCY), already("latency"));
    assert_eq!(bench.ask(&id, FaultType::PacketLoss, Start, LOSS), already("latency"));
    assert_eq!(bench.ask(&id, FaultType::PacketLoss, Status, ""), says("not-running"));
    let ids = vec![FaultId::from_text("fault-2")];
    assert_eq!(bench.ask(&id, FaultType::Latency, Stop, ""), Ok(FaultStep::End(ids)));
    bench.world.faults.remove("fault-2");
    bench.begin(&id, "fault-3", FaultType::PacketLoss, LOSS);
    assert_eq!(bench.ask(&id, FaultType::Latency, Start, LATENCY), already("packet loss"));
}

#[test]
fn the_agent_stays_within_reach() {
    let mut bench = Bench::new();
    let id = bench.permitted();
    let except = |body: &str| match bench.ask(&id, FaultType::BlackholePort, FaultAction::Start, body) {
        Ok(FaultStep::Begin(FaultKind::Network(fault))) => fault.except.iter().map(ToString::to_string).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(except(&BLACKHOLE.replace("1234", "80")), ["169.254.170.2/32"]);
    assert_eq!(except(BLACKHOLE), Vec::<String>::new());
    assert_eq!(except(&BLACKHOLE.replace("egress", "ingress").replace("1234", "80")), Vec::<String>::new());
}
