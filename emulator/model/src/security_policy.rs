//! Security policies of HTTPS listeners: which protocols and ciphers a client is offered (alb.md 1).
//!
//! Every policy of AWS is known by name. What ecslocal has no means for (TLS below 1.2, CBC, RSA key exchange, ML-KEM) is left out
//! of what it offers, and [`SecurityPolicy::notes`] says so; what would be a false promise without it (FIPS, RFC 9151) is refused.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use TlsVersion::{V1_0, V1_1, V1_2, V1_3};

/// A version of the protocol, older ones first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TlsVersion {
    /// TLS 1.0, never offered here.
    V1_0,
    /// TLS 1.1, never offered here.
    V1_1,
    /// TLS 1.2.
    V1_2,
    /// TLS 1.3.
    V1_3,
}

impl TlsVersion {
    /// As OpenSSL, `DescribeSSLPolicies` and the access log write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            V1_0 => "TLSv1",
            V1_1 => "TLSv1.1",
            V1_2 => "TLSv1.2",
            V1_3 => "TLSv1.3",
        }
    }
}

impl std::fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The ciphers of AWS's policies that can be offered here, in the order in which AWS lists them: the first that the client has, too,
/// is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TlsCipher {
    /// `TLS_AES_128_GCM_SHA256`, of TLS 1.3.
    Aes128Gcm,
    /// `TLS_AES_256_GCM_SHA384`, of TLS 1.3.
    Aes256Gcm,
    /// `TLS_CHACHA20_POLY1305_SHA256`, of TLS 1.3.
    Chacha20Poly1305,
    /// `ECDHE-ECDSA-AES128-GCM-SHA256`, of TLS 1.2.
    EcdheEcdsaAes128Gcm,
    /// `ECDHE-RSA-AES128-GCM-SHA256`, of TLS 1.2.
    EcdheRsaAes128Gcm,
    /// `ECDHE-ECDSA-AES256-GCM-SHA384`, of TLS 1.2.
    EcdheEcdsaAes256Gcm,
    /// `ECDHE-RSA-AES256-GCM-SHA384`, of TLS 1.2.
    EcdheRsaAes256Gcm,
}

impl TlsCipher {
    /// All, in AWS's order.
    pub const ALL: [Self; 7] = [
        Self::Aes128Gcm,
        Self::Aes256Gcm,
        Self::Chacha20Poly1305,
        Self::EcdheEcdsaAes128Gcm,
        Self::EcdheRsaAes128Gcm,
        Self::EcdheEcdsaAes256Gcm,
        Self::EcdheRsaAes256Gcm,
    ];

    /// OpenSSL's name, which the access log and `X-Amzn-Tls-Cipher-Suite` use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aes128Gcm => "TLS_AES_128_GCM_SHA256",
            Self::Aes256Gcm => "TLS_AES_256_GCM_SHA384",
            Self::Chacha20Poly1305 => "TLS_CHACHA20_POLY1305_SHA256",
            Self::EcdheEcdsaAes128Gcm => "ECDHE-ECDSA-AES128-GCM-SHA256",
            Self::EcdheRsaAes128Gcm => "ECDHE-RSA-AES128-GCM-SHA256",
            Self::EcdheEcdsaAes256Gcm => "ECDHE-ECDSA-AES256-GCM-SHA384",
            Self::EcdheRsaAes256Gcm => "ECDHE-RSA-AES256-GCM-SHA384",
        }
    }

    /// The one version of the protocol that knows it.
    #[must_use]
    pub const fn version(self) -> TlsVersion {
        match self {
            Self::Aes128Gcm | Self::Aes256Gcm | Self::Chacha20Poly1305 => V1_3,
            _ => V1_2,
        }
    }
}

/// What a policy allows beyond what is offered here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beyond {
    /// Nothing: AES-GCM and TLS 1.3 only.
    Nothing,
    /// ECDHE ciphers with CBC.
    Cbc,
    /// Those, and ciphers with RSA key exchange.
    CbcAndRsa,
}

