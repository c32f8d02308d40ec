//! Lists: tags, and what refers to a digest.

use hyper::header::{HeaderName, LINK};
use hyper::{Response, StatusCode};
use model::RepositoryName;
use wire::oci::{ErrorCode, Index, TagList, media_type};

use super::answer::{self, Body, on_disk};
use super::refusal::Refusal;
use super::{Call, digest};

const FILTERS: HeaderName = HeaderName::from_static("oci-filters-applied");

impl Call {
    /// In the order of their bytes; `n` at most, those after `last`. All of them where `n` is not said.
    pub(super) fn tags(&self, name: &RepositoryName) -> Result<Response<Body>, Refusal> {
        let unreadable = |text: &str| Refusal::new(ErrorCode::Unsupported, format!("`n={text}` is no number")).status(StatusCode::BAD_REQUEST);
        let most = self.query.get("n").map(|text| text.parse::<usize>().map_err(|_| unreadable(text))).transpose()?;
        let mut tags = self.registry.store.tags(name);
        if let Some(last) = self.query.get("last") {
            tags.retain(|tag| tag.as_str() > last);
        }
        let more = most.is_some_and(|most| tags.len() > most);
        tags.truncate(most.unwrap_or(tags.len()));
        let next = tags.last().zip(most).filter(|_| more).map(|(last, most)| format!("</v2/{name}/tags/list?n={most}&last={last}>; rel=\"next\""));
        let list = TagList { name: name.to_string(), tags };
        let mut response = answer::json(StatusCode::OK, "application/json", serde_json::to_vec(&list).unwrap_or_default());
        if let Some(next) = next {
            answer::put(&mut response, LINK, &next);
        }
        Ok(response)
    }

    pub(super) async fn referrers(&self, name: &RepositoryName, text: &str) -> Result<Response<Body>, Refusal> {
        let (store, repository, subject) = (self.registry.store.clone(), name.clone(), digest(text)?);
        let mut manifests = on_disk(move || store.referrers(&repository, &subject)).await?;
        let wanted = self.query.get("artifactType");
        if let Some(wanted) = wanted {
            manifests.retain(|descriptor| descriptor.artifact_type.as_deref() == Some(wanted));
        }
        let index = Index { schema_version: 2, media_type: media_type::OCI_INDEX.into(), manifests };
        let mut response = answer::json(StatusCode::OK, media_type::OCI_INDEX, serde_json::to_vec(&index).unwrap_or_default());
        if wanted.is_some() {
            answer::put(&mut response, FILTERS, "artifactType");
        }
        Ok(response)
    }
}
