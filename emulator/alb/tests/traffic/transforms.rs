//! Transforms of rules over real sockets (alb.md 3): what the target is sent.

use model::{Comparison, Condition, LoadBalancerAttributes, Rewrite, Rule, Transforms};

use crate::support::{Front, Seen, forward_rule, named};

fn rewrite(regex: &str, replace: &str) -> Option<Rewrite> {
    Some(Rewrite { regex: regex.into(), replace: replace.into() })
}

/// A listener whose only rule forwards everything with these transforms.
async fn front(transforms: Transforms, attributes: LoadBalancerAttributes) -> (Front, Seen) {
    let (target, seen) = named("g").await;
    let mut front = Front::with(1, attributes, &[("g", &[target])]);
    let conditions = vec![Condition::PathPattern(Comparison::Wildcards(vec!["*".into()]))];
    front.put(Rule { conditions, transforms, ..forward_rule(1, "g") });
    (front, seen)
}

#[tokio::test]
async fn the_target_is_sent_the_rewritten_url() {
    let (front, seen) =
        front(Transforms { host: None, url: rewrite("^/api/(v[0-9])/(.*)$", "/$2&version=$1") }, LoadBalancerAttributes::default()).await;
    let mut client = front.client().await;
    for (sent, expected) in [
        ("/api/v1/users?a=%20b", "GET /users?a=%20b&version=v1 HTTP/1.1"),
        ("/api/v2/a%2Fb?x", "GET /a%2Fb?x&version=v2 HTTP/1.1"),
        ("/other?x=/api/v1/y", "GET /other?x=/api/v1/y HTTP/1.1"),
        ("http://a.b/api/v3/c?d", "GET /c?d&version=v3 HTTP/1.1"),
    ] {
        assert_eq!(client.get(sent).await.status(), 200, "{sent}");
        assert_eq!(seen.last().start_line(), expected, "{sent}");
    }
}

#[tokio::test]
async fn the_target_is_sent_the_rewritten_host() {
    for preserve_host_header in [false, true] {
        let attributes = LoadBalancerAttributes { preserve_host_header, ..LoadBalancerAttributes::default() };
        let (front, seen) = front(Transforms { host: rewrite("^([a-z]+)\\.example\\.com$", "$1.internal"), url: None }, attributes).await;
        let mut client = front.client().await;
        let (port, other) = (front.port, if preserve_host_header { "Other.net".to_owned() } else { format!("other.net:{}", front.port) });
        for (sent, expected) in
            [("Shop.Example.com:81", "shop.internal:81"), ("shop.example.com", &format!("shop.internal:{port}")), ("Other.net", &other)]
        {
            client.send(&format!("GET / HTTP/1.1\r\nHost: {sent}\r\n\r\n")).await;
            assert_eq!(client.message().await.status(), 200, "{sent}");
            assert_eq!(seen.last().all("host"), [expected], "{sent} {preserve_host_header}");
        }
    }
}

#[tokio::test]
async fn a_rewrite_that_cannot_be_sent_earns_500() {
    for (regex, replace) in [("^/", ""), ("$", " x"), ("^.*$", "")] {
        let (front, seen) = front(Transforms { host: None, url: rewrite(regex, replace) }, LoadBalancerAttributes::default()).await;
        let answer = front.client().await.get("/users").await;
        assert_eq!((answer.status(), answer.all("server")), (500, vec!["awselb/2.0"]), "{regex}");
        assert!(seen.messages().is_empty());
    }
    let (front, _) = front(Transforms { host: rewrite(".*", "no host"), url: None }, LoadBalancerAttributes::default()).await;
    assert_eq!(front.client().await.get("/users").await.status(), 500);
}
