//! Sticky sessions: what the load balancer's cookies say, when they count, and what a response sets (alb.md 7).
//!
//! The contents are for nobody else to read or change: whoever reads and writes the bytes seals them ([`Seal`]).

use std::borrow::Cow;
use std::time::Duration;

use model::{Stickiness, StickyCookie, Timestamp};

use crate::request::{HeaderLines, Scheme};

/// What a sealed cookie holds, padding included: with sixteen bytes of a tag and twelve of a nonce it is 124 characters of base64, as
/// long as AWS's.
pub const TOKEN_BYTES: usize = 65;

/// Seals the contents of cookies, and opens what was sealed.
pub trait Seal {
    /// The value of a cookie, in standard base64.
    fn seal(&self, token: &[u8; TOKEN_BYTES]) -> String;
    /// What was sealed; `None` if this was not sealed here.
    fn open(&self, value: &[u8]) -> Option<[u8; TOKEN_BYTES]>;
}

/// What a cookie is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `AWSALB`: a target.
    LoadBalancer = 1,
    /// `AWSALBAPP-0`: a target, beside the application's own cookie.
    Application,
    /// `AWSALBTG`: a target group of a forward action.
    Group,
}

impl Kind {
    /// The names that it is looked for under: the one for other sites' requests counts first.
    const fn names(self) -> &'static [&'static str] {
        match self {
            Self::LoadBalancer => &["AWSALBCORS", "AWSALB"],
            Self::Application => &["AWSALBAPP-0"],
            Self::Group => &["AWSALBTGCORS", "AWSALBTG"],
        }
    }
}

/// What a cookie says. Groups and targets are named by [`fingerprint`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) group: u64,
    /// 0 where a group is named.
    pub(crate) target: u64,
    pub(crate) issued_at: Timestamp,
}

impl Token {
    fn to_bytes(self) -> [u8; TOKEN_BYTES] {
        let mut bytes = [0; TOKEN_BYTES];
        let numbers = [self.group, self.target, self.issued_at.as_millis()];
        let content = std::iter::once(self.kind as u8).chain(numbers.into_iter().flat_map(u64::to_be_bytes));
        bytes.iter_mut().zip(content).for_each(|(byte, content)| *byte = content);
        bytes
    }

    fn says(bytes: &[u8; TOKEN_BYTES], kind: Kind) -> Option<Self> {
        let (first, rest) = bytes.split_first()?;
        let mut numbers = rest.chunks_exact(8).filter_map(|chunk| chunk.try_into().ok().map(u64::from_be_bytes));
        let (group, target, issued_at) = (numbers.next()?, numbers.next()?, Timestamp::from_millis(numbers.next()?));
        (*first == kind as u8).then_some(Self { kind, group, target, issued_at })
    }
}

/// What is known of a client by the cookies of its request.
#[derive(Clone, Copy)]
pub(crate) struct Cookies<'a> {
    pub(crate) headers: &'a dyn HeaderLines,
    pub(crate) seal: &'a dyn Seal,
    pub(crate) now: Timestamp,
}

impl Cookies<'_> {
    /// What the cookie of that kind says, unless it is older than `duration`.
    pub(crate) fn token(&self, kind: Kind, duration: Duration) -> Option<Token> {
        let open = |name: &&str| Token::says(&self.seal.open(&self.value(name)?)?, kind);
        kind.names().iter().find_map(open).filter(|token| self.now.since(token.issued_at) < duration)
    }

    /// Whether there are cookies of that kind, and none of them was sealed here.
    pub(crate) fn is_forged(&self, kind: Kind) -> bool {
        let values = kind.names().iter().filter_map(|name| self.value(name));
        let opened: Vec<bool> = values.map(|value| self.seal.open(&value).is_some()).collect();
        !opened.is_empty() && !opened.contains(&true)
    }

    /// Whether there is a cookie of exactly that name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    fn value(&self, name: &str) -> Option<Vec<u8>> {
        let mut found = None;
        self.headers.any("cookie", &mut |line| {
            found = line.split(|byte| *byte == b';').find_map(|pair| value_of(pair.trim_ascii(), name)).map(<[u8]>::to_vec);
            found.is_some()
        });
        found
    }
}

