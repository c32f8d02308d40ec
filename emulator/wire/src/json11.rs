//! AWS's JSON 1.1 protocol, which ECS and ECR speak (ecs.md 11.1): `POST /` with `X-Amz-Target: <service>.<operation>`, JSON both ways,
//! `{"__type", "message"}` for an error. A time is seconds since the Unix epoch with a fraction, bytes are base64.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The type of bodies.
pub const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

/// The header that names the operation. A page of another site cannot send it without asking first.
pub const TARGET_HEADER: &str = "x-amz-target";

/// The target header, taken apart: `AmazonEC2ContainerRegistry_V20150921.CreateRepository`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// The service with its version.
    pub service: &'a str,
    /// The operation.
    pub operation: &'a str,
}

impl<'a> Target<'a> {
    /// Reads the header.
    #[must_use]
    pub fn parse(header: &'a str) -> Option<Self> {
        let (service, operation) = header.split_once('.')?;
        (!service.is_empty() && !operation.is_empty()).then_some(Self { service, operation })
    }
}

/// An error as it crosses the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// Its code, as `RepositoryNotFoundException`.
    #[serde(rename = "__type")]
    pub code: String,
    /// For a person.
    pub message: String,
}

/// The operations of an API, a line each: an enum of them with what each asks, and how it is read.
macro_rules! operations {
    ($error:ident; $($(#[$doc:meta])* $name:ident($request:ident),)*) => {
        /// An operation with what it asks.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Operation {
            $($(#[$doc])* $name($request),)*
        }

        impl Operation {
            /// Every operation that is served.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name)),*];

            /// Reads the operation of that name.
            ///
            /// # Errors
            /// The name is not one of [`Self::NAMES`], or the body is not what the operation takes.
            pub fn read(name: &str, body: &[u8]) -> Result<Self, $error> {
                match name {
                    $(stringify!($name) => $crate::json11::read(body).map(Self::$name).map_err($error::Serialization),)*
                    _ => Err($error::NotServed { operation: name.to_owned() }),
                }
            }
        }
    };
}

/// What is asked, a struct each in the spelling of AWS, all of it optional.
macro_rules! requests {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $kind:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "PascalCase", default)]
        #[expect(missing_docs, reason = "the names are AWS's own")]
        pub struct $name {
            $(pub $field: $kind,)*
        }

        /// Values are in some of them, so none is printed.
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    )*};
}

pub(crate) use {operations, requests};

/// Reads a request. An empty body is an empty one.
///
/// # Errors
/// Why it is not what the operation takes, which AWS calls a `SerializationException`.
pub fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    let body = body.trim_ascii();
    let body = if body.is_empty() { b"{}" } else { body };
    // A list would be read as the members in their order.
    if !body.starts_with(b"{") {
        return Err("it is no JSON object".into());
    }
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_an_object() {
        let read = |body: &[u8]| read::<ErrorBody>(body).map(|body| body.code);
        assert_eq!(read(br#" {"__type":"x","message":""} "#), Ok("x".into()));
        for bad in [&b""[..], b"{", br#"["x",""]"#, b"null"] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_target_names_service_and_operation() {
        let target = Target::parse("AmazonEC2ContainerRegistry_V20150921.CreateRepository").unwrap();
        assert_eq!((target.service, target.operation), ("AmazonEC2ContainerRegistry_V20150921", "CreateRepository"));
        for bad in ["", "x", "x.", ".x"] {
            assert_eq!(Target::parse(bad), None, "{bad}");
        }
    }
}
