//! Images on their way from one engine to another: where there is no registry that both reach, they go through us.

use std::sync::{Arc, Mutex, PoisonError};

use bollard::query_parameters::ImportImageOptionsBuilder;
use bytes::Bytes;
use engine::{EngineError, EngineErrorKind, Stream};
use futures_util::{StreamExt as _, TryStreamExt as _};

use crate::{Docker, calls};

/// What the engine says when it has taken an image that has no name.
const LOADED: &str = "Loaded image ID: ";

impl Docker {
    /// An image as `docker save` writes it. By its id: names stay where they are.
    pub(crate) async fn export_image(&self, image_id: &str) -> Result<Stream<Bytes>, EngineError> {
        let id = self.local_image(image_id).await?;
        let id = id.ok_or_else(|| EngineError::new(EngineErrorKind::NotFound, format!("no such image: `{image_id}`")))?;
        let (engine, parts) = (self.clone(), self.api().export_image(&id));
        Ok(parts.map_err(move |error| engine.failure(error)).boxed())
    }

    /// Takes an image as [`Docker::export_image`] gives it.
    pub(crate) async fn import_image(&self, image: Stream<Bytes>) -> Result<String, EngineError> {
        // The request breaks off where its source does, and what the engine says of that is not the reason.
        let broken = Arc::new(Mutex::new(None));
        let keep = Arc::clone(&broken);
        let parts = image.map_err(move |error| {
            *keep.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            std::io::Error::from(std::io::ErrorKind::UnexpectedEof)
        });
        let options = ImportImageOptionsBuilder::new().quiet(true).build();
        let loading = self.api().import_image(options, bollard::body_try_stream(parts), None);
        let said = tokio::time::timeout(calls::TRANSFER.after, loading.try_collect::<Vec<_>>()).await;
        if let Some(error) = broken.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(error);
        }
        let said = said.map_err(|_| calls::TRANSFER.passed())?.map_err(|error| self.failure(error))?;
        let id = said.iter().filter_map(|event| event.stream.as_deref()?.trim().strip_prefix(LOADED)).next_back();
        let id = id.ok_or_else(|| EngineError::new(EngineErrorKind::Failed, "the engine took the image and does not say its id"))?;
        Ok(id.to_owned())
    }
}
