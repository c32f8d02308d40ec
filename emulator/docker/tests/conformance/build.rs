//! Builds on the real engine.

use std::fs;
use std::sync::{Arc, Mutex};

use engine::{Engine, EngineErrorKind, Progress};
use futures_util::future::join_all;

use crate::lab::Lab;

fn context(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

#[tokio::test]
async fn a_build_gives_the_image_s_id_and_says_its_steps() {
    Lab::work(async |lab| {
        let context =
            context(&[("Dockerfile", "FROM scratch\nARG NAME\nCOPY ${NAME} /kept\n"), ("kept.txt", "kept"), (".dockerignore", "*\n!kept.txt")]);
        let mut spec = lab.build(context.path());
        spec.args.insert("NAME".into(), "kept.txt".into());
        let lines = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&lines);
        let id = lab.docker.build(&spec, Progress::new(move |line| told.lock().unwrap().push(line.to_owned()))).await.unwrap();
        assert!(id.starts_with("sha256:"), "{id}");
        assert_eq!(lab.docker.image(&spec.tag, Progress::none()).await.unwrap(), id);
        let said = lines.lock().unwrap().clone();
        assert!(said.contains(&"Step 1/4 : FROM scratch".to_owned()), "{said:?}");
        assert_eq!(lab.docker.build(&spec, Progress::none()).await.unwrap(), id, "nothing has changed");
    })
    .await;
}

#[tokio::test]
async fn a_build_that_fails_says_where_and_why() {
    let image = test_support::test_image();
    let run = format!("FROM {image}\nRUN [\"/test-service\", \"--print\", \"before the end\", \"--no-listen\", \"--exit-after\", \"1\", \"3\"]\n");
    for (dockerfile, kind, parts) in [
        (run.as_str(), EngineErrorKind::BuildFailed, &["`Step 2/3 : RUN [", "returned a non-zero code: 3", "\n  before the end"][..]),
        ("FROM scratch\nCOPY nope /\n", EngineErrorKind::BuildFailed, &["`Step 2/3 : COPY nope /` failed: COPY failed: "][..]),
        (
            "ARG BASE=127.0.0.1:1/ecslocal-test/missing:none\nFROM ${BASE}\n",
            EngineErrorKind::CannotPull,
            &["base image `127.0.0.1:1/ecslocal-test/missing:none` is not on this machine", "\nhint: ", "build argument `BASE`"][..],
        ),
        ("FROMM scratch\n", EngineErrorKind::Refused, &["unknown instruction: FROMM"][..]),
    ] {
        Lab::work(async |lab| {
            let context = context(&[("Dockerfile", dockerfile)]);
            let error = lab.docker.build(&lab.build(context.path()), Progress::none()).await.unwrap_err();
            assert_eq!(error.kind, kind, "{error}");
            for part in parts {
                assert!(error.message.contains(part), "{part}: {error}");
            }
        })
        .await;
    }
}

#[tokio::test]
async fn an_image_that_lost_its_name_goes_unless_somebody_needs_it() {
    Lab::work(async |lab| {
        let dockerfile = |version: u32| format!("FROM {}\nENV VERSION={version}\n", test_support::test_image());
        let context = context(&[("Dockerfile", &dockerfile(1))]);
        let mut built = Vec::new();
        for version in 1..=4 {
            fs::write(context.path().join("Dockerfile"), dockerfile(version)).unwrap();
            built.push(lab.docker.build(&lab.build(context.path()), Progress::none()).await.unwrap());
        }
        let spec = engine::ContainerSpec { image_id: built[0].clone(), ..lab.container("users", &[]).await };
        lab.docker.create(&spec).await.unwrap();
        let kept = std::collections::BTreeSet::from([built[1].clone()]);
        let remove = async |older_than| lab.docker.remove_superseded(&lab.owner, &kept, older_than).await.unwrap();
        assert_eq!(remove(model::Timestamp::from_millis(0)).await, 0, "they are young");
        assert_eq!(remove(model::Timestamp::from_millis(u64::MAX)).await, 1);
        for (id, there) in built.iter().zip([true, true, false, true]) {
            assert_eq!(lab.docker.find_image(id).await.unwrap().is_some(), there, "{id}");
        }
        let spec_id = lab.docker.list(&lab.owner).await.unwrap()[0].id.clone();
        lab.docker.remove(&spec_id).await.unwrap();
        assert_eq!(lab.docker.remove_superseded(&lab.owner, &[].into(), model::Timestamp::from_millis(u64::MAX)).await.unwrap(), 2);
        assert!(lab.docker.find_image(&built[3]).await.unwrap().is_some(), "it has a name");
    })
    .await;
}

#[tokio::test]
async fn a_context_that_is_not_there_is_refused_by_name() {
    Lab::work(async |lab| {
        let error = lab.docker.build(&lab.build(std::path::Path::new("/nope/context")), Progress::none()).await.unwrap_err();
        assert_eq!(error.kind, EngineErrorKind::Refused);
        assert!(error.message.contains("build context `/nope/context` is not a folder"), "{error}");
    })
    .await;
}

/// The classic builder makes the first step of both twice, remembers one of them, and then has nothing in its cache for the other.
#[tokio::test]
async fn builds_at_once_are_found_again_by_each() {
    Lab::work(async |lab| {
        let dockerfile = format!("FROM {}\nWORKDIR /srv\nCOPY name /srv/\n", test_support::test_image());
        let contexts = ["one", "two", "three"].map(|name| context(&[("Dockerfile", &dockerfile), ("name", name)]));
        let specs = contexts.each_ref().map(|context| {
            let spec = lab.build(context.path());
            let name = fs::read_to_string(context.path().join("name")).unwrap();
            engine::BuildSpec { tag: format!("{}-{name}", spec.tag), ..spec }
        });
        let build = async || {
            let all = specs.each_ref().map(|spec| lab.docker.build(spec, Progress::none()));
            join_all(all).await.into_iter().map(Result::unwrap).collect::<Vec<_>>()
        };
        assert_eq!(build().await, build().await);
    })
    .await;
}
