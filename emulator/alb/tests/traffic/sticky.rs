//! Sticky sessions over real sockets (alb.md 7).

use std::time::Duration;

use model::{Action, Forward, Stickiness, StickyCookie, WeightedTargetGroup};

use crate::support::{Client, Front, Message, answering, group_name, named, within};

/// A group `g` with three targets that is sticky by this cookie.
async fn sticky(cookie: StickyCookie, duration: Duration) -> (Front, [std::net::SocketAddr; 3]) {
    let targets = [named("a").await.0, named("b").await.0, named("c").await.0];
    let mut front = Front::start(&[("g", &targets)]);
    front.attributes("g", |attributes| attributes.stickiness = Some(Stickiness { cookie, duration }));
    (front, targets)
}

const DAY: Duration = Duration::from_secs(86_400);

/// The cookies that an answer sets, as the next request sends them.
fn jar(answer: &Message) -> Vec<String> {
    answer.all("set-cookie").into_iter().map(|line| line.split(';').next().unwrap_or_default().to_owned()).collect()
}

fn named_cookie(jar: &[String], name: &str) -> String {
    jar.iter().find(|cookie| cookie.starts_with(&format!("{name}="))).unwrap().clone()
}

async fn ask(client: &mut Client, path: &str, cookies: &str) -> Message {
    client.send(&format!("GET {path} HTTP/1.1\r\nHost: a.b\r\nCookie: {cookies}\r\n\r\n")).await;
    client.message().await
}

#[tokio::test]
async fn every_answer_of_a_target_sets_both_cookies() {
    let (front, _) = sticky(StickyCookie::LoadBalancer, DAY).await;
    let mut client = front.client().await;
    let answer = client.get("/g").await;
    let lines = answer.all("set-cookie");
    let [first, second] = lines[..] else { panic!("{lines:?}") };
    let (value, rest) = first.strip_prefix("AWSALB=").unwrap().split_once(';').unwrap();
    assert!((120..=130).contains(&value.len()), "{value}");
    assert!(rest.starts_with(" Expires=") && rest.ends_with(" GMT; Path=/"), "{rest}");
    assert_eq!(second, format!("AWSALBCORS={value};{rest}; SameSite=None"));
    let again = ask(&mut client, "/g", &jar(&answer).join("; ")).await;
    assert_ne!(jar(&again), jar(&answer), "the duration begins anew");
    assert_eq!(client.get("/other").await.all("set-cookie"), [""; 0], "answers of our own set none");
}

#[tokio::test]
async fn a_client_comes_back_to_its_target() {
    let (front, _) = sticky(StickyCookie::LoadBalancer, DAY).await;
    let mut client = front.client().await;
    for _ in 0..3 {
        let first = client.get("/g").await;
        let cookies = jar(&first);
        for cookie in [cookies.join("; "), cookies[0].clone(), format!("x=1; {}", cookies[1]), format!("AWSALB=junk; {}", cookies[1])] {
            let mut another = front.client().await;
            assert_eq!(ask(&mut another, "/g", &cookie).await.text(), first.text(), "{cookie}");
        }
    }
}

#[tokio::test]
async fn without_a_cookie_that_counts_targets_take_turns() {
    let (front, _) = sticky(StickyCookie::LoadBalancer, Duration::from_millis(1)).await;
    let mut client = front.client().await;
    let old = jar(&client.get("/g").await);
    // What is older than a millisecond does not count, so sooner or later three requests in a row are served by three targets.
    let mut last: Vec<String> = Vec::new();
    within(async {
        while last.len() < 3 || last[0] == last[1] || last[1] == last[2] || last[0] == last[2] {
            last.truncate(2);
            last.insert(0, ask(&mut client, "/g", &old.join("; ")).await.text().to_owned());
        }
    })
    .await;
    for junk in ["AWSALB=", "AWSALB=_remove_", "awsalb=x", "AWSALB=AAAA; AWSALBCORS=%"] {
        assert_eq!(ask(&mut client, "/g", junk).await.status(), 200, "{junk}");
    }
}

#[tokio::test]
async fn a_client_whose_target_is_unwell_or_gone_gets_another_for_good() {
    let (mut front, targets) = sticky(StickyCookie::LoadBalancer, DAY).await;
    let mut client = front.client().await;
    let first = client.get("/g").await;
    let names = ["a", "b", "c"];
    let at = names.iter().position(|name| *name == first.text()).unwrap();
    front.sicken("g", targets[at]);
    let second = ask(&mut client, "/g", &jar(&first).join("; ")).await;
    assert_ne!(second.text(), first.text());
    front.deregister("g", targets[at]);
    front.register("g", targets[at]);
    front.publish();
    assert_eq!(ask(&mut client, "/g", &jar(&second).join("; ")).await.text(), second.text(), "the cookie names the new one");
    let at = names.iter().position(|name| *name == second.text()).unwrap();
    front.drain("g", targets[at]);
    front.publish();
    assert_ne!(ask(&mut client, "/g", &jar(&second).join("; ")).await.text(), second.text());
}

