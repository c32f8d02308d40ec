//! A client connection over HTTP/1: its requests in order, and its end.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use message::{HeadScan, RequestHead, Version};
use routing::ClientFailure;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::body::{RequestBody, ResponseBody};
use crate::client::{Came, Client};
use crate::connection::ConnectionContext;
use crate::forward::{self, Response};
use crate::outgoing::Coding;
use crate::record::Draft;
use crate::state::{ConnectionState, Phase};
use crate::transport::ClientIo;
use crate::{respond, tunnel};

/// How long a closed connection is read on, so that the client gets to see the last answer before a reset.
const LINGER: Duration = Duration::from_secs(2);

/// How the exchange of requests and responses came to its end.
enum End {
    /// Everything that was asked is answered, or nobody is there to take an answer.
    Finished,
    /// What came is no request.
    Refused(ClientFailure),
    /// The connection was upgraded.
    Upgraded,
    /// A response broke off; what came of it is written.
    Broken,
    /// Idle for too long, or its target gone in the middle of a response.
    Cut,
}

/// Serves a client until it or we have enough.
pub(crate) async fn serve(context: &Rc<ConnectionContext>, stream: ClientIo) {
    let state = &context.state;
    let client = Rc::new(Client::new(stream, &context.listener.worker, state));
    let end = {
        let mut exchange = pin!(exchange(context, &client));
        poll_fn(|cx| {
            state.remember_waker(cx);
            if state.must_end() {
                return Poll::Ready(End::Cut);
            }
            if state.closing.get() && state.phase.get() == Phase::Idle && !state.head_begun.get() {
                return Poll::Ready(End::Finished);
            }
            exchange.as_mut().poll(cx)
        })
        .await
    };
    if let Some(rest) = rest(context, client, end) {
        rest.await;
    }
    state.over();
}

/// What is left to be done with a connection; nothing where closing its socket says all. Apart, for a connection has no room for it.
fn rest(context: &Rc<ConnectionContext>, client: Rc<Client>, end: End) -> Option<Pin<Box<dyn Future<Output = ()>>>> {
    // Its last request is over, and with it whatever else held the client.
    let client = Rc::into_inner(client).filter(|client| !may_just_close(client, &end, &context.state))?;
    let context = Rc::clone(context);
    Some(Box::pin(async move { finish(&context, client, end).await }))
}

/// Requests and responses, one after the other.
async fn exchange(context: &Rc<ConnectionContext>, client: &Rc<Client>) -> End {
    loop {
        let mut scan = HeadScan::default();
        let head = match poll_fn(|cx| client.poll_head(&mut scan, cx)).await {
            Came::Request(head) => head,
            Came::Nothing => return End::Finished,
            Came::Refused(failure) => return End::Refused(failure),
        };
        // An idle connection has no room for what only a request needs.
        if let Some(end) = Box::pin(request(context, client, head)).await {
            return end;
        }
        client.rest();
    }
}

/// One request and its response; the end of the exchange where it comes with it.
async fn request(context: &Rc<ConnectionContext>, client: &Rc<Client>, head: Box<RequestHead>) -> Option<End> {
    let state = &context.state;
    let bare = head.version == Version::Http09;
    let (body, coding, close) = {
        let body = RequestBody::http1(client, state, &head);
        let answer = pin!(forward::answer(Rc::clone(context), head, Some(body)));
        let Some(Response { head, body, coding, close }) = unless_gone(context, client, answer).await else { return Some(End::Finished) };
        // HTTP/0.9 has no heads.
        if !bare {
            head.write(client.out.borrow_mut().text());
        }
        (body, if bare { Coding::Plain } else { coding }, close || bare)
    };
    match send(context, client, body, coding).await {
        Ok(true) => {}
        Ok(false) => return Some(End::Broken),
        Err(error) => {
            tracing::trace!(%error, "the client took no more of its response");
            return Some(End::Finished);
        }
    }
    if state.tunnel.borrow().is_some() {
        return Some(End::Upgraded);
    }
    state.phase.set(Phase::Idle);
    state.head_begun.set(client.has_more());
    state.over();
    (close || !state.upload_complete.get()).then_some(End::Finished)
}

/// The future's output, unless the client closes its connection first.
async fn unless_gone<F: Future>(context: &ConnectionContext, client: &Client, mut future: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        // What is left of a request is read by whoever wants its body.
        Poll::Pending if context.state.upload_complete.get() => client.poll_gone(cx).map(|()| None),
        Poll::Pending => Poll::Pending,
    })
    .await
}

