//! The local authority: a certificate of ours that a developer's machine may trust, and leaves for the names of a laptop.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use model::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, SanType,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::certificate::Certificate;
use crate::folder::{self, Folder};

/// What cannot be done with the authority's folder.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A file or the folder cannot be read or written.
    #[error("the local authority's `{}` cannot be {what}", .path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// `read` or `written`.
        what: &'static str,
        /// What the system says.
        source: std::io::Error,
    },
    /// What is there is not an authority of ours.
    #[error("the local authority in `{}` cannot be used: {why}", .folder.display())]
    Damaged {
        /// The folder.
        folder: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A name that no certificate can have.
    #[error("no certificate can be issued for `{0}`")]
    Name(String),
    /// The system gives no random numbers.
    #[error("a certificate cannot be made: {0}")]
    Other(String),
}

impl AuthorityError {
    /// What to do next, if there is something.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Damaged { folder, .. } => {
                let (certificate, key) = (folder.join(folder::CERTIFICATE), folder.join(folder::KEY));
                Some(format!("remove `{}` and `{}` for a new authority, which has to be trusted anew", certificate.display(), key.display()))
            }
            Self::Name(_) => {
                Some("names are ASCII letters, digits and hyphens between dots, at most 253 characters; others in their `xn--` form".to_owned())
            }
            Self::Io { .. } | Self::Other(_) => None,
        }
    }
}

/// A development authority in a folder of its own.
pub struct Authority {
    path: PathBuf,
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Opens the authority in `folder`, and makes it on first use: `ca.pem`, and `ca-key.pem` for nobody else's eyes. What is there is
    /// never overwritten. `owner` is part of a new authority's name, so that a person finds it among many: a host or a user.
    /// `now` is the wall's time.
    ///
    /// # Errors
    /// When the folder cannot be used, or when what is in it is damaged or past its end.
    pub fn open(folder: &Path, owner: &str, now: Timestamp) -> Result<Self, AuthorityError> {
        let files = Folder::new(folder);
        let key = files.key_or(|| KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|error| AuthorityError::Other(error.to_string())))?;
        let certificate = files.certificate_or(|| new_certificate(&key, owner, now))?;
        let parameters = files.checked(&certificate, &key, now)?;
        Ok(Self { path: files.certificate_path(), certificate, issuer: Issuer::new(parameters, key) })
    }

    /// What a machine has to trust: `ca.pem` ([`crate::trust_steps`]).
    #[must_use]
    pub fn certificate_path(&self) -> &Path {
        &self.path
    }

    /// The authority's own certificate.
    #[must_use]
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// A certificate for `localhost`, `*.localhost`, 127.0.0.1 and ::1, and for `hosts`: names, wildcards or addresses. It is valid from
    /// a day before `now` (clocks differ) for less than the 398 days that browsers allow.
    ///
    /// `*.localhost` helps in few clients: OpenSSL, and so curl, wants two labels after the star. Give each name that is used.
    ///
    /// # Errors
    /// When one of the hosts cannot be in a certificate.
    pub fn issue<'h>(&self, hosts: impl IntoIterator<Item = &'h str>, now: Timestamp) -> Result<Certificate, AuthorityError> {
        let other = |error: rcgen::Error| AuthorityError::Other(error.to_string());
        let mut parameters = CertificateParams::default();
        for host in ["localhost", "*.localhost", "127.0.0.1", "::1"].into_iter().chain(hosts) {
            let name = alternative_name(host)?;
            if !parameters.subject_alt_names.contains(&name) {
                parameters.subject_alt_names.push(name);
            }
        }
        parameters.distinguished_name = distinguished_name("ecslocal development certificate");
        valid(&mut parameters, now, DAY, LEAF_LIFE);
        parameters.is_ca = IsCa::ExplicitNoCa;
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        parameters.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(other)?;
        let leaf = parameters.signed_by(&key, &self.issuer).map_err(other)?;
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        Certificate::new(vec![leaf.der().clone()], key).map_err(|problem| AuthorityError::Other(format!("{problem:?}")))
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").field("path", &self.path).finish_non_exhaustive()
    }
}

const DAY: u64 = 24 * 60 * 60;
/// From now; with the day before, less than the 398 days that browsers allow (CA/Browser Forum, ballot SC31).
const LEAF_LIFE: u64 = 390 * DAY;
/// From now.
const AUTHORITY_LIFE: u64 = 3_650 * DAY;

fn new_certificate(key: &KeyPair, owner: &str, now: Timestamp) -> Result<CertificateDer<'static>, AuthorityError> {
    let mut parameters = CertificateParams::default();
    let mut name = distinguished_name(&format!("ecslocal development CA ({owner})"));
    name.push(DnType::OrganizationName, "ecslocal");
    parameters.distinguished_name = name;
    valid(&mut parameters, now, DAY, AUTHORITY_LIFE);
    // It signs leaves only.
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let certificate = parameters.self_signed(key).map_err(|error| AuthorityError::Other(error.to_string()))?;
    Ok(certificate.der().clone())
}

/// A name of one part, at most the 64 characters that X.509 allows for it.
fn distinguished_name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common.chars().take(64).collect::<String>());
    name
}

/// Sets when `parameters` are valid, in seconds around `now`.
fn valid(parameters: &mut CertificateParams, now: Timestamp, before: u64, after: u64) {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let now = now.as_secs().min(LAST_SECOND);
    parameters.not_before = epoch + Duration::from_secs(now.saturating_sub(before));
    parameters.not_after = epoch + Duration::from_secs(now.saturating_add(after));
}

/// The year 9000: certificates know years of four digits.
const LAST_SECOND: u64 = 221_845_392_000;

