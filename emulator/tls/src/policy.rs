//! What a security policy is for rustls.

use std::sync::Arc;

use model::{SecurityPolicy, TlsCipher, TlsVersion};
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{self, cipher_suite};
use rustls::{SupportedCipherSuite, SupportedProtocolVersion};

/// The suite of a cipher.
pub(crate) const fn suite(cipher: TlsCipher) -> SupportedCipherSuite {
    match cipher {
        TlsCipher::Aes128Gcm => cipher_suite::TLS13_AES_128_GCM_SHA256,
        TlsCipher::Aes256Gcm => cipher_suite::TLS13_AES_256_GCM_SHA384,
        TlsCipher::Chacha20Poly1305 => cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
        TlsCipher::EcdheEcdsaAes128Gcm => cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        TlsCipher::EcdheRsaAes128Gcm => cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        TlsCipher::EcdheEcdsaAes256Gcm => cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        TlsCipher::EcdheRsaAes256Gcm => cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    }
}

/// The provider with the policy's ciphers in the policy's order.
pub(crate) fn provider(policy: SecurityPolicy) -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider { cipher_suites: policy.ciphers().map(suite).collect(), ..ring::default_provider() })
}

/// The policy's protocols.
pub(crate) fn versions(policy: SecurityPolicy) -> Vec<&'static SupportedProtocolVersion> {
    let version = |version| match version {
        TlsVersion::V1_3 => Some(&rustls::version::TLS13),
        TlsVersion::V1_2 => Some(&rustls::version::TLS12),
        TlsVersion::V1_0 | TlsVersion::V1_1 => None,
    };
    policy.versions().filter_map(version).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_policy_makes_a_configuration() {
        for policy in SecurityPolicy::all() {
            let builder = rustls::ServerConfig::builder_with_provider(provider(policy)).with_protocol_versions(&versions(policy));
            assert!(builder.is_ok(), "{policy}");
        }
    }

    #[test]
    fn suites_are_those_that_they_are_named_after() {
        for cipher in TlsCipher::ALL {
            let iana = format!("{:?}", suite(cipher).suite()).replace("TLS13_", "TLS_").replace("_WITH_", "_").replace('_', "-");
            let openssl = cipher.as_str().replace("AES128", "AES-128").replace("AES256", "AES-256").replace('_', "-");
            assert_eq!(iana.trim_start_matches("TLS-"), openssl.trim_start_matches("TLS-"));
        }
    }
}
