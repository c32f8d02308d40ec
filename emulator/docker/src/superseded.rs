//! Images that were built for us and have lost their name to a later build.

use std::collections::{BTreeSet, HashMap};

use bollard::query_parameters::{ListImagesOptionsBuilder, RemoveImageOptionsBuilder};
use engine::{EngineError, EngineErrorKind};
use model::{OwnerId, Timestamp};

use crate::{Docker, calls, labels};

impl Docker {
    /// Removes those that nobody needs, and says how many.
    pub(crate) async fn remove_superseded_images(
        &self,
        owner: &OwnerId,
        kept: &BTreeSet<String>,
        older_than: Timestamp,
    ) -> Result<usize, EngineError> {
        let mut filters: HashMap<String, Vec<String>> = labels::filter(owner, None);
        filters.insert("dangling".to_owned(), vec!["true".to_owned()]);
        let options = ListImagesOptionsBuilder::new().filters(&filters).build();
        let images = self.call(calls::LIST, self.api().list_images(Some(options))).await?;
        let old = |created: i64| u64::try_from(created).is_ok_and(|seconds| seconds.saturating_mul(1000) < older_than.as_millis());
        let mut removed = 0;
        for image in images.iter().filter(|image| !kept.contains(&image.id) && old(image.created)) {
            let options = RemoveImageOptionsBuilder::new().build();
            match self.call(calls::REMOVE, self.api().remove_image(&image.id, Some(options), None)).await {
                Ok(_) => removed += 1,
                // A container has it, or another image was made from it; or somebody was quicker.
                Err(error) if matches!(error.kind, EngineErrorKind::Refused | EngineErrorKind::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(removed)
    }
}
