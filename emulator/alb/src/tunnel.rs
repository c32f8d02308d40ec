//! An upgraded connection: bytes both ways until one side ends, nothing moves for the idle timeout, or the target is gone (alb.md 6.6, 9).

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use futures_util::future::select;
use tokio::io::{AsyncWriteExt, copy, split};

use crate::state::{ConnectionState, Phase};
use crate::transport::{ClientIo, ClientStream};
use crate::upstream::Tunnel;

/// Joins the two sides. `read_ahead` came from the client behind its request.
pub(crate) async fn run(client: ClientIo, read_ahead: Bytes, tunnel: Tunnel, state: &Rc<ConnectionState>) {
    let Tunnel { stream: mut target, read_ahead: from_target, in_flight } = tunnel;
    state.phase.set(Phase::Tunnel);
    state.set_target(Some(Arc::clone(in_flight.target())));
    *target.user.borrow_mut() = Some(Rc::clone(state));
    let mut client = ClientStream { stream: client, state: Rc::clone(state) };
    let mut copy = pin!(async {
        client.write_all(&from_target).await?;
        target.write_all(&read_ahead).await?;
        let ((mut from_client, mut to_client), (mut from_target, mut to_target)) = (split(client), split(target));
        {
            let (up, down) = (pin!(copy(&mut from_client, &mut to_target)), pin!(copy(&mut from_target, &mut to_client)));
            // The end of one side is the end of both: what it had sent is written by then.
            select(up, down).await.factor_first().0?;
        }
        let (client, target) = tokio::join!(to_client.shutdown(), to_target.shutdown());
        client.and(target)
    });
    poll_fn(|cx| {
        state.remember_waker(cx);
        if state.must_end() {
            return Poll::Ready(());
        }
        copy.as_mut().poll(cx).map(|ended| {
            if let Err(error) = ended {
                tracing::trace!(%error, "a tunnel broke");
            }
        })
    })
    .await;
}
