//! Every error of ECR's that is answered here, with its code and its words (ecs.md 10).

use crate::json11::ErrorBody;

/// Why an operation was refused. `registry` is the account's twelve digits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the names are AWS's own, the sentences say the rest")]
pub enum EcrError {
    #[error("The repository with name '{name}' does not exist in the registry with id '{registry}'")]
    RepositoryNotFound { name: String, registry: String },
    #[error("The repository with name '{name}' already exists in the registry with id '{registry}'")]
    RepositoryAlreadyExists { name: String, registry: String },
    #[error("The repository with name '{name}' in registry with id '{registry}' cannot be deleted because it still contains images")]
    RepositoryNotEmpty { name: String, registry: String },
    #[error(
        "The image with imageId {{imageDigest:'{digest}', imageTag:'{tag}'}} does not exist within the repository with name '{name}' in the registry with id '{registry}'"
    )]
    ImageNotFound { digest: String, tag: String, name: String, registry: String },
    #[error("Image with digest '{digest}' and tag '{tag}' already exists in the repository with name '{name}' in registry with id '{registry}'")]
    ImageAlreadyExists { digest: String, tag: String, name: String, registry: String },
    #[error("The image tag '{tag}' already exists in the '{name}' repository and cannot be overwritten because the tag is immutable.")]
    ImageTagAlreadyExists { tag: String, name: String },
    #[error("The digest of the image is '{actual}', not '{expected}'")]
    ImageDigestDoesNotMatch { expected: String, actual: String },
    #[error("Layers with digests '[{digests}]' could not be found in the repository with name '{name}' in registry with id '{registry}'")]
    LayersNotFound { digests: String, name: String, registry: String },
    #[error(
        "Images with digests '[{digests}]' required for pushing image into repository with name '{name}' in the registry with id '{registry}' do not exist"
    )]
    ReferencedImagesNotFound { digests: String, name: String, registry: String },
    #[error("Layer with digest '{digest}' already exists in the repository with name '{name}' in registry with id '{registry}'")]
    LayerAlreadyExists { digest: String, name: String, registry: String },
    #[error("Layer parts must be at least 5242880 bytes in size, but for the last one")]
    LayerPartTooSmall,
    #[error("The digest of what was uploaded is '{actual}', which is none of the digests given")]
    InvalidLayer { actual: String },
    #[error("The layer part cannot follow: {why}; the last valid byte received is {last_valid_byte}")]
    InvalidLayerPart { why: String, last_valid_byte: i64 },
    #[error("The upload '{id}' has no parts")]
    EmptyUpload { id: String },
    #[error("The upload '{id}' does not exist in the repository with name '{name}' in registry with id '{registry}'")]
    UploadNotFound { id: String, name: String, registry: String },
    #[error("Lifecycle policy does not exist for the repository with name '{name}' in the registry with id '{registry}'")]
    LifecyclePolicyNotFound { name: String, registry: String },
    #[error("There is no lifecycle policy preview for the repository with name '{name}' in the registry with id '{registry}'")]
    LifecyclePolicyPreviewNotFound { name: String, registry: String },
    #[error("Repository policy does not exist for the repository with name '{name}' in the registry with id '{registry}'")]
    RepositoryPolicyNotFound { name: String, registry: String },
    #[error("Invalid parameter at '{member}' failed to satisfy constraint: '{why}'")]
    InvalidParameter { member: String, why: String },
    #[error("{0}")]
    InvalidTagParameter(String),
    #[error("The resource would have more than 50 tags")]
    TooManyTags,
    #[error("The request cannot be read: {0}")]
    Serialization(String),
    #[error("The operation {operation} of Amazon ECR is not served by ecslocal")]
    NotServed { operation: String },
    #[error("{0}")]
    AccessDenied(String),
    #[error("{0}")]
    Server(String),
}

