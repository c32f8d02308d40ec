//! An HTTPS listener with a development certificate in front of a process of this machine: no container is needed for that.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::lab::{Lab, until};

const MANIFEST: &str = r#"
cluster: ${CLUSTER}
loadBalancers:
  - name: lb-${PORT}
    attributes: { access_logs.s3.enabled: true, access_logs.s3.bucket: my-logs }
    listeners:
      - port: ${PORT}
        protocol: HTTPS
        defaultActions: [{ type: forward, targetGroup: "tg-${PORT}" }]
        rules:
          - priority: 1
            conditions: [{ field: host-header, values: [shop.test] }]
            actions: [{ type: fixed-response, fixedResponseConfig: { statusCode: "200", messageBody: shop } }]
targetGroups:
  - name: tg-${PORT}
    port: 80
    healthCheckIntervalSeconds: 5
    healthCheckTimeoutSeconds: 2
    attributes: { deregistration_delay.timeout_seconds: 0 }
    targets: [{ id: 127.0.0.1, port: "${TARGET}" }]
"#;

/// A process that answers every request with its name; it ends with the test.
fn process(name: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                while let Some(Ok(line)) = lines.next() {
                    if line.is_empty() {
                        write!(&stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len()).unwrap_or_default();
                    }
                }
            });
        }
    });
    port
}

/// What `GET /` under that name says to somebody who trusts the authority in the state folder; an error where TLS fails.
fn get(lab: &Lab, host: &str) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(lab.home().join("ca/ca.pem")).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider())).with_safe_default_protocol_versions();
    let config = builder.unwrap().with_root_certificates(roots).with_no_client_auth();
    let connection = ClientConnection::new(Arc::new(config), ServerName::try_from(host.to_owned()).unwrap()).unwrap();
    let mut stream = StreamOwned::new(connection, TcpStream::connect(("127.0.0.1", lab.port))?);
    write!(stream, "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn answers(lab: &Lab, host: &str, body: &str) -> bool {
    get(lab, host).unwrap().ends_with(&format!("\r\n\r\n{body}"))
}

#[test]
fn a_process_answers_under_tls_and_another_takes_its_place() {
    let mut lab = Lab::new("tls");
    lab.write("cluster.yaml", MANIFEST);
    lab.set("TARGET", &process("first").to_string());
    let said = lab.must(&["up", "-d"]);
    assert!(said.err.contains("development certificate") && said.out.contains(&format!("https://localhost:{}", lab.port)), "{said:?}");
    until("the first process answers", || answers(&lab, "localhost", "first").then_some(()));
    assert!(answers(&lab, "shop.test", "shop"), "the certificate is for the hosts of rules, too");
    assert!(get(&lab, "other.test").is_err(), "and for nobody else's");
    lab.set("TARGET", &process("second").to_string());
    lab.must(&["up", "-d"]);
    until("the second process answers", || answers(&lab, "localhost", "second").then_some(()));
    let lines = lab.must(&["requests", "--log"]).out;
    let last = lines.lines().next_back().unwrap();
    assert!(last.starts_with("https ") && last.contains(" TLS") && last.contains("\"localhost\""), "{last}");
    let mut logs = Vec::new();
    collect(&lab.home().join("s3/my-logs/AWSLogs/000000000000/elasticloadbalancing/us-east-1"), &mut logs);
    let text: String = logs.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    assert!(text.contains(last), "{logs:?}");
    lab.must(&["down"]);
}

fn collect(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files)
        } else if path.extension().is_some_and(|ending| ending == "log") {
            files.push(path)
        }
    }
}
