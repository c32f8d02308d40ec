//! Images: the one on this machine, else that of our own registry, else pulled.

use bollard::auth::DockerCredentials;
use bollard::models::CreateImageInfo;
use bollard::query_parameters::CreateImageOptionsBuilder;
use engine::{EngineError, EngineErrorKind, Progress, SourcedImage};
use futures_util::TryStreamExt;

use crate::{Docker, calls};

impl Docker {
    /// The id of an image on this machine.
    pub(crate) async fn local_image(&self, reference: &str) -> Result<Option<String>, EngineError> {
        match self.call(calls::INSPECT, self.api().inspect_image(reference)).await {
            Ok(image) => image.id.map(Some).ok_or_else(|| EngineError::new(EngineErrorKind::Failed, format!("image `{reference}` has no id"))),
            Err(error) if error.kind == EngineErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The id of an image, pulled if it is not on this machine.
    ///
    /// One of our own registry keeps its name there, by digest: a tag of the asked name would be found before what is pushed later.
    pub(crate) async fn find_or_pull(&self, reference: &str, progress: &Progress) -> Result<String, EngineError> {
        if let Some(id) = self.local_image(reference).await? {
            return Ok(id);
        }
        if reference.starts_with("sha256:") {
            return Err(removed(reference));
        }
        let sourced = self.source().and_then(|source| source.find(reference));
        let name = sourced.as_ref().map_or(reference, |image| &image.reference);
        if sourced.is_some()
            && let Some(id) = self.local_image(name).await?
        {
            return Ok(id);
        }
        progress.line(&format!("pulling `{name}`"));
        let pulled = tokio::time::timeout(calls::PULL.after, self.pull(name, sourced.as_ref(), progress)).await;
        let pulled = pulled.unwrap_or_else(|_| Err(calls::PULL.passed()));
        pulled.map_err(|error| cannot_pull(reference, error))?;
        match self.local_image(name).await? {
            Some(id) => Ok(id),
            None => Err(cannot_pull(reference, EngineError::new(EngineErrorKind::Failed, "the engine pulled it and does not have it"))),
        }
    }

    async fn pull(&self, reference: &str, sourced: Option<&SourcedImage>, progress: &Progress) -> Result<(), EngineError> {
        let (name, tag) = split(reference);
        let options = CreateImageOptionsBuilder::new().from_image(name).tag(tag).build();
        let credentials = sourced.map(|image| DockerCredentials {
            username: Some(image.user.clone()),
            password: Some(image.password.clone()),
            ..DockerCredentials::default()
        });
        let mut events = self.api().create_image(Some(options), None, credentials);
        loop {
            let event = tokio::time::timeout(calls::PULL_IDLE.after, events.try_next());
            let event = event.await.map_err(|_| calls::PULL_IDLE.passed())?;
            match event.map_err(|error| self.failure(error))? {
                Some(event) => tell(&event, progress),
                None => return Ok(()),
            }
        }
    }
}

/// An image that is called by its id was here when its revision was registered, and no registry knows such a name.
fn removed(id: &str) -> EngineError {
    let message = format!("image `{id:.19}` was removed from this machine\nhint: `ecslocal up` builds or pulls what its task definition names");
    EngineError::new(EngineErrorKind::CannotPull, message)
}

/// One line a layer and step; the bars in between would be thousands of lines.
fn tell(event: &CreateImageInfo, progress: &Progress) {
    let moving = event.progress_detail.as_ref().is_some_and(|detail| detail.current.is_some());
    let Some(status) = event.status.as_deref().filter(|_| !moving) else { return };
    match event.id.as_deref() {
        Some(layer) => progress.line(&format!("{layer}: {status}")),
        None => progress.line(status),
    }
}

/// Name and tag as the engine wants them: without a tag it would pull every tag that there is.
fn split(reference: &str) -> (&str, &str) {
    if reference.contains('@') {
        return (reference, "");
    }
    match reference.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (reference, "latest"),
    }
}

/// A pull that failed, whatever the reason; only an engine that is gone stays what it is.
fn cannot_pull(reference: &str, error: EngineError) -> EngineError {
    if error.kind == EngineErrorKind::Unreachable {
        return error;
    }
    let hint = match reference.split_once(".amazonaws.com/").filter(|(host, _)| host.contains(".dkr.ecr.")) {
        Some((_, name)) => format!("push it to the registry here with `ecslocal ecr push IMAGE {name}`, or `docker pull {reference}` from AWS"),
        None => format!("build it, or run `docker pull {reference}` (after `docker login` if it is private)"),
    };
    let message = format!("image `{reference}` is not on this machine and could not be pulled: {}\nhint: {hint}", error.message);
    EngineError::new(EngineErrorKind::CannotPull, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_split_so_that_one_image_is_pulled() {
        for (reference, expected) in [
            ("users", ("users", "latest")),
            ("users:v1", ("users", "v1")),
            ("localhost:5000/users", ("localhost:5000/users", "latest")),
            ("localhost:5000/a/users:v1", ("localhost:5000/a/users", "v1")),
            ("users@sha256:00", ("users@sha256:00", "")),
            ("users:v1@sha256:00", ("users:v1@sha256:00", "")),
        ] {
            assert_eq!(split(reference), expected, "{reference}");
        }
    }

    #[test]
    fn an_image_that_was_removed_is_not_looked_for_elsewhere() {
        let error = removed("sha256:3818b53b1dde06c366923112546b9788c4fa7473d6efb9c14fde8bee71fd7fab");
        assert_eq!(error.kind, EngineErrorKind::CannotPull);
        assert!(error.message.starts_with("image `sha256:3818b53b1dde` was removed from this machine\nhint: `ecslocal up`"), "{}", error.message);
    }

    #[test]
    fn a_failed_pull_names_the_image_and_the_next_step() {
        let error = cannot_pull("users:v1", EngineError::new(EngineErrorKind::NotFound, "pull access denied for users"));
        assert_eq!(error.kind, EngineErrorKind::CannotPull);
        assert!(error.message.starts_with("image `users:v1` is not on this machine and could not be pulled: pull access denied for users\nhint: "));
        let error = cannot_pull("000000000000.dkr.ecr.us-east-1.amazonaws.com/users:v1", EngineError::new(EngineErrorKind::Failed, "no such host"));
        assert!(error.message.contains("\nhint: push it to the registry here with `ecslocal ecr push IMAGE users:v1`"), "{}", error.message);
        assert_eq!(cannot_pull("x", EngineError::new(EngineErrorKind::Unreachable, "gone")).kind, EngineErrorKind::Unreachable);
    }
}
