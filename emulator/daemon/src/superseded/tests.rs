use model::{
    Change, ClusterName, ContainerDefinition, ContainerName, Family, Ids, NetworkMode, OwnerId, ServiceSpec, Settings, Speed, TaskDefinition,
};

use super::*;

/// A world whose service was deployed so often, each time with an image of its own.
fn deployed(times: u32) -> World {
    let (owner, instance) = (OwnerId::from_text("o"), "i-0".to_owned());
    let mut world = World::new(Settings { owner, account: "000000000000".into(), region: "us-east-1".into(), instance, speed: Speed::default() });
    let (cluster, family) = (ClusterName::new("c").unwrap(), Family::new("users").unwrap());
    let spec = serde_json::json!({
        "name": "users", "desired_count": 1, "load_balancers": [], "minimum_healthy_percent": 100, "maximum_percent": 200,
        "health_check_grace_period": { "secs": 0, "nanos": 0 },
    });
    let spec: Box<ServiceSpec> = serde_json::from_value(spec).unwrap();
    let mut ids = Ids::seeded(1);
    let mut apply = |changes: Vec<Change>| {
        world.apply_all(changes, Timestamp::from_millis(1), &mut ids).unwrap();
        // The tasks of those before are gone.
        world.services.values_mut().for_each(|service| service.deployments.truncate(1));
    };
    apply(vec![Change::CreateCluster(cluster.clone())]);
    for number in 1..=times {
        let mut container = ContainerDefinition::new(ContainerName::new("web").unwrap(), "users:v1");
        container.image_id = Some(format!("sha256:{number}"));
        let definition = Box::new(TaskDefinition::new(family.clone(), NetworkMode::Bridge, vec![container]));
        let (cluster, spec, revision) = (cluster.clone(), spec.clone(), Revision { family: family.clone(), number });
        let register = Change::RegisterTaskDefinition { cluster: cluster.clone(), definition };
        let put = if number == 1 { Change::CreateService { cluster, spec, revision } } else { Change::UpdateService { cluster, spec, revision } };
        apply(vec![register, put]);
    }
    world
}

fn numbers(world: &World) -> Vec<u32> {
    let mut numbers: Vec<u32> = kept(world).iter().map(|id| id.trim_start_matches("sha256:").parse().unwrap()).collect();
    numbers.sort();
    numbers
}

#[test]
fn what_the_last_deployments_ran_is_kept() {
    assert_eq!(numbers(&deployed(3)), [1, 2, 3]);
    let remembered = u32::try_from(model::service_deployment::MAX_SERVICE_DEPLOYMENTS).unwrap();
    let world = deployed(remembered + 5);
    // The oldest one that is remembered knows what ran before it.
    assert_eq!(numbers(&world), (5..=remembered + 5).collect::<Vec<_>>());
}

#[test]
fn what_a_deployment_can_go_back_to_is_kept_however_long_ago_it_was() {
    let mut world = deployed(40);
    let service = world.services.values_mut().next().unwrap();
    let mut completed = service.deployments[0].clone();
    completed.revision.number = 2;
    service.completed = Some(completed);
    assert!(numbers(&world).contains(&2) && !numbers(&world).contains(&3));
}

#[test]
fn a_family_that_nothing_runs_keeps_its_newest_image() {
    let mut world = deployed(3);
    world.services.clear();
    assert_eq!(numbers(&world), [3]);
}
