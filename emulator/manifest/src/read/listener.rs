//! A listener: its port, what it is encrypted with, its rules (alb.md 1).

use std::collections::BTreeMap;

use model::{
    CertificateSource, Listener, ListenerAttributes, ListenerProtocol, ListenerTls, MutualAuthentication, SecurityPolicy, SecurityPolicyError,
};

use super::{Reader, action, place, rule};
use crate::keys::listener::{REQUEST_HEADERS, RESPONSE_HEADERS};
use crate::node::Node;
use crate::problem::Report;

/// The default one and those that SNI chooses from.
const MAX_CERTIFICATES: usize = 26;

pub(super) fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Listener> {
    let https = node.text_of("protocol") == Some("HTTPS");
    let default_actions = action::read(node, "defaultActions", https, reader.report);
    let mut rules = BTreeMap::new();
    let mut complete = true;
    for item in node.list("rules") {
        match rule::read(item, https, reader.report) {
            Some(rule) => {
                rules.insert(rule.priority, rule);
            }
            None => complete = false,
        }
    }
    let tls = if https {
        no_way_back(node, reader.report);
        Some(encryption(node, reader))
    } else {
        cleartext(node, reader.report);
        None
    };
    let attributes = attributes(node.get("attributes"), https, reader.report);
    complete.then_some(())?;
    let (default_authenticate, default_action) = default_actions?;
    Some(Listener {
        port: node.integer_of("port")?,
        id: None,
        protocol: if https { ListenerProtocol::Https } else { ListenerProtocol::Http },
        tls: tls.map_or(Some(None), |tls| tls.map(Some))?,
        attributes,
        default_authenticate,
        default_action,
        rules,
    })
}

/// What only HTTPS listeners have.
fn cleartext(node: &Node, report: &mut Report) {
    for key in ["certificates", "sslPolicy", "mutualAuthentication"] {
        if let Some(entry) = node.entry(key).filter(|entry| !entry.node.asks_for_nothing()) {
            report
                .problem(entry.key_span, format!("`{key}` cannot be specified for a listener with the protocol HTTP"))
                .hint("set `protocol: HTTPS`, or remove it");
        }
    }
}

/// A redirect must not lead out of HTTPS (alb.md 3).
fn no_way_back(node: &Node, report: &mut Report) {
    let rules = node.list("rules").iter().flat_map(|rule| rule.list("actions"));
    for config in node.list("defaultActions").iter().chain(rules).filter_map(|action| action.get("redirectConfig")) {
        if let Some(protocol) = config.get("protocol").filter(|protocol| protocol.text() == Some("HTTP")) {
            report
                .problem(protocol.span, "an HTTPS listener cannot redirect to HTTP")
                .hint("leave `protocol` out, or set it to `HTTPS` or `#{protocol}`");
        }
    }
}

fn encryption(node: &Node, reader: &mut Reader<'_>) -> Option<ListenerTls> {
    let items = node.list("certificates");
    if items.len() > MAX_CERTIFICATES {
        let message = format!("a listener has a default certificate and at most 25 more, this one has {}", items.len());
        reader.report.problem(place(node, "certificates"), message);
    }
    let mut certificates: Vec<Option<CertificateSource>> = items.iter().map(|item| certificate(item, reader)).collect();
    if certificates.is_empty() {
        reader.report.note(node.span, "this HTTPS listener gets a development certificate; `ecslocal doctor` says how to trust it");
        certificates.push(Some(CertificateSource::Development { arn: None, names: Vec::new() }));
    }
    let policy = policy(node, reader.report);
    let mutual = node.get("mutualAuthentication").map_or(Some(MutualAuthentication::Off), |node| mutual(node, reader));
    Some(ListenerTls { certificates: certificates.into_iter().collect::<Option<_>>()?, policy: policy?, mutual: mutual? })
}

fn certificate(node: &Node, reader: &mut Reader<'_>) -> Option<CertificateSource> {
    let names = node.texts_of("names");
    if let Some(bad) = node.list("names").iter().find(|name| !name.text().is_some_and(is_host)) {
        reader.report.problem(bad.span, "a certificate is for host names, such as `shop.test` or `*.shop.test`");
    }
    match (node.get("certificate"), node.get("privateKey"), node.text_of("certificateArn")) {
        (Some(certificate), Some(private_key), None) => {
            if let Some(entry) = node.entry("names") {
                reader.report.problem(entry.key_span, "a certificate from a file has its own names").hint("remove `names`");
            }
            Some(CertificateSource::Files { certificate: pem(certificate, reader)?, private_key: pem(private_key, reader)? })
        }
        (None, None, arn) => {
            if let Some(arn) = arn {
                reader.report.note(node.span, format!("a development certificate stands in for `{arn}`; `ecslocal doctor` says how to trust it"));
            }
            Some(CertificateSource::Development { arn: arn.map(str::to_owned), names })
        }
        (Some(_), _, Some(_)) | (_, Some(_), Some(_)) => {
            reader.report.problem(node.span, "a certificate is a file or an ARN, not both").hint("remove `certificateArn`");
            None
        }
        (Some(_), None, None) | (None, Some(_), None) => {
            reader
                .report
                .problem(node.span, "a certificate from files needs both of them")
                .hint("write `{ certificate: shop.pem, privateKey: shop-key.pem }`");
            None
        }
    }
}

