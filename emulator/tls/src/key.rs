//! Private keys that a listener can serve with: those that AWS and our provider of cryptography both know.

use std::sync::Arc;

use rustls::SignatureAlgorithm;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::SigningKey;

/// Why a key cannot be used, as words after `holds a key that cannot be used: `.
#[derive(Debug)]
pub(crate) struct KeyProblem(pub(crate) String);

/// A key that signs.
pub(crate) fn load(der: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, KeyProblem> {
    let key = ring::sign::any_supported_type(&der).map_err(|error| {
        let why = match error {
            rustls::Error::General(why) => why,
            other => other.to_string(),
        };
        KeyProblem(why)
    })?;
    match key.algorithm() {
        SignatureAlgorithm::RSA | SignatureAlgorithm::ECDSA => Ok(key),
        _ => Err(KeyProblem("it is neither RSA nor ECDSA, and a load balancer has no other".to_owned())),
    }
}
