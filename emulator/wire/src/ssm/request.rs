//! What is asked.

use serde::{Deserialize, Serialize};

use super::SsmError;
use crate::json11::{operations, requests};

operations! {
    SsmError;
    /// → `{}`
    AddTagsToResource(TagRequest),
    /// → `{}`
    DeleteParameter(ParameterRequest),
    /// → [`super::DeletedAnswer`]
    DeleteParameters(ParametersRequest),
    /// → [`super::DescribeAnswer`]
    DescribeParameters(DescribeRequest),
    /// → [`super::ParameterAnswer`]
    GetParameter(ParameterRequest),
    /// → [`super::HistoryAnswer`]
    GetParameterHistory(HistoryRequest),
    /// → [`super::ParametersAnswer`]
    GetParameters(ParametersRequest),
    /// → [`super::PathAnswer`]
    GetParametersByPath(PathRequest),
    /// → [`super::LabelAnswer`]
    LabelParameterVersion(LabelRequest),
    /// → [`super::TagsAnswer`]
    ListTagsForResource(ResourceRequest),
    /// → [`super::PutAnswer`]
    PutParameter(PutRequest),
    /// → `{}`
    RemoveTagsFromResource(UntagRequest),
}

requests! {
    /// Names a parameter, by its name or ARN, with `:version` or `:label` behind.
    ParameterRequest { name: String, with_decryption: Option<bool>, }
    /// Names some.
    ParametersRequest { names: Vec<String>, with_decryption: Option<bool>, }
    /// Names those below a path.
    PathRequest {
        path: String,
        recursive: Option<bool>,
        parameter_filters: Option<Vec<ParameterFilter>>,
        with_decryption: Option<bool>,
        max_results: Option<usize>,
        next_token: Option<String>,
    }
    /// Lists parameters.
    DescribeRequest {
        filters: Option<Vec<Filter>>,
        parameter_filters: Option<Vec<ParameterFilter>>,
        max_results: Option<usize>,
        next_token: Option<String>,
        shared: Option<bool>,
    }
    /// Asks for all versions of one.
    HistoryRequest { name: String, with_decryption: Option<bool>, max_results: Option<usize>, next_token: Option<String>, }
    /// Puts a value.
    PutRequest {
        name: String,
        description: Option<String>,
        value: String,
        r#type: Option<String>,
        key_id: Option<String>,
        overwrite: Option<bool>,
        allowed_pattern: Option<String>,
        tags: Option<Vec<Tag>>,
        tier: Option<String>,
        policies: Option<String>,
        data_type: Option<String>,
    }
    /// Labels a version.
    LabelRequest { name: String, parameter_version: Option<u64>, labels: Vec<String>, }
    /// Names a resource.
    ResourceRequest { resource_type: String, resource_id: String, }
    /// Adds tags.
    TagRequest { resource_type: String, resource_id: String, tags: Vec<Tag>, }
    /// Removes tags.
    UntagRequest { resource_type: String, resource_id: String, tag_keys: Vec<String>, }
}

/// A tag of a parameter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Tag {
    /// 1 to 128 characters.
    pub key: String,
    /// 0 to 256 characters.
    pub value: String,
}

/// Which parameters; the older form, whose values are beginnings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Filter {
    /// `Name` or `Type`.
    pub key: String,
    /// One of them.
    pub values: Vec<String>,
}

/// Which parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ParameterFilter {
    /// `Name`, `Type`, `Path`, `Label`, `tag:<key>`.
    pub key: String,
    /// `Equals` (the default), `BeginsWith`, `Contains`; of `Path` `OneLevel` or `Recursive`.
    pub option: Option<String>,
    /// One of them.
    pub values: Option<Vec<String>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_served_is_named_and_values_are_not_printed() {
        let error = Operation::read("SendCommand", b"{}").unwrap_err();
        assert_eq!((error.table().1, error.to_string().contains("SendCommand")), (501, true));
        let read = Operation::read("PutParameter", br#"{"Name":"a","Value":"hunter2","Type":"SecureString"}"#).unwrap();
        assert!(!format!("{read:?}").contains("hunter2"));
        let Operation::PutParameter(request) = read else { panic!() };
        assert_eq!((request.value.as_str(), request.r#type.as_deref()), ("hunter2", Some("SecureString")));
    }
}
