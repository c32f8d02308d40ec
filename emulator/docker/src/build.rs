//! Building an image with the classic builder: it uses a base image that is on this machine without asking a registry (engine-facts 2).

use std::collections::HashMap;
use std::io;

use bollard::models::BuildInfo;
use bollard::query_parameters::{BuildImageOptions, BuildImageOptionsBuilder};
use bytes::Bytes;
use engine::{BuildSpec, EngineError, EngineErrorKind, Progress};
use futures_util::TryStreamExt;
use futures_util::stream;
use tokio::sync::mpsc;

use crate::context::{ChunkWriter, Context};
use crate::transcript::Transcript;
use crate::{Docker, calls, labels};

/// Chunks of the context that wait for the engine.
const WAITING_CHUNKS: usize = 8;

impl Docker {
    /// Builds the image and gives its id.
    pub(crate) async fn build_context(&self, spec: &BuildSpec, progress: &Progress) -> Result<String, EngineError> {
        let (root, dockerfile) = (spec.context.clone(), spec.dockerfile.clone());
        let opened = tokio::task::spawn_blocking(move || Context::open(&root, &dockerfile)).await;
        let context = opened.map_err(|error| EngineError::new(EngineErrorKind::Failed, format!("reading the build context: {error}")))??;
        let built = tokio::time::timeout(calls::BUILD.after, self.build_opened(context, spec, progress)).await;
        built.unwrap_or_else(|_| Err(calls::BUILD.passed()))
    }

    async fn build_opened(&self, context: Context, spec: &BuildSpec, progress: &Progress) -> Result<String, EngineError> {
        let built_before = self.local_image(&spec.tag).await?.is_some();
        let options = options(spec, &context.dockerfile(), built_before);
        let (sender, receiver) = mpsc::channel(WAITING_CHUNKS);
        // It ends by itself when the engine takes no more: the receiver is dropped with the request.
        let writing = tokio::task::spawn_blocking(move || write(&context, sender));
        let chunks = stream::unfold(receiver, |mut receiver: mpsc::Receiver<io::Result<Bytes>>| async move {
            receiver.recv().await.map(|chunk| (chunk, receiver))
        });
        let client = self.patient(calls::BUILD.after);
        let outcome = self.follow(client.build_image(options, None, Some(bollard::body_try_stream(chunks))), spec, progress).await;
        match (outcome, writing.await) {
            (Ok(Some(id)), _) => Ok(id),
            // A context that could not be read broke the request: it is the cause, not the broken request.
            (Err(_), Ok(Err(error))) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(EngineError::new(EngineErrorKind::Refused, error.to_string()))
            }
            (Err(error), _) => Err(error),
            (Ok(None), _) => {
                let id = self.local_image(&spec.tag).await?;
                id.ok_or_else(|| EngineError::new(EngineErrorKind::BuildFailed, format!("the build ended without an image `{}`", spec.tag)))
            }
        }
    }

    async fn follow(
        &self,
        mut output: impl futures_util::Stream<Item = Result<BuildInfo, bollard::errors::Error>> + Unpin,
        spec: &BuildSpec,
        progress: &Progress,
    ) -> Result<Option<String>, EngineError> {
        let mut transcript = Transcript::new(&spec.args);
        let mut id = None;
        loop {
            match output.try_next().await {
                Ok(Some(info)) => {
                    let text = info.stream.unwrap_or_default();
                    transcript.take(&text).iter().for_each(|line| progress.line(line));
                    id = info.aux.and_then(|image| image.id).or(id);
                }
                Ok(None) => {
                    transcript.rest().iter().for_each(|line| progress.line(line));
                    return Ok(id);
                }
                Err(error) => {
                    transcript.rest().iter().for_each(|line| progress.line(line));
                    return Err(transcript.failure(&self.failure(error)));
                }
            }
        }
    }
}

/// The image's own last build comes first in the cache: of builds that begin with the same steps and run at once the engine remembers one
/// set of those steps, finds nothing behind it for the others, and would make an image of another id though nothing has changed.
fn options(spec: &BuildSpec, dockerfile: &str, built_before: bool) -> BuildImageOptions {
    let arguments: HashMap<&str, &str> = spec.args.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    // By it an image that was superseded is known as ours (`superseded.rs`).
    let labels = HashMap::from([(labels::OWNER, spec.owner.as_str())]);
    let options = BuildImageOptionsBuilder::new().dockerfile(dockerfile).t(&spec.tag).rm(true).forcerm(true).buildargs(&arguments).labels(&labels);
    let options = if built_before { options.cachefrom(&vec![spec.tag.as_str()]) } else { options };
    match &spec.target {
        Some(target) => options.target(target).build(),
        None => options.build(),
    }
}

/// Writes the context; an error also breaks the request, so that the engine does not build half a context.
fn write(context: &Context, chunks: mpsc::Sender<io::Result<Bytes>>) -> io::Result<()> {
    let failures = chunks.clone();
    let written = context.write(ChunkWriter::new(chunks));
    if let Err(error) = &written {
        failures.blocking_send(Err(io::Error::new(error.kind(), error.to_string()))).ok();
    }
    written
}
