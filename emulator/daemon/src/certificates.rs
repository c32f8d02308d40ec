//! The certificates of HTTPS listeners: files of the user's, or made here by the development authority in the state folder (alb.md 1).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use alb::HttpsListener;
use model::{
    CertificateSource, Comparison, Condition, Desired, Listener, ListenerTls, LoadBalancerAttributes, LoadBalancerName, MutualAuthentication,
    Timestamp, World,
};
use tls::{Authority, Certificate, Mutual, PemFile, ServerSetup, TrustStore};
use wire::local::Failure;

/// The folder of the development authority in the state folder.
pub const AUTHORITY: &str = "ca";

/// See the module.
#[derive(Debug)]
pub struct Certificates {
    folder: PathBuf,
    account: String,
    region: String,
    authority: Mutex<Option<Authority>>,
    listeners: Mutex<BTreeMap<Key, Entry>>,
}

type Key = (u16, LoadBalancerName);

/// What is known of one listener.
#[derive(Clone, Debug)]
struct Entry {
    wanted: Wanted,
    /// When each file was written last, as of the last look: certificates are renewed in place.
    written: Vec<Option<SystemTime>>,
    /// What came of it; of an earlier wish or earlier files where there is a problem with these.
    server: Option<Arc<HttpsListener>>,
    problem: Option<String>,
}

/// What a listener's TLS is wished to be, files by their names: it is made anew when one of these changes.
#[derive(Clone, Debug, PartialEq)]
struct Wanted {
    tls: ListenerTls,
    http2: bool,
    /// For development certificates.
    hosts: BTreeSet<String>,
}

/// How the HTTPS listeners of a port are served; `None` where they cannot be.
pub type Encryption = Vec<(u16, Option<Arc<HttpsListener>>)>;

impl Certificates {
    /// None made yet. The authority is in `folder`.
    #[must_use]
    pub fn new(folder: PathBuf, settings: &model::Settings) -> Self {
        Self { folder, account: settings.account.clone(), region: settings.region.clone(), authority: Mutex::default(), listeners: Mutex::default() }
    }

    /// Makes what the listeners of `world` wish and did not wish before. What did not change stays as it is, without a look at its
    /// files: sessions can be resumed, and whoever calls is not kept waiting.
    pub fn follow(&self, world: &World) {
        let mut listeners = self.listeners();
        let mut before = std::mem::take(&mut *listeners);
        for (name, balancer) in &world.load_balancers {
            for listener in balancer.listeners.values() {
                let Some(tls) = &listener.tls else { continue };
                let wanted = wanted(name, listener, tls, &balancer.attributes);
                let key = (listener.port, name.clone());
                let entry = match before.remove(&key) {
                    Some(same) if same.wanted == wanted => same,
                    other => self.entry(&key, wanted, other.as_ref()),
                };
                listeners.insert(key, entry);
            }
        }
    }

    /// Reads files that have been written since they were read, and tries again what could not be made. True when something came of it.
    pub fn look_again(&self) -> bool {
        // Nobody waits for the files of others meanwhile.
        let known = self.listeners().clone();
        let mut changed = false;
        for (key, before) in known {
            let renewed = written(&before.wanted.tls) != before.written;
            if !renewed && before.problem.is_none() {
                continue;
            }
            if renewed {
                tracing::info!(port = key.0, "certificates have changed and are read again");
            }
            let entry = self.entry(&key, before.wanted.clone(), Some(&before));
            if let Some(current) = self.listeners().get_mut(&key).filter(|current| current.wanted == entry.wanted) {
                let same = current.problem == entry.problem && current.server.as_ref().map(Arc::as_ptr) == entry.server.as_ref().map(Arc::as_ptr);
                changed |= !same;
                *current = entry;
            }
        }
        changed
    }

    /// The TLS of all HTTPS listeners, and why some have none or an earlier one.
    #[must_use]
    pub fn served(&self) -> (Encryption, BTreeMap<u16, String>) {
        let listeners = self.listeners();
        let encryption = listeners.iter().map(|((port, _), entry)| (*port, entry.server.clone())).collect();
        let problems = listeners.iter().filter_map(|((port, _), entry)| Some((*port, entry.problem.clone()?))).collect();
        (encryption, problems)
    }

    fn listeners(&self) -> MutexGuard<'_, BTreeMap<Key, Entry>> {
        // What is made is put in whole, so a panic elsewhere does not spoil it.
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn entry(&self, (port, name): &Key, wanted: Wanted, before: Option<&Entry>) -> Entry {
        // First, so that what is written while it is read is noticed the next time.
        let written = written(&wanted.tls);
        match self.make(name, &wanted) {
            Ok(server) => Entry { wanted, written, server: Some(Arc::new(server)), problem: None },
            Err(Failure { message, .. }) => {
                if before.and_then(|before| before.problem.as_ref()) != Some(&message) {
                    tracing::warn!(port, "{message}");
                }
                Entry { wanted, written, server: before.and_then(|before| before.server.clone()), problem: Some(message) }
            }
        }
    }

    /// Whether what is asked for can be served.
    ///
    /// # Errors
    /// The first listener that cannot.
    pub fn check(&self, desired: &Desired) -> Result<(), Failure> {
        for (name, balancer) in &desired.load_balancers {
            for listener in balancer.listeners.values() {
                if let Some(tls) = &listener.tls {
                    self.make(name, &wanted(name, listener, tls, &balancer.attributes))?;
                }
            }
        }
        Ok(())
    }