/// Sends the body of a response behind its head; `false` when it broke off.
async fn send(context: &ConnectionContext, client: &Client, mut body: ResponseBody, coding: Coding) -> io::Result<bool> {
    let mut progress = Progress::Flowing;
    poll_fn(|cx| match progress.poll(client, &mut body, coding, cx) {
        // A client that has gone is noticed though its target says nothing for long.
        Poll::Pending if context.state.upload_complete.get() => client.poll_gone(cx).map(|()| Err(io::ErrorKind::ConnectionAborted.into())),
        polled => polled,
    })
    .await
}

/// How far a response is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Flowing,
    /// All of it that there is waits to be written; whether that is the whole of it.
    Over(bool),
}

impl Progress {
    fn poll(&mut self, client: &Client, body: &mut ResponseBody, coding: Coding, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        loop {
            let mut waits = false;
            while *self == Self::Flowing && !waits && client.out.borrow().has_room() {
                match Pin::new(&mut *body).poll_piece(cx) {
                    Poll::Ready(Some(Ok(piece))) => client.out.borrow_mut().piece(piece, coding),
                    Poll::Ready(Some(Err(_))) => *self = Self::Over(false),
                    Poll::Ready(None) => {
                        client.out.borrow_mut().end(coding);
                        *self = Self::Over(true);
                    }
                    Poll::Pending => waits = true,
                }
            }
            let empty = client.out.borrow().is_empty();
            match client.poll_write(cx) {
                Poll::Ready(written) => written?,
                Poll::Pending => {
                    // A client that takes nothing may have something to send all the same.
                    body.drive(cx);
                    return Poll::Pending;
                }
            }
            match *self {
                Self::Over(whole) => return Poll::Ready(Ok(whole)),
                Self::Flowing if waits && empty => return Poll::Pending,
                Self::Flowing => {}
            }
        }
    }
}

/// Whether nothing is left to be said or read: closing the socket says all.
fn may_just_close(client: &Client, end: &End, state: &ConnectionState) -> bool {
    let read = client.has_ended() || state.upload_complete.get() && !client.has_more();
    matches!(end, End::Finished) && read && !client.is_encrypted()
}

async fn finish(context: &ConnectionContext, client: Client, end: End) {
    let state = &context.state;
    let gone = client.has_ended();
    let (mut stream, read_ahead) = client.into_stream();
    let failure = match end {
        End::Upgraded => {
            let Some(tunnel) = state.tunnel.take() else { return };
            tunnel::run(stream, read_ahead, tunnel, state).await;
            return state.note(Draft::tunnel_ended);
        }
        // In the middle of a response the only honest end is a broken one.
        End::Broken => return,
        End::Cut if state.phase.get() == Phase::Idle && state.head_begun.get() => Some(ClientFailure::IdleTimeout),
        End::Cut => return,
        End::Refused(failure) => Some(failure),
        End::Finished => None,
    };
    let unread = !gone && (failure.is_some() || !state.upload_complete.get() || !read_ahead.is_empty());
    let close = async {
        if let Some(failure) = failure {
            let words = respond::last_words(failure.status(), context.listener.own_attributes().as_deref());
            context.note_unread(failure.status(), words.len());
            stream.write_all(&words).await?;
        }
        stream.shutdown().await?;
        // Nothing more is written; what is read on is nobody's request.
        state.over();
        // Closing with bytes unread resets the connection, and the client may lose the answer.
        let mut discarded = [0; 4096];
        while unread && stream.read(&mut discarded).await? > 0 {}
        Ok::<(), io::Error>(())
    };
    if let Ok(Err(error)) = tokio::time::timeout(LINGER, Box::pin(close)).await {
        tracing::trace!(%error, "the client was gone first");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size<A, B, C, F>(_: fn(A, B, C) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn a_connection_at_rest_is_small_and_a_request_fits_what_is_quickly_given() {
        let connection = size(crate::connection::serve);
        assert!(connection <= 512, "{connection} bytes, 10,000 times");
        // glibc keeps blocks of up to 1,032 bytes at hand for each thread; larger ones are searched for.
        let request = size(|context: &'static Rc<ConnectionContext>, client: &'static Rc<Client>, head| request(context, client, head));
        assert!(request <= 1032, "{request} bytes with each request");
    }
}
