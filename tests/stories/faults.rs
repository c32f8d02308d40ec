//! Random schedules of faults, told in the language of the stories: what may go wrong goes wrong, in any order, and then all is well again.
//!
//! A schedule that fails is printed as a story, so that it can be told again by itself.

use std::collections::BTreeMap;
use std::path::Path;

use model::{ContainerId, ContainerName, Ids, RunState, TaskId, TaskStatus};

use crate::house::House;

/// How many schedules, and how many commands in each: a few seconds in a debug build.
const SCHEDULES: u64 = 16;
const COMMANDS: usize = 25;

#[test]
fn whatever_goes_wrong_all_is_well_again() {
    for seed in 0..SCHEDULES {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut schedule = Schedule::new(seed).await;
            for _ in 0..COMMANDS {
                let command = schedule.choose();
                schedule.obey(&command).await;
            }
            schedule.end().await;
        });
    }
}

struct Schedule {
    seed: u64,
    house: House,
    dice: Ids,
    /// How the manifest is put to work: every other schedule has tasks with a network of their own.
    variables: &'static str,
    told: Vec<String>,
    /// Every container ever seen: a task's container is made once.
    made: BTreeMap<(TaskId, ContainerName), ContainerId>,
}

impl Schedule {
    async fn new(seed: u64) -> Self {
        let manifests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stories/manifests");
        let variables = if seed.is_multiple_of(2) { "USERS=2" } else { "USERS=2 USERS_MODE=awsvpc USERS_TARGETS=ip" };
        let house = House::new(manifests).await;
        let mut schedule = Self { seed, house, dice: Ids::seeded(seed), variables, told: Vec::new(), made: BTreeMap::new() };
        schedule.obey(&format!("up three.yaml {variables}")).await;
        schedule
    }

    fn roll(&mut self, sides: usize) -> usize {
        usize::try_from(self.dice.next_u64() % u64::try_from(sides).unwrap()).unwrap()
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.roll(choices.len())]
    }

    fn choose(&mut self) -> String {
        match self.roll(20) {
            0 | 1 => format!("scale {}={}", self.pick(&["users", "posts"]), self.roll(4)),
            2 | 3 => {
                let container = self.pick(&["", "", "/~internal~ecs~pause"]);
                self.on_a_task("kill").map_or_else(|| "advance 1s".into(), |kill| format!("{kill}{container} {}", self.pick(&[0, 1, 137])))
            }
            4 => self.on_a_task("stop").unwrap_or_else(|| "advance 1s".into()),
            5 => self.on_a_task("remove").unwrap_or_else(|| "advance 1s".into()),
            6 => self.pick(&["daemon dies", "daemon dies unsaved"]).into(),
            7 => "engine goes".into(),
            8 => "engine comes".into(),
            9 => {
                let ready = self.pick(&["100ms", "1s", "3s"]);
                format!("up three.yaml {} USERS_DOES=http=200@{ready}", self.variables)
            }
            10 | 11 => {
                let verb = self.pick(&["image", "create", "start", "stop", "remove", "inspect", "list", "network", "disturb", "restore"]);
                format!("fail {verb} {}", self.pick(&["failed", "timeout", "unreachable", "not-found"]))
            }
            13 | 14 => {
                let (what, service) = (self.pick(&["pause", "pause", "kill", "errors"]), self.pick(&["users", "posts"]));
                format!("chaos {what} {service} {} {}", self.pick(&["50%", "100%"]), self.pick(&["1s", "5s", "30s"]))
            }
            15 => "chaos ends".into(),
            12 => self.pick(&["drain local", "activate local", "activate local"]).into(),
            _ => format!("advance {}", self.pick(&["10ms", "90ms", "300ms", "700ms", "2s", "5s", "11s"])),
        }
    }

    /// That, on any task that is not over.
    fn on_a_task(&mut self, verb: &str) -> Option<String> {
        let world = self.house.world();
        let tasks: Vec<_> = world.tasks.values().filter(|task| task.last_status != TaskStatus::Stopped).collect();
        if tasks.is_empty() {
            return None;
        }
        let task = tasks[self.roll(tasks.len())];
        Some(format!("{verb} {}", self.house.word(&task.id)))
    }

    async fn obey(&mut self, command: &str) {
        self.told.push(format!("> {command}"));
        self.house.obey(command).await;
        let world = self.house.world();
        let problems = model::check::problems(&world);
        self.expect(problems.is_empty(), &format!("the World is sound: {problems:?}"));
        for task in world.tasks.values() {
            let vanished =
                task.containers.iter().any(|container| container.reason.as_ref().is_some_and(|reason| reason.starts_with("ContainerVanished")));
            let word = self.house.word(&task.id);
            let removed = self.told.iter().any(|told| *told == format!("> remove {word}"));
            self.expect(!vanished || removed, &format!("{word} is not taken for gone"));
        }
        for container in self.house.fleet().containers() {
            let place = (container.spec.task.clone(), container.spec.definition.name.clone());
            let known = self.made.entry(place).or_insert_with(|| container.seen.id.clone()).clone();
            self.expect(known == container.seen.id, &format!("{} is made once", container.spec.runtime_name));
        }
    }

    /// Nothing goes wrong any more: in the end everything is as it was asked for, and `down` leaves nothing.
    async fn end(&mut self) {
        self.obey("engine comes").await;
        self.obey("activate local").await;
        self.obey("advance 2m").await;
        let world = self.house.world();
        let struck = self.house.fleet().disturbed();
        self.expect(struck.is_empty() && world.faults.values().all(model::Fault::is_over), &format!("nothing is struck any more: {struck:?}"));
        for (key, service) in &world.services {
            let running = world.tasks_of(key).filter(|task| task.is_live() && task.last_status == TaskStatus::Running).count();
            let desired = usize::try_from(service.spec.desired_count).unwrap();
            self.expect(service.steady && running == desired, &format!("{} is steady with {desired} tasks, not {running}", key.name));
            let containers = self.house.fleet().containers();
            let running = containers.iter().filter(|found| found.spec.service.as_ref() == Some(key) && found.seen.state == RunState::Running);
            let each = world.definition(&service.revision).unwrap().container_names().count();
            self.expect(running.count() == desired * each, &format!("{} has as many containers that run", key.name));
        }
        let unknown = self.house.fleet().containers().iter().filter(|container| !world.tasks.contains_key(&container.spec.task)).count();
        self.expect(unknown == 0, "every container is of a task that is known");
        self.obey("down").await;
        self.obey("advance 1m").await;
        let (world, left) = (self.house.world(), self.house.fleet().containers().len());
        self.expect(world.clusters.is_empty() && world.services.is_empty() && world.tasks.is_empty(), "`down` ends");
        self.expect(left == 0, &format!("`down` leaves no container, not {left}"));
    }

    fn expect(&self, holds: bool, what: &str) {
        assert!(holds, "seed {}: {what}\n{}", self.seed, self.told.join("\n"));
    }
}
