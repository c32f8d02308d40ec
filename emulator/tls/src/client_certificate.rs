//! What a client's certificate says of it, in the words of AWS's headers and of its connection log.

use rustls::pki_types::CertificateDer;

use crate::distinguished_name::rfc2253;
use crate::facts::parse;

/// The leaf of a client's chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// In hexadecimal, two capital digits a byte, without a sign byte: `03A5B1`.
    pub serial_number: String,
    /// RFC 2253.
    pub issuer: String,
    /// RFC 2253.
    pub subject: String,
    /// `NotBefore=2023-09-21T01:50:17Z;NotAfter=2024-09-20T01:50:17Z`.
    pub validity: String,
}

impl ClientCertificate {
    /// `None` when it cannot be read.
    #[must_use]
    pub fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let parsed = parse(certificate)?;
        let body = parsed.tbs_certificate();
        let validity = body.validity();
        Some(Self {
            serial_number: serial_number(body.serial_number().as_bytes()),
            issuer: rfc2253(body.issuer()),
            subject: rfc2253(body.subject()),
            validity: format!("NotBefore={};NotAfter={}", validity.not_before.to_date_time(), validity.not_after.to_date_time()),
        })
    }
}

fn serial_number(bytes: &[u8]) -> String {
    // A leading zero only keeps the number positive.
    let bytes = match bytes {
        [0, rest @ ..] if !rest.is_empty() => rest,
        all => all,
    };
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::VERSION_1_CERTIFICATE;

    #[test]
    fn the_serial_number_has_no_sign() {
        assert_eq!(serial_number(&[3, 0xa5, 0xb1]), "03A5B1");
        assert_eq!(serial_number(&[0, 0xfe]), "FE");
        assert_eq!(serial_number(&[0]), "00");
    }

    #[test]
    fn certificates_of_version_1_are_read_too() {
        let file = crate::PemFile { path: "v1", bytes: VERSION_1_CERTIFICATE.as_bytes() };
        let found = ClientCertificate::of(&crate::pem::certificates(file).unwrap()[0]).unwrap();
        assert_eq!(found.serial_number, "03A5B1");
        assert_eq!((found.subject.as_str(), found.issuer.as_str()), ("CN=version1.test,O=Old\\, Works,C=DE", "CN=version1.test,O=Old\\, Works,C=DE"));
        assert_eq!(found.validity, "NotBefore=2026-11-27T10:59:40Z;NotAfter=2126-11-03T10:59:40Z");
        assert_eq!(ClientCertificate::of(&CertificateDer::from(vec![1, 2, 3])), None);
    }
}
