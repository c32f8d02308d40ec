//! Files that a manifest names and somebody else will read: are they there, and are they what they should be?

use rustls_pki_types::pem::{Error, PemObject, SectionKind};

use super::Reader;
use crate::node::Node;

/// What a file should hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// One certificate or more.
    Certificates,
    /// A private key.
    PrivateKey,
}

impl Content {
    const fn noun(self) -> &'static str {
        match self {
            Self::Certificates => "certificate",
            Self::PrivateKey => "private key",
        }
    }

    const fn is(self, kind: SectionKind) -> bool {
        match self {
            Self::Certificates => matches!(kind, SectionKind::Certificate),
            Self::PrivateKey => matches!(kind, SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey),
        }
    }
}

/// The absolute path of a PEM file, named relative to the file that names it.
pub(super) fn file(node: &Node, content: Content, reader: &mut Reader<'_>) -> Option<String> {
    let text = node.text()?;
    let path = crate::files::normalise(&reader.files.folder(node.span.file).join(text));
    let Some(absolute) = path.to_str() else {
        reader.report.problem(node.span, "the file's absolute path is not UTF-8");
        return None;
    };
    match reader.source.read(&path) {
        Err(error) => {
            reader.report.problem(node.span, format!("cannot read `{text}`: {error}")).hint("the path is relative to the file that names it");
        }
        Ok(pem) => match examine(&pem, content) {
            Ok(()) => return Some(absolute.to_owned()),
            Err(wrong) => {
                reader.report.problem(node.span, format!("`{text}` {}", wrong.what)).hint_if(wrong.hint);
            }
        },
    }
    None
}

/// What is wrong with a file, as the end of a sentence.
#[derive(Debug)]
struct Wrong {
    what: String,
    hint: Option<String>,
}

fn examine(pem: &str, content: Content) -> Result<(), Wrong> {
    let mut others = Vec::new();
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(pem.as_bytes()) {
        match section {
            Ok((kind, _)) if content.is(kind) => return Ok(()),
            Ok((kind, _)) => others.push(kind),
            Err(error) => return Err(Wrong { what: format!("is damaged: {}", in_words(&error)), hint: None }),
        }
    }
    let other = if content == Content::Certificates { Content::PrivateKey } else { Content::Certificates };
    let hint = if content == Content::PrivateKey && pem.contains("ENCRYPTED") {
        Some("its key has a passphrase; `openssl pkey -in FILE -out FILE` writes it without one".to_owned())
    } else if others.into_iter().any(|kind| other.is(kind)) {
        Some(format!("it holds a {}: are `certificate` and `privateKey` swapped?", other.noun()))
    } else {
        Some(format!("PEM is text with a line `-----BEGIN {}-----`", content.noun().to_ascii_uppercase()))
    };
    Err(Wrong { what: format!("holds no {} in PEM", content.noun()), hint })
}

fn in_words(error: &Error) -> String {
    match error {
        Error::MissingSectionEnd { .. } => "a section of it has no end".into(),
        Error::Base64Decode(_) => "a section of it is not base64".into(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(label: &str) -> String {
        format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n")
    }

    fn wrong(pem: &str, content: Content) -> String {
        examine(pem, content).map_or_else(|wrong| format!("{}; {}", wrong.what, wrong.hint.unwrap_or_default()), |()| "fine".into())
    }

    #[test]
    fn files_hold_what_they_should() {
        let (certificate, key) = (section("CERTIFICATE"), section("PRIVATE KEY"));
        let swapped = "are `certificate` and `privateKey` swapped?";
        for (pem, content, expected) in [
            (certificate.clone(), Content::Certificates, "fine".to_owned()),
            (format!("subject: x\n{certificate}{certificate}"), Content::Certificates, "fine".into()),
            (format!("{key}{certificate}"), Content::Certificates, "fine".into()),
            (key.clone(), Content::PrivateKey, "fine".into()),
            (section("RSA PRIVATE KEY"), Content::PrivateKey, "fine".into()),
            (section("EC PRIVATE KEY"), Content::PrivateKey, "fine".into()),
            (key, Content::Certificates, format!("holds no certificate in PEM; it holds a private key: {swapped}")),
            (certificate, Content::PrivateKey, format!("holds no private key in PEM; it holds a certificate: {swapped}")),
            (String::new(), Content::PrivateKey, "holds no private key in PEM; PEM is text with a line `-----BEGIN PRIVATE KEY-----`".into()),
            (
                section("ENCRYPTED PRIVATE KEY"),
                Content::PrivateKey,
                "holds no private key in PEM; its key has a passphrase; `openssl pkey -in FILE -out FILE` writes it without one".into(),
            ),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n".into(), Content::Certificates, "is damaged: a section of it has no end; ".into()),
            (section("CERTIFICATE").replace("AAAA", "A?"), Content::Certificates, "is damaged: a section of it is not base64; ".into()),
        ] {
            assert_eq!(wrong(&pem, content), expected, "{pem}");
        }
    }
}
