//! The authority's two files: made once, never overwritten.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use model::Timestamp;
use rcgen::string::{Ia5String, PrintableString};
use rcgen::{CertificateParams, DistinguishedName, DnType, DnValue, KeyIdMethod, KeyPair, KeyUsagePurpose, PublicKeyData};
use rustls::pki_types::CertificateDer;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::{Encode, Tag, Tagged};
use x509_cert::ext::pkix::{BasicConstraints, SubjectKeyIdentifier};

use crate::authority::AuthorityError;
use crate::error::PemFile;
use crate::facts::{Facts, Parsed, parse};
use crate::pem;

pub(crate) const CERTIFICATE: &str = "ca.pem";
pub(crate) const KEY: &str = "ca-key.pem";

pub(crate) struct Folder<'a>(&'a Path);

impl<'a> Folder<'a> {
    pub(crate) const fn new(folder: &'a Path) -> Self {
        Self(folder)
    }

    pub(crate) fn certificate_path(&self) -> PathBuf {
        self.0.join(CERTIFICATE)
    }

    /// The key that is there, or a new one. It comes first: with it alone, as after a crash, the certificate is made anew.
    pub(crate) fn key_or(&self, new: impl FnOnce() -> Result<KeyPair, AuthorityError>) -> Result<KeyPair, AuthorityError> {
        // In this order: whoever makes an authority right now keeps its key first.
        let certificate = self.read(CERTIFICATE)?;
        if let Some(bytes) = self.read(KEY)? {
            return self.key(&bytes);
        }
        if certificate.is_some() {
            return Err(self.damaged(format!("there is `{CERTIFICATE}` but no `{KEY}`")));
        }
        self.key(&self.keep(KEY, 0o600, &pem::encode("PRIVATE KEY", new()?.serialized_der()))?)
    }

    /// The certificate that is there, or a new one.
    pub(crate) fn certificate_or(
        &self,
        new: impl FnOnce() -> Result<CertificateDer<'static>, AuthorityError>,
    ) -> Result<CertificateDer<'static>, AuthorityError> {
        let bytes = match self.read(CERTIFICATE)? {
            Some(bytes) => bytes,
            None => self.keep(CERTIFICATE, 0o644, &pem::encode("CERTIFICATE", &new()?))?,
        };
        let certificates = pem::certificates(PemFile { path: CERTIFICATE, bytes: &bytes }).map_err(|error| self.damaged(error.to_string()))?;
        certificates.into_iter().next().ok_or_else(|| self.damaged(format!("`{CERTIFICATE}` is empty")))
    }

    /// What the certificate makes of those that it signs, if it is an authority's, of that key, and valid.
    pub(crate) fn checked(&self, certificate: &CertificateDer<'_>, key: &KeyPair, now: Timestamp) -> Result<CertificateParams, AuthorityError> {
        let parsed = parse(certificate).ok_or_else(|| self.damaged(format!("`{CERTIFICATE}` cannot be read")))?;
        let body = parsed.tbs_certificate();
        if body.subject_public_key_info().to_der().ok() != Some(key.subject_public_key_info()) {
            return Err(self.damaged(format!("`{KEY}` does not belong to `{CERTIFICATE}`")));
        }
        if !body.get_extension::<BasicConstraints>().ok().flatten().is_some_and(|(_, constraints)| constraints.ca) {
            return Err(self.damaged(format!("`{CERTIFICATE}` is no authority's certificate")));
        }
        if Facts::of(&parsed).not_after < now {
            return Err(self.damaged(format!("`{CERTIFICATE}` is no longer valid")));
        }
        issuer(&parsed).ok_or_else(|| self.damaged(format!("the name in `{CERTIFICATE}` has parts that cannot be written here")))
    }

    fn key(&self, bytes: &[u8]) -> Result<KeyPair, AuthorityError> {
        let der = pem::private_key(PemFile { path: KEY, bytes }).map_err(|error| self.damaged(error.to_string()))?;
        KeyPair::try_from(&der).map_err(|_| self.damaged(format!("`{KEY}` is no key in the form PKCS#8 that can sign here")))
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, AuthorityError> {
        let path = self.0.join(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(AuthorityError::Io { path, what: "read", source }),
        }
    }

    /// Writes a file that is not there yet, whole or not at all, and says what is in it then: what another process wrote in the
    /// meantime stays.
    fn keep(&self, name: &str, mode: u32, text: &str) -> Result<Vec<u8>, AuthorityError> {
        let path = self.0.join(name);
        let temporary = self.0.join(format!(".{name}.{}.{}", std::process::id(), WRITTEN.fetch_add(1, Ordering::Relaxed)));
        let kept = fs::create_dir_all(self.0).and_then(|()| write_new(&temporary, mode, text)).and_then(|()| publish(&temporary, &path));
        // Its name is ours, and what it was for is done or has failed.
        drop(fs::remove_file(&temporary));
        kept.map_err(|source| AuthorityError::Io { path, what: "written", source })?;
        Ok(self.read(name)?.unwrap_or_default())
    }

    fn damaged(&self, why: String) -> AuthorityError {
        AuthorityError::Damaged { folder: self.0.to_owned(), why }
    }
}

/// So that no two writers of a process share a temporary file.
static WRITTEN: AtomicU64 = AtomicU64::new(0);

fn write_new(path: &Path, mode: u32, text: &str) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Gives the file its name, unless something has it.
fn publish(temporary: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(temporary, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        // A file system without links.
        Err(_) if !path.exists() => fs::rename(temporary, path),
        other => other,
    }
}

/// What rcgen has to know of an authority: its name to the letter, and the identifier of its key.
fn issuer(certificate: &Parsed) -> Option<CertificateParams> {
    let body = certificate.tbs_certificate();
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = DistinguishedName::new();
    for part in body.subject().iter_rdn() {
        let mut attributes = part.iter();
        let (attribute, None) = (attributes.next()?, attributes.next()) else { return None };
        let kind = DnType::CustomDnType(attribute.oid.arcs().map(u64::from).collect());
        // rcgen knows one attribute of a kind.
        if parameters.distinguished_name.get(&kind).is_some() {
            return None;
        }
        parameters.distinguished_name.push(kind, value(attribute)?);
    }
    if let Ok(Some((_, identifier))) = body.get_extension::<SubjectKeyIdentifier>() {
        parameters.key_identifier_method = KeyIdMethod::PreSpecified(identifier.0.as_bytes().to_vec());
    }
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    Some(parameters)
}

fn value(attribute: &AttributeTypeAndValue) -> Option<DnValue> {
    let text = std::str::from_utf8(attribute.value.value()).ok()?.to_owned();
    match attribute.value.tag() {
        Tag::Utf8String => Some(DnValue::Utf8String(text)),
        Tag::PrintableString => PrintableString::try_from(text).ok().map(DnValue::PrintableString),
        Tag::Ia5String => Ia5String::try_from(text).ok().map(DnValue::Ia5String),
        _ => None,
    }
}