fn alternative_name(host: &str) -> Result<SanType, AuthorityError> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    let labels = host.strip_prefix("*.").unwrap_or(host);
    let fits =
        |label: &str| !label.is_empty() && label.len() <= 63 && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let name = host.to_ascii_lowercase().try_into().ok().filter(|_| host.len() <= 253 && labels.split('.').all(fits));
    name.map(SanType::DnsName).ok_or_else(|| AuthorityError::Name(host.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::facts::{Facts, parse};
    use crate::testing::NOW;

    fn open(folder: &Path) -> Result<Authority, AuthorityError> {
        Authority::open(folder, "me@laptop", NOW)
    }

    #[test]
    fn it_is_made_once_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("tls/authority");
        let made = open(&inside).unwrap();
        let found = Authority::open(&inside, "someone else", NOW).unwrap();
        assert_eq!(made.certificate(), found.certificate());
        assert_eq!(made.certificate_path(), inside.join("ca.pem"));
        let mode = |name: &str| std::fs::metadata(inside.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("ca-key.pem"), mode("ca.pem")), (0o600, 0o644));
        assert_eq!(std::fs::read_dir(&inside).unwrap().count(), 2, "nothing else is left there");
        let name = crate::ClientCertificate::of(made.certificate()).unwrap().subject;
        assert_eq!(name, "O=ecslocal,CN=ecslocal development CA (me@laptop)");
    }

    #[test]
    fn whoever_opens_it_at_once_has_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let certificates: Vec<_> = std::thread::scope(|scope| {
            let openers: Vec<_> = (0..8).map(|_| scope.spawn(|| open(folder.path()).unwrap().certificate)).collect();
            openers.into_iter().map(|opener| opener.join().unwrap()).collect()
        });
        assert!(certificates.iter().all(|certificate| *certificate == certificates[0]));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn leaves_are_for_the_laptop_and_what_else_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let leaf = open(folder.path()).unwrap().issue(["Shop.localhost", "*.shop.test", "10.0.0.1", "localhost"], NOW).unwrap();
        let facts = leaf.facts();
        assert_eq!(facts.names, ["localhost", "*.localhost", "shop.localhost", "*.shop.test"]);
        assert_eq!(facts.addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>(), ["127.0.0.1", "::1", "10.0.0.1"]);
        assert!(facts.is_valid(NOW));
        assert!(facts.not_after.since(facts.not_before) < Duration::from_secs(398 * DAY));
    }

    #[test]
    fn names_that_no_certificate_has_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let authority = open(folder.path()).unwrap();
        for host in ["", "a b", "stra\u{df}e.test", ".test", "a..b", "a.*.b", "*", "*.", "a/b", "a.test."] {
            let error = authority.issue([host], NOW).unwrap_err();
            assert_eq!(error.to_string(), format!("no certificate can be issued for `{host}`"));
            assert!(error.hint().is_some());
        }
    }

    #[test]
    fn what_is_damaged_is_said_and_left_alone() {
        let check = |file: &str, content: &[u8], expected: &str| {
            let folder = tempfile::tempdir().unwrap();
            open(folder.path()).unwrap();
            let path = folder.path().join(file);
            std::fs::write(&path, content).unwrap();
            let error = open(folder.path()).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert!(error.hint().unwrap().contains("ca-key.pem"), "{error:?}");
            assert_eq!(std::fs::read(path).unwrap(), content);
        };
        let (foreign, foreign_key) = crate::testing::self_signed(&["x.test"]);
        check("ca.pem", b"", "`ca.pem` is empty");
        check("ca.pem", b"junk", "`ca.pem` holds no certificate");
        check("ca-key.pem", b"junk", "`ca-key.pem` holds no private key");
        check("ca.pem", foreign.as_bytes(), "`ca-key.pem` does not belong to `ca.pem`");
        check("ca-key.pem", foreign_key.as_bytes(), "`ca-key.pem` does not belong to `ca.pem`");
    }

    #[test]
    fn half_an_authority_is_completed_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        open(folder.path()).unwrap();
        let (certificate, key) = (folder.path().join("ca.pem"), folder.path().join("ca-key.pem"));
        std::fs::remove_file(&certificate).unwrap();
        open(folder.path()).unwrap();
        std::fs::remove_file(&key).unwrap();
        let error = open(folder.path()).unwrap_err();
        assert!(error.to_string().contains("there is `ca.pem` but no `ca-key.pem`"), "{error}");
        assert!(certificate.exists() && !key.exists());
    }

    #[test]
    fn an_authority_past_its_end_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        open(folder.path()).unwrap();
        let later = NOW + Duration::from_secs(3_651 * DAY);
        let error = Authority::open(folder.path(), "me", later).unwrap_err();
        assert!(error.to_string().contains("no longer valid"), "{error}");
    }

    #[test]
    fn a_leaf_is_no_authority() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = crate::testing::self_signed(&["x.test"]);
        std::fs::write(folder.path().join("ca.pem"), certificate).unwrap();
        std::fs::write(folder.path().join("ca-key.pem"), key).unwrap();
        assert!(open(folder.path()).unwrap_err().to_string().contains("`ca.pem` is no authority's certificate"));
    }

    #[test]
    fn an_authority_of_another_tool_serves_as_well() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = crate::testing::foreign_authority();
        std::fs::write(folder.path().join("ca.pem"), certificate).unwrap();
        std::fs::write(folder.path().join("ca-key.pem"), key).unwrap();
        let authority = open(folder.path()).unwrap();
        let leaf = authority.issue([], NOW).unwrap();
        let leaf = parse(&leaf.key().cert[0]).unwrap();
        let root = parse(authority.certificate()).unwrap();
        assert_eq!(leaf.tbs_certificate().issuer(), root.tbs_certificate().subject());
        assert!(Facts::of(&root).names.is_empty() || !Facts::of(&root).matches("localhost"));
    }
}