fn is_host(text: &str) -> bool {
    let name = text.strip_prefix("*.").unwrap_or(text);
    !name.is_empty() && name.split('.').all(|label| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'))
}

/// The whole path of a PEM file that can be read; the path that was written is relative to the file that names it.
fn pem(node: &Node, reader: &mut Reader<'_>) -> Option<String> {
    let written = node.text()?;
    let absolute = crate::files::normalise(&reader.files.folder(node.span.file).join(written));
    let problem = match reader.source.read(&absolute) {
        Ok(text) if text.contains("-----BEGIN ") => return absolute.to_str().map(str::to_owned),
        Ok(_) => "is no PEM file: it has no line that begins with `-----BEGIN`".to_owned(),
        Err(error) => format!("cannot be read: {error}"),
    };
    reader.report.problem(node.span, format!("`{written}` {problem}")).hint("the path is relative to the file that names it");
    None
}

fn policy(node: &Node, report: &mut Report) -> Option<SecurityPolicy> {
    let Some(given) = node.get("sslPolicy") else { return Some(SecurityPolicy::default()) };
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
                SecurityPolicyError::Unknown(name) => crate::suggest::did_you_mean(name, names.iter().map(String::as_str)),
                SecurityPolicyError::Refused { .. } => None,
            };
            report.problem(given.span, error.to_string()).hint(close.unwrap_or_else(|| error.hint()));
            None
        }
    }
}

fn mutual(node: &Node, reader: &mut Reader<'_>) -> Option<MutualAuthentication> {
    let mode = node.text_of("mode")?;
    if mode != "verify" {
        for key in ["trustStore", "ignoreClientCertificateExpiry", "advertiseTrustStoreCaNames"] {
            if let Some(entry) = node.entry(key).filter(|entry| !entry.node.asks_for_nothing()) {
                reader.report.problem(entry.key_span, format!("`{key}` belongs to `mode: verify`, not to `mode: {mode}`"));
            }
        }
        return Some(if mode == "passthrough" { MutualAuthentication::Passthrough } else { MutualAuthentication::Off });
    }
    let Some(store) = node.get("trustStore") else {
        reader
            .report
            .problem(node.span, "You must specify a trust store for mutual authentication in verify mode")
            .hint("name a PEM file with the authorities: `trustStore: clients.pem`");
        return None;
    };
    Some(MutualAuthentication::Verify {
        trust_store: pem(store, reader)?,
        ignore_expiry: node.boolean_of("ignoreClientCertificateExpiry").unwrap_or(false),
        advertise_names: node.text_of("advertiseTrustStoreCaNames") == Some("on"),
    })
}

/// What the value of a header that is added may hold, beside letters and digits (alb.md 1).
const HEADER_VALUE: &str = "_ :;.,\\/'?!(){}[]@<>=-+*#&`|~^%";
const MAX_HEADER_VALUE: usize = 1024;
const MAX_HEADER_NAME: usize = 40;

fn attributes(node: Option<&Node>, https: bool, report: &mut Report) -> ListenerAttributes {
    let mut attributes = ListenerAttributes::default();
    let Some(node) = node else { return attributes };
    attributes.server_header = node.boolean_of("routing.http.response.server.enabled").unwrap_or(true);
    // An empty value is AWS's way to say none.
    let given = |key: &str| node.get(key).and_then(|value| Some((value, value.text().filter(|text| !text.is_empty())?)));
    for (name, key) in RESPONSE_HEADERS {
        let Some((value, text)) = given(key) else { continue };
        if let Some(bad) = text.chars().find(|c| !c.is_ascii_alphanumeric() && !HEADER_VALUE.contains(*c)) {
            report
                .problem(value.span, format!("'{key}' value '{text}' contains a character that is not valid"))
                .label(format!("{bad:?} is not allowed"));
        } else if text.len() > MAX_HEADER_VALUE {
            report.problem(value.span, format!("The '{key}' value is too long; the limit is '{MAX_HEADER_VALUE}'"));
        }
        attributes.response_headers.insert(name.to_owned(), text.to_owned());
    }
    for (name, key) in REQUEST_HEADERS {
        let Some((value, text)) = given(key) else { continue };
        let token = text.len() <= MAX_HEADER_NAME && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if !token {
            let message =
                format!("'{key}' value '{text}' is not the name of a header: 1 to {MAX_HEADER_NAME} letters, digits, hyphens and underscores");
            report.problem(value.span, message);
        } else if !https {
            report.note(value.span, "an HTTP listener sends targets no such header");
        }
        attributes.renamed_headers.insert(name.to_owned(), text.to_owned());
    }
    attributes
}

/// The actions of a listener in the tree, default ones first.
pub(crate) fn actions_of(listener: &Node) -> impl Iterator<Item = &Node> + Clone {
    listener.list("defaultActions").iter().chain(listener.list("rules").iter().flat_map(|rule| rule.list("actions")))
}
