//! How header names are written to HTTP/1 targets for clients of HTTP/2, whose names are all in small letters: they stay so, but for
//! the load balancer's own (alb.md 6.4).

use std::cell::RefCell;
use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::http::Extensions;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;

/// The names that are written with capitals.
const MANAGED: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: x\r\nX-Forwarded-Proto: x\r\nX-Forwarded-Port: x\r\nX-Amzn-Trace-Id: x\r\n\
    Upgrade: x\r\nConnection: close\r\n\r\n";

/// hyper keeps the case of names in an extension that only it can make: one is taken from a request that it has read.
pub(crate) async fn managed() -> Extensions {
    let (mut client, server) = tokio::io::duplex(1024);
    let found = RefCell::new(Extensions::new());
    let take = |request: Request<Incoming>| {
        found.replace(request.into_parts().0.extensions);
        async { Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())) }
    };
    let serve = http1::Builder::new().preserve_header_case(true).serve_connection(TokioIo::new(server), service_fn(take));
    let ask = async {
        client.write_all(MANAGED).await.unwrap_or_default();
        // Dropped when all is asked, so that the other side ends.
        client.shutdown().await.unwrap_or_default();
    };
    // Nothing in memory can fail; without the extension names would be in small letters.
    let (served, ()) = tokio::join!(serve, ask);
    served.unwrap_or_default();
    found.into_inner()
}
