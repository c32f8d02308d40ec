//! What is answered.

use serde::{Deserialize, Serialize};

use super::Tag;
use crate::local::Seconds;

macro_rules! answers {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $kind:ty,)* } maybe { $($open:ident: $open_kind:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "PascalCase")]
        #[expect(missing_docs, reason = "the names are AWS's own")]
        pub struct $name {
            $(pub $field: $kind,)*
            $(#[serde(default, skip_serializing_if = "Option::is_none")] pub $open: Option<$open_kind>,)*
        }
    )*};
}

/// An ARN beside the rest, which AWS spells in capitals.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithArn<T> {
    /// The parameter's ARN.
    #[serde(rename = "ARN")]
    pub arn: String,
    /// The rest.
    #[serde(flatten)]
    pub rest: T,
}

answers! {
    /// Of GetParameter.
    ParameterAnswer { parameter: WithArn<ParameterBody>, } maybe {}
    /// Of GetParameters.
    ParametersAnswer { parameters: Vec<WithArn<ParameterBody>>, invalid_parameters: Vec<String>, } maybe {}
    /// Of GetParametersByPath.
    PathAnswer { parameters: Vec<WithArn<ParameterBody>>, } maybe { next_token: String, }
    /// A parameter with its value.
    ParameterBody { name: String, r#type: String, value: String, version: u64, last_modified_date: Seconds, data_type: String, } maybe {
        selector: String,
    }
    /// Of DescribeParameters.
    DescribeAnswer { parameters: Vec<WithArn<MetadataBody>>, } maybe { next_token: String, }
    /// A parameter without its value.
    MetadataBody { name: String, r#type: String, version: u64, last_modified_date: Seconds, tier: String, data_type: String, policies: Vec<String>, } maybe {
        description: String,
        key_id: String,
    }
    /// Of GetParameterHistory.
    HistoryAnswer { parameters: Vec<HistoryBody>, } maybe { next_token: String, }
    /// A version of a parameter.
    HistoryBody {
        name: String,
        r#type: String,
        value: String,
        version: u64,
        last_modified_date: Seconds,
        labels: Vec<String>,
        tier: String,
        data_type: String,
        policies: Vec<String>,
    } maybe { description: String, key_id: String, }
    /// Of PutParameter.
    PutAnswer { version: u64, tier: String, } maybe {}
    /// Of DeleteParameters.
    DeletedAnswer { deleted_parameters: Vec<String>, invalid_parameters: Vec<String>, } maybe {}
    /// Of LabelParameterVersion.
    LabelAnswer { invalid_labels: Vec<String>, parameter_version: u64, } maybe {}
    /// Of ListTagsForResource.
    TagsAnswer { tag_list: Vec<Tag>, } maybe {}
}