fn value_of<'p>(pair: &'p [u8], name: &str) -> Option<&'p [u8]> {
    pair.strip_prefix(name.as_bytes())?.strip_prefix(b"=")
}

/// What the response to a request is to set. Made when the target is chosen, before the response is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// The group that a forward action with stickiness chose.
    pub(crate) forward_group: Option<u64>,
    /// The stickiness of the target's group, if it has one.
    pub(crate) target: Option<TargetMemory>,
}

/// See [`Memory`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TargetMemory {
    pub(crate) cookie: StickyCookie,
    pub(crate) group: u64,
    pub(crate) target: u64,
    /// The request came back by its cookie.
    pub(crate) stuck: bool,
}

impl Memory {
    /// The values of the `Set-Cookie` lines, in order. `sets` says whether the target's own response sets a cookie of that name,
    /// `expires` is a week from now as an HTTP date.
    #[must_use]
    pub fn set_cookies(&self, scheme: Scheme, sets: impl Fn(&str) -> bool, seal: &dyn Seal, now: Timestamp, expires: &str) -> Vec<String> {
        let mut lines = Vec::new();
        let sealed = |kind, group, target| seal.seal(&Token { kind, group, target, issued_at: now }.to_bytes());
        let cross_site = if scheme == Scheme::Https { "; SameSite=None; Secure" } else { "; SameSite=None" };
        let mut pair = |name: &str, value: &str| {
            lines.push(format!("{name}={value}; Expires={expires}; Path=/"));
            lines.push(format!("{name}CORS={value}; Expires={expires}; Path=/{cross_site}"));
        };
        if let Some(group) = self.forward_group {
            pair("AWSALBTG", &sealed(Kind::Group, group, 0));
        }
        match &self.target {
            None => {}
            Some(TargetMemory { cookie: StickyCookie::LoadBalancer, group, target, .. }) => {
                pair("AWSALB", &sealed(Kind::LoadBalancer, *group, *target));
            }
            Some(TargetMemory { cookie: StickyCookie::Application(name), group, target, stuck }) => {
                let first = if *stuck || sets(name) { Cow::Owned(sealed(Kind::Application, *group, *target)) } else { Cow::Borrowed(REMOVE) };
                let values = [&*first, REMOVE, REMOVE, REMOVE];
                lines.extend((0..).zip(values).map(|(shard, value)| format!("AWSALBAPP-{shard}={value}; Expires={expires}; Path=/")));
            }
        }
        lines
    }
}

/// What AWS writes into the shards of the application's cookie that hold nothing.
const REMOVE: &str = "_remove_";

