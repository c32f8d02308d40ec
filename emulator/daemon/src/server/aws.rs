//! AWS's APIs on the control endpoint: `POST /` with a target header (JSON 1.1). Signatures are not checked: whoever reaches this
//! endpoint is this machine's user, and pages of other sites are kept out by `guard`.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, StatusCode};
use serde::Serialize;
use wire::ecr::{self, EcrError, Operation};
use wire::json11::{CONTENT_TYPE, TARGET_HEADER, Target};

use super::answer::{self, Body};
use super::{Context, ecr as handlers};

/// The largest body: a part of a layer is 20 MiB at most, and base64 makes it a third longer.
const LARGEST: usize = 32 << 20;

/// How long a client may take to send it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Answers an operation of an AWS API, or gives the request back where the service is none that is served.
pub(super) async fn operation(context: Arc<Context>, request: Request<Incoming>) -> Result<Response<Body>, Request<Incoming>> {
    let header = request.headers().get(TARGET_HEADER).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let Some(target) = header.as_deref().and_then(Target::parse).filter(|target| target.service == ecr::SERVICE) else { return Err(request) };
    let answered = match body(request.into_body()).await {
        Ok(body) => match Operation::read(target.operation, &body) {
            Ok(operation) => handlers::answer(context, operation).await,
            Err(error) => Err(error),
        },
        Err(why) => Err(EcrError::Serialization(why)),
    };
    Ok(answered.unwrap_or_else(|error| {
        if let EcrError::Server(why) = &error {
            tracing::error!(operation = target.operation, "{why}");
        }
        let status = StatusCode::from_u16(error.table().1).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        typed(answer::with_status(status, &error.body()))
    }))
}

/// An answer of an operation.
pub(super) fn done<T: Serialize>(value: &T) -> Response<Body> {
    typed(answer::json(value))
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
