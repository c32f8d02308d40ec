//! Docker's errors as the house's.

use bollard::errors::Error;
use engine::{EngineError, EngineErrorKind};

/// The kind and the engine's own words.
pub(crate) fn from_docker(error: Error) -> EngineError {
    let (kind, message) = match error {
        Error::DockerResponseServerError { status_code, message } => (of_response(status_code, &message), message),
        Error::DockerStreamError { error } if is_unreadable(&error) => (EngineErrorKind::Unsupported, error),
        Error::DockerStreamError { error } => (EngineErrorKind::Failed, error),
        Error::RequestTimeoutError => (EngineErrorKind::Timeout, "the engine did not answer in time".to_owned()),
        Error::HyperLegacyError { err } => (EngineErrorKind::Unreachable, format!("the engine does not answer: {}", chain(&err))),
        Error::HyperResponseError { err } => (EngineErrorKind::Unreachable, format!("the engine broke off: {}", chain(&err))),
        Error::IOError { err } => (EngineErrorKind::Unreachable, format!("the connection to the engine broke: {err}")),
        Error::SocketNotFoundError(path) => (EngineErrorKind::Unreachable, format!("the engine's socket `{path}` is gone")),
        other => (EngineErrorKind::Failed, other.to_string()),
    };
    EngineError::new(kind, message.trim_end())
}

fn of_response(status: u16, message: &str) -> EngineErrorKind {
    if is_port_taken(message) {
        return EngineErrorKind::PortTaken;
    }
    match status {
        _ if is_unreadable(message) => EngineErrorKind::Unsupported,
        404 => EngineErrorKind::NotFound,
        408 | 504 => EngineErrorKind::Timeout,
        // The engine was replaced by another version under us; the next call speaks its version.
        400 if other_version(message).is_some() => EngineErrorKind::Unreachable,
        400..=499 => EngineErrorKind::Refused,
        _ => EngineErrorKind::Failed,
    }
}

/// The log driver of a container keeps nothing, or somewhere else.
fn is_unreadable(message: &str) -> bool {
    message.contains("does not support reading")
}

fn is_port_taken(message: &str) -> bool {
    message.contains("port is already allocated") || (message.contains("address already in use") && message.contains("listen"))
}

/// The minor version to speak instead, when the engine says that ours is too new or too old for it.
pub(crate) fn other_version(message: &str) -> Option<u32> {
    let at = ["Maximum supported API version is 1.", "Minimum supported API version is 1."];
    let rest = at.iter().find_map(|start| message.split_once(start))?.1;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// An error with its causes, without saying anything twice.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_becomes_the_kind_that_it_means() {
        let allocated = "driver failed programming external connectivity on endpoint x: Bind for 127.0.0.1:32768 failed: port is already allocated";
        let listening =
            "driver failed programming external connectivity: Error starting userland proxy: listen tcp4 127.0.0.1:80: bind: address already in use";
        for (status, message, kind) in [
            (404, "No such container: x", EngineErrorKind::NotFound),
            (500, allocated, EngineErrorKind::PortTaken),
            (500, listening, EngineErrorKind::PortTaken),
            (500, "OCI runtime create failed", EngineErrorKind::Failed),
            (409, "Conflict. The container name is in use", EngineErrorKind::Refused),
            (400, "invalid CPU", EngineErrorKind::Refused),
            (403, "network x has active endpoints", EngineErrorKind::Refused),
            (408, "", EngineErrorKind::Timeout),
            (501, "configured logging driver does not support reading", EngineErrorKind::Unsupported),
            (400, "client version 1.44 is too new. Maximum supported API version is 1.41", EngineErrorKind::Unreachable),
        ] {
            let error = from_docker(Error::DockerResponseServerError { status_code: status, message: message.into() });
            assert_eq!((error.kind, error.message.as_str()), (kind, message));
        }
        assert_eq!(from_docker(Error::RequestTimeoutError).kind, EngineErrorKind::Timeout);
        assert_eq!(from_docker(Error::IOError { err: std::io::Error::other("reset") }).kind, EngineErrorKind::Unreachable);
        assert_eq!(from_docker(Error::APIVersionParseError {}).kind, EngineErrorKind::Failed);
    }

    #[test]
    fn the_engine_says_which_version_it_wants() {
        for (message, version) in [
            ("client version 1.44 is too new. Maximum supported API version is 1.41", Some(41)),
            ("client version 1.41 is too old. Minimum supported API version is 1.44, please upgrade your client to a newer version", Some(44)),
            ("Minimum supported API version is 1.", None),
            ("no such image", None),
        ] {
            assert_eq!(other_version(message), version, "{message}");
        }
    }
}