#[derive(Debug)]
struct Row {
    /// Without [`PREFIX`].
    name: &'static str,
    lowest: TlsVersion,
    highest: TlsVersion,
    beyond: Beyond,
}

const PREFIX: &str = "ELBSecurityPolicy-";

const fn row(name: &'static str, lowest: TlsVersion, highest: TlsVersion, beyond: Beyond) -> Row {
    Row { name, lowest, highest, beyond }
}

/// Every policy that is accepted: AWS's pages "Protocols by policy" and "Ciphers by policy". What each has of TLS 1.2 contains the four
/// ECDHE ciphers with AES-GCM, and what each has of TLS 1.3 is all three of its ciphers.
const ROWS: &[Row] = &[
    row("2016-08", V1_0, V1_2, Beyond::CbcAndRsa),
    row("TLS13-1-3-2021-06", V1_3, V1_3, Beyond::Nothing),
    row("TLS13-1-3-PQ-2025-09", V1_3, V1_3, Beyond::Nothing),
    row("TLS13-1-2-2021-06", V1_2, V1_3, Beyond::Cbc),
    row("TLS13-1-2-PQ-2025-09", V1_2, V1_3, Beyond::Cbc),
    row("TLS13-1-2-Res-2021-06", V1_2, V1_3, Beyond::Nothing),
    row("TLS13-1-2-Res-PQ-2025-09", V1_2, V1_3, Beyond::Nothing),
    row("TLS13-1-2-Ext1-2021-06", V1_2, V1_3, Beyond::CbcAndRsa),
    row("TLS13-1-2-Ext1-PQ-2025-09", V1_2, V1_3, Beyond::CbcAndRsa),
    row("TLS13-1-2-Ext2-2021-06", V1_2, V1_3, Beyond::CbcAndRsa),
    row("TLS13-1-2-Ext2-PQ-2025-09", V1_2, V1_3, Beyond::CbcAndRsa),
    row("TLS13-1-1-2021-06", V1_1, V1_3, Beyond::CbcAndRsa),
    row("TLS13-1-0-2021-06", V1_0, V1_3, Beyond::CbcAndRsa),
    row("TLS13-1-0-PQ-2025-09", V1_0, V1_3, Beyond::CbcAndRsa),
    row("TLS-1-2-Ext-2018-06", V1_2, V1_2, Beyond::CbcAndRsa),
    row("TLS-1-2-2017-01", V1_2, V1_2, Beyond::CbcAndRsa),
    row("TLS-1-1-2017-01", V1_1, V1_2, Beyond::CbcAndRsa),
    row("TLS-1-0-2015-04", V1_0, V1_2, Beyond::CbcAndRsa),
    row("2015-05", V1_0, V1_2, Beyond::CbcAndRsa),
    row("FS-2018-06", V1_0, V1_2, Beyond::Cbc),
    row("FS-1-1-2019-08", V1_1, V1_2, Beyond::Cbc),
    row("FS-1-2-2019-08", V1_2, V1_2, Beyond::Cbc),
    row("FS-1-2-Res-2019-08", V1_2, V1_2, Beyond::Cbc),
    row("FS-1-2-Res-2020-10", V1_2, V1_2, Beyond::Nothing),
];