/// A number that names a group or a target for as long as its name is what it is (FNV-1a).
pub(crate) fn fingerprint(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Whether a request of this group comes back, and how long it may have been away.
pub(crate) fn returning(stickiness: &Stickiness, group: u64, cookies: &Cookies<'_>) -> Option<Token> {
    let kind = match &stickiness.cookie {
        StickyCookie::LoadBalancer => Kind::LoadBalancer,
        StickyCookie::Application(name) if cookies.has(name) => Kind::Application,
        StickyCookie::Application(_) => return None,
    };
    cookies.token(kind, stickiness.duration).filter(|token| token.group == group)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::PlainSeal;

    const WEEK: &str = "Thu, 08 Jan 1970 00:00:00 GMT";

    fn memory(target: StickyCookie, stuck: bool) -> Memory {
        Memory { forward_group: None, target: Some(TargetMemory { cookie: target, group: 7, target: 9, stuck }) }
    }

    fn lines(memory: &Memory, scheme: Scheme, sets: bool) -> Vec<String> {
        let sealed = |kind| {
            PlainSeal
                .seal(&Token { kind, group: 7, target: if kind == Kind::Group { 0 } else { 9 }, issued_at: Timestamp::from_millis(5) }.to_bytes())
        };
        let lines = memory.set_cookies(scheme, |name| sets && name == "SESSION", &PlainSeal, Timestamp::from_millis(5), WEEK);
        let short =
            |line: String| line.replace(&sealed(Kind::LoadBalancer), "T").replace(&sealed(Kind::Application), "A").replace(&sealed(Kind::Group), "G");
        lines.into_iter().map(short).collect()
    }

    #[test]
    fn responses_set_both_cookies() {
        assert_eq!(
            lines(&memory(StickyCookie::LoadBalancer, false), Scheme::Http, false),
            [format!("AWSALB=T; Expires={WEEK}; Path=/"), format!("AWSALBCORS=T; Expires={WEEK}; Path=/; SameSite=None")]
        );
        let both = Memory { forward_group: Some(7), ..memory(StickyCookie::LoadBalancer, true) };
        assert_eq!(
            lines(&both, Scheme::Https, false),
            [
                format!("AWSALBTG=G; Expires={WEEK}; Path=/"),
                format!("AWSALBTGCORS=G; Expires={WEEK}; Path=/; SameSite=None; Secure"),
                format!("AWSALB=T; Expires={WEEK}; Path=/"),
                format!("AWSALBCORS=T; Expires={WEEK}; Path=/; SameSite=None; Secure"),
            ]
        );
        assert_eq!(lines(&Memory { forward_group: None, target: None }, Scheme::Http, true), [""; 0]);
    }

    #[test]
    fn an_applications_cookie_decides_over_ours() {
        let check = |stuck: bool, sets: bool, first: &str| {
            let expected = [first, "_remove_", "_remove_", "_remove_"];
            let expected: Vec<_> = (0..).zip(expected).map(|(shard, value)| format!("AWSALBAPP-{shard}={value}; Expires={WEEK}; Path=/")).collect();
            assert_eq!(lines(&memory(StickyCookie::Application("SESSION".into()), stuck), Scheme::Http, sets), expected);
        };
        check(false, false, "_remove_");
        check(false, true, "A");
        check(true, false, "A");
    }

    #[test]
    fn cookies_are_found_by_their_exact_name() {
        let check = |lines: [&str; 2], name: &str, expected: Option<&str>| {
            let headers = [("Cookie", lines[0]), ("cookie", lines[1])];
            let cookies = Cookies { headers: &headers, seal: &PlainSeal, now: Timestamp::from_millis(1) };
            assert_eq!(cookies.value(name).as_deref(), expected.map(str::as_bytes), "{lines:?} {name}");
        };
        check(["a=1; b=2", "c=3"], "b", Some("2"));
        check(["a=1;b=2", "c=3"], "c", Some("3"));
        check(["a=1; a=2", "a=3"], "a", Some("1"));
        check(["ab=1; A=2", ""], "a", None);
        check(["a", "a="], "a", Some(""));
        check(["x=a=1", ""], "a", None);
        check(["a=b=c==", ""], "a", Some("b=c=="));
    }

    #[test]
    fn a_cookie_counts_for_its_duration_and_its_kind() {
        let token = |kind| PlainSeal.seal(&Token { kind, group: 7, target: 9, issued_at: Timestamp::from_millis(1_000) }.to_bytes());
        let found = |cookie: &str, kind: Kind, at: u64| {
            let headers = [("Cookie", cookie)];
            let cookies = Cookies { headers: &headers, seal: &PlainSeal, now: Timestamp::from_millis(at) };
            cookies.token(kind, Duration::from_secs(10)).map(|token| (token.group, token.target))
        };
        let ours = format!("AWSALB={}", token(Kind::LoadBalancer));
        assert_eq!(found(&ours, Kind::LoadBalancer, 1_000), Some((7, 9)));
        assert_eq!(found(&ours, Kind::LoadBalancer, 10_999), Some((7, 9)));
        assert_eq!(found(&ours, Kind::LoadBalancer, 11_000), None);
        assert_eq!(found(&format!("AWSALB={}", token(Kind::Group)), Kind::LoadBalancer, 1_000), None);
        assert_eq!(found("AWSALB=junk", Kind::LoadBalancer, 1_000), None);
        let other = PlainSeal.seal(&Token { kind: Kind::LoadBalancer, group: 1, target: 2, issued_at: Timestamp::from_millis(1_000) }.to_bytes());
        assert_eq!(found(&format!("{ours}; AWSALBCORS={other}"), Kind::LoadBalancer, 1_000), Some((1, 2)), "the one for other sites counts");
        assert_eq!(found(&format!("{ours}; AWSALBCORS=junk"), Kind::LoadBalancer, 1_000), Some((7, 9)));
    }
}
