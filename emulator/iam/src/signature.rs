//! Signatures of AWS, version 4, in the header `Authorization`: what was signed is put together again and signed with the same secret.

use std::time::Duration;

use model::Timestamp;
use ring::{digest, hmac};

use crate::{Credentials, Mint, Refusal, Session};

/// How far a client's clock may be off.
pub const MAX_SKEW: Duration = Duration::from_secs(5 * 60);

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const SCOPE_END: &str = "aws4_request";
const TOKEN_HEADER: &str = "x-amz-security-token";

/// A request as it came.
#[derive(Clone, Copy, Debug)]
pub struct SignedRequest<'a> {
    /// `POST`
    pub method: &'a str,
    /// The path as it was written.
    pub path: &'a str,
    /// The query as it was written, without `?`.
    pub query: &'a str,
    /// Names and values, as often as they came; names in lower case.
    pub headers: &'a [(String, String)],
    /// The whole of it.
    pub body: &'a [u8],
}

/// Whom a signature shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Whose credentials it was made with.
    pub session: Session,
    /// The region that it was made for.
    pub region: String,
    /// The service that it was made for.
    pub service: String,
}

/// The header taken apart.
struct Authorization<'a> {
    access_key_id: &'a str,
    /// `20260131`
    date: &'a str,
    region: &'a str,
    service: &'a str,
    signed: Vec<&'a str>,
    signature: &'a str,
}

impl<'a> SignedRequest<'a> {
    /// What is wrong with a request that is not signed.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        self.header("authorization").map_or(Refusal::Unsigned, |header| Authorization::read(header).err().unwrap_or(Refusal::Unknown))
    }

    /// The access key id that a request is signed with, if it is signed.
    #[must_use]
    pub fn access_key_id(&self) -> Option<&'a str> {
        Some(Authorization::read(self.header("authorization")?).ok()?.access_key_id)
    }

    /// The service that a request is signed for, if it is signed.
    #[must_use]
    pub fn service(&self) -> Option<&'a str> {
        Some(Authorization::read(self.header("authorization")?).ok()?.service)
    }

    /// Checks the signature of credentials of ours, by the wall's time.
    ///
    /// # Errors
    /// Why it is not believed.
    pub fn verify(&self, mint: &Mint, now: Timestamp) -> Result<Verified, Refusal> {
        let given = Authorization::read(self.header("authorization").ok_or(Refusal::Unsigned)?)?;
        let signed_at = self
            .header("x-amz-date")
            .ok_or_else(|| incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."))?;
        let token = self.header(TOKEN_HEADER).ok_or(Refusal::Unknown)?;
        let (session, credentials) = mint.open(given.access_key_id, token).ok_or(Refusal::Unknown)?;
        self.all_are_signed(&given)?;
        timely(signed_at, given.date, now)?;
        let (key, text) = self.what_is_signed(&given, signed_at, &credentials.secret_access_key);
        let signature = from_hex(given.signature).unwrap_or_default();
        hmac::verify(&key, text.as_bytes(), &signature).map_err(|_| {
            Refusal::Mismatch("The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.".into())
        })?;
        // Only whoever has the secret is told that it is too late.
        if now >= session.expires_at {
            return Err(Refusal::Expired);
        }
        Ok(Verified { session, region: given.region.to_owned(), service: given.service.to_owned() })
    }

    /// The header `Authorization` for this request, whose other headers are all there: `x-amz-date` and the session token among them.
    #[must_use]
    pub fn sign(&self, credentials: &Credentials, region: &str, service: &str) -> String {
        let signed_at = self.header("x-amz-date").unwrap_or_default();
        let mut signed: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        signed.sort_unstable();
        signed.dedup();
        let date = signed_at.get(..8).unwrap_or_default();
        let given = Authorization { access_key_id: &credentials.access_key_id, date, region, service, signed, signature: "" };
        let (key, text) = self.what_is_signed(&given, signed_at, &credentials.secret_access_key);
        let (scope, signed, signature) = (given.scope(), given.signed.join(";"), hex(hmac::sign(&key, text.as_bytes()).as_ref()));
        format!("{ALGORITHM} Credential={}/{scope}, SignedHeaders={signed}, Signature={signature}", credentials.access_key_id)
    }

    /// The key of that day, place and service, and the text that is signed with it.
    fn what_is_signed(&self, given: &Authorization<'_>, signed_at: &str, secret: &str) -> (hmac::Key, String) {
        let request = hex(digest::digest(&digest::SHA256, self.canonical(given).as_bytes()).as_ref());
        let mut key = format!("AWS4{secret}").into_bytes();
        for part in [given.date, given.region, given.service, SCOPE_END] {
            key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), part.as_bytes()).as_ref().to_vec();
        }
        (hmac::Key::new(hmac::HMAC_SHA256, &key), format!("{ALGORITHM}\n{signed_at}\n{}\n{request}", given.scope()))
    }

    /// What is not signed could be changed on the way: the host, and everything that AWS has a meaning for.
    fn all_are_signed(&self, given: &Authorization<'_>) -> Result<(), Refusal> {
        let must = |name: &str| name == "host" || name.starts_with("x-amz-");
        let unsigned = self.headers.iter().map(|(name, _)| name.as_str()).find(|name| must(name) && !given.signed.contains(name));
        unsigned.map_or(Ok(()), |name| Err(Refusal::Mismatch(format!("'{name}' must be a 'SignedHeader' in the AWS Authorization."))))
    }

    /// Path and query of what is served here are `/` and short; a path is encoded once more than it came, as for all services but S3.
    fn canonical(&self, given: &Authorization<'_>) -> String {
        let path = self.path.split('/').map(encode).collect::<Vec<_>>().join("/");
        let mut query: Vec<_> = form_urlencoded::parse(self.query.as_bytes()).map(|(name, value)| (encode(&name), encode(&value))).collect();
        query.sort();
        let query = query.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
        let headers = given.signed.iter().map(|name| {
            let values =
                self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.split_ascii_whitespace().collect::<Vec<_>>().join(" "));
            format!("{name}:{}\n", values.collect::<Vec<_>>().join(","))
        });
        let (headers, signed) = (headers.collect::<String>(), given.signed.join(";"));
        let body = hex(digest::digest(&digest::SHA256, self.body).as_ref());
        format!("{}\n{path}\n{query}\n{headers}\n{signed}\n{body}", self.method)
    }

    fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl<'a> Authorization<'a> {
    fn scope(&self) -> String {
        format!("{}/{}/{}/{SCOPE_END}", self.date, self.region, self.service)
    }

    fn read(header: &'a str) -> Result<Self, Refusal> {
        let rest = header.strip_prefix(ALGORITHM).ok_or_else(|| incomplete(&format!("Authorization header requires the algorithm {ALGORITHM}.")))?;
        let part = |name: &str| {
            let found = rest.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
            found.ok_or_else(|| incomplete(&format!("Authorization header requires '{name}' parameter.")))
        };
        let (credential, signed, signature) = (part("Credential")?, part("SignedHeaders")?, part("Signature")?);
        let [access_key_id, date, region, service, SCOPE_END] = credential.split('/').collect::<Vec<_>>()[..] else {
            return Err(incomplete("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term."));
        };
        Ok(Self { access_key_id, date, region, service, signed: signed.split(';').collect(), signature })
    }
}

