//! What a policy is asked.

use std::net::IpAddr;

use crate::Timestamp;

/// Somebody wants to do something to something.
#[derive(Clone, Copy, Debug)]
pub struct PolicyRequest<'a> {
    /// `ecr:DescribeRepositories`
    pub action: &'a str,
    /// An ARN, or `*` for an action that has no resource.
    pub resource: &'a str,
    /// Keys of conditions with their values, in whichever case; a key may be there more than once.
    pub context: &'a [(String, String)],
    /// Whether `${…}` in the statement that is looked at is a variable.
    pub variables: bool,
}

/// Every key of conditions that a request here has, in lower case. Those that end with `/` go on with the key of a tag.
pub(super) const KEYS: &[&str] = &[
    "aws:currenttime",
    "aws:epochtime",
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principaltag/",
    "aws:principaltype",
    "aws:requestedregion",
    "aws:resourcetag/",
    "aws:securetransport",
    "aws:sourceip",
    "aws:tokenissuetime",
    "aws:userid",
    "ecr:resourcetag/",
];

/// Whether requests here can have a key of conditions.
pub(super) fn is_known(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    KEYS.iter().any(|known| if known.ends_with('/') { key.len() > known.len() && key.starts_with(known) } else { key == *known })
}

impl<'a> PolicyRequest<'a> {
    /// What is asked, of whoever `context` says.
    #[must_use]
    pub const fn new(action: &'a str, resource: &'a str, context: &'a [(String, String)]) -> Self {
        Self { action, resource, context, variables: true }
    }

    /// The values of a key. The names of keys have no case.
    pub(super) fn values(&self, key: &str) -> Vec<&'a str> {
        self.context.iter().filter(|(known, _)| known.eq_ignore_ascii_case(key)).map(|(_, value)| value.as_str()).collect()
    }

    /// What every request has: when and from where it came, and where to.
    #[must_use]
    pub fn surroundings(now: Timestamp, source: Option<IpAddr>, region: &str) -> Vec<(String, String)> {
        let mut context = vec![
            ("aws:CurrentTime".to_owned(), rfc3339(now)),
            ("aws:EpochTime".to_owned(), (now.as_millis() / 1000).to_string()),
            ("aws:RequestedRegion".to_owned(), region.to_owned()),
            // Nothing here is asked over TLS.
            ("aws:SecureTransport".to_owned(), "false".to_owned()),
        ];
        context.extend(source.map(|source| ("aws:SourceIp".to_owned(), source.to_string())));
        context
    }
}

/// As AWS writes a moment: `2026-01-31T12:00:00Z`.
fn rfc3339(moment: Timestamp) -> String {
    let seconds = i64::try_from(moment.as_secs()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds).map(|moment| moment.to_string()).unwrap_or_default()
}