/// Policies that are refused by name, each with the nearest one that is accepted.
const REFUSED: &[(&str, &str)] = &[
    ("TLS13-1-3-FIPS-2023-04", "TLS13-1-3-2021-06"),
    ("TLS13-1-3-FIPS-PQ-2025-09", "TLS13-1-3-PQ-2025-09"),
    ("TLS13-1-2-FIPS-2023-04", "TLS13-1-2-2021-06"),
    ("TLS13-1-2-FIPS-PQ-2025-09", "TLS13-1-2-PQ-2025-09"),
    ("TLS13-1-2-Res-FIPS-2023-04", "TLS13-1-2-Res-2021-06"),
    ("TLS13-1-2-Res-FIPS-PQ-2025-09", "TLS13-1-2-Res-PQ-2025-09"),
    ("TLS13-1-2-Ext0-FIPS-2023-04", "TLS13-1-2-2021-06"),
    ("TLS13-1-2-Ext0-FIPS-PQ-2025-09", "TLS13-1-2-PQ-2025-09"),
    ("TLS13-1-2-Ext1-FIPS-2023-04", "TLS13-1-2-Ext1-2021-06"),
    ("TLS13-1-2-Ext1-FIPS-PQ-2025-09", "TLS13-1-2-Ext1-PQ-2025-09"),
    ("TLS13-1-2-Ext2-FIPS-2023-04", "TLS13-1-2-Ext2-2021-06"),
    ("TLS13-1-2-Ext2-FIPS-PQ-2025-09", "TLS13-1-2-Ext2-PQ-2025-09"),
    ("TLS13-1-1-FIPS-2023-04", "TLS13-1-1-2021-06"),
    ("TLS13-1-0-FIPS-2023-04", "TLS13-1-0-2021-06"),
    ("TLS13-1-0-FIPS-PQ-2025-09", "TLS13-1-0-PQ-2025-09"),
    ("TLS13-1-3-RFC9151-FIPS-2023-07", "TLS13-1-3-2021-06"),
    ("TLS13-1-2-RFC9151-FIPS-2023-07", "TLS13-1-2-Res-2021-06"),
    ("TLS13-1-2-Ext0-RFC9151-FIPS-2023-07", "TLS13-1-2-Ext1-2021-06"),
    ("TLS13-1-2-RFC9151-INTEROP1-FIPS-2023-07", "TLS13-1-2-Res-2021-06"),
    ("TLS13-1-2-RFC9151-INTEROP2-FIPS-2023-07", "TLS13-1-2-Res-2021-06"),
    ("TLS13-1-2-RFC9151-INTEROP3-FIPS-2023-07", "TLS13-1-2-Res-2021-06"),
    ("TLS13-1-2-RFC9151-INTEROP4-FIPS-2023-07", "TLS13-1-2-Ext1-2021-06"),
];

/// `SslPolicy` of an HTTPS listener. The default is `ELBSecurityPolicy-2016-08`, as of every way to make a listener but the console.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecurityPolicy(&'static Row);

impl SecurityPolicy {
    /// All that are accepted, the default first.
    pub fn all() -> impl Iterator<Item = Self> {
        ROWS.iter().map(Self)
    }

    /// AWS's name.
    #[must_use]
    pub fn name(self) -> String {
        format!("{PREFIX}{}", self.0.name)
    }

    /// The oldest protocol that AWS offers with it, which may be older than what is offered here.
    #[must_use]
    pub const fn lowest(self) -> TlsVersion {
        self.0.lowest
    }

    /// The newest protocol.
    #[must_use]
    pub const fn highest(self) -> TlsVersion {
        self.0.highest
    }

    /// What is offered here, in AWS's order. Never empty.
    pub fn ciphers(self) -> impl Iterator<Item = TlsCipher> {
        TlsCipher::ALL.into_iter().filter(move |cipher| (self.0.lowest..=self.0.highest).contains(&cipher.version()))
    }

    /// The protocols that are offered here, older ones first. Never empty.
    pub fn versions(self) -> impl Iterator<Item = TlsVersion> {
        [V1_2, V1_3].into_iter().filter(move |version| (self.0.lowest..=self.0.highest).contains(version))
    }

    /// The policy for connections to HTTPS targets behind a listener with this one (alb.md 1, "Backend TLS policy").
    #[must_use]
    pub fn behind(self) -> Self {
        let name = match self.0 {
            row if row.is_post_quantum() => "TLS13-1-0-PQ-2025-09",
            row if row.highest == V1_3 => "TLS13-1-0-2021-06",
            _ => return Self::default(),
        };
        ROWS.iter().find(|row| row.name == name).map_or_else(Self::default, Self)
    }