fn incomplete(why: &str) -> Refusal {
    Refusal::Incomplete(why.to_owned())
}

/// `20260131T120000Z`, not far from now, and of the day that the key was made for.
fn timely(signed_at: &str, date: &str, now: Timestamp) -> Result<(), Refusal> {
    let parsed = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", signed_at).ok().and_then(|moment| moment.to_zoned(jiff::tz::TimeZone::UTC).ok());
    let seconds = parsed.and_then(|moment| u64::try_from(moment.timestamp().as_second()).ok());
    let at = seconds
        .map(|seconds| Timestamp::from_millis(seconds * 1000))
        .ok_or_else(|| incomplete(&format!("Date must be in ISO-8601 'basic format'. Got '{signed_at}'.")))?;
    if !signed_at.starts_with(date) {
        return Err(Refusal::Mismatch(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{date}' != '{signed_at}'."
        )));
    }
    let minutes = MAX_SKEW.as_secs() / 60;
    if at + MAX_SKEW < now {
        return Err(Refusal::Mismatch(format!(
            "Signature expired: {signed_at} is now earlier than {} ({} - {minutes} min.)",
            basic(now, MAX_SKEW, true),
            basic(now, Duration::ZERO, true)
        )));
    }
    if now + MAX_SKEW < at {
        return Err(Refusal::Mismatch(format!(
            "Signature not yet current: {signed_at} is still later than {} ({} + {minutes} min.)",
            basic(now, MAX_SKEW, false),
            basic(now, Duration::ZERO, false)
        )));
    }
    Ok(())
}

fn basic(now: Timestamp, by: Duration, earlier: bool) -> String {
    let seconds = if earlier { now.as_secs().saturating_sub(by.as_secs()) } else { now.as_secs() + by.as_secs() };
    let moment = i64::try_from(seconds).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    moment.map(|moment| moment.strftime("%Y%m%dT%H%M%SZ").to_string()).unwrap_or_default()
}

/// RFC 3986: all but letters, digits and `-._~`.
fn encode(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}