    fn make(&self, name: &LoadBalancerName, wanted: &Wanted) -> Result<HttpsListener, Failure> {
        let policy = wanted.tls.policy;
        let mut certificates = Vec::new();
        let mut certificate_names = Vec::new();
        for source in &wanted.tls.certificates {
            certificates.push(match source {
                CertificateSource::Files { certificate, private_key } => from_files(certificate, private_key)?,
                CertificateSource::Development { names, .. } => {
                    self.issue(wanted.hosts.iter().chain(names).map(String::as_str)).map_err(|error| authority_failure(&error))?
                }
            });
            certificate_names.push(self.log_name(source));
        }
        let mutual = mutual(&wanted.tls.mutual)?;
        let server = ServerSetup { certificates, policy, http2: wanted.http2, mutual }
            .build()
            .map_err(|error| Failure::environment(format!("the HTTPS listener of {name} cannot be made: {error}")))?;
        Ok(HttpsListener { load_balancer: name.clone(), policy, server, certificate_names })
    }

    fn issue<'h>(&self, hosts: impl IntoIterator<Item = &'h str>) -> Result<Certificate, tls::AuthorityError> {
        let mut authority = self.authority.lock().unwrap_or_else(PoisonError::into_inner);
        let authority = match &mut *authority {
            Some(known) => known,
            none => none.insert(Authority::open(&self.folder, &owner(), now())?),
        };
        authority.issue(hosts, now())
    }

    /// `chosen_cert_arn` of the access log; a file is called by its path.
    fn log_name(&self, source: &CertificateSource) -> String {
        match source {
            CertificateSource::Files { certificate, .. } => certificate.clone(),
            CertificateSource::Development { arn: Some(arn), .. } => arn.clone(),
            CertificateSource::Development { arn: None, .. } => format!("arn:aws:acm:{}:{}:certificate/development", self.region, self.account),
        }
    }
}

fn wanted(name: &LoadBalancerName, listener: &Listener, tls: &ListenerTls, attributes: &LoadBalancerAttributes) -> Wanted {
    Wanted { tls: tls.clone(), http2: attributes.http2, hosts: hosts(name, listener) }
}

fn written(tls: &ListenerTls) -> Vec<Option<SystemTime>> {
    let trust_store = match &tls.mutual {
        MutualAuthentication::Verify { trust_store, .. } => Some(trust_store),
        MutualAuthentication::Off | MutualAuthentication::Passthrough => None,
    };
    let of_certificates = tls.certificates.iter().flat_map(|source| match source {
        CertificateSource::Files { certificate, private_key } => vec![certificate, private_key],
        CertificateSource::Development { .. } => Vec::new(),
    });
    of_certificates.chain(trust_store).map(|path| fs::metadata(path).and_then(|file| file.modified()).ok()).collect()
}

/// The names that clients may use: the load balancer's own, and those of the rules. A pattern that a certificate cannot hold is left out.
fn hosts(name: &LoadBalancerName, listener: &Listener) -> BTreeSet<String> {
    let conditions = listener.rules.values().flat_map(|rule| &rule.conditions);
    let patterns = conditions.filter_map(|condition| match condition {
        Condition::HostHeader(Comparison::Wildcards(values)) => Some(values),
        _ => None,
    });
    let fits = |host: &&String| {
        let rest = host.strip_prefix("*.").unwrap_or(host);
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
    };
    patterns.flatten().filter(fits).map(|host| host.to_ascii_lowercase()).chain([routing::table::dns_name(name)]).collect()
}

fn from_files(certificate: &str, private_key: &str) -> Result<Certificate, Failure> {
    let (chain, key) = (read(certificate)?, read(private_key)?);
    let file = |path, bytes| PemFile { path, bytes };
    Certificate::from_pem(file(certificate, &chain), file(private_key, &key)).map_err(|error| pem_failure(&error))
}

fn mutual(mutual: &MutualAuthentication) -> Result<Mutual, Failure> {
    Ok(match mutual {
        MutualAuthentication::Off => Mutual::Off,
        MutualAuthentication::Passthrough => Mutual::Passthrough,
        MutualAuthentication::Verify { trust_store, ignore_expiry, advertise_names } => {
            let bytes = read(trust_store)?;
            let trust_store = TrustStore::from_pem(PemFile { path: trust_store, bytes: &bytes }).map_err(|error| pem_failure(&error))?;
            Mutual::Verify { trust_store, ignore_expiry: *ignore_expiry, advertise_ca_names: *advertise_names }
        }
    })
}

fn read(path: &str) -> Result<Vec<u8>, Failure> {
    fs::read(Path::new(path)).map_err(|error| Failure::input(format!("`{path}` cannot be read: {error}")))
}

fn pem_failure(error: &tls::PemError) -> Failure {
    let failure = Failure::input(error.to_string());
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

fn authority_failure(error: &tls::AuthorityError) -> Failure {
    let failure = Failure::environment(error.to_string());
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// Whose authority it is, for a person who finds it among many.
fn owner() -> String {
    std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_else(|_| "this machine".to_owned())
}

#[expect(clippy::disallowed_methods, reason = "certificates are valid by the wall's clock, however fast ours runs")]
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