    /// What of it is not offered here, a sentence each; empty if all is.
    #[must_use]
    pub fn notes(self) -> Vec<&'static str> {
        let old = match self.0.lowest {
            V1_0 => Some("TLS 1.0 and 1.1 of this policy are not offered here"),
            V1_1 => Some("TLS 1.1 of this policy is not offered here"),
            V1_2 | V1_3 => None,
        };
        let ciphers = match self.0.beyond {
            Beyond::Nothing => None,
            Beyond::Cbc => Some("the CBC ciphers of this policy are not offered here"),
            Beyond::CbcAndRsa => Some("the ciphers of this policy with CBC or RSA key exchange are not offered here"),
        };
        let quantum =
            self.0.is_post_quantum().then_some("the post-quantum key exchange of this policy is left out here, its classical ones are offered");
        [old, ciphers, quantum].into_iter().flatten().collect()
    }
}

impl Row {
    fn is_post_quantum(&self) -> bool {
        self.name.contains("-PQ-")
    }
}

impl Default for SecurityPolicy {
    fn default() -> Self {
        Self(&ROWS[0])
    }
}

impl PartialEq for SecurityPolicy {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for SecurityPolicy {}

impl std::fmt::Debug for SecurityPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecurityPolicy({self})")
    }
}

impl std::fmt::Display for SecurityPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{PREFIX}{}", self.0.name)
    }
}

/// Why a name is not the name of a policy that can be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecurityPolicyError {
    /// AWS has it, but it promises validated cryptography.
    #[error("the security policy `{name}` promises {promise}, which ecslocal cannot keep")]
    Refused {
        /// As it was written.
        name: String,
        /// What it promises.
        promise: &'static str,
        /// The full name of the nearest policy that is accepted.
        nearest: String,
    },
    /// AWS has none of that name.
    #[error("there is no security policy `{0}`")]
    Unknown(String),
}

impl SecurityPolicyError {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Refused { nearest, .. } => format!("`{nearest}` is the nearest one without that promise"),
            Self::Unknown(_) => {
                format!("the default is `{}`, the one that AWS recommends `{PREFIX}TLS13-1-2-Res-PQ-2025-09`", SecurityPolicy::default())
            }
        }
    }
}

impl FromStr for SecurityPolicy {
    type Err = SecurityPolicyError;

    fn from_str(text: &str) -> Result<Self, SecurityPolicyError> {
        let unknown = || SecurityPolicyError::Unknown(text.to_owned());
        let name = text.strip_prefix(PREFIX).ok_or_else(unknown)?;
        if let Some((_, nearest)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
            let promise =
                if name.contains("-RFC9151-") { "RFC 9151 with FIPS 140 validated cryptography" } else { "FIPS 140 validated cryptography" };
            return Err(SecurityPolicyError::Refused { name: text.to_owned(), promise, nearest: format!("{PREFIX}{nearest}") });
        }
        ROWS.iter().find(|row| row.name == name).map(Self).ok_or_else(unknown)
    }
}

impl TryFrom<String> for SecurityPolicy {
    type Error = SecurityPolicyError;

    fn try_from(text: String) -> Result<Self, SecurityPolicyError> {
        text.parse()
    }
}

