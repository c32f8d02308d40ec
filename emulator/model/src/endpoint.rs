//! Where the engine of a container instance is.

use crate::EngineName;

/// An engine's endpoint, as `DOCKER_HOST` writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `unix:///path`: a socket of this machine.
    Unix {
        /// Its path.
        path: String,
    },
    /// `tcp://host:port`: plain HTTP, so on this machine or on a network that is trusted.
    Tcp {
        /// A name or an address; one of IPv6 without its brackets.
        host: String,
        /// 2375 where the endpoint does not say.
        port: u16,
    },
    /// `ssh://[user@]host[:port][/path/of/the/engine.sock]`
    Ssh {
        /// `user@host` or `host`, as `ssh` takes it.
        host: String,
        /// Where the user's configuration is not to decide.
        port: Option<u16>,
        /// The engine's socket there. Default `/var/run/docker.sock`.
        socket: String,
    },
}

const SOCKET: &str = "/var/run/docker.sock";
const TCP_PORT: u16 = 2375;

impl std::str::FromStr for Endpoint {
    type Err = String;

    /// # Errors
    /// A sentence saying what is wrong.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no endpoint of an engine: `unix:///path`, `tcp://host:port` or `ssh://user@host`");
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        match scheme {
            "unix" if rest.starts_with('/') && rest.len() > 1 => Ok(Self::Unix { path: rest.to_owned() }),
            "tcp" => {
                let (host, port) = host_and_port(rest.trim_end_matches('/')).ok_or_else(wrong)?;
                let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
                Some(Self::Tcp { port: port.unwrap_or(TCP_PORT), host: host.clone() }).filter(|_| is_host(&host)).ok_or_else(wrong)
            }
            "ssh" => {
                let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
                let (host, port) = host_and_port(authority).ok_or_else(wrong)?;
                // What `ssh` would take for an option, or a shell for more than a name, is no host.
                if !host.split('@').all(is_host) || host.matches('@').count() > 1 || path.contains([':', '\'']) {
                    return Err(wrong());
                }
                let socket = if path.len() > 1 { path } else { SOCKET };
                Ok(Self::Ssh { host: host.to_owned(), port, socket: socket.to_owned() })
            }
            _ => Err(wrong()),
        }
    }
}

impl Endpoint {
    /// Whether the engine is on this machine, as far as the endpoint tells.
    #[must_use]
    pub fn is_here(&self) -> bool {
        match self {
            Self::Unix { .. } => true,
            Self::Tcp { host, .. } => host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback()),
            Self::Ssh { .. } => false,
        }
    }
}

impl EngineName {
    /// Where it is; `None` for the daemon's own.
    #[must_use]
    pub fn endpoint(&self) -> Option<Endpoint> {
        self.as_str().parse().ok()
    }
}

/// `host:port`, `host` or `[address]:port`.
fn host_and_port(text: &str) -> Option<(&str, Option<u16>)> {
    match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => Some((host, Some(port.parse().ok()?))),
        _ => Some((text, None)),
    }
}

fn is_host(part: &str) -> bool {
    let named = !part.is_empty() && !part.starts_with('-') && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    named || part.parse::<std::net::Ipv6Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_read_or_refused() {
        let tcp = |host: &str, port| Some(Endpoint::Tcp { host: host.into(), port });
        let ssh = |host: &str, port, socket: &str| Some(Endpoint::Ssh { host: host.into(), port, socket: socket.into() });
        for (text, expected) in [
            ("unix:///run/docker.sock", Some(Endpoint::Unix { path: "/run/docker.sock".into() })),
            ("unix://", None),
            ("unix://docker.sock", None),
            ("tcp://10.0.0.5:2376", tcp("10.0.0.5", 2376)),
            ("tcp://box", tcp("box", 2375)),
            ("tcp://[fd00::5]:2375/", tcp("fd00::5", 2375)),
            ("tcp://", None),
            ("tcp://box:port", None),
            ("ssh://box", ssh("box", None, SOCKET)),
            ("ssh://me@box.example.com:2222", ssh("me@box.example.com", Some(2222), SOCKET)),
            ("ssh://me@box/run/user/1000/docker.sock", ssh("me@box", None, "/run/user/1000/docker.sock")),
            ("ssh://box/", ssh("box", None, SOCKET)),
            ("ssh://", None),
            ("ssh://-oProxyCommand=x", None),
            ("ssh://me@you@box", None),
            ("ssh://box;rm", None),
            ("ssh://me@-box", None),
            ("npipe:////./pipe/docker_engine", None),
            ("box", None),
            ("", None),
        ] {
            assert_eq!(text.parse::<Endpoint>().ok(), expected, "{text}");
        }
    }

    #[test]
    fn an_endpoint_tells_whether_it_is_this_machine() {
        for (text, expected) in [
            ("unix:///run/docker.sock", true),
            ("tcp://localhost:2375", true),
            ("tcp://[::1]:2375", true),
            ("tcp://10.0.0.5:2375", false),
            ("ssh://localhost", false),
        ] {
            assert_eq!(text.parse::<Endpoint>().unwrap().is_here(), expected, "{text}");
        }
    }
}
