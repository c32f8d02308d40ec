//! `down` against a daemon that still builds.

use std::sync::Mutex;

use hyper::Request;
use hyper::body::Incoming;

use super::*;
use crate::args::{Color, Common, Output};
use crate::client::tests::{Reply, reply, serve};
use crate::print::tests::into_pipes;
use crate::sample;

/// What was asked for, in order.
static ASKED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// At the first look an `up` still builds; then its cluster is there, until it is taken down.
fn daemon(request: &Request<Incoming>) -> Reply {
    let mut asked = ASKED.lock().unwrap();
    let path = request.uri().path().to_owned();
    let count = |wanted: &str| asked.iter().filter(|path| *path == wanted).count();
    let answer = match path.as_str() {
        path::VIEW => {
            let mut view = sample::view();
            if count(path::SHUTDOWN) == 0 || count(path::DOWN) > 0 {
                view.clusters.clear();
            }
            serde_json::to_string(&view).unwrap()
        }
        path::SHUTDOWN => serde_json::json!({"stopping": count(path::DOWN) > 0}).to_string(),
        _ => "{}".to_owned(),
    };
    asked.push(path);
    reply(200, &[&answer])
}

#[tokio::test]
async fn what_an_up_under_way_makes_is_taken_down_too() {
    let folder = std::env::temp_dir().join(format!("ecslocal-down-{}", std::process::id()));
    let environment = [("ECSLOCAL_HOME".to_owned(), folder.display().to_string())].into();
    let common = Common { cluster: Some("tutorial".into()), output: Output::Text, color: Color::Never };
    let settings = Settings::resolve(&common, Vec::new(), environment).unwrap();
    let launcher = Launcher::new(&settings).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    let work = Work { client: serve(daemon).await, launcher: &launcher, settings: &settings, deadline, repositories: false };
    let (mut printer, _, talk) = into_pipes();
    let taken = work.take_what_is_meant(&mut printer).await.unwrap();
    assert_eq!(taken.as_ref().map(ClusterName::as_str), Some("tutorial"));
    assert!(talk.text().starts_with("an `up` is still under way: what it makes is removed after it\n"), "{}", talk.text());
    assert_eq!(ASKED.lock().unwrap().iter().filter(|path| *path == path::DOWN).count(), 1);
}
