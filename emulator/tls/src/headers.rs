//! The headers that tell a target of its client's certificate (alb.md 1, mTLS).

use rustls::pki_types::CertificateDer;

use crate::client_certificate::ClientCertificate;
use crate::pem;

/// `Mode` of a listener's mutual authentication.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MutualMode {
    /// `off`: no client is asked for a certificate.
    #[default]
    Off,
    /// `passthrough`: clients are asked, and what they have goes to the target unchecked.
    Passthrough,
    /// `verify`: only clients whose certificate leads to the trust store come in.
    Verify,
}

/// The headers for a request of a client with this chain (leaf first), under their stock names, which listener attributes may change.
/// A client without a certificate has none.
#[must_use]
pub fn client_headers(mode: MutualMode, chain: &[CertificateDer<'_>]) -> Vec<(&'static str, String)> {
    let Some(leaf) = chain.first() else { return Vec::new() };
    match mode {
        MutualMode::Off => Vec::new(),
        MutualMode::Passthrough => vec![("X-Amzn-Mtls-Clientcert", chain.iter().map(encoded).collect())],
        MutualMode::Verify => {
            let mut headers = Vec::new();
            if let Some(facts) = ClientCertificate::of(leaf) {
                headers.push(("X-Amzn-Mtls-Clientcert-Serial-Number", facts.serial_number));
                headers.push(("X-Amzn-Mtls-Clientcert-Issuer", facts.issuer));
                headers.push(("X-Amzn-Mtls-Clientcert-Subject", facts.subject));
                headers.push(("X-Amzn-Mtls-Clientcert-Validity", facts.validity));
            }
            headers.push(("X-Amzn-Mtls-Clientcert-Leaf", encoded(leaf)));
            headers
        }
    }
}

/// PEM, URL-encoded with `+`, `=` and `/` left alone.
fn encoded(certificate: &CertificateDer<'_>) -> String {
    let mut encoded = String::new();
    for byte in pem::encode("CERTIFICATE", certificate).bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'+' | b'=' | b'/' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Tree, leaf};

    #[test]
    fn a_chain_passes_through_leaf_first() {
        let chain = [CertificateDer::from(vec![0xfb, 0xff, 0xfe, 1]), CertificateDer::from(vec![0; 60])];
        let expected = "-----BEGIN%20CERTIFICATE-----%0A+//+AQ==%0A-----END%20CERTIFICATE-----%0A\
                        -----BEGIN%20CERTIFICATE-----%0A\
                        AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA%0AAAAAAAAAAAAAAAAA%0A\
                        -----END%20CERTIFICATE-----%0A";
        assert_eq!(client_headers(MutualMode::Passthrough, &chain), [("X-Amzn-Mtls-Clientcert", expected.to_owned())]);
    }

    #[test]
    fn a_verified_leaf_is_told_of_in_five_headers() {
        let tree = Tree::new(1);
        let (chain, _) = tree.client("client.test");
        let headers = client_headers(MutualMode::Verify, &chain);
        let names: Vec<_> = headers.iter().map(|(name, _)| name.trim_start_matches("X-Amzn-Mtls-Clientcert-")).collect();
        assert_eq!(names, ["Serial-Number", "Issuer", "Subject", "Validity", "Leaf"]);
        assert_eq!(headers[0].1, "0A0B0C");
        assert_eq!(headers[1].1, "CN=Intermediate 1,O=mTLS");
        assert_eq!(headers[2].1, "CN=client.test,O=mTLS");
        assert_eq!(headers[3].1, "NotBefore=2020-01-02T00:00:00Z;NotAfter=2120-03-04T00:00:00Z");
        assert!(headers[4].1.starts_with("-----BEGIN%20CERTIFICATE-----%0AMII") && headers[4].1.ends_with("%0A-----END%20CERTIFICATE-----%0A"));
        assert_eq!(headers[4].1.matches("BEGIN").count(), 1, "the leaf alone");
    }

    #[test]
    fn without_a_certificate_or_without_mutual_tls_there_is_none() {
        for mode in [MutualMode::Off, MutualMode::Passthrough, MutualMode::Verify] {
            assert_eq!(client_headers(mode, &[]), []);
        }
        assert_eq!(client_headers(MutualMode::Off, &[leaf(&["a.test"])]), []);
    }
}