impl EcrError {
    /// Its code and the status of the answer.
    #[must_use]
    pub const fn table(&self) -> (&'static str, u16) {
        match self {
            Self::RepositoryNotFound { .. } => ("RepositoryNotFoundException", 400),
            Self::RepositoryAlreadyExists { .. } => ("RepositoryAlreadyExistsException", 400),
            Self::RepositoryNotEmpty { .. } => ("RepositoryNotEmptyException", 400),
            Self::ImageNotFound { .. } => ("ImageNotFoundException", 400),
            Self::ImageAlreadyExists { .. } => ("ImageAlreadyExistsException", 400),
            Self::ImageTagAlreadyExists { .. } => ("ImageTagAlreadyExistsException", 400),
            Self::ImageDigestDoesNotMatch { .. } => ("ImageDigestDoesNotMatchException", 400),
            Self::LayersNotFound { .. } => ("LayersNotFoundException", 400),
            Self::ReferencedImagesNotFound { .. } => ("ReferencedImagesNotFoundException", 400),
            Self::LayerAlreadyExists { .. } => ("LayerAlreadyExistsException", 400),
            Self::LayerPartTooSmall => ("LayerPartTooSmallException", 400),
            Self::InvalidLayer { .. } => ("InvalidLayerException", 400),
            Self::InvalidLayerPart { .. } => ("InvalidLayerPartException", 400),
            Self::EmptyUpload { .. } => ("EmptyUploadException", 400),
            Self::UploadNotFound { .. } => ("UploadNotFoundException", 400),
            Self::LifecyclePolicyNotFound { .. } => ("LifecyclePolicyNotFoundException", 400),
            Self::LifecyclePolicyPreviewNotFound { .. } => ("LifecyclePolicyPreviewNotFoundException", 400),
            Self::RepositoryPolicyNotFound { .. } => ("RepositoryPolicyNotFoundException", 400),
            Self::InvalidParameter { .. } => ("InvalidParameterException", 400),
            Self::InvalidTagParameter(_) => ("InvalidTagParameterException", 400),
            Self::TooManyTags => ("TooManyTagsException", 400),
            Self::Serialization(_) => ("SerializationException", 400),
            Self::AccessDenied(_) => ("AccessDeniedException", 400),
            // Ours: AWS has no code for it. No client tries a 501 again.
            Self::NotServed { .. } => ("UnsupportedOperationException", 501),
            Self::Server(_) => ("ServerException", 500),
        }
    }

    /// As it crosses the wire. (The members that two of AWS's errors have besides are in the sentence.)
    #[must_use]
    pub fn body(&self) -> ErrorBody {
        ErrorBody { code: self.table().0.into(), message: self.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecr::Operation;

    #[test]
    fn errors_have_ecr_s_codes_and_words() {
        let error = EcrError::RepositoryNotEmpty { name: "users".into(), registry: "000000000000".into() };
        assert_eq!(error.body().code, "RepositoryNotEmptyException");
        assert_eq!(
            error.to_string(),
            "The repository with name 'users' in registry with id '000000000000' cannot be deleted because it still contains images"
        );
        let error = EcrError::ImageNotFound { digest: "null".into(), tag: "v1".into(), name: "users".into(), registry: "0".into() };
        assert!(error.to_string().starts_with("The image with imageId {imageDigest:'null', imageTag:'v1'} does not exist"), "{error}");
    }

    #[test]
    fn what_is_not_served_is_named() {
        let error = Operation::read("StartImageScan", b"{}").unwrap_err();
        assert_eq!((error.table().1, error.to_string().contains("StartImageScan")), (501, true));
        assert!(matches!(Operation::read("CreateRepository", b"[").unwrap_err(), EcrError::Serialization(_)));
        let Operation::CreateRepository(request) = Operation::read("CreateRepository", br#"{"repositoryName":"users"}"#).unwrap() else { panic!() };
        assert_eq!(request.repository_name, "users");
        assert!(Operation::NAMES.len() > 20);
    }
}
