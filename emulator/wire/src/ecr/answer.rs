//! What is answered.

use serde::{Deserialize, Serialize};

use super::{EncryptionConfiguration, ExclusionFilter, ImageIdentifier, ScanningConfiguration, Tag};
use crate::local::Seconds;

macro_rules! answers {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $kind:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        #[expect(missing_docs, reason = "the names are AWS's own")]
        pub struct $name {
            $(pub $field: $kind,)*
        }
    )*};
}

answers! {
    /// Of CreateRepository and DeleteRepository.
    RepositoryAnswer { repository: RepositoryBody, }
    /// Of BatchCheckLayerAvailability.
    LayersAnswer { layers: Vec<LayerBody>, failures: Vec<LayerFailure>, }
    /// A layer that is not named as one is.
    LayerFailure { layer_digest: String, failure_code: String, failure_reason: String, }
    /// Of BatchDeleteImage.
    DeletedImagesAnswer { image_ids: Vec<ImageIdentifier>, failures: Vec<ImageFailure>, }
    /// Of BatchGetImage.
    ImagesAnswer { images: Vec<ImageBody>, failures: Vec<ImageFailure>, }
    /// An image that could not be had.
    ImageFailure { image_id: ImageIdentifier, failure_code: String, failure_reason: String, }
    /// Of PutImage.
    PutImageAnswer { image: ImageBody, }
    /// A manifest.
    ImageBody {
        registry_id: String,
        repository_name: String,
        image_id: ImageIdentifier,
        image_manifest: String,
        image_manifest_media_type: String,
    }
    /// Of CompleteLayerUpload.
    LayerUploadAnswer { registry_id: String, repository_name: String, upload_id: String, layer_digest: String, }
    /// Of InitiateLayerUpload.
    InitiateLayerUploadAnswer { upload_id: String, part_size: u64, }
    /// Of UploadLayerPart.
    LayerPartAnswer { registry_id: String, repository_name: String, upload_id: String, last_byte_received: u64, }
    /// Of GetAuthorizationToken.
    AuthorizationAnswer { authorization_data: Vec<AuthorizationData>, }
    /// A token.
    AuthorizationData { authorization_token: String, expires_at: Seconds, proxy_endpoint: String, }
    /// Of GetDownloadUrlForLayer.
    DownloadUrlAnswer { download_url: String, layer_digest: String, }
    /// Of Set-, Get- and DeleteRepositoryPolicy.
    RepositoryPolicyAnswer { registry_id: String, repository_name: String, policy_text: String, }
    /// Of PutImageScanningConfiguration.
    ScanningAnswer { registry_id: String, repository_name: String, image_scanning_configuration: ScanningConfiguration, }
    /// Of ListTagsForResource.
    TagsAnswer { tags: Vec<Tag>, }
    /// What a policy would do to an image.
    LifecyclePreviewResult {
        image_tags: Vec<String>,
        image_digest: String,
        image_pushed_at: Seconds,
        action: LifecycleAction,
        applied_rule_priority: u32,
    }
    /// What is done to an image: `EXPIRE`.
    LifecycleAction { r#type: String, }
    /// How many images a policy would expire.
    LifecyclePreviewSummary { expiring_image_total_count: usize, }
}

macro_rules! partial_answers {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $kind:ty,)* } maybe { $($open:ident: $open_kind:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        #[expect(missing_docs, reason = "the names are AWS's own")]
        pub struct $name {
            $(pub $field: $kind,)*
            $(#[serde(default, skip_serializing_if = "Option::is_none")] pub $open: Option<$open_kind>,)*
        }
    )*};
}

partial_answers! {
    /// A repository.
    RepositoryBody {
        repository_arn: String,
        registry_id: String,
        repository_name: String,
        repository_uri: String,
        created_at: Seconds,
        image_tag_mutability: String,
        image_scanning_configuration: ScanningConfiguration,
        encryption_configuration: EncryptionConfiguration,
    } maybe {
        image_tag_mutability_exclusion_filters: Vec<ExclusionFilter>,
    }
    /// A layer.
    LayerBody { layer_digest: String, layer_availability: String, } maybe { layer_size: u64, media_type: String, }
    /// Of DescribeRepositories.
    DescribeRepositoriesAnswer { repositories: Vec<RepositoryBody>, } maybe { next_token: String, }
    /// Of DescribeImages.
    DescribeImagesAnswer { image_details: Vec<ImageDetail>, } maybe { next_token: String, }
    /// An image.
    ImageDetail {
        registry_id: String,
        repository_name: String,
        image_digest: String,
        image_size_in_bytes: u64,
        image_pushed_at: Seconds,
        image_manifest_media_type: String,
        image_status: String,
    } maybe {
        image_tags: Vec<String>,
        artifact_media_type: String,
        last_recorded_pull_time: Seconds,
        subject_manifest_digest: String,
    }
    /// Of ListImages.
    ListImagesAnswer { image_ids: Vec<ImageIdentifier>, } maybe { next_token: String, }
    /// Of Put-, Get- and DeleteLifecyclePolicy.
    LifecyclePolicyAnswer { registry_id: String, repository_name: String, lifecycle_policy_text: String, } maybe { last_evaluated_at: Seconds, }
    /// Of Start- and GetLifecyclePolicyPreview.
    LifecyclePreviewAnswer { registry_id: String, repository_name: String, lifecycle_policy_text: String, status: String, } maybe {
        next_token: String,
        preview_results: Vec<LifecyclePreviewResult>,
        summary: LifecyclePreviewSummary,
    }
    /// Of PutImageTagMutability.
    TagMutabilityAnswer { registry_id: String, repository_name: String, image_tag_mutability: String, } maybe {
        image_tag_mutability_exclusion_filters: Vec<ExclusionFilter>,
    }
}
