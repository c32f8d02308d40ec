//! Redirect actions: the `Location` from parts of the request (alb.md 3).

use model::Redirect;

use crate::limits::LOCATION_BYTES;
use crate::request::{RequestHead, split_port};

/// A redirect action, its five parts read once.
#[derive(Debug)]
pub(crate) struct RedirectTable {
    pub(crate) status: u16,
    protocol: Template,
    host: Template,
    port: Template,
    path: Template,
    query: Template,
}

/// The location would be longer than 8 KB: 507.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocationTooLong;

impl RedirectTable {
    pub(crate) fn new(redirect: &Redirect) -> Self {
        Self {
            status: redirect.status,
            // The protocol is written in capitals in an action, in small letters in a URL; its placeholder has no capitals.
            protocol: Template::new(&redirect.protocol.to_ascii_lowercase()),
            host: Template::new(&redirect.host),
            port: Template::new(&redirect.port),
            path: Template::new(&redirect.path),
            query: Template::new(&redirect.query),
        }
    }

    /// `protocol://host:port/path[?query]`, the port always there. `own_name` stands in for a request without a host.
    pub(crate) fn location(&self, head: &RequestHead<'_>, own_name: &str) -> Result<String, LocationTooLong> {
        let host = head.host.map_or(own_name, |host| split_port(host).0);
        let port = head.listener_port.to_string();
        let values = Values { protocol: head.scheme.as_str(), host, port: &port, path: head.path, query: head.query.unwrap_or("") };
        let mut location = String::with_capacity(32 + host.len() + head.path.len() + values.query.len());
        self.protocol.write(&mut location, &values);
        location.push_str("://");
        self.host.write(&mut location, &values);
        location.push(':');
        self.port.write(&mut location, &values);
        self.path.write(&mut location, &values);
        let before_query = location.len();
        location.push('?');
        self.query.write(&mut location, &values);
        if location.len() == before_query + 1 {
            location.truncate(before_query);
        }
        if location.len() > LOCATION_BYTES { Err(LocationTooLong) } else { Ok(location) }
    }
}

/// What placeholders stand for.
struct Values<'a> {
    protocol: &'a str,
    host: &'a str,
    port: &'a str,
    path: &'a str,
    query: &'a str,
}

/// A text with placeholders.
#[derive(Debug)]
struct Template(Box<[Piece]>);

#[derive(Debug)]
enum Piece {
    Literal(Box<str>),
    Protocol,
    Host,
    Port,
    Path,
    Query,
}

impl Template {
    /// `#{…}` that is none of the five placeholders is a literal.
    fn new(text: &str) -> Self {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some((piece, after)) = placeholder(rest) {
                if !literal.is_empty() {
                    pieces.push(Piece::Literal(std::mem::take(&mut literal).into()));
                }
                pieces.push(piece);
                rest = after;
            } else {
                let mut characters = rest.chars();
                literal.extend(characters.next());
                rest = characters.as_str();
            }
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal.into()));
        }
        Self(pieces.into())
    }

    fn write(&self, out: &mut String, values: &Values<'_>) {
        for piece in &self.0 {
            out.push_str(match piece {
                Piece::Literal(text) => text,
                Piece::Protocol => values.protocol,
                Piece::Host => values.host,
                Piece::Port => values.port,
                Piece::Path => values.path.strip_prefix('/').unwrap_or(values.path),
                Piece::Query => values.query,
            });
        }
    }
}

fn placeholder(text: &str) -> Option<(Piece, &str)> {
    let (name, after) = text.strip_prefix("#{")?.split_once('}')?;
    let piece = match name {
        "protocol" => Piece::Protocol,
        "host" => Piece::Host,
        "port" => Piece::Port,
        "path" => Piece::Path,
        "query" => Piece::Query,
        _ => return None,
    };
    Some((piece, after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::head;

    /// Five parts separated by spaces; `-` is an empty one.
    fn table(parts: &str) -> RedirectTable {
        let parts: Vec<String> = parts.split(' ').map(|part| part.replace('-', "")).collect();
        let [protocol, host, port, path, query] = parts.try_into().unwrap();
        RedirectTable::new(&Redirect { protocol, host, port, path, query, status: 301 })
    }

    const SAME: &str = "#{protocol} #{host} #{port} /#{path} #{query}";

    #[test]
    fn locations_are_made_of_parts_of_the_request() {
        let check = |parts: &str, host: Option<&str>, target: &str, expected: &str| {
            let head = RequestHead { host, ..head(target) };
            assert_eq!(table(parts).location(&head, "front.localhost").unwrap(), expected, "{parts}");
        };
        let host = Some("example.com");
        check("HTTPS #{host} 443 /#{path} #{query}", host, "/", "https://example.com:443/");
        check("HTTPS #{host} 443 /#{path} #{query}", host, "/a/b?x=1&y", "https://example.com:443/a/b?x=1&y");
        check(SAME, Some("example.com:8443"), "/a", "http://example.com:80/a");
        check(SAME, Some("[::1]:80"), "/a", "http://[::1]:80/a");
        check(SAME, None, "/a", "http://front.localhost:80/a");
        check(SAME, host, "/a?", "http://example.com:80/a");
        check(SAME, host, "/%41//b%2F?q=%20", "http://example.com:80/%41//b%2F?q=%20");
        check("#{protocol} new.#{host} 8080 /v2/#{path}/#{port}/#{host} -", host, "/a?x", "http://new.example.com:8080/v2/a/80/example.com");
        check(
            "HTTP other.org #{port} / from=#{host}&p=#{path}&s=#{protocol}&n=#{port}&#{query}",
            host,
            "/a?x=1",
            "http://other.org:80/?from=example.com&p=a&s=http&n=80&x=1",
        );
        check("#{protocol} #{host} #{port} /#{unknown}/#{path #{query}", host, "/a?b", "http://example.com:80/#{unknown}/#{path?b");
    }

    #[test]
    fn a_location_over_8_kilobytes_is_refused() {
        let fixed = "http://example.com:80/".len();
        let fits = format!("/{}", "a".repeat(LOCATION_BYTES - fixed));
        assert_eq!(table(SAME).location(&head(&fits), "").unwrap().len(), LOCATION_BYTES);
        assert_eq!(table(SAME).location(&head(&format!("{fits}a")), ""), Err(LocationTooLong));
    }
}
