use std::fs::File;

use super::*;

fn whose(task: &str) -> Whose {
    let name = |name: &str| ServiceName::new(name).unwrap();
    Whose {
        cluster: ClusterName::new("c").unwrap(),
        service: Some(name("posts")),
        task: TaskId::from_text(task),
        container: ContainerName::new("web").unwrap(),
    }
}

fn aged(kept: &KeptLogs, whose: &Whose, seconds: u64) {
    let moment = std::time::UNIX_EPOCH + Duration::from_secs(seconds);
    File::options().append(true).open(whose.path(&kept.folder)).unwrap().set_modified(moment).unwrap();
}

#[test]
fn lines_come_back_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let kept = KeptLogs::new(folder.path().to_owned());
    let line = |millis, stream, text: &str, continues| LogLine { at: Timestamp::from_millis(millis), stream, text: text.into(), continues };
    let lines = vec![
        line(5, LogStream::Stdout, "one  two", false),
        line(5, LogStream::Stderr, "", false),
        line(1_767_323_045_004, LogStream::Stdout, "+ long", true),
    ];
    let text: String = lines.iter().map(format).collect();
    write(folder.path(), &whose("t1"), &text).unwrap();
    write(folder.path(), &whose("t1"), &text).unwrap();
    assert_eq!(kept.read(&whose("t1")), lines, "once, though it was copied twice");
    assert_eq!(kept.read(&whose("t2")), []);
    assert_eq!(kept.of(&whose("t1").cluster), BTreeSet::from([whose("t1")]));
    let own = Whose { service: None, ..whose("t3") };
    write(folder.path(), &own, &text).unwrap();
    fs::write(own.path(folder.path()).with_extension("new"), "half").unwrap();
    assert_eq!(kept.of(&own.cluster), BTreeSet::from([own, whose("t1")]), "what is not whole is not there");
}

#[test]
fn the_oldest_go_first_by_number_and_by_size() {
    let folder = tempfile::tempdir().unwrap();
    let kept = KeptLogs::new(folder.path().to_owned());
    for n in 0..KEPT + 3 {
        let whose = whose(&format!("t{n:03}"));
        write(folder.path(), &whose, "1 stdout a\n").unwrap();
        aged(&kept, &whose, 1_000 + n as u64);
    }
    let left = kept.of(&whose("t").cluster);
    assert_eq!((left.len(), left.first().unwrap().task.as_str()), (KEPT, "t003"));
    let large = "x".repeat(LONGEST);
    let count = usize::try_from(ALL).unwrap() / LONGEST;
    for n in 0..=count {
        let whose = Whose { container: ContainerName::new(&format!("c{n}")).unwrap(), ..whose("t") };
        write(folder.path(), &whose, &large).unwrap();
        aged(&kept, &whose, 2_000 + n as u64);
    }
    let left = kept.of(&whose("t").cluster);
    assert_eq!(left.len(), count, "all that was smaller and older went, and one more");
}

#[test]
fn what_nobody_can_ask_for_any_more_goes() {
    let folder = tempfile::tempdir().unwrap();
    let kept = KeptLogs::new(folder.path().to_owned());
    let own = Whose { service: None, ..whose("t3") };
    for whose in [&whose("t1"), &own] {
        write(folder.path(), whose, "1 stdout a\n").unwrap();
    }
    keep_alone(folder.path(), &BTreeSet::from([folder.path().join("c/tasks")])).unwrap();
    assert_eq!(kept.of(&own.cluster), BTreeSet::from([own]));
    keep_alone(folder.path(), &BTreeSet::new()).unwrap();
    assert_eq!(names(folder.path()), Vec::<String>::new());
    keep_alone(&folder.path().join("none"), &BTreeSet::new()).unwrap();
}
