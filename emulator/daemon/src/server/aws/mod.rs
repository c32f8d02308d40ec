//! AWS's APIs: `POST /` with a target header (JSON 1.1), or with a form (Query). A service is one arm of [`answered`] or [`query`]: it reads
//! the operation, asks [`Caller::authorise`] with the action and the resource, and answers.
//!
//! They are asked by two doors ([`Door`]): on the control endpoint this machine's user asks, signed or not, and pages of other sites are
//! kept out by `guard`; at the agent's address a task asks, with the credentials of its role.

mod caller;

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use iam::{Refusal, SignedRequest};
use model::Ids;
use serde::Serialize;
use wire::json11::{self, ErrorBody, TARGET_HEADER, Target};
use wire::query::{self, Form};

pub(super) use caller::{Caller, Denied, Door};

use super::answer::{self, Body};
use super::{Context, ecr, sts};

/// The largest body: a part of a layer is 20 MiB at most, and base64 makes it a third longer.
const LARGEST: usize = 32 << 20;

/// How long a client may take to send it.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is served of the JSON 1.1 protocol, by what the target header begins with.
const SERVICES: &[&str] = &[wire::ecr::SERVICE];

/// What is asked, by its protocol.
enum Asked {
    /// The target header.
    Json(String),
    /// A form in the body, or in the query.
    Query,
}

impl Asked {
    /// Of the services that are served; `None` for everything else.
    fn read(request: &Request<Incoming>) -> Option<Self> {
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        if request.uri().path() != "/" {
            return None;
        }
        if let Some(target) = header(TARGET_HEADER).filter(|_| request.method() == Method::POST) {
            return Some(Self::Json(target.to_owned()));
        }
        let form = header("content-type").is_some_and(|kind| kind.starts_with(query::FORM)) && request.method() == Method::POST;
        let asks = request.uri().query().is_some_and(|query| !Form::read(query.as_bytes()).action().is_empty());
        (form || (asks && request.method() == Method::GET)).then_some(Self::Query)
    }

    fn refused(&self, refusal: &Refusal) -> Response<Body> {
        let why = refusal.to_string();
        match self {
            Self::Json(_) => failed(400, ErrorBody { code: refusal.json_code().into(), message: why }),
            Self::Query => query_failed(sts::NAMESPACE, (403, refusal.query_code(), &why)),
        }
    }

    fn unreadable(&self, why: &str) -> Response<Body> {
        let message = format!("The request cannot be read: {why}");
        match self {
            Self::Json(_) => failed(400, ErrorBody { code: "SerializationException".into(), message }),
            Self::Query => query_failed(sts::NAMESPACE, (400, "MalformedQueryString", &message)),
        }
    }
}

/// Answers an operation of an AWS API, or gives the request back where it is none of a service that is served.
pub(super) async fn operation(context: Arc<Context>, door: Door, request: Request<Incoming>) -> Result<Response<Body>, Request<Incoming>> {
    let Some(asked) = Asked::read(&request) else { return Err(request) };
    let served = |target: &str| Target::parse(target).is_some_and(|target| SERVICES.contains(&target.service));
    if let (Asked::Json(target), Door::Machine) = (&asked, door)
        && !served(target)
    {
        return Err(request);
    }
    let (parts, incoming) = request.into_parts();
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers: Vec<_> = parts.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    let (method, path, uri_query) = (parts.method.as_str(), parts.uri.path(), parts.uri.query().unwrap_or_default());
    let signed = SignedRequest { method, path, query: uri_query, headers: &headers, body: b"" };
    if let Err(refusal) = Caller::admit(door, &signed, &context.mint) {
        return Ok(asked.refused(&refusal));
    }
    let body = match body(incoming).await {
        Ok(body) => body,
        Err(why) => return Ok(asked.unreadable(&why)),
    };
    let snapshot = context.keeper.snapshot();
    let caller = match Caller::of(door, &SignedRequest { body: &body, ..signed }, (&context.mint, &snapshot.world), context.clock.wall()) {
        Ok(caller) => caller,
        Err(refusal) => return Ok(asked.refused(&refusal)),
    };
    Ok(match &asked {
        Asked::Json(target) => answered(context, &caller, target, &body).await,
        Asked::Query => query(&context, &caller, &Form::read(if body.is_empty() { uri_query.as_bytes() } else { &body })),
    })
}

/// Answers an operation of the JSON protocol.
async fn answered(context: Arc<Context>, caller: &Caller, target: &str, body: &[u8]) -> Response<Body> {
    let target = Target::parse(target).unwrap_or(Target { service: target, operation: "" });
    match target.service {
        wire::ecr::SERVICE => ecr::serve(context, caller, target.operation, body).await,
        other => failed(501, ErrorBody { code: "UnknownOperationException".into(), message: format!("{other} is not served by ecslocal") }),
    }
}

/// Answers an operation of the Query protocol. The version tells the service.
fn query(context: &Context, caller: &Caller, form: &Form) -> Response<Body> {
    match form.version() {
        wire::sts::VERSION => sts::serve(context, caller, form),
        other => {
            let message = format!("the API of version {other:?} with {} is not served by ecslocal", form.action());
            query_failed(sts::NAMESPACE, (501, "InvalidAction", &message))
        }
    }
}

/// An answer of an operation.
pub(super) fn done<T: Serialize>(value: &T) -> Response<Body> {
    typed(answer::json(value))
}

/// An error of an operation, with its status.
pub(super) fn failed(status: u16, error: ErrorBody) -> Response<Body> {
    typed(answer::with_status(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), &error))
}

/// An error of an operation of the Query protocol: status, code and message.
pub(super) fn query_failed(namespace: &str, (status, code, message): (u16, &str, &str)) -> Response<Body> {
    let mut response = answer::text(query::CONTENT_TYPE, query::error(namespace, (status, code, message), &request_id()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
}

/// A new id of a request.
pub(super) fn request_id() -> String {
    Ids::seeded(getrandom::u64().unwrap_or_default()).uuid()
}

fn typed(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(json11::CONTENT_TYPE));
    response
}

async fn body(body: Incoming) -> Result<Bytes, String> {
    match tokio::time::timeout(PATIENCE, Limited::new(body, LARGEST).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(format!("it is longer than {} MiB", LARGEST >> 20)),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("it did not come within {} s", PATIENCE.as_secs())),
    }
}