impl From<SecurityPolicy> for String {
    fn from(policy: SecurityPolicy) -> Self {
        policy.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(name: &str) -> SecurityPolicy {
        format!("{PREFIX}{name}").parse().unwrap()
    }

    #[test]
    fn every_policy_is_found_by_its_name_and_offers_something() {
        for policy in SecurityPolicy::all() {
            assert_eq!(policy.name().parse(), Ok(policy));
            assert_eq!(serde_json::from_str::<SecurityPolicy>(&serde_json::to_string(&policy).unwrap()).unwrap(), policy);
            assert!(policy.ciphers().next().is_some() && policy.versions().next().is_some(), "{policy}");
            assert!(policy.ciphers().all(|cipher| policy.versions().any(|version| version == cipher.version())), "{policy}");
        }
        let names: std::collections::BTreeSet<_> = ROWS.iter().map(|row| row.name).chain(REFUSED.iter().map(|(name, _)| *name)).collect();
        assert_eq!(names.len(), ROWS.len() + REFUSED.len(), "no name twice");
        assert_eq!(SecurityPolicy::default().to_string(), "ELBSecurityPolicy-2016-08");
    }

    #[test]
    fn protocols_and_ciphers_are_those_of_aws_as_far_as_we_have_them() {
        let check = |name: &str, versions: &str, ciphers: usize| {
            let policy = policy(name);
            let offered: Vec<_> = policy.versions().map(TlsVersion::as_str).collect();
            assert_eq!(offered.join(" "), versions, "{name}");
            assert_eq!(policy.ciphers().count(), ciphers, "{name}");
        };
        check("2016-08", "TLSv1.2", 4);
        check("TLS13-1-3-2021-06", "TLSv1.3", 3);
        check("TLS13-1-2-Res-PQ-2025-09", "TLSv1.2 TLSv1.3", 7);
        check("TLS13-1-0-2021-06", "TLSv1.2 TLSv1.3", 7);
        check("FS-1-2-Res-2020-10", "TLSv1.2", 4);
        assert_eq!(policy("FS-2018-06").ciphers().next().unwrap().as_str(), "ECDHE-ECDSA-AES128-GCM-SHA256");
        assert_eq!((policy("TLS-1-1-2017-01").lowest(), policy("TLS-1-1-2017-01").highest()), (V1_1, V1_2));
    }

    #[test]
    fn what_is_not_offered_is_said() {
        let old = "TLS 1.0 and 1.1 of this policy are not offered here";
        let rsa = "the ciphers of this policy with CBC or RSA key exchange are not offered here";
        let quantum = "the post-quantum key exchange of this policy is left out here, its classical ones are offered";
        assert_eq!(policy("2016-08").notes(), [old, rsa]);
        assert_eq!(policy("TLS13-1-1-2021-06").notes(), ["TLS 1.1 of this policy is not offered here", rsa]);
        assert_eq!(policy("TLS13-1-2-2021-06").notes(), ["the CBC ciphers of this policy are not offered here"]);
        assert_eq!(policy("TLS13-1-2-Res-2021-06").notes(), [""; 0]);
        assert_eq!(policy("TLS13-1-2-Res-PQ-2025-09").notes(), [quantum]);
        assert_eq!(policy("TLS13-1-0-PQ-2025-09").notes(), [old, rsa, quantum]);
    }

    #[test]
    fn promises_that_cannot_be_kept_are_refused_with_the_nearest_policy() {
        let refusal = |name: &str| format!("{PREFIX}{name}").parse::<SecurityPolicy>().unwrap_err();
        for (name, nearest) in REFUSED {
            assert!(refusal(name).hint().contains(&format!("`{}`", policy(nearest))), "{name}");
        }
        let fips = refusal("TLS13-1-2-Res-FIPS-PQ-2025-09");
        let message = "the security policy `ELBSecurityPolicy-TLS13-1-2-Res-FIPS-PQ-2025-09` promises FIPS 140 validated cryptography, which ecslocal cannot keep";
        assert_eq!(fips.to_string(), message);
        assert_eq!(fips.hint(), "`ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09` is the nearest one without that promise");
        assert!(refusal("TLS13-1-3-RFC9151-FIPS-2023-07").to_string().contains("RFC 9151"));
        for name in ["ELBSecurityPolicy-2017-08", "2016-08", "elbsecuritypolicy-2016-08", "", "ELBSecurityPolicy-TLS13-1-1-PQ-2025-09"] {
            assert_eq!(name.parse::<SecurityPolicy>(), Err(SecurityPolicyError::Unknown(name.to_owned())));
        }
    }

    #[test]
    fn targets_are_spoken_to_by_the_policy_behind() {
        let check = |name: &str, behind: &str| assert_eq!(policy(name).behind(), policy(behind), "{name}");
        check("2016-08", "2016-08");
        check("FS-1-2-Res-2020-10", "2016-08");
        check("TLS13-1-3-2021-06", "TLS13-1-0-2021-06");
        check("TLS13-1-2-Res-PQ-2025-09", "TLS13-1-0-PQ-2025-09");
    }
}
