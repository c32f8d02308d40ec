//! The conformance table: what AWS documents of its load balancers, a fact a case, run over real sockets. The cases are text, grouped as
//! the specification `alb.md` is; how they are read is said in `cases/README.md`.
//! (The modules say `cfg(test)` so that the lints know them for tests.)

#[cfg(test)]
mod case;
#[cfg(test)]
mod notation;
#[cfg(test)]
mod pattern;
#[cfg(test)]
#[expect(dead_code, reason = "shared with the other tests, which use more of it")]
#[path = "../traffic/secure.rs"]
mod secure;
#[cfg(test)]
mod setup;
#[cfg(test)]
mod stage;
#[cfg(test)]
#[expect(dead_code, reason = "shared with the other tests, which use more of it")]
#[path = "../traffic/support.rs"]
mod support;
#[cfg(test)]
mod targets;
#[cfg(test)]
mod verbs;
#[cfg(test)]
mod wire;

/// One test a file of cases. All that fail are told at once.
#[cfg(test)]
macro_rules! tables {
    ($($test:ident $file:literal;)*) => {$(
        #[tokio::test]
        async fn $test() {
            crate::stage::check_all($file, include_str!(concat!("cases/", $file))).await;
        }
    )*};
}

#[cfg(test)]
mod tables {
    tables! {
        rules_and_conditions "02-conditions.txt";
        forward "03-forward.txt";
        redirects "03-redirects.txt";
        fixed_responses "03-fixed-responses.txt";
        transforms "03-transforms.txt";
        target_groups "04-target-groups.txt";
        health_checks "05-health-checks.txt";
        limits_and_timers "06-1-limits.txt";
        versions_and_methods "06-2-versions.txt";
        headers_to_the_target "06-3-headers.txt";
        order_and_case_of_headers_to_the_target "06-4-case.txt";
        host_to_the_target "06-5-host.txt";
        bodies_and_upgrades "06-6-bodies.txt";
        desync_mitigation "06-6-desync.txt";
        response_headers "06-7-responses.txt";
        generated_responses "06-9-pages.txt";
        stickiness "07-stickiness.txt";
        access_log "08-log.txt";
    }

    /// The runner itself: cases that must fail do, each under its name and with what came instead.
    #[tokio::test]
    async fn a_case_can_fail() {
        let failures = crate::stage::failures("itself", include_str!("cases/itself.txt")).await;
        let expected = [
            "itself:4: a line of the response differs",
            "itself:9: the order of lines differs",
            "itself:16: the target sees another line",
            "itself:22: the connection goes on",
            "itself:27: a target sees it",
            "itself:32: an unknown verb",
            "itself:35: the length differs",
            "itself:40: the class differs",
            "itself:45: a field of the log differs",
            "itself:50: another mode differs",
            "itself:55: the target gets a header",
            "itself:61: a request is sent twice",
            "itself:68: a target keeps its connection",
            "itself:75: a check passes",
            "itself:78: nothing is expected",
            "itself:81: nothing differs",
        ];
        assert_eq!(failures.len(), expected.len(), "{}", failures.join("\n"));
        for (failure, name) in failures.iter().zip(expected) {
            assert!(failure.starts_with(&format!("{name}\n")), "{name}: {failure}");
        }
        assert!(failures[0].contains("- HTTP/1.1 201 Created") && failures[0].contains("  HTTP/1.1 200 OK"), "{}", failures[0]);
    }
}
