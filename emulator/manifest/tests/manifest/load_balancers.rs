//! Attributes of load balancers.

use insta::assert_snapshot;
use model::{DesyncMode, LoadBalancerAttributes, LogBucket};

use crate::support::{broken, good, replaced};

const NAME: &str = "  - name: front\n";

fn attributes(attributes: &str) -> LoadBalancerAttributes {
    let text = replaced(&[(NAME, &format!("{NAME}    attributes: {attributes}\n"))]);
    let manifest = good(&text);
    assert_eq!(manifest.notes, []);
    manifest.desired.load_balancers.into_values().next().unwrap().attributes
}

fn wrong(attributes: &str) -> String {
    broken(&[(NAME, &format!("{NAME}    attributes: {attributes}\n"))])
}

#[test]
fn attributes_are_read() {
    for (word, mode) in [("monitor", DesyncMode::Monitor), ("defensive", DesyncMode::Defensive), ("strictest", DesyncMode::Strictest)] {
        assert_eq!(attributes(&format!("{{ routing.http.desync_mitigation_mode: {word} }}")).desync_mode, mode);
    }
    let found = attributes(
        "{ routing.http2.enabled: false, routing.http.x_amzn_tls_version_and_cipher_suite.enabled: true, routing.ecslocal.debug_header.enabled: true }",
    );
    assert_eq!((found.http2, found.tls_headers, found.debug_header), (false, true, true));
}

#[test]
fn logs_go_to_a_bucket_where_they_are_switched_on() {
    let found = attributes(
        r#"[{ Key: access_logs.s3.enabled, Value: "true" }, { Key: access_logs.s3.bucket, Value: my-logs }, { Key: access_logs.s3.prefix, Value: "" },
       { Key: connection_logs.s3.enabled, Value: "true" }, { Key: connection_logs.s3.bucket, Value: my.logs }, { Key: connection_logs.s3.prefix, Value: shop/front },
       { Key: health_check_logs.s3.enabled, Value: "false" }, { Key: health_check_logs.s3.bucket, Value: "" }]"#,
    );
    let bucket = |bucket: &str, prefix: &str| Some(LogBucket { bucket: bucket.into(), prefix: prefix.into() });
    assert_eq!((found.access_logs, found.connection_logs, found.health_check_logs), (bucket("my-logs", ""), bucket("my.logs", "shop/front"), None));
}

#[test]
fn attributes_that_cannot_be() {
    assert_snapshot!(
        wrong("\n      routing.http.desync_mitigation_mode: strict\n      access_logs.s3.enabled: true\n      connection_logs.s3.enabled: true\n      connection_logs.s3.bucket: ../logs\n      connection_logs.s3.prefix: shop/../..\n      health_check_logs.s3.enabled: true\n      health_check_logs.s3.bucket: a..b\n      health_check_logs.s3.prefix: AWSLogs/x\n      deletion_protection.enabled: true"),
        @r#"
    error: the attribute `routing.http.desync_mitigation_mode` must be `monitor`, `defensive` or `strictest`, found `strict`
     --> cluster.yaml:5:44
      |
    5 |       routing.http.desync_mitigation_mode: strict
      |                                            ^^^^^^
      |
      = hint: did you mean `strictest`?

    error: The value of 'access_logs.s3.bucket' cannot be empty
     --> cluster.yaml:6:31
      |
    6 |       access_logs.s3.enabled: true
      |                               ^^^^
      |
      = hint: for example `access_logs.s3.bucket: logs`

    error: '../logs' is not the name of a bucket: it is made of small letters, digits, dots and hyphens
     --> cluster.yaml:8:34
      |
    8 |       connection_logs.s3.bucket: ../logs
      |                                  ^^^^^^^
      |
      = hint: it becomes a folder in the state folder; `ecslocal doctor` shows where that is

    error: 'shop/../..' cannot be a prefix of logs: between its slashes are names
     --> cluster.yaml:9:34
      |
    9 |       connection_logs.s3.prefix: shop/../..
      |                                  ^^^^^^^^^^

    error: 'a..b' is not the name of a bucket: it has no two dots in a row
      --> cluster.yaml:11:36
       |
    11 |       health_check_logs.s3.bucket: a..b
       |                                    ^^^^
       |
       = hint: it becomes a folder in the state folder; `ecslocal doctor` shows where that is

    error: 'AWSLogs/x' cannot be a prefix of logs: AWS puts its own `AWSLogs` after it
      --> cluster.yaml:12:36
       |
    12 |       health_check_logs.s3.prefix: AWSLogs/x
       |                                    ^^^^^^^^^

    error: the attribute `deletion_protection.enabled` is not supported yet
      --> cluster.yaml:13:36
       |
    13 |       deletion_protection.enabled: true
       |                                    ^^^^
       |
       = hint: remove it, or give it its default, `false`

    7 problems in cluster.yaml
    "#
    );
}

#[test]
fn names_of_buckets_become_folders() {
    for (bucket, wrong_in) in [
        ("ab", Some("it has 3 to 63 characters")),
        ("Logs", Some("it is made of small letters, digits, dots and hyphens")),
        ("a/b", Some("it is made of small letters, digits, dots and hyphens")),
        (".logs", Some("it begins and ends with a letter or a digit")),
        ("logs-", Some("it begins and ends with a letter or a digit")),
        ("a..b", Some("it has no two dots in a row")),
        ("my-logs.2026", None),
    ] {
        let given = format!("{{ access_logs.s3.enabled: true, access_logs.s3.bucket: \"{bucket}\" }}");
        match wrong_in {
            Some(why) => assert!(wrong(&given).contains(&format!("'{bucket}' is not the name of a bucket: {why}")), "{bucket}"),
            None => assert_eq!(attributes(&given).access_logs.unwrap().bucket, bucket),
        }
    }
}
