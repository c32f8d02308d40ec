//! What is asked. Members without local meaning (`registryId`, encryption) are read where they can be wrong, and else left.

use serde::{Deserialize, Serialize};

use super::EcrError;
use crate::json11::{self, operations};

operations! {
    EcrError;
    /// → [`super::LayersAnswer`]
    BatchCheckLayerAvailability(LayersRequest),
    /// → [`super::DeletedImagesAnswer`]
    BatchDeleteImage(ImagesRequest),
    /// → [`super::ImagesAnswer`]
    BatchGetImage(ImagesRequest),
    /// → [`super::LayerUploadAnswer`]
    CompleteLayerUpload(CompleteLayerUploadRequest),
    /// → [`super::RepositoryAnswer`]
    CreateRepository(CreateRepositoryRequest),
    /// → [`super::LifecyclePolicyAnswer`]
    DeleteLifecyclePolicy(RepositoryRequest),
    /// → [`super::RepositoryAnswer`]
    DeleteRepository(DeleteRepositoryRequest),
    /// → [`super::RepositoryPolicyAnswer`]
    DeleteRepositoryPolicy(RepositoryRequest),
    /// → [`super::DescribeImagesAnswer`]
    DescribeImages(DescribeImagesRequest),
    /// → [`super::DescribeRepositoriesAnswer`]
    DescribeRepositories(DescribeRepositoriesRequest),
    /// → [`super::AuthorizationAnswer`]
    GetAuthorizationToken(AuthorizationRequest),
    /// → [`super::DownloadUrlAnswer`]
    GetDownloadUrlForLayer(DownloadUrlRequest),
    /// → [`super::LifecyclePolicyAnswer`]
    GetLifecyclePolicy(RepositoryRequest),
    /// → [`super::LifecyclePreviewAnswer`]
    GetLifecyclePolicyPreview(LifecyclePreviewRequest),
    /// → [`super::RepositoryPolicyAnswer`]
    GetRepositoryPolicy(RepositoryRequest),
    /// → [`super::InitiateLayerUploadAnswer`]
    InitiateLayerUpload(RepositoryRequest),
    /// → [`super::ListImagesAnswer`]
    ListImages(DescribeImagesRequest),
    /// → [`super::TagsAnswer`]
    ListTagsForResource(ResourceRequest),
    /// → [`super::PutImageAnswer`]
    PutImage(PutImageRequest),
    /// → [`super::ScanningAnswer`]
    PutImageScanningConfiguration(ScanningRequest),
    /// → [`super::TagMutabilityAnswer`]
    PutImageTagMutability(TagMutabilityRequest),
    /// → [`super::LifecyclePolicyAnswer`]
    PutLifecyclePolicy(PutLifecyclePolicyRequest),
    /// → [`super::RepositoryPolicyAnswer`]
    SetRepositoryPolicy(SetRepositoryPolicyRequest),
    /// → [`super::LifecyclePreviewAnswer`]
    StartLifecyclePolicyPreview(StartLifecyclePreviewRequest),
    /// → `{}`
    TagResource(TagResourceRequest),
    /// → `{}`
    UntagResource(UntagResourceRequest),
    /// → [`super::LayerPartAnswer`]
    UploadLayerPart(UploadLayerPartRequest),
}

/// What an operation names, of whichever it is: what a policy is asked about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Named {
    /// One repository.
    pub repository_name: Option<String>,
    /// Several.
    pub repository_names: Option<Vec<String>>,
    /// A resource by its ARN.
    pub resource_arn: Option<String>,
}

impl Named {
    /// Reads it from a body; from one that the operation does not take, nothing.
    #[must_use]
    pub fn read(body: &[u8]) -> Self {
        json11::read(body).unwrap_or_default()
    }
}

macro_rules! requests {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $kind:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        #[expect(missing_docs, reason = "the names are AWS's own")]
        pub struct $name {
            $(#[serde(default)] pub $field: $kind,)*
        }
    )*};
}

