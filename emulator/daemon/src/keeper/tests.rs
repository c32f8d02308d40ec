//! The keeper by itself: what is saved when, and how it ends.

use engine::ManualClock;
use engine::simulated::Fleet;
use model::ClusterName;

use super::*;

struct NoTraffic;

impl Traffic for NoTraffic {
    fn publish(&self, _: Arc<routing::Table>, _: &World) {}
}

struct Bench {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    keeper: Keeper,
    handle: Handle,
}

fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(folder.path()).unwrap());
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1000)));
    let mut ids = Ids::seeded(1);
    let world = store.load(&mut ids).unwrap();
    let engine = Fleet::new(clock.clone());
    let connections = Arc::new(Connections::nowhere());
    let parts = Parts {
        world,
        ids,
        clock: clock.clone(),
        pace: Pace::default(),
        engines: crate::engines::Engines::only(engine),
        store: Some(store),
        traffic: Arc::new(NoTraffic),
        mint: Arc::new(iam::Mint::new(&[0; 32])),
        doors: None,
        hooks: Arc::new(crate::hooks::LocalHooks),
        connections,
        vault: crate::vault_store::VaultStore::in_memory(),
        overlays: Arc::default(),
    };
    let (keeper, handle) = Keeper::new(parts);
    Bench { folder, clock, keeper, handle }
}

fn cluster(name: &str) -> Change {
    Change::CreateCluster(ClusterName::new(name).unwrap())
}

fn saved(folder: &std::path::Path) -> String {
    std::fs::read_to_string(folder.join("state.json")).unwrap_or_default()
}

#[tokio::test]
async fn what_a_user_asked_is_saved_before_the_reply() {
    let Bench { folder, keeper, handle, .. } = bench();
    let keeping = tokio::spawn(keeper.run());
    let done = handle.change(vec![cluster("first")]).await.unwrap().unwrap();
    assert!(saved(folder.path()).contains("first"));
    assert_eq!((done.sequence, done.unsaved), (handle.snapshot().sequence, None));
    // What is refused changes nothing, and is no news either.
    let refused = handle.change(vec![cluster("second"), Change::DeleteCluster(ClusterName::new("none").unwrap())]).await.unwrap();
    assert!(refused.is_err() && !saved(folder.path()).contains("second"));
    assert_eq!(handle.snapshot().sequence, done.sequence);
    handle.tell(Input::Stop).await;
    keeping.await.unwrap();
}

#[tokio::test]
async fn a_change_that_waits_when_the_end_comes_is_applied_saved_and_answered() {
    let Bench { folder, keeper, handle, .. } = bench();
    let (reply, answer) = tokio::sync::oneshot::channel();
    handle.tell(Input::Change { changes: vec![cluster("late")], reply }).await;
    handle.tell(Input::Stop).await;
    keeper.run().await;
    assert!(answer.await.unwrap().is_ok());
    assert!(saved(folder.path()).contains("late"));
    assert!(handle.change(vec![cluster("too-late")]).await.is_none());
}

#[tokio::test]
async fn a_state_that_cannot_be_saved_is_told_and_saved_when_it_can_be() {
    let Bench { folder, clock, keeper, handle } = bench();
    let keeping = tokio::spawn(keeper.run());
    std::fs::remove_dir_all(folder.path()).unwrap();
    let done = handle.change(vec![cluster("first")]).await.unwrap().unwrap();
    assert!(done.unsaved.unwrap().starts_with("the state cannot be saved in"));
    let mut snapshots = handle.follow();
    assert!(snapshots.borrow_and_update().state_problem.is_some());
    std::fs::create_dir(folder.path()).unwrap();
    while clock.next_deadline().is_none() {
        tokio::task::yield_now().await;
    }
    clock.advance_to(clock.now() + SAVE_AGAIN);
    snapshots.wait_for(|snapshot| snapshot.state_problem.is_none()).await.unwrap();
    assert!(saved(folder.path()).contains("first"));
    handle.tell(Input::Stop).await;
    keeping.await.unwrap();
}

#[tokio::test]
async fn views_change_with_everything_that_they_show_and_with_nothing_else() {
    let Bench { folder: _folder, keeper, handle, .. } = bench();
    let keeping = tokio::spawn(keeper.run());
    let mut snapshots = handle.follow();
    let first = snapshots.borrow_and_update().sequence;
    handle.tell(Input::EngineLost { engine: model::EngineName::own(), problem: "gone".into() }).await;
    let lost = snapshots.wait_for(|snapshot| snapshot.engine_problem().is_some()).await.unwrap().sequence;
    handle.tell(Input::Stirred).await;
    let stirred = snapshots.wait_for(|snapshot| snapshot.sequence > lost).await.unwrap().sequence;
    assert!(first < lost && lost < stirred);
    // News of somebody else's container, and the same news again.
    handle.tell(Input::EngineLost { engine: model::EngineName::own(), problem: "gone".into() }).await;
    handle.tell(Input::Gone(model::ContainerId::from_text("none"))).await;
    handle.tell(Input::Died { id: model::ContainerId::from_text("none"), code: 1, out_of_memory: false }).await;
    handle.tell(Input::Stop).await;
    keeping.await.unwrap();
    assert_eq!(handle.snapshot().sequence, stirred);
}
