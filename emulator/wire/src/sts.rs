//! STS's API, version 2011-06-15, in the Query protocol: who am I?

use crate::query::{self, Xml};

/// The version, which tells the service.
pub const VERSION: &str = "2011-06-15";

/// The namespace of answers.
pub const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// What GetCallerIdentity answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerIdentity {
    /// `arn:aws:sts::000000000000:assumed-role/<role>/<session>`
    pub arn: String,
    /// `<role's id>:<session>`
    pub user_id: String,
    /// `000000000000`
    pub account: String,
}

impl CallerIdentity {
    /// As XML.
    #[must_use]
    pub fn answer(&self, request_id: &str) -> String {
        let result = Xml::new("").with(Xml::text("Arn", &self.arn)).with(Xml::text("UserId", &self.user_id));
        query::answer(NAMESPACE, "GetCallerIdentity", &result.with(Xml::text("Account", &self.account)), request_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_one_is() {
        let identity = CallerIdentity { arn: "arn:aws:iam::0:root".into(), user_id: "0".into(), account: "0".into() };
        let expected = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult><Arn>arn:aws:iam::0:root</Arn><UserId>0</UserId><Account>0</Account></GetCallerIdentityResult>";
        assert!(identity.answer("r").starts_with(expected));
    }
}
