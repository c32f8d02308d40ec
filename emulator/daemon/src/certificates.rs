//! The certificates of HTTPS listeners: files of the user's, or made here by the development authority in the state folder (alb.md 1).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
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
    made: Mutex<Made>,
}

#[derive(Debug, Default)]
struct Made {
    authority: Option<Authority>,
    /// What each listener was made of last, and what came of it.
    listeners: BTreeMap<(u16, LoadBalancerName), Known>,
}

type Known = (Wanted, Option<Arc<HttpsListener>>);

/// Everything that a listener's TLS depends on: it is made anew when one of these changes.
#[derive(Clone, Debug, PartialEq)]
struct Wanted {
    tls: ListenerTls,
    http2: bool,
    /// For development certificates.
    hosts: BTreeSet<String>,
    /// When each file was written last: certificates are renewed in place.
    written: Vec<Option<SystemTime>>,
}

/// How the HTTPS listeners of a port are served; `None` where they cannot be.
pub type Encryption = Vec<(u16, Option<Arc<HttpsListener>>)>;

impl Certificates {
    /// None made yet. The authority is in `folder`.
    #[must_use]
    pub fn new(folder: PathBuf, settings: &model::Settings) -> Self {
        Self { folder, account: settings.account.clone(), region: settings.region.clone(), made: Mutex::default() }
    }

    /// The TLS of all HTTPS listeners, and why some have none. What did not change stays as it is: sessions can be resumed.
    pub fn follow(&self, world: &World) -> (Encryption, BTreeMap<u16, String>) {
        // What is made is put in whole, so a panic elsewhere does not spoil it.
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let mut encryption = Encryption::new();
        let mut problems = BTreeMap::new();
        let mut listeners = BTreeMap::new();
        for (name, balancer) in &world.load_balancers {
            for listener in balancer.listeners.values() {
                let Some(tls) = &listener.tls else { continue };
                let wanted = wanted(name, listener, tls, &balancer.attributes);
                let key = (listener.port, name.clone());
                let known = made.listeners.remove(&key);
                let server = match known {
                    Some((same, Some(server))) if same == wanted => Some(server),
                    before => match self.make(&mut made.authority, name, &wanted) {
                        Ok(server) => Some(Arc::new(server)),
                        Err(failure) => {
                            tracing::warn!(port = listener.port, "{}", failure.message);
                            problems.insert(listener.port, failure.message);
                            before.and_then(|(_, server)| server)
                        }
                    },
                };
                encryption.push((listener.port, server.clone()));
                listeners.insert(key, (wanted, server));
            }
        }
        made.listeners = listeners;
        (encryption, problems)
    }

    /// Whether a file has been written since it was read.
    pub fn are_stale(&self) -> bool {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.listeners.values().any(|(wanted, _)| written(&wanted.tls) != wanted.written)
    }

    /// Whether what is asked for can be served.
    ///
    /// # Errors
    /// The first listener that cannot.
    pub fn check(&self, desired: &Desired) -> Result<(), Failure> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, balancer) in &desired.load_balancers {
            for listener in balancer.listeners.values() {
                if let Some(tls) = &listener.tls {
                    self.make(&mut made.authority, name, &wanted(name, listener, tls, &balancer.attributes))?;
                }
            }
        }
        Ok(())
    }

    fn make(&self, authority: &mut Option<Authority>, name: &LoadBalancerName, wanted: &Wanted) -> Result<HttpsListener, Failure> {
        let policy = wanted.tls.policy;
        let mut certificates = Vec::new();
        let mut certificate_names = Vec::new();
        for source in &wanted.tls.certificates {
            certificates.push(match source {
                CertificateSource::Files { certificate, private_key } => from_files(certificate, private_key)?,
                CertificateSource::Development { names, .. } => {
                    let hosts = wanted.hosts.iter().chain(names).map(String::as_str);
                    self.authority(authority)?.issue(hosts, now()).map_err(|error| authority_failure(&error))?
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

    fn authority<'a>(&self, authority: &'a mut Option<Authority>) -> Result<&'a Authority, Failure> {
        match authority {
            Some(known) => Ok(known),
            none => {
                let opened = Authority::open(&self.folder, &owner(), now()).map_err(|error| authority_failure(&error))?;
                Ok(none.insert(opened))
            }
        }
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
    Wanted { tls: tls.clone(), http2: attributes.http2, hosts: hosts(name, listener), written: written(tls) }
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
mod tests {
    use model::{Action, FixedResponse, LoadBalancer, ResourceId};

    use super::*;

    fn world(tls: ListenerTls) -> World {
        let mut world = World::new(crate::testing::settings());
        let name = LoadBalancerName::new("front").unwrap();
        let action = Action::FixedResponse(FixedResponse { status: 200, content_type: None, body: None });
        let listener = Listener { tls: Some(tls), ..Listener::new(443, action) };
        let balancer = LoadBalancer {
            name: name.clone(),
            id: ResourceId::from_text("0000000000000001"),
            owner: model::ClusterName::new("c").unwrap(),
            attributes: LoadBalancerAttributes::default(),
            listeners: BTreeMap::from([(443, listener)]),
        };
        world.load_balancers.insert(name, balancer);
        world
    }

    fn development() -> ListenerTls {
        let source = CertificateSource::Development { arn: None, names: vec!["shop.test".into()] };
        ListenerTls { certificates: vec![source], policy: model::SecurityPolicy::default(), mutual: MutualAuthentication::Off }
    }

    #[test]
    fn what_did_not_change_is_kept_and_what_cannot_be_made_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let certificates = Certificates::new(folder.path().join(AUTHORITY), &crate::testing::settings());
        let first = certificates.follow(&world(development())).0.remove(0).1.unwrap();
        let names = &first.server.certificates()[0].facts().names;
        for name in ["localhost", "front.localhost", "shop.test"] {
            assert!(names.iter().any(|found| found == name), "{names:?}");
        }
        let second = certificates.follow(&world(development())).0.remove(0).1.unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        let gone = folder.path().join("gone.pem").display().to_string();
        let files = CertificateSource::Files { certificate: gone.clone(), private_key: gone.clone() };
        let broken = world(ListenerTls { certificates: vec![files], ..development() });
        let (encryption, problems) = certificates.follow(&broken);
        assert!(encryption[0].1.as_ref().is_some_and(|kept| Arc::ptr_eq(kept, &first)), "the earlier one goes on");
        assert!(problems[&443].starts_with(&format!("`{gone}` cannot be read")), "{problems:?}");
        let afresh = Certificates::new(folder.path().join(AUTHORITY), &crate::testing::settings());
        assert!(afresh.follow(&broken).0[0].1.is_none(), "nothing is served rather than cleartext");
    }

    #[test]
    fn certificates_are_for_the_names_that_rules_have() {
        let values = ["Shop.Example.com", "*.example.com", "a?.example.com", "*"].map(str::to_owned).to_vec();
        let mut world = world(development());
        let listener = world.load_balancers.values_mut().next().unwrap().listeners.get_mut(&443).unwrap();
        let rule = model::Rule {
            priority: 1,
            conditions: vec![Condition::HostHeader(Comparison::Wildcards(values))],
            transforms: model::Transforms::default(),
            authenticate: None,
            action: listener.default_action.clone(),
        };
        listener.rules.insert(1, rule);
        let found = hosts(&LoadBalancerName::new("front").unwrap(), listener);
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["*.example.com", "front.localhost", "shop.example.com"]);
    }
}
