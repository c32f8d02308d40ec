//! The body of an upload, onto the disk as it comes. What has come of one that breaks off stays: the client may go on from there.

use std::time::Duration;

use http_body_util::BodyExt as _;
use model::Timestamp;
use wire::oci::ErrorCode;

use super::Sent;
use super::answer::on_disk;
use super::refusal::Refusal;
use crate::UploadLease;

/// How long a client may send nothing.
const SILENCE: Duration = Duration::from_secs(60);

/// The largest piece that is handed to the disk at once; smaller ones are collected up to it.
const PIECE: usize = 256 * 1024;

/// Adds a body to an upload; at most `most` bytes of it.
pub(super) async fn receive(lease: UploadLease, body: &mut Sent, most: Option<u64>, now: Timestamp) -> Result<UploadLease, Refusal> {
    let (mut lease, mut waiting, mut left) = (lease, Vec::new(), most.unwrap_or(u64::MAX));
    loop {
        let data = match tokio::time::timeout(SILENCE, body.frame()).await {
            Ok(None) => break,
            Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
            broken => {
                let why = match broken {
                    Ok(Some(Err(error))) => error.to_string(),
                    _ => format!("nothing came for {} s", SILENCE.as_secs()),
                };
                append(lease, waiting, now).await?;
                return Err(Refusal::new(ErrorCode::BlobUploadInvalid, format!("the body broke off: {why}")));
            }
        };
        left = left.checked_sub(data.len() as u64).ok_or_else(|| Refusal::new(ErrorCode::BlobUploadInvalid, "the body is longer than its range"))?;
        if waiting.len() + data.len() <= PIECE {
            waiting.extend_from_slice(&data);
            continue;
        }
        lease = append(lease, std::mem::take(&mut waiting), now).await?;
        waiting.extend_from_slice(&data);
    }
    append(lease, waiting, now).await
}

async fn append(mut lease: UploadLease, content: Vec<u8>, now: Timestamp) -> Result<UploadLease, Refusal> {
    if content.is_empty() {
        return Ok(lease);
    }
    on_disk(move || lease.append(&content, now).map(|()| lease)).await
}
