//! What an HTTPS listener is encrypted with (alb.md 1).

use model::{CertificateSource, ListenerProtocol, ListenerTls, MutualAuthentication, SecurityPolicy, SecurityPolicyError};

use super::{Reader, pem, place};
use crate::node::Node;
use crate::problem::Report;

/// The default one and 25 more.
const MAX_CERTIFICATES: usize = 26;

/// `Some(None)` is an HTTP listener.
pub(super) fn read(listener: &Node, protocol: ListenerProtocol, reader: &mut Reader<'_>) -> Option<Option<ListenerTls>> {
    if protocol == ListenerProtocol::Http {
        // Another word than HTTP has been reported.
        if listener.text_of("protocol").is_none_or(|protocol| protocol == "HTTP") {
            only_https(listener, reader.report);
        }
        return Some(None);
    }
    let certificates = certificates(listener, reader);
    let policy = policy(listener, reader.report);
    let mutual = listener.get("mutualAuthentication").map_or(Some(MutualAuthentication::Off), |node| mutual_authentication(node, reader));
    Some(Some(ListenerTls { certificates: certificates?, policy: policy?, mutual: mutual? }))
}

/// What AWS says of these keys on an HTTP listener.
fn only_https(listener: &Node, report: &mut Report) {
    for (key, what) in [("certificates", "A certificate"), ("sslPolicy", "An SSL policy"), ("mutualAuthentication", "Mutual authentication")] {
        let off = |entry: &&crate::node::Entry| entry.node.asks_for_nothing() || entry.node.text_of("mode") == Some("off");
        if let Some(entry) = listener.entry(key).filter(|entry| !off(entry)) {
            report.problem(entry.key_span, format!("{what} cannot be specified for HTTP listeners")).hint("add `protocol: HTTPS`, or remove it");
        }
    }
}

fn certificates(listener: &Node, reader: &mut Reader<'_>) -> Option<Vec<CertificateSource>> {
    let items = listener.list("certificates");
    if items.len() > MAX_CERTIFICATES {
        reader.report.problem(
            place(listener, "certificates"),
            format!("a listener has at most {MAX_CERTIFICATES} certificates, the default one and 25 more; this one has {}", items.len()),
        );
        return None;
    }
    let mut certificates = Vec::with_capacity(items.len().max(1));
    let mut complete = true;
    for item in items {
        match certificate(item, reader) {
            // AWS adds a certificate that is there already once.
            Some(known) if certificates.contains(&known) => {}
            Some(new) => certificates.push(new),
            None => complete = false,
        }
    }
    if items.is_empty() {
        reader.report.note(listener.span, "this HTTPS listener gets a development certificate; `ecslocal doctor` says how to trust it");
        certificates.push(CertificateSource::Development { arn: None, names: Vec::new() });
    }
    complete.then_some(certificates)
}

fn certificate(node: &Node, reader: &mut Reader<'_>) -> Option<CertificateSource> {
    let file = node.get("certificate");
    let key = node.get("privateKey");
    if file.is_none() && key.is_none() {
        return development(node, reader.report);
    }
    for foreign in ["certificateArn", "names"] {
        if let Some(entry) = node.entry(foreign).filter(|entry| !entry.node.asks_for_nothing()) {
            reader
                .report
                .problem(entry.key_span, format!("`{foreign}` belongs to a development certificate, and this one is read from a file"))
                .hint("keep one of the two");
        }
    }
    let (Some(file), Some(key)) = (file, key) else {
        let (given, missing) = if file.is_some() { ("certificate", "privateKey") } else { ("privateKey", "certificate") };
        reader
            .report
            .problem(node.span, format!("a certificate of a file needs `{missing}` beside `{given}`"))
            .hint("write `{certificate: certs/shop.pem, privateKey: certs/shop-key.pem}`, or neither for a development certificate");
        return None;
    };
    let certificate = pem::file(file, pem::Content::Certificates, reader);
    let private_key = pem::file(key, pem::Content::PrivateKey, reader);
    Some(CertificateSource::Files { certificate: certificate?, private_key: private_key? })
}

