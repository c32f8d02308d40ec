//! The OCI distribution endpoints, from request to response (ecs.md 10: the table of OCI endpoints, and ECR's ways in it).
//!
//! Where the specification leaves a choice: an image is deleted by digest with its tags, a tag alone; what a manifest list names and
//! what an image needs is not deleted before it (405, as registries say that do not delete at all); of two requests that send to one
//! upload, the second is refused.

mod answer;
mod blobs;
mod listings;
mod manifests;
mod range;
mod receive;
mod refusal;
mod route;
mod uploads;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::header::{AUTHORIZATION, HOST, HeaderValue, WWW_AUTHENTICATE};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use model::{Repository, RepositoryName, Timestamp, World};
use wire::oci::ErrorCode;

pub use answer::Body;
use refusal::Refusal;
use route::{Query, Route};

use crate::{Digest, Registry};

/// How long a link to a blob is good for.
const LINK: Duration = Duration::from_secs(60 * 60);

/// A request's body.
type Sent = UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>;

/// One request's surroundings.
struct Call {
    registry: Arc<Registry>,
    world: Arc<dyn AsRef<World> + Send + Sync>,
    now: Timestamp,
    method: Method,
    headers: HeaderMap,
    query: Query,
}

impl Registry {
    /// Answers a request for a path under `/v2/`. Bodies are streamed both ways.
    pub async fn answer<B>(self: &Arc<Self>, world: Arc<dyn AsRef<World> + Send + Sync>, now: Timestamp, request: Request<B>) -> Response<Body>
    where
        B: hyper::body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let (head, body) = request.into_parts();
        let mut body = body.map_err(Into::into).boxed_unsync();
        let query = Query::parse(head.uri.query().unwrap_or(""));
        let call = Call { registry: self.clone(), world, now, method: head.method, headers: head.headers, query };
        let route = Route::parse(head.uri.path());
        let answered = if call.is_admitted(route.as_ref()) { call.answer(route, &mut body).await } else { Err(call.unauthorized()) };
        let mut response = answered.unwrap_or_else(Refusal::into_response);
        response.headers_mut().insert("docker-distribution-api-version", HeaderValue::from_static("registry/2.0"));
        response
    }

    /// The path and query of a link to a blob that is good for an hour, for whoever has it.
    #[must_use]
    pub fn link(&self, repository: &RepositoryName, digest: &Digest, now: Timestamp) -> String {
        let path = blob_path(repository, digest);
        let token = self.tokens.sign(&path, now + LINK);
        format!("{path}?token={token}")
    }
}

impl Call {
    /// ECR asks for `Basic` in every request; a link to a blob carries its own token.
    fn is_admitted(&self, route: Option<&Route>) -> bool {
        if let (Some(Route::Blob { name, digest }), Some(token)) = (route, self.query.get("token")) {
            let path = RepositoryName::new(name).ok().zip(Digest::parse(digest)).map(|(name, digest)| blob_path(&name, &digest));
            return path.is_some_and(|path| self.registry.tokens.knows(&path, token, self.now));
        }
        self.registry.tokens.admits(self.header(AUTHORIZATION.as_str()), self.now)
    }

    fn unauthorized(&self) -> Refusal {
        let host = self.header(HOST.as_str()).filter(|host| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:-[]".contains(&byte)));
        let challenge = format!("Basic realm=\"http://{}/\",service=\"ecr.amazonaws.com\"", host.unwrap_or("localhost"));
        Refusal::plain(StatusCode::UNAUTHORIZED, "Not Authorized\n").with(WWW_AUTHENTICATE.as_str(), challenge)
    }

    async fn answer(&self, route: Option<Route>, body: &mut Sent) -> Result<Response<Body>, Refusal> {
        let Some(route) = route else { return Err(Refusal::plain(StatusCode::NOT_FOUND, "404 page not found\n")) };
        let name = match &route {
            Route::Base => return self.base(),
            Route::Uploads { name }
            | Route::Upload { name, .. }
            | Route::Blob { name, .. }
            | Route::Manifest { name, .. }
            | Route::Tags { name }
            | Route::Referrers { name, .. } => RepositoryName::new(name).map_err(|error| Refusal::new(ErrorCode::NameInvalid, error.to_string()))?,
        };
        let repository = self.repository(&name)?;
        match (route, &self.method) {
            (Route::Uploads { .. }, &Method::POST) => self.begin_upload(&name, body).await,
            (Route::Upload { id, .. }, &Method::PATCH) => self.patch_upload(&name, &id, body).await,
            (Route::Upload { id, .. }, &Method::PUT) => self.finish_upload(&name, &id, body).await,
            (Route::Upload { id, .. }, &Method::GET | &Method::HEAD) => self.upload_status(&name, &id),
            (Route::Upload { id, .. }, &Method::DELETE) => self.cancel_upload(&name, &id).await,
            (Route::Blob { digest, .. }, &Method::GET | &Method::HEAD) => self.blob(&name, &digest).await,
            (Route::Blob { digest, .. }, &Method::DELETE) => self.delete_blob(&name, &digest).await,
            (Route::Manifest { reference, .. }, &Method::GET | &Method::HEAD) => self.manifest(&name, &reference).await,
            (Route::Manifest { reference, .. }, &Method::PUT) => self.put_manifest((&name, repository), &reference, body).await,
            (Route::Manifest { reference, .. }, &Method::DELETE) => self.delete_manifest(&name, &reference).await,
            (Route::Tags { .. }, &Method::GET) => self.tags(&name),
            (Route::Referrers { digest, .. }, &Method::GET) => self.referrers(&name, &digest).await,
            _ => Err(self.wrong_method()),
        }
    }

    fn base(&self) -> Result<Response<Body>, Refusal> {
        match self.method {
            Method::GET | Method::HEAD => Ok(answer::json(StatusCode::OK, "application/json", b"{}".to_vec())),
            _ => Err(self.wrong_method()),
        }
    }

    fn wrong_method(&self) -> Refusal {
        Refusal::new(ErrorCode::Unsupported, format!("{} is no method of this", self.method))
    }

    fn repository(&self, name: &RepositoryName) -> Result<&Repository, Refusal> {
        let world = (*self.world).as_ref();
        world.repositories.get(name).ok_or_else(|| {
            let account = &world.settings.account;
            let why = format!("The repository with name '{name}' does not exist in the registry with id '{account}'");
            Refusal::new(ErrorCode::NameUnknown, why)
        })
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn is_head(&self) -> bool {
        self.method == Method::HEAD
    }
}

fn blob_path(repository: &RepositoryName, digest: &Digest) -> String {
    format!("/v2/{repository}/blobs/{digest}")
}

fn digest(text: &str) -> Result<Digest, Refusal> {
    Digest::parse(text).ok_or_else(|| Refusal::new(ErrorCode::DigestInvalid, format!("`{text}` is no sha256 digest")))
}