#[tokio::test]
async fn cookies_of_one_group_say_nothing_in_another() {
    let (mut front, targets) = sticky(StickyCookie::LoadBalancer, DAY).await;
    let mut other = front.client().await;
    let cookies = jar(&other.get("/g").await).join("; ");
    front.attributes("g", |attributes| attributes.stickiness = None);
    let mut served: Vec<String> = Vec::new();
    for _ in targets {
        let answer = ask(&mut other, "/g", &cookies).await;
        assert_eq!(answer.all("set-cookie"), [""; 0]);
        served.push(answer.text().to_owned());
    }
    served.sort_unstable();
    assert_eq!(served, ["a", "b", "c"]);
}

#[tokio::test]
async fn an_applications_cookie_makes_sticky() {
    let (first, _) = answering("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nSet-Cookie: SESSION=1; Path=/\r\n\r\na").await;
    let (second, _) = named("b").await;
    let mut front = Front::start(&[("g", &[first, second])]);
    let cookie = StickyCookie::Application("SESSION".into());
    front.attributes("g", |attributes| attributes.stickiness = Some(Stickiness { cookie, duration: DAY }));
    let mut client = front.client().await;
    let (mut with, mut without) = (client.get("/g").await, client.get("/g").await);
    if with.text() != "a" {
        std::mem::swap(&mut with, &mut without);
    }
    assert_eq!(jar(&without), ["AWSALBAPP-0=_remove_", "AWSALBAPP-1=_remove_", "AWSALBAPP-2=_remove_", "AWSALBAPP-3=_remove_"]);
    let cookies = jar(&with);
    assert_eq!(cookies[4], "SESSION=1", "the target's own come after ours");
    assert!(!cookies[0].contains("_remove_") && cookies[1].ends_with("_remove_"), "{cookies:?}");
    for _ in 0..4 {
        assert_eq!(ask(&mut client, "/g", &cookies.join("; ")).await.text(), "a");
    }
    let lonely = named_cookie(&cookies, "AWSALBAPP-0");
    let served = [ask(&mut client, "/g", &lonely).await, ask(&mut client, "/g", &lonely).await];
    assert_ne!(served[0].text(), served[1].text(), "without the application's own cookie nothing is sticky");
}

fn weighted(weights: &[(&str, u16)], stickiness: Option<Duration>) -> Action {
    let entry = |(name, weight): &(&str, u16)| WeightedTargetGroup { target_group: group_name(name), weight: *weight };
    Action::Forward(Forward { target_groups: weights.iter().map(entry).collect(), stickiness })
}

#[tokio::test]
async fn a_client_comes_back_to_its_target_group() {
    let (blue, _) = named("blue").await;
    let (green, _) = named("green").await;
    let mut front = Front::start(&[("blue", &[blue]), ("green", &[green])]);
    front.rule(9, "/app", weighted(&[("blue", 1), ("green", 0)], Some(DAY)));
    let mut client = front.client().await;
    let first = client.get("/app").await;
    assert_eq!((first.text(), jar(&first).len()), ("blue", 2));
    assert!(first.all("set-cookie")[0].starts_with("AWSALBTG=") && first.all("set-cookie")[1].ends_with("; Path=/; SameSite=None"));
    let cookies = jar(&first).join("; ");
    // Weights may change, to nothing even: who has a cookie stays.
    front.rule(9, "/app", weighted(&[("blue", 0), ("green", 1)], Some(DAY)));
    assert_eq!(client.get("/app").await.text(), "green");
    assert_eq!(ask(&mut client, "/app", &cookies).await.text(), "blue");
    // A group that the action has no longer is chosen no longer, nor is any without stickiness.
    front.rule(9, "/app", weighted(&[("green", 1)], Some(DAY)));
    assert_eq!(ask(&mut client, "/app", &cookies).await.text(), "green");
    front.rule(9, "/app", weighted(&[("blue", 0), ("green", 1)], None));
    let last = ask(&mut client, "/app", &cookies).await;
    assert_eq!((last.text(), jar(&last).len()), ("green", 0));
}
