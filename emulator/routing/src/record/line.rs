//! A record as a line of the access log (alb.md 8): space-separated fields, in AWS's order, quoted where AWS quotes.

use std::fmt::{self, Display, Formatter, Write as _};
use std::time::Duration;

use super::AccessRecord;
use crate::calendar::{Civil, digits};

impl Display for AccessRecord {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {} ", self.kind.as_str(), Time(self.responded), self.balancer.log_name(), self.client)?;
        or_dash(f, self.target.as_ref().map(|target| target.logged()))?;
        for time in [self.times.request, self.times.target, self.times.response] {
            f.write_char(' ')?;
            seconds(f, time)?;
        }
        write!(f, " {} ", self.elb_status)?;
        or_dash(f, self.target_status)?;
        write!(f, " {} {} ", self.received, self.sent)?;
        self.request_line(f)?;
        f.write_char(' ')?;
        quoted(f, self.user_agent.as_deref())?;
        let tls = self.tls.as_deref();
        f.write_char(' ')?;
        or_dash(f, tls.map(|tls| tls.cipher))?;
        f.write_char(' ')?;
        or_dash(f, tls.map(|tls| tls.protocol))?;
        f.write_char(' ')?;
        or_dash(f, self.group.as_ref().map(|group| group.arn()))?;
        let server_name = tls.and_then(|tls| tls.server_name.as_deref());
        let certificate = tls.and_then(|tls| tls.certificate.as_deref());
        for text in [self.trace_id.as_deref(), server_name, certificate] {
            f.write_char(' ')?;
            quoted(f, text)?;
        }
        f.write_char(' ')?;
        or_dash(f, self.rule.map(crate::MatchedRule::log_priority))?;
        write!(f, " {}", Time(self.created))?;
        self.outcome(f)?;
        write!(f, " TID_{:032x}", self.connection)?;
        for text in [self.transformed.host.as_deref(), self.transformed.uri.as_deref(), self.transformed.status] {
            f.write_char(' ')?;
            quoted(f, text)?;
        }
        Ok(())
    }
}

impl AccessRecord {
    /// What could not be read is written as one empty method, one empty path and no version (alb.md 8, "malformed request").
    fn request_line(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        match &self.request {
            Some(line) => {
                escaped(f, &line.method)?;
                f.write_char(' ')?;
                escaped(f, &line.url)?;
                write!(f, " {}", line.version)?;
            }
            None => {
                let scheme = if self.tls.is_some() { "https" } else { "http" };
                write!(f, "- {scheme}://{}:{}- -", self.balancer.dns_name(), if self.tls.is_some() { 443 } else { 80 })?;
            }
        }
        f.write_char('"')
    }

    /// `actions_executed` to `classification_reason`.
    fn outcome(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (self.asked, self.actions) {
            (Some(asked), "") => write!(f, " \"{asked}\"")?,
            (Some(asked), actions) => write!(f, " \"{asked},{actions}\"")?,
            (None, "") => f.write_str(" \"-\"")?,
            (None, actions) => write!(f, " \"{actions}\"")?,
        }
        for text in [self.redirect_url.as_deref(), self.error_reason] {
            f.write_char(' ')?;
            quoted(f, text)?;
        }
        f.write_str(" \"")?;
        or_dash(f, self.target.as_ref().map(|target| target.logged()))?;
        f.write_str("\" \"")?;
        or_dash(f, self.target_status)?;
        f.write_char('"')?;
        for text in [self.doubt.map(|doubt| doubt.class.as_str()), self.doubt.map(|doubt| doubt.reason)] {
            f.write_char(' ')?;
            quoted(f, text)?;
        }
        Ok(())
    }
}

/// `2024-01-01T00:00:00.000000Z`
pub(crate) struct Time(pub(crate) Duration);

impl Display for Time {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let time = Civil::of(self.0.as_secs());
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        for (place, number) in [
            (0..4, time.year),
            (5..7, time.month),
            (8..10, time.day),
            (11..13, time.hour),
            (14..16, time.minute),
            (17..19, time.second),
            (20..26, self.0.subsec_micros().into()),
        ] {
            digits(&mut text[place], number);
        }
        f.write_str(plain(&text))
    }
}

/// To the nearest millisecond.
fn seconds(f: &mut Formatter<'_>, time: Option<Duration>) -> fmt::Result {
    let Some(time) = time else { return f.write_str("-1") };
    let millis = time.saturating_add(Duration::from_micros(500)).as_millis();
    write!(f, "{}.{:03}", millis / 1000, millis % 1000)
}

pub(crate) fn or_dash<T: Display>(f: &mut Formatter<'_>, value: Option<T>) -> fmt::Result {
    match value {
        Some(value) => value.fmt(f),
        None => f.write_char('-'),
    }
}

pub(crate) fn quoted(f: &mut Formatter<'_>, text: Option<&str>) -> fmt::Result {
    f.write_char('"')?;
    escaped(f, text.unwrap_or("-"))?;
    f.write_char('"')
}

