//! Requests one by one, each to the task whose turn it is (ecs.md 8): HTTP/1.1, HTTP/2 and gRPC in the clear.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONNECTION, HeaderMap, HeaderName, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Version, upgrade};
use hyper_util::rt::{TokioExecutor, TokioIo};
use routing::connection::AppProtocol;
use routing::rotation::Member;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::answer::{self, Body};
use crate::pump::{Moved, Watched};
use crate::shared::{AGAIN, Shared};
use crate::upstream::{Outcome, Upstreams};

/// What one client has under way.
struct Conversation {
    shared: Arc<Shared>,
    upstreams: tokio::sync::Mutex<Upstreams>,
    /// Connections that were upgraded.
    tunnels: Mutex<JoinSet<()>>,
}

/// Serves a client until it goes or nothing moves for too long.
pub(crate) async fn serve(client: TcpStream, shared: Arc<Shared>, protocol: AppProtocol) {
    client.set_nodelay(true).ok();
    let (moved, idle_timeout) = (Moved::new(), shared.settings().idle_timeout);
    let stream = TokioIo::new(Watched::new(client, moved.clone()));
    let upstreams = tokio::sync::Mutex::new(Upstreams::new(protocol));
    let conversation = Arc::new(Conversation { shared, upstreams, tunnels: Mutex::default() });
    let speaker = conversation.clone();
    let service = service_fn(move |request| {
        let conversation = speaker.clone();
        async move { Ok::<_, Infallible>(conversation.answer(request).await) }
    });
    let talk = async {
        let ended = match protocol {
            AppProtocol::Http => hyper::server::conn::http1::Builder::new().serve_connection(stream, service).with_upgrades().await,
            AppProtocol::Http2 | AppProtocol::Grpc => {
                hyper::server::conn::http2::Builder::new(TokioExecutor::new()).serve_connection(stream, service).await
            }
        };
        if let Err(error) = ended {
            tracing::trace!(%error, "a client of another service broke off");
        }
        let mut tunnels = std::mem::take(&mut *conversation.tunnels.lock().unwrap_or_else(PoisonError::into_inner));
        while tunnels.join_next().await.is_some() {}
    };
    tokio::select! {
        () = talk => {}
        () = moved.silence(idle_timeout) => {}
    }
}

impl Conversation {
    async fn answer(&self, mut request: Request<Incoming>) -> Response<Body> {
        let upgraded = request.headers().contains_key(UPGRADE).then(|| upgrade::on(&mut request));
        let grpc = answer::is_grpc(request.headers());
        match self.ask(request, upgraded.is_some()).await {
            Ok(mut response) => {
                if response.status() == StatusCode::SWITCHING_PROTOCOLS
                    && let Some(client) = upgraded
                {
                    self.join(client, upgrade::on(&mut response));
                } else {
                    remove_hop_by_hop(response.headers_mut());
                }
                response
            }
            Err(failure) => failure.response(grpc),
        }
    }

    /// Asks one task after the other, as long as it is certain that none has the request, or it may be asked twice.
    async fn ask(&self, request: Request<Incoming>, upgrade: bool) -> Result<Response<Body>, answer::Failure> {
        let settings = self.shared.settings();
        let deadline = settings.request_timeout.map(|limit| Instant::now() + limit);
        let (mut parts, body) = request.into_parts();
        if !upgrade {
            remove_hop_by_hop(&mut parts.headers);
        }
        let bare = body.is_end_stream();
        let mut left = Some(body.map_err(answer::Broken::from).boxed());
        let turn = self.shared.turn();
        let mut failure = answer::Failure::NoTask;
        for (index, member) in turn.iter().enumerate() {
            if turn[..index].contains(member) {
                tokio::time::sleep(AGAIN).await;
            }
            let body = if bare { Empty::new().map_err(|never| match never {}).boxed() } else { left.take().ok_or(answer::Failure::Reset)? };
            let attempt = self.attempt(member, request_of(&parts, body));
            let sent = match deadline {
                Some(deadline) => timeout_at(deadline, attempt).await.map_err(|_| {
                    self.shared.learn(member, false);
                    answer::Failure::Timeout
                })?,
                None => attempt.await,
            };
            match sent {
                Outcome::Answered(response) => {
                    self.shared.learn(member, !response.status().is_server_error());
                    return Ok(response.map(|body| answer::timed(body, deadline)));
                }
                Outcome::NotSent(body) => {
                    left = Some(body);
                    failure = answer::Failure::Connect;
                }
                Outcome::Lost if bare && is_idempotent(&parts.method) => failure = answer::Failure::Reset,
                Outcome::Lost => {
                    self.shared.learn(member, false);
                    return Err(answer::Failure::Reset);
                }
            }
            self.shared.learn(member, false);
        }
        Err(failure)
    }

    async fn attempt(&self, member: &Member, request: Request<Body>) -> Outcome {
        let upstream = self.upstreams.lock().await.take(member);
        // A connection that was kept may have ended without our knowing: then it is a new one's turn.
        let request = match upstream {
            Some(mut kept) => match kept.send(request).await {
                Ok(response) => {
                    self.upstreams.lock().await.keep(member, kept);
                    return Outcome::Answered(response);
                }
                Err(None) => return Outcome::Lost,
                Err(Some(request)) => request,
            },
            None => request,
        };
        let Some(stream) = self.shared.connect(member).await else { return Outcome::NotSent(request.into_body()) };
        let opened = self.upstreams.lock().await.open(stream).await;
        let Some(mut upstream) = opened else { return Outcome::NotSent(request.into_body()) };
        match upstream.send(request).await {
            Ok(response) => {
                self.upstreams.lock().await.keep(member, upstream);
                Outcome::Answered(response)
            }
            Err(None) => Outcome::Lost,
            Err(Some(request)) => Outcome::NotSent(request.into_body()),
        }
    }

    /// Bytes both ways from now on.
    fn join(&self, client: upgrade::OnUpgrade, server: upgrade::OnUpgrade) {
        let mut tunnels = self.tunnels.lock().unwrap_or_else(PoisonError::into_inner);
        tunnels.spawn(async move {
            let (Ok(client), Ok(server)) = tokio::join!(client, server) else { return };
            let (mut client, mut server) = (TokioIo::new(client), TokioIo::new(server));
            // Either side's end is news to nobody else.
            tokio::io::copy_bidirectional(&mut client, &mut server).await.ok();
        });
    }
}

fn request_of(parts: &Parts, body: Body) -> Request<Body> {
    let mut request = Request::new(body);
    request.method_mut().clone_from(&parts.method);
    request.uri_mut().clone_from(&parts.uri);
    *request.version_mut() = if parts.version == Version::HTTP_2 { Version::HTTP_2 } else { Version::HTTP_11 };
    request.headers_mut().clone_from(&parts.headers);
    request
}

/// Of what may be asked twice (RFC 9110, 9.2.2).
fn is_idempotent(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE | Method::PUT | Method::DELETE)
}

/// What is said between two neighbours (RFC 9110, 7.6.1). `TE: trailers` is gRPC's way to say that it is gRPC.
fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&[CONNECTION, TRAILER, TRANSFER_ENCODING, UPGRADE]) {
        headers.remove(name);
    }
    for name in ["keep-alive", "proxy-connection"] {
        headers.remove(name);
    }
    if headers.get(TE).is_some_and(|value| value != "trailers") {
        headers.remove(TE);
    }
}
