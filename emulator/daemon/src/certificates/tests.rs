use model::{Action, FixedResponse, LoadBalancer, ResourceId, Timestamp};

use super::*;

/// A certificate and its key.
const RSA: [&str; 2] = [include_str!("../../../tls/testdata/rsa.pem"), include_str!("../../../tls/testdata/rsa-key.pem")];
const SEC1: [&str; 2] = [include_str!("../../../tls/testdata/sec1.pem"), include_str!("../../../tls/testdata/sec1-key.pem")];

fn world(tls: ListenerTls) -> World {
    let mut world = World::new(crate::testing::settings());
    let name = LoadBalancerName::new("front").unwrap();
    let action = Action::FixedResponse(FixedResponse { status: 200, content_type: None, body: None });
    let listener = Listener { tls: Some(tls), ..Listener::new(443, action) };
    let balancer = LoadBalancer {
        created_at: Timestamp::default(),
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

/// A certificate of files in a folder.
struct Files(tempfile::TempDir);

impl Files {
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes them as of that many seconds after 1970.
    fn write(&self, pair: [&str; 2], seconds: u64) {
        for (name, text) in ["certificate.pem", "key.pem"].into_iter().zip(pair) {
            fs::write(self.path(name), text).unwrap();
            let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            fs::File::options().write(true).open(self.path(name)).unwrap().set_modified(time).unwrap();
        }
    }

    fn tls(&self) -> ListenerTls {
        let text = |name: &str| self.path(name).display().to_string();
        let source = CertificateSource::Files { certificate: text("certificate.pem"), private_key: text("key.pem") };
        ListenerTls { certificates: vec![source], ..development() }
    }
}

fn certificates(folder: &tempfile::TempDir) -> Certificates {
    Certificates::new(folder.path().join(AUTHORITY), &crate::testing::settings())
}

/// What is served on the one listener, and the problem with it.
fn served(certificates: &Certificates) -> (Option<Arc<HttpsListener>>, Option<String>) {
    let (mut encryption, mut problems) = certificates.served();
    (encryption.remove(0).1, problems.remove(&443))
}

#[test]
fn what_did_not_change_is_kept_and_what_cannot_be_made_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let made = certificates(&folder);
    made.follow(&world(development()));
    let first = served(&made).0.unwrap();
    let names = &first.server.certificates()[0].facts().names;
    for name in ["localhost", "front.localhost", "shop.test"] {
        assert!(names.iter().any(|found| found == name), "{names:?}");
    }
    made.follow(&world(development()));
    assert!(Arc::ptr_eq(&first, &served(&made).0.unwrap()));
    let gone = folder.path().join("gone.pem").display().to_string();
    let files = CertificateSource::Files { certificate: gone.clone(), private_key: gone.clone() };
    let broken = world(ListenerTls { certificates: vec![files], ..development() });
    for _ in 0..2 {
        made.follow(&broken);
        let (kept, problem) = served(&made);
        assert!(Arc::ptr_eq(&kept.unwrap(), &first), "the earlier one goes on");
        assert!(problem.unwrap().starts_with(&format!("`{gone}` cannot be read")), "at each publish");
    }
    let afresh = certificates(&folder);
    afresh.follow(&broken);
    assert!(served(&afresh).0.is_none(), "nothing is served rather than cleartext");
    made.follow(&World::new(crate::testing::settings()));
    assert!(made.served().0.is_empty() && made.served().1.is_empty());
}

#[test]
fn files_that_are_replaced_are_read_when_they_are_looked_at_and_not_at_each_publish() {
    let files = Files(tempfile::tempdir().unwrap());
    files.write(RSA, 1);
    let (made, world) = (certificates(&files.0), world(files.tls()));
    made.follow(&world);
    let first = served(&made).0.unwrap();
    assert!(!made.look_again(), "nothing was written");
    files.write(SEC1, 2);
    made.follow(&world);
    assert!(Arc::ptr_eq(&first, &served(&made).0.unwrap()), "a publish looks at no file");
    assert!(made.look_again());
    let second = served(&made).0.unwrap();
    assert_ne!(first.server.certificates()[0].key().cert, second.server.certificates()[0].key().cert);
    assert!(!made.look_again());
    made.follow(&world);
    assert!(Arc::ptr_eq(&second, &served(&made).0.unwrap()));
}

#[test]
fn broken_files_keep_the_earlier_certificate_and_show_their_problem_until_they_are_whole() {
    let files = Files(tempfile::tempdir().unwrap());
    files.write(RSA, 1);
    let (made, world) = (certificates(&files.0), world(files.tls()));
    made.follow(&world);
    let first = served(&made).0.unwrap();
    // The certificate is renewed already, and its key not yet.
    files.write([SEC1[0], RSA[1]], 2);
    assert!(made.look_again());
    assert!(!made.look_again(), "it is the same problem still");
    made.follow(&world);
    let (kept, problem) = served(&made);
    assert!(Arc::ptr_eq(&first, &kept.unwrap()) && problem.is_some(), "{problem:?}");
    // With the time of the broken ones: what was broken is tried again even so.
    files.write(SEC1, 2);
    made.follow(&world);
    assert_eq!(served(&made).1, problem, "a publish looks at no file");
    assert!(made.look_again());
    let (second, problem) = served(&made);
    assert!(!Arc::ptr_eq(&first, &second.unwrap()) && problem.is_none(), "{problem:?}");
    fs::remove_file(files.path("key.pem")).unwrap();
    assert!(made.look_again() && served(&made).1.unwrap().contains("cannot be read"));
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
