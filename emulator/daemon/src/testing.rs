//! What several tests need.

/// Who and where tests are.
pub(crate) fn settings() -> model::Settings {
    model::Settings {
        owner: model::OwnerId::from_text("o"),
        account: "000000000000".into(),
        region: "us-east-1".into(),
        instance: "i-00000000000000001".into(),
        speed: model::Speed::default(),
    }
}
