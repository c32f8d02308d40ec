//! Faults on purpose: a target that seems to fail, or to be slow, and is neither.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use model::{AnswerFault, ClusterName, EngineName, Fault, FaultId, FaultKind, FaultOrigin, FaultState, FaultedTask, Step, TaskId, Timestamp};

use crate::support::{Front, named};

/// On the task that every target of these tests belongs to.
fn fault(status: Option<u16>, delay_millis: u32, percent: u8) -> Fault {
    let task = TaskId::from_text("t");
    let faulted = FaultedTask { state: FaultState::Active, engine: EngineName::own(), containers: Vec::new() };
    Fault {
        id: FaultId::from_text("fault-1"),
        cluster: ClusterName::new("c").unwrap(),
        service: None,
        kind: FaultKind::Answers(AnswerFault { status, delay_millis, percent }),
        origin: FaultOrigin::User,
        started_at: Timestamp::from_millis(1),
        until: Timestamp::from_millis(2),
        ending: false,
        announced: true,
        problem: None,
        struck: BTreeSet::from([task.clone()]),
        tasks: BTreeMap::from([(task, faulted)]),
        over_at: None,
    }
}

#[tokio::test]
async fn a_status_is_answered_in_the_target_s_place_and_counted_as_its_own() {
    let (target, _) = named("a").await;
    let mut front = Front::start(&[("g", &[target])]);
    front.world.record(Step::PutFault(Box::new(fault(Some(503), 0, 100))));
    front.publish_everywhere().await;
    let mut client = front.client().await;
    client.send("POST /g HTTP/1.1\r\nHost: a.b\r\nContent-Length: 3\r\n\r\nabc").await;
    let answer = client.message().await;
    assert_eq!((answer.status(), answer.text()), (503, "injected by `ecslocal chaos`\n"));
    let record = front.record().await;
    assert_eq!((record.elb_status, record.target_status, record.failure), (503, Some(503), None));
    assert_eq!(record.target.as_ref().map(|target| target.address), Some(target));
    front.world.record(Step::RemoveFault(FaultId::from_text("fault-1")));
    front.publish_everywhere().await;
    assert_eq!(client.get("/g").await.status(), 200, "the connection goes on, and so does the target");
    front.settled().await;
}

#[tokio::test]
async fn a_share_of_requests_is_struck() {
    let (target, _) = named("a").await;
    let mut front = Front::start(&[("g", &[target])]);
    front.world.record(Step::PutFault(Box::new(fault(Some(500), 0, 50))));
    front.publish_everywhere().await;
    let mut client = front.client().await;
    let mut statuses = BTreeMap::<u16, u32>::new();
    for _ in 0..200 {
        *statuses.entry(client.get("/g").await.status()).or_default() += 1;
    }
    // 100 are expected of each; 40 away from that is more than five standard deviations.
    assert!(statuses[&200].abs_diff(100) < 40 && statuses[&200] + statuses[&500] == 200, "{statuses:?}");
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "how long a client waited")]
async fn a_delay_is_the_target_s_time() {
    let (target, _) = named("a").await;
    let mut front = Front::start(&[("g", &[target])]);
    front.world.record(Step::PutFault(Box::new(fault(None, 300, 100))));
    front.publish_everywhere().await;
    let began = Instant::now();
    assert_eq!(front.client().await.get("/g").await.status(), 200);
    assert!(began.elapsed() >= Duration::from_millis(300));
    let record = front.record().await;
    assert!(
        record.times.target.unwrap() >= Duration::from_millis(300) && record.times.request.unwrap() < Duration::from_millis(300),
        "{:?}",
        record.times
    );
}
