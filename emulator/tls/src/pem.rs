//! PEM: reading it with words for what is wrong, and writing it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::{Error, PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::{PemError, PemFile, PemProblem};

/// The certificates of a file in their order, at least one.
pub(crate) fn certificates(file: PemFile<'_>) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let text = text(file)?;
    let found: Result<Vec<_>, Error> = CertificateDer::pem_slice_iter(text).collect();
    match found.map_err(|error| PemError::new(file, damage(&error)))? {
        found if found.is_empty() => Err(PemError::new(file, PemProblem::NoCertificate(labels(text)))),
        found => Ok(found),
    }
}

/// The first private key of a file.
pub(crate) fn private_key(file: PemFile<'_>) -> Result<PrivateKeyDer<'static>, PemError> {
    let text = text(file)?;
    if is_encrypted(text) {
        return Err(PemError::new(file, PemProblem::EncryptedKey));
    }
    let key = <(SectionKind, Vec<u8>)>::pem_slice_iter(text).find_map(|section| match section {
        Ok((SectionKind::PrivateKey, der)) => Some(Ok(PrivateKeyDer::Pkcs8(der.into()))),
        Ok((SectionKind::RsaPrivateKey, der)) => Some(Ok(PrivateKeyDer::Pkcs1(der.into()))),
        Ok((SectionKind::EcPrivateKey, der)) => Some(Ok(PrivateKeyDer::Sec1(der.into()))),
        Ok(_) => None,
        Err(error) => Some(Err(PemError::new(file, damage(&error)))),
    });
    key.unwrap_or_else(|| Err(PemError::new(file, PemProblem::NoKey(labels(text)))))
}

/// One section of PEM, with lines of 64 characters and an end of line after the last.
pub(crate) fn encode(label: &str, der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = after;
    }
    pem.push_str(&format!("-----END {label}-----\n"));
    pem
}

/// The bytes, if they can be PEM at all.
fn text(file: PemFile<'_>) -> Result<&[u8], PemError> {
    let problem = match file.bytes {
        bytes if bytes.iter().all(u8::is_ascii_whitespace) => PemProblem::Empty,
        // A SEQUENCE longer than 127 bytes; PKCS#12 begins with its version, 3.
        [0x30, 0x82, _, _, 0x02, 0x01, 0x03, ..] => PemProblem::Pkcs12,
        [0x30, 0x80..=0x84, ..] => PemProblem::Der,
        bytes => return Ok(bytes),
    };
    Err(PemError::new(file, problem))
}

fn is_encrypted(text: &[u8]) -> bool {
    let contains = |needle: &[u8]| text.windows(needle.len()).any(|window| window == needle);
    contains(b"BEGIN ENCRYPTED PRIVATE KEY") || contains(b"Proc-Type: 4,ENCRYPTED")
}

/// What the sections of a file are called.
fn labels(text: &[u8]) -> Vec<String> {
    let label = |line: &str| Some(line.trim().strip_prefix("-----BEGIN ")?.strip_suffix("-----")?.to_owned());
    String::from_utf8_lossy(text).lines().filter_map(label).collect()
}

fn damage(error: &Error) -> PemProblem {
    PemProblem::Damaged(match error {
        Error::MissingSectionEnd { end_marker } => format!("its `{}` has no end", String::from_utf8_lossy(end_marker).trim_end()),
        Error::IllegalSectionStart { line } => format!("`{}` opens no section", String::from_utf8_lossy(line).trim_end()),
        Error::Base64Decode(_) => "what stands between its `-----` lines is not base64".to_owned(),
        other => other.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(bytes: &[u8]) -> PemFile<'_> {
        PemFile { path: "web.pem", bytes }
    }

    #[test]
    fn what_is_written_is_read() {
        for length in [1, 47, 48, 49, 500] {
            let der = vec![7; length];
            let pem = encode("CERTIFICATE", &der);
            assert!(pem.lines().all(|line| line.len() <= 64) && pem.ends_with("-----END CERTIFICATE-----\n"));
            let twice = format!("a comment\n{pem}{pem}");
            assert_eq!(certificates(file(twice.as_bytes())).unwrap(), [CertificateDer::from(der.clone()), CertificateDer::from(der)]);
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_the_path() {
        let key = encode("EC PRIVATE KEY", b"key");
        let certificate = encode("CERTIFICATE", b"certificate");
        let open = certificate.replace("-----END CERTIFICATE-----\n", "");
        let check = |bytes: &[u8], message: &str, hint: &str| {
            let error = certificates(file(bytes)).unwrap_err();
            assert_eq!(error.to_string(), format!("`web.pem` {message}"));
            assert!(error.hint().unwrap_or_default().contains(hint), "{error:?}");
        };
        check(b"", "is empty", "");
        check(b" \n", "is empty", "");
        check(b"hello", "holds no certificate", "");
        check(key.as_bytes(), "holds no certificate, only `EC PRIVATE KEY`", "exchanged");
        check(encode("CERTIFICATE REQUEST", b"r").as_bytes(), "holds no certificate, only `CERTIFICATE REQUEST`", "signs it");
        check(&[0x30, 0x82, 1, 0, 0x30, 0x82], "holds DER, not PEM", "-inform der");
        check(&[0x30, 0x82, 1, 0, 2, 1, 3, 0x30], "holds a PKCS#12 bundle, not PEM", "pkcs12");
        check(open.as_bytes(), "is damaged: its `CERTIFICATE` has no end", "");
        check(certificate.replace('Y', "%").as_bytes(), "is damaged: what stands between its `-----` lines is not base64", "");
    }

    #[test]
    fn keys_come_in_three_forms_and_not_behind_a_password() {
        let key = |bytes: &str| private_key(file(bytes.as_bytes()));
        assert!(matches!(key(&encode("PRIVATE KEY", b"k")), Ok(PrivateKeyDer::Pkcs8(_))));
        assert!(matches!(key(&encode("RSA PRIVATE KEY", b"k")), Ok(PrivateKeyDer::Pkcs1(_))));
        assert!(matches!(key(&(encode("EC PARAMETERS", b"p") + &encode("EC PRIVATE KEY", b"k"))), Ok(PrivateKeyDer::Sec1(_))));
        assert_eq!(key(&encode("ENCRYPTED PRIVATE KEY", b"k")).unwrap_err().problem, PemProblem::EncryptedKey);
        let old = encode("RSA PRIVATE KEY", b"k").replacen('\n', "\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n", 1);
        let error = key(&old).unwrap_err();
        assert_eq!(error.to_string(), "`web.pem` holds an encrypted private key");
        assert!(error.hint().unwrap().contains("openssl pkey"));
        let error = key(&encode("CERTIFICATE", b"c")).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.hint().is_some()), ("`web.pem` holds no private key, only `CERTIFICATE`", true));
    }
}
