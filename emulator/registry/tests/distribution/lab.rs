//! A registry with three repositories, and a client of it.

use std::sync::Arc;

use base64::Engine as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request};
use model::world::Settings;
use model::{Ids, LifecyclePolicy, OwnerId, Repository, RepositoryName, RepositorySpec, TagMutability, TagRule, Timestamp, World};
use registry::{Digest, Registry, Store, Tokens};
use serde_json::Value;

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_000_000_000_000);
pub(crate) const OCI: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const DOCKER: &str = "application/vnd.docker.distribution.manifest.v2+json";

pub(crate) struct Lab {
    pub(crate) registry: Arc<Registry>,
    pub(crate) world: World,
    pub(crate) folder: tempfile::TempDir,
    authorization: String,
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: hyper::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// It is this, or the test ends with what it is instead.
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self
    }

    /// An error of that status and code.
    pub(crate) fn refuses(&self, status: u16, code: &str) -> String {
        assert_eq!((self.status, self.json()["errors"][0]["code"].as_str()), (status, Some(code)), "{}", String::from_utf8_lossy(&self.body));
        self.json()["errors"][0]["message"].as_str().unwrap().to_owned()
    }
}

impl Lab {
    /// With the repositories `users`, `team/threads`, and `releases`, whose tags stay.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), Ids::seeded(1)).unwrap().shared();
        let tokens = Tokens::new(&[1; 32]);
        let authorization = basic("AWS", &tokens.password(NOW).0);
        let settings = Settings {
            owner: OwnerId::from_text("0"),
            account: "123456789012".into(),
            region: "us-east-1".into(),
            instance: "i-00000000000000000".into(),
            speed: model::Speed::default(),
        };
        let mut world = World::new(settings);
        let fixed = RepositorySpec { tag_rule: TagRule::new(TagMutability::Immutable, vec![]).unwrap(), ..RepositorySpec::default() };
        for (name, spec) in [("users", RepositorySpec::default()), ("team/threads", RepositorySpec::default()), ("releases", fixed)] {
            world.repositories.insert(repository(name), Repository { spec, owner: None, created_at: NOW, policy_text: None });
        }
        Self { registry: Arc::new(Registry { store, tokens }), world, folder, authorization }
    }

    pub(crate) fn set_policy(&mut self, name: &str, text: &str) {
        let spec = &mut self.world.repositories.get_mut(name).unwrap().spec;
        spec.lifecycle_policy = Some(LifecyclePolicy::parse(text).unwrap());
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut all = vec![("authorization", self.authorization.as_str()), ("host", "127.0.0.1:4566")];
        all.extend(headers);
        self.ask_plainly(method, path, &all, body, NOW).await
    }

    /// With these headers and no others.
    pub(crate) async fn ask_plainly(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8], now: Timestamp) -> Answer {
        let mut request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::copy_from_slice(body))).unwrap();
        let (head, body) = self.registry.answer(Arc::new(self.world.clone()), now, request).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: head.status.as_u16(), headers: head.headers, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], b"").await
    }

    /// Begins an upload and gives its place.
    pub(crate) async fn begin(&self, name: &str) -> String {
        self.ask("POST", &format!("/v2/{name}/blobs/uploads/"), &[], b"").await.is(202).header("location").to_owned()
    }

    pub(crate) async fn push_blob(&self, name: &str, content: &[u8]) -> Digest {
        let digest = Digest::of(content);
        self.ask("POST", &format!("/v2/{name}/blobs/uploads/?digest={digest}"), &[], content).await.is(201);
        digest
    }

    pub(crate) async fn put(&self, name: &str, reference: &str, media_type: &str, content: &[u8]) -> Answer {
        self.ask("PUT", &format!("/v2/{name}/manifests/{reference}"), &[("content-type", media_type)], content).await
    }

    /// Pushes an image whose only layer has that content; gives its digest.
    pub(crate) async fn push(&self, name: &str, tag: &str, layer: &str) -> Digest {
        let content = self.image(name, layer).await;
        self.put(name, tag, OCI, &content).await.is(201);
        Digest::of(&content)
    }

    /// Pushes the blobs of an image and gives its manifest.
    pub(crate) async fn image(&self, name: &str, layer: &str) -> Vec<u8> {
        let config = self.push_blob(name, format!("config of {layer}").as_bytes()).await;
        let layer = self.push_blob(name, layer.as_bytes()).await;
        manifest(&config, &[&layer])
    }
}

pub(crate) fn repository(name: &str) -> RepositoryName {
    RepositoryName::new(name).unwrap()
}

pub(crate) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}")))
}

pub(crate) fn manifest(config: &Digest, layers: &[&Digest]) -> Vec<u8> {
    let descriptor = |digest: &Digest, kind: &str| serde_json::json!({ "mediaType": kind, "digest": digest.as_str(), "size": 7 });
    let layers: Vec<_> = layers.iter().map(|digest| descriptor(digest, "application/vnd.oci.image.layer.v1.tar")).collect();
    let config = descriptor(config, "application/vnd.oci.image.config.v1+json");
    // With spaces: what comes back must be these bytes, not these values.
    serde_json::to_vec_pretty(&serde_json::json!({ "schemaVersion": 2, "mediaType": OCI, "config": config, "layers": layers })).unwrap()
}