fn development(node: &Node, report: &mut Report) -> Option<CertificateSource> {
    let arn = node.get("certificateArn").and_then(|arn| arn.text().map(|text| (arn, text)));
    if let Some((arn, text)) = arn {
        if !text.starts_with("arn:") {
            report
                .problem(arn.span, format!("Certificate ARN '{text}' is not valid"))
                .hint("a file of this machine is named by `certificate`, with its `privateKey`");
            return None;
        }
        report.note(arn.span, format!("a development certificate stands in for `{text}`; `ecslocal doctor` says how to trust it"));
    }
    let mut names = Vec::new();
    for name in node.list("names") {
        let text = name.text()?.to_ascii_lowercase();
        if !is_host_name(text.strip_prefix("*.").unwrap_or(&text)) {
            report
                .problem(name.span, format!("`{text}` is not a host name that a certificate can be for"))
                .hint("for example `shop.test` or `*.shop.test`");
            return None;
        }
        if !names.contains(&text) {
            names.push(text);
        }
    }
    Some(CertificateSource::Development { arn: arn.map(|(_, text)| text.to_owned()), names })
}

/// Labels of 1 to 63 letters, digits and hyphens, no hyphen at an edge, 253 characters in all.
fn is_host_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

fn policy(listener: &Node, report: &mut Report) -> Option<SecurityPolicy> {
    let Some(given) = listener.get("sslPolicy") else { return Some(SecurityPolicy::default()) };
    match given.text()?.parse::<SecurityPolicy>() {
        Ok(policy) => {
            for note in policy.notes() {
                report.note(given.span, note);
            }
            Some(policy)
        }
        Err(error) => {
            let names: Vec<String> = SecurityPolicy::all().map(SecurityPolicy::name).collect();
            let close = match &error {
                SecurityPolicyError::Unknown(name) => report.suggest(name, names.iter().map(String::as_str)),
                SecurityPolicyError::Refused { .. } => None,
            };
            report.problem(given.span, error.to_string()).hint(close.unwrap_or_else(|| error.hint()));
            None
        }
    }
}

fn mutual_authentication(node: &Node, reader: &mut Reader<'_>) -> Option<MutualAuthentication> {
    let mode = node.text_of("mode").unwrap_or("off");
    if mode != "verify" {
        for key in ["trustStore", "ignoreClientCertificateExpiry", "advertiseTrustStoreCaNames"] {
            let asks = |entry: &&crate::node::Entry| !entry.node.asks_for_nothing() && entry.node.text() != Some("off");
            if let Some(entry) = node.entry(key).filter(asks) {
                reader.report.problem(entry.key_span, format!("`{key}` belongs to `mode: verify`, this one is `mode: {mode}`"));
            }
        }
        return Some(if mode == "passthrough" { MutualAuthentication::Passthrough } else { MutualAuthentication::Off });
    }
    let Some(file) = node.get("trustStore") else {
        // An ARN in its place has been refused with the way out.
        if !reader.report.partial && node.get("trustStoreArn").is_none() {
            reader
                .report
                .problem(node.span, "`mode: verify` needs a trust store")
                .hint("name a file with the authorities' certificates: `trustStore: certs/authorities.pem`");
        }
        return None;
    };
    Some(MutualAuthentication::Verify {
        trust_store: pem::file(file, pem::Content::Certificates, reader)?,
        ignore_expiry: node.boolean_of("ignoreClientCertificateExpiry").unwrap_or(false),
        advertise_names: node.text_of("advertiseTrustStoreCaNames") == Some("on"),
    })
}

#[cfg(test)]
mod tests {
    use super::is_host_name;

    #[test]
    fn host_names_are_made_of_labels() {
        for (text, good) in
            [("shop.test", true), ("a", true), ("x-1.test", true), ("", false), ("a..b", false), ("-a.test", false), ("a_b.test", false)]
        {
            assert_eq!(is_host_name(text), good, "{text}");
        }
        assert!(!is_host_name(&"a".repeat(64)));
    }
}
