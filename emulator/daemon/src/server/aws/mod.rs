//! AWS's APIs on the control endpoint: `POST /` with a target header (JSON 1.1). A service is one arm of [`answered`]: it reads the
//! operation, asks [`Caller::authorise`] with the action and the resource, and answers. Signatures are not checked: whoever reaches this
//! endpoint is this machine's user, and pages of other sites are kept out by `guard`.

mod caller;
pub(super) mod page;

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, StatusCode};
use serde::Serialize;
use wire::json11::{CONTENT_TYPE, ErrorBody, TARGET_HEADER, Target};

pub(super) use caller::{Caller, Denied};

use super::answer::{self, Body};
use super::{Context, ecr, secretsmanager, ssm};

/// The largest body: a part of a layer is 20 MiB at most, and base64 makes it a third longer.
const LARGEST: usize = 32 << 20;

/// How long a client may take to send it.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is served of the JSON 1.1 protocol, by what the target header begins with.
const SERVICES: &[&str] = &[wire::ecr::SERVICE, wire::secretsmanager::SERVICE, wire::ssm::SERVICE];

/// Answers an operation of an AWS API, or gives the request back where the service is none that is served.
pub(super) async fn operation(context: Arc<Context>, request: Request<Incoming>) -> Result<Response<Body>, Request<Incoming>> {
    let header = request.headers().get(TARGET_HEADER).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let Some(target) = header.as_deref().and_then(Target::parse).filter(|target| SERVICES.contains(&target.service)) else { return Err(request) };
    Ok(match body(request.into_body()).await {
        Ok(body) => answered(context, &Caller::Root, target, &body).await,
        Err(why) => failed(400, ErrorBody { code: "SerializationException".into(), message: format!("The request cannot be read: {why}") }),
    })
}

/// Answers an operation of a service that is served.
async fn answered(context: Arc<Context>, caller: &Caller, target: Target<'_>, body: &[u8]) -> Response<Body> {
    match target.service {
        wire::ecr::SERVICE => ecr::serve(context, caller, target.operation, body).await,
        wire::secretsmanager::SERVICE => secretsmanager::serve(context, caller, target.operation, body).await,
        wire::ssm::SERVICE => ssm::serve(context, caller, target.operation, body).await,
        other => failed(400, ErrorBody { code: "UnknownOperationException".into(), message: format!("{other} is not served by ecslocal") }),
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

fn typed(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, hyper::header::HeaderValue::from_static(CONTENT_TYPE));
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