/// What would break the line or its quotes is written as `\x22`. AWS shows it of the quotation mark; its server does it to the others too.
/// What lies in between is written at once.
fn escaped(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    let mut rest = text.as_bytes();
    while let Some(length) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f | 0x7f..)) {
        f.write_str(plain(&rest[..length]))?;
        write!(f, "\\x{:02X}", rest[length])?;
        rest = &rest[length + 1..];
    }
    f.write_str(plain(rest))
}

/// Bytes of ASCII, which all of them are.
fn plain(text: &[u8]) -> &str {
    std::str::from_utf8(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use crate::record::{AccessRecord, Doubt, DoubtClass, RequestKind, RequestLine, Times, TlsRecord, Transformed};
    use crate::testing::{fixed, forward, paths, put_group, put_listener, world};
    use crate::{MatchedRule, compile};

    const CREATED: Duration = Duration::from_micros(1_530_570_180_186_641);

    fn record() -> AccessRecord {
        let mut world = world();
        put_group(&mut world, "users", "h");
        put_listener(&mut world, "front", 80, vec![(vec![paths(&["/users"])], forward(&[("users", 1)])), (vec![paths(&["/x"])], fixed(200))]);
        let table = compile(&world, None);
        let balancer = Arc::clone(table.listener(80, None).unwrap().balancer());
        let mut record = AccessRecord::begin(RequestKind::Http, CREATED, balancer, "192.168.131.39:2817".parse().unwrap(), 0xfeed);
        record.group = table.groups().next().map(|group| Arc::clone(group.identity()));
        record.target = table.targets().next().cloned();
        record
    }

    #[test]
    fn a_forwarded_request() {
        let line = RequestLine { method: "GET".into(), url: "http://www.example.com:80/users?a=1".into(), version: "HTTP/1.1" };
        let second = |millis| Some(Duration::from_millis(millis));
        let record = AccessRecord {
            responded: CREATED + Duration::from_millis(7),
            times: Times { request: second(0), target: second(1), response: second(0) },
            elb_status: 200,
            target_status: Some(200),
            received: 34,
            sent: 366,
            request: Some(line),
            user_agent: Some("curl/7.46.0 \"x\"\\\u{e9}".into()),
            trace_id: Some("Root=1-58337262-36d228ad5d99923122bbe354".into()),
            rule: Some(MatchedRule::Rule(1)),
            actions: "forward",
            ..record()
        };
        assert_eq!(
            record.to_string(),
            "http 2018-07-02T22:23:00.193641Z app/front/0000000000000002 192.168.131.39:2817 127.0.0.1:1 0.000 0.001 0.000 200 200 34 366 \
             \"GET http://www.example.com:80/users?a=1 HTTP/1.1\" \"curl/7.46.0 \\x22x\\x22\\x5C\\xC3\\xA9\" - - \
             arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/users/0000000000000001 \
             \"Root=1-58337262-36d228ad5d99923122bbe354\" \"-\" \"-\" 1 2018-07-02T22:23:00.186641Z \"forward\" \"-\" \"-\" \
             \"127.0.0.1:1\" \"200\" \"-\" \"-\" TID_0000000000000000000000000000feed \"-\" \"-\" \"-\""
        );
    }

    #[test]
    fn a_request_that_could_not_be_read() {
        let record = AccessRecord { elb_status: 400, sent: 272, group: None, target: None, ..record() };
        assert_eq!(
            record.to_string(),
            "http 2018-07-02T22:23:00.186641Z app/front/0000000000000002 192.168.131.39:2817 - -1 -1 -1 400 - 0 272 \
             \"- http://front.localhost:80- -\" \"-\" - - - \"-\" \"-\" \"-\" - 2018-07-02T22:23:00.186641Z \"-\" \"-\" \"-\" \
             \"-\" \"-\" \"-\" \"-\" TID_0000000000000000000000000000feed \"-\" \"-\" \"-\""
        );
    }

    #[test]
    fn what_tls_transforms_and_doubts_add() {
        let tls = TlsRecord { cipher: "TLS_AES_128_GCM_SHA256", protocol: "TLSv1.3", server_name: Some("a.test".into()), certificate: None };
        let record = AccessRecord {
            kind: RequestKind::Wss,
            tls: Some(Arc::new(tls)),
            redirect_url: Some("https://a.test:443/".into()),
            error_reason: Some("AuthInvalidCookie"),
            doubt: Some(Doubt { class: DoubtClass::Ambiguous, reason: "BothTeClPresent" }),
            transformed: Transformed { host: Some("b.test".into()), uri: Some("/b".into()), status: Some("TransformSuccess") },
            rule: Some(MatchedRule::Default),
            ..record()
        };
        let line = record.to_string();
        let fields: Vec<&str> = line.split(' ').collect();
        assert_eq!(fields[0], "wss");
        assert!(line.contains(" \"-\" TLS_AES_128_GCM_SHA256 TLSv1.3 arn:"), "{line}");
        assert!(line.contains(" \"a.test\" \"-\" 0 2018-"), "{line}");
        assert!(line.contains(" \"-\" \"https://a.test:443/\" \"AuthInvalidCookie\" "), "{line}");
        assert!(line.contains(" \"Ambiguous\" \"BothTeClPresent\" TID_"), "{line}");
        assert!(line.ends_with(" \"b.test\" \"/b\" \"TransformSuccess\""), "{line}");
    }
}
