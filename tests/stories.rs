//! Stories: the daemon on the simulated fleet, with a clock that the story winds.
//!
//! A story is a text file in `tests/stories`: a line that begins with `> ` is a command, the lines up to the next one are what it
//! answers. `STORIES=write cargo test --test stories` writes down what is answered now; read the difference before you keep it.
//! The commands are listed at [`house::House::obey`].

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

#[path = "stories/chaos.rs"]
mod chaos;
#[path = "stories/faults.rs"]
mod faults;
#[path = "stories/house.rs"]
mod house;
#[path = "stories/scaled.rs"]
mod scaled;
#[path = "stories/telling.rs"]
mod telling;
#[path = "stories/words.rs"]
mod words;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

macro_rules! stories {
    ($($name:ident),* $(,)?) => {
        $(#[test] fn $name() { tell(concat!(stringify!($name), ".txt")); })*

        /// A story that no test tells would prove nothing.
        #[test]
        fn every_story_is_told() {
            let mut found: Vec<_> = fs::read_dir(folder()).unwrap().flatten().map(|entry| entry.file_name().into_string().unwrap()).collect();
            found.retain(|name| name.ends_with(".txt"));
            found.sort();
            let mut told = vec![$(concat!(stringify!($name), ".txt")),*];
            told.sort_unstable();
            assert_eq!(found, told);
        }
    };
}

stories![
    a_canary_gets_a_share_and_then_the_rest,
    a_container_dies_and_is_replaced,
    a_container_is_removed_behind_our_back,
    a_container_that_exits_at_once_is_paced,
    a_container_that_takes_too_much_memory_is_killed,
    a_container_that_may_restart_keeps_its_task,
    a_container_waits_for_those_it_depends_on,
    a_daemon_service_has_one_task,
    a_deployment_is_paused_until_somebody_says_how_it_goes_on,
    a_deleted_service_leaves_its_target_group,
    a_deployment_succeeds_early,
    a_first_deployment_that_fails_stalls_until_it_is_mended,
    a_hook_that_says_no_brings_the_old_version_back,
    a_new_version_rolls_without_a_gap,
    a_new_version_that_never_gets_healthy_leaves_the_old_one_serving,
    a_process_stands_in_for_a_service,
    a_process_takes_the_requests_of_a_service_and_gives_them_back,
    a_protected_task_outlives_a_deployment,
    a_scheduled_action_comes_due,
    a_service_follows_its_load,
    a_service_follows_the_cpu_of_its_tasks,
    a_service_is_deployed_again_and_rolled_back,
    a_service_is_struck_on_purpose,
    a_service_that_is_to_reach_another_gets_new_tasks,
    a_service_for_fargate_rolls,
    a_target_flaps,
    a_task_runs_by_itself_to_its_end,
    a_task_that_is_stopped_by_hand_is_replaced,
    an_alarm_brings_the_old_version_back,
    an_image_that_cannot_be_pulled_is_tried_again_later,
    an_instance_cannot_drain_where_no_task_may_stop_or_start,
    an_instance_drains_while_its_tasks_are_replaced,
    an_instance_is_taken_out_of_the_manifest,
    an_update_overtakes_an_update,
    blue_green_moves_all_traffic_at_once,
    down_leaves_nothing,
    no_instance_takes_a_task,
    nobody_is_held_up_by_a_slow_service,
    scaling_one_service_touches_no_other,
    scaling_to_zero_and_back,
    tasks_start_by_their_schedules,
    the_circuit_breaker_goes_back_from_a_version_that_never_gets_healthy,
    the_circuit_breaker_goes_back_from_an_image_that_is_missing,
    the_daemon_dies_and_comes_back,
    the_daemon_dies_in_the_middle_of_a_start,
    the_engine_goes_away_and_comes_back,
    the_engine_is_away_when_a_container_dies,
    the_pause_of_a_task_is_killed,
    time_runs_faster,
    two_clusters_live_side_by_side,
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stories")
}

fn tell(name: &str) {
    let path = folder().join(name);
    let story = fs::read_to_string(&path).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let told = runtime.block_on(async {
        let mut house = house::House::new(folder().join("manifests")).await;
        let mut told = String::new();
        let mut answered = true;
        for line in story.lines() {
            if let Some(command) = line.strip_prefix("> ") {
                let answer = house.obey(command).await;
                writeln!(told, "> {command}").unwrap();
                told.push_str(&answer);
                answered = false;
            } else if line.is_empty() || line.starts_with('#') {
                writeln!(told, "{line}").unwrap();
                answered = true;
            } else {
                assert!(!answered, "{name}: `{line}` follows no command");
            }
        }
        told
    });
    if std::env::var("STORIES").is_ok_and(|mode| mode == "write") {
        fs::write(&path, told).unwrap();
    } else {
        assert!(story == told, "{name} goes otherwise now; `STORIES=write` writes it down\n--- expected\n{story}\n--- told\n{told}");
    }
}
