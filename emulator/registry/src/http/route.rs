//! Which endpoint a path is, and the query.

use std::collections::BTreeMap;

/// An endpoint. Names and digests are as they were written; they may be none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Base,
    Uploads { name: String },
    Upload { name: String, id: String },
    Blob { name: String, digest: String },
    Manifest { name: String, reference: String },
    Tags { name: String },
    Referrers { name: String, digest: String },
}

impl Route {
    /// Reads a path. A repository may be called as an endpoint is, so a path is read from its end.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let path = decode(path);
        let rest = path.strip_prefix("/v2")?;
        if rest.is_empty() || rest == "/" {
            return Some(Self::Base);
        }
        let rest = rest.strip_prefix('/')?;
        if let Some(name) = rest.strip_suffix("/blobs/uploads/").or_else(|| rest.strip_suffix("/blobs/uploads")) {
            return Some(Self::Uploads { name: name.into() });
        }
        if let Some(name) = rest.strip_suffix("/tags/list") {
            return Some(Self::Tags { name: name.into() });
        }
        let (before, last) = rest.rsplit_once('/')?;
        let last = last.to_owned();
        let (name, kind) = before.rsplit_once('/')?;
        match kind {
            "uploads" => name.strip_suffix("/blobs").map(|name| Self::Upload { name: name.into(), id: last }),
            "blobs" => Some(Self::Blob { name: name.into(), digest: last }),
            "manifests" => Some(Self::Manifest { name: name.into(), reference: last }),
            "referrers" => Some(Self::Referrers { name: name.into(), digest: last }),
            _ => None,
        }
    }
}

fn decode(path: &str) -> String {
    // A `+` in a path is itself.
    let pair = path.replace('+', "%2B");
    form_urlencoded::parse(pair.as_bytes()).next().map_or_else(String::new, |(key, _)| key.into_owned())
}

/// The query, by key.
#[derive(Debug, Default)]
pub(super) struct Query(BTreeMap<String, String>);

impl Query {
    pub(super) fn parse(text: &str) -> Self {
        Self(form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_from_their_end() {
        let name = |name: &str| name.to_owned();
        for (path, route) in [
            ("/v2", Some(Route::Base)),
            ("/v2/", Some(Route::Base)),
            ("/v2/users/blobs/uploads/", Some(Route::Uploads { name: name("users") })),
            ("/v2/a/b/blobs/uploads/123", Some(Route::Upload { name: name("a/b"), id: name("123") })),
            ("/v2/a/blobs/sha256%3Aab", Some(Route::Blob { name: name("a"), digest: name("sha256:ab") })),
            ("/v2/blobs/uploads/blobs/uploads", Some(Route::Uploads { name: name("blobs/uploads") })),
            ("/v2/a/manifests/v1", Some(Route::Manifest { name: name("a"), reference: name("v1") })),
            ("/v2/a/manifests/v1+2", Some(Route::Manifest { name: name("a"), reference: name("v1+2") })),
            ("/v2/a/tags/list", Some(Route::Tags { name: name("a") })),
            ("/v2/a/referrers/sha256:ab", Some(Route::Referrers { name: name("a"), digest: name("sha256:ab") })),
            ("/v2/a", None),
            ("/v2/_catalog", None),
            ("/v3/", None),
        ] {
            assert_eq!(Route::parse(path), route, "{path}");
        }
    }
}
