//! An upgraded connection: bytes both ways until one side ends, nothing moves for the idle timeout, or the target is gone (alb.md 6.6, 9).

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use tokio::io::{AsyncWriteExt, copy_bidirectional};

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
        copy_bidirectional(&mut client, &mut target).await?;
        Ok::<(), io::Error>(())
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
