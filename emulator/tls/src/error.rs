//! What is wrong with a file of certificates or keys, for the person who named it.

/// A file that somebody else has read.
#[derive(Clone, Copy, Debug)]
pub struct PemFile<'a> {
    /// Its path, for messages.
    pub path: &'a str,
    /// What is in it.
    pub bytes: &'a [u8],
}

/// A file that cannot be used, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` {problem}")]
pub struct PemError {
    /// The file.
    pub path: String,
    /// What is wrong with it; its words follow the path.
    pub problem: PemProblem,
}

impl PemError {
    pub(crate) fn new(file: PemFile<'_>, problem: PemProblem) -> Self {
        Self { path: file.path.to_owned(), problem }
    }

    /// What to do next, if there is something.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        self.problem.hint()
    }
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PemProblem {
    /// Not a byte.
    #[error("is empty")]
    Empty,
    /// Binary, though PEM was expected.
    #[error("holds DER, not PEM")]
    Der,
    /// A bundle of certificates and keys in Microsoft's or Java's form.
    #[error("holds a PKCS#12 bundle, not PEM")]
    Pkcs12,
    /// No certificate among what it holds.
    #[error("holds no certificate{}", found(.0))]
    NoCertificate(Vec<String>),
    /// No private key among what it holds.
    #[error("holds no private key{}", found(.0))]
    NoKey(Vec<String>),
    /// A key behind a password.
    #[error("holds an encrypted private key")]
    EncryptedKey,
    /// Not what PEM looks like.
    #[error("is damaged: {0}")]
    Damaged(String),
    /// The nth certificate is none, counted from 1.
    #[error("is damaged: its certificate number {0} cannot be read")]
    DamagedCertificate(usize),
    /// A key that neither AWS nor we can serve with.
    #[error("holds a key that cannot be used: {0}")]
    UnsupportedKey(String),
    /// The key is another certificate's.
    #[error("holds a private key that does not belong to the certificate in `{0}`")]
    ForeignKey(String),
}

fn found(labels: &[String]) -> String {
    match labels {
        [] => String::new(),
        labels => format!(", only {}", labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ")),
    }
}

impl PemProblem {
    /// What to do next, if there is something.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Der => "convert it: `openssl x509 -inform der -in FILE -out FILE.pem` (a key: `openssl pkey -inform der ...`)",
            Self::Pkcs12 => "take it apart: `openssl pkcs12 -in FILE -nodes -out FILE.pem`",
            Self::EncryptedKey => "take the password off: `openssl pkey -in FILE -out FILE.plain.pem`",
            Self::NoCertificate(labels) if labels.iter().any(|label| label.ends_with("PRIVATE KEY")) => {
                "this is the key: are the two files exchanged?"
            }
            Self::NoCertificate(labels) if labels.iter().any(|label| label.ends_with("CERTIFICATE REQUEST")) => {
                "a request is not yet a certificate: the authority that signs it gives you one"
            }
            Self::NoKey(labels) if labels.iter().any(|label| label.ends_with("CERTIFICATE")) => {
                "this is the certificate: are the two files exchanged?"
            }
            Self::UnsupportedKey(_) => "RSA of 2,048 to 4,096 bits, ECDSA P-256 and ECDSA P-384 can be used",
            Self::ForeignKey(_) => "`openssl pkey -in KEY -pubout` and `openssl x509 -in CERTIFICATE -pubkey -noout` print the same for a pair",
            _ => return None,
        })
    }
}