requests! {
    /// Names a repository.
    RepositoryRequest { registry_id: Option<String>, repository_name: String, }
    /// Makes a repository.
    CreateRepositoryRequest {
        registry_id: Option<String>,
        repository_name: String,
        tags: Vec<Tag>,
        image_tag_mutability: Option<String>,
        image_tag_mutability_exclusion_filters: Vec<ExclusionFilter>,
        image_scanning_configuration: Option<ScanningConfiguration>,
        encryption_configuration: Option<EncryptionConfiguration>,
    }
    /// Removes a repository.
    DeleteRepositoryRequest { registry_id: Option<String>, repository_name: String, force: bool, }
    /// Lists repositories; all where none is named.
    DescribeRepositoriesRequest {
        registry_id: Option<String>,
        repository_names: Option<Vec<String>>,
        next_token: Option<String>,
        max_results: Option<usize>,
    }
    /// Asks for a token.
    AuthorizationRequest { registry_ids: Option<Vec<String>>, }
    /// Lists images.
    DescribeImagesRequest {
        registry_id: Option<String>,
        repository_name: String,
        image_ids: Option<Vec<ImageIdentifier>>,
        next_token: Option<String>,
        max_results: Option<usize>,
        filter: Option<ImagesFilter>,
    }
    /// Which images of a list.
    ImagesFilter { tag_status: Option<String>, image_status: Option<String>, }
    /// Names images.
    ImagesRequest {
        registry_id: Option<String>,
        repository_name: String,
        image_ids: Vec<ImageIdentifier>,
        accepted_media_types: Option<Vec<String>>,
    }
    /// Stores a manifest.
    PutImageRequest {
        registry_id: Option<String>,
        repository_name: String,
        image_manifest: String,
        image_manifest_media_type: Option<String>,
        image_tag: Option<String>,
        image_digest: Option<String>,
    }
    /// Asks for layers.
    LayersRequest { registry_id: Option<String>, repository_name: String, layer_digests: Vec<String>, }
    /// Sends a part of a layer.
    UploadLayerPartRequest {
        registry_id: Option<String>,
        repository_name: String,
        upload_id: String,
        part_first_byte: u64,
        part_last_byte: u64,
        layer_part_blob: String,
    }
    /// Ends the upload of a layer.
    CompleteLayerUploadRequest { registry_id: Option<String>, repository_name: String, upload_id: String, layer_digests: Vec<String>, }
    /// Asks where a layer can be had.
    DownloadUrlRequest { registry_id: Option<String>, repository_name: String, layer_digest: String, }
    /// Sets a lifecycle policy.
    PutLifecyclePolicyRequest { registry_id: Option<String>, repository_name: String, lifecycle_policy_text: String, }
    /// Asks what a lifecycle policy would do.
    StartLifecyclePreviewRequest { registry_id: Option<String>, repository_name: String, lifecycle_policy_text: Option<String>, }
    /// Asks what the previewed lifecycle policy would do.
    LifecyclePreviewRequest {
        registry_id: Option<String>,
        repository_name: String,
        image_ids: Option<Vec<ImageIdentifier>>,
        next_token: Option<String>,
        max_results: Option<usize>,
        filter: Option<ImagesFilter>,
    }
    /// Sets which tags may move.
    TagMutabilityRequest {
        registry_id: Option<String>,
        repository_name: String,
        image_tag_mutability: String,
        image_tag_mutability_exclusion_filters: Vec<ExclusionFilter>,
    }
    /// Sets a repository's policy.
    SetRepositoryPolicyRequest { registry_id: Option<String>, repository_name: String, policy_text: String, force: bool, }
    /// Sets when images are scanned.
    ScanningRequest { registry_id: Option<String>, repository_name: String, image_scanning_configuration: ScanningConfiguration, }
    /// Names a resource.
    ResourceRequest { resource_arn: String, }
    /// Adds tags.
    TagResourceRequest { resource_arn: String, tags: Vec<Tag>, }
    /// Removes tags.
    UntagResourceRequest { resource_arn: String, tag_keys: Vec<String>, }
}

/// A tag of a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    /// 1 to 128 characters.
    pub key: String,
    /// 0 to 256 characters.
    #[serde(default)]
    pub value: String,
}

/// Which tags of images are excluded from a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExclusionFilter {
    /// `WILDCARD`.
    pub filter_type: String,
    /// With `*`.
    pub filter: String,
}

/// When images are scanned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScanningConfiguration {
    /// Kept and told; nothing is scanned here.
    #[serde(default)]
    pub scan_on_push: bool,
}

/// How AWS encrypts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EncryptionConfiguration {
    /// `AES256`, `KMS`, `KMS_DSSE`.
    pub encryption_type: String,
    /// The key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
}

/// Names an image by digest, by tag, or by both.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageIdentifier {
    /// `sha256:…`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_digest: Option<String>,
    /// A tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_tag: Option<String>,
}
