//! The Parameter Store of SSM's API, answered from the vault.

use std::collections::BTreeMap;
use std::sync::Arc;

use hyper::Response;
use model::{ParameterType, Secret, Timestamp};
use serde::Serialize;
use vault::{NewParameter, Parameter, ParameterError, ParameterVersion, Place, Vault};
use wire::ssm::{
    DeletedAnswer, DescribeAnswer, DescribeRequest, HistoryAnswer, HistoryBody, HistoryRequest, LabelAnswer, MetadataBody, Operation,
    ParameterAnswer, ParameterBody, ParameterFilter, ParametersAnswer, ParametersRequest, PathAnswer, PathRequest, PutAnswer, PutRequest,
    SsmError as Error, Tag, TagsAnswer, WithArn,
};

use super::Context;
use super::answer::Body;
use super::aws::page::{Asked, NoPage, page};
use super::aws::{self, Caller, Denied, done};
use crate::vault_store::NotChanged;
use crate::view::seconds;

/// What every parameter is said to be of.
const TIER: &str = "Standard";
/// The key that every SecureString is said to be encrypted with.
const KEY: &str = "alias/aws/ssm";
/// The most names in one request.
const NAMES: usize = 10;

type Answer = Result<Response<Body>, Error>;

/// What an operation is answered from.
struct Ssm {
    context: Arc<Context>,
    place: Place,
    now: Timestamp,
}

/// Reads an operation, and answers it if the caller may ask it.
pub(super) async fn serve(context: Arc<Context>, caller: &Caller, name: &str, body: &[u8]) -> Response<Body> {
    let place = Place::from(&context.keeper.snapshot().world.settings);
    let now = context.clock.now();
    let ssm = Ssm { context, place, now };
    let answered = match Operation::read(name, body).and_then(|operation| ssm.authorise(caller, name, body).map(|()| operation)) {
        Ok(operation) => ssm.answer(operation).await,
        Err(error) => Err(error),
    };
    answered.unwrap_or_else(|error| {
        if let Error::InternalServer(why) = &error {
            tracing::error!(operation = name, "{why}");
        }
        aws::failed(error.table().1, error.body())
    })
}

/// The parameters that an operation names, of whichever it is.
#[derive(Default, serde::Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Subject {
    name: Option<String>,
    names: Vec<String>,
    path: Option<String>,
    resource_id: Option<String>,
}

impl Ssm {
    /// Asks for each parameter that the operation names; for all of them where it lists those that there are.
    fn authorise(&self, caller: &Caller, operation: &str, body: &[u8]) -> Result<(), Error> {
        if caller.is_root() {
            return Ok(());
        }
        let Subject { name, names, path, resource_id } = wire::json11::read(body).unwrap_or_default();
        let named = names.into_iter().chain(name).chain(path).chain(resource_id);
        let arn = |name: String| {
            let Place { region, account } = &self.place;
            let name = name.split(':').next().filter(|_| !name.starts_with("arn:")).map_or(name.clone(), str::to_owned);
            let of = |found: &Parameter| (found.arn.clone(), found.tags.clone());
            let known = self.context.vault.read(self.now, |vault| vault.parameter(&name).ok().map(|(parameter, _)| of(parameter)));
            let separator = if name.starts_with('/') { "" } else { "/" };
            let unknown = || if name.starts_with("arn:") { name } else { format!("arn:aws:ssm:{region}:{account}:parameter{separator}{name}") };
            known.unwrap_or_else(|| (unknown(), BTreeMap::new()))
        };
        let mut resources: Vec<(String, BTreeMap<String, String>)> = named.map(arn).collect();
        if resources.is_empty() {
            resources.push(("*".into(), BTreeMap::new()));
        }
        let action = format!("ssm:{operation}");
        let ask = |(resource, tags): &(String, BTreeMap<String, String>)| caller.authorise_with_tags(&action, resource, tags);
        resources.iter().try_for_each(ask).map_err(|Denied(why)| Error::AccessDenied(why))
    }

    async fn answer(self, operation: Operation) -> Answer {
        match operation {
            Operation::GetParameter(asked) => {
                let open = asked.with_decryption == Some(true);
                let found = self.context.vault.read(self.now, |vault| vault.parameter(&asked.name).map(|found| body(&asked.name, found, open)));
                Ok(done(&ParameterAnswer { parameter: found.map_err(refused)? }))
            }
            Operation::GetParameters(asked) => self.parameters(&asked),
            Operation::GetParametersByPath(asked) => self.by_path(&asked),
            Operation::GetParameterHistory(asked) => self.history(&asked),
            Operation::DescribeParameters(asked) => self.describe(&asked),
            Operation::PutParameter(asked) => self.put(asked).await,
            Operation::DeleteParameter(asked) => self.change(move |vault| vault.delete_parameter(&asked.name).map(|()| serde_json::json!({}))).await,
            Operation::DeleteParameters(asked) => {
                limited(&asked.names)?;
                self.change(move |vault| {
                    let (deleted_parameters, invalid_parameters) = asked.names.into_iter().partition(|name| vault.delete_parameter(name).is_ok());
                    Ok(DeletedAnswer { deleted_parameters, invalid_parameters })
                })
                .await
            }
            Operation::LabelParameterVersion(asked) => {
                self.change(move |vault| {
                    let (invalid_labels, parameter_version) = vault.label_parameter(&asked.name, asked.parameter_version, &asked.labels)?;
                    Ok(LabelAnswer { invalid_labels, parameter_version })
                })
                .await
            }
            Operation::AddTagsToResource(asked) => {
                of_parameters(&asked.resource_type)?;
                let tags = asked.tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
                self.change(move |vault| vault.tag_parameter(&asked.resource_id, tags, &[]).map(|()| serde_json::json!({}))).await
            }
            Operation::RemoveTagsFromResource(asked) => {
                of_parameters(&asked.resource_type)?;
                let remove = move |vault: &mut Vault| {
                    vault.tag_parameter(&asked.resource_id, BTreeMap::new(), &asked.tag_keys).map(|()| serde_json::json!({}))
                };
                self.change(remove).await
            }
            Operation::ListTagsForResource(asked) => {
                of_parameters(&asked.resource_type)?;
                let tags =
                    self.context.vault.read(self.now, |vault| vault.parameter(&asked.resource_id).map(|(parameter, _)| parameter.tags.clone()));
                let tags = tags.map_err(refused)?;
                Ok(done(&TagsAnswer { tag_list: tags.into_iter().map(|(key, value)| Tag { key, value }).collect() }))
            }
        }
    }

    fn parameters(&self, asked: &ParametersRequest) -> Answer {
        limited(&asked.names)?;
        let open = asked.with_decryption == Some(true);
        let (mut parameters, mut invalid_parameters) = (Vec::new(), Vec::new());
        self.context.vault.read(self.now, |vault| {
            for name in &asked.names {
                match vault.parameter(name) {
                    Ok(found) => parameters.push(body(name, found, open)),
                    Err(_) => invalid_parameters.push(name.clone()),
                }
            }
        });
        Ok(done(&ParametersAnswer { parameters, invalid_parameters }))
    }

    fn by_path(&self, asked: &PathRequest) -> Answer {
        let open = asked.with_decryption == Some(true);
        let filters = asked.parameter_filters.as_deref().unwrap_or_default();
        check_filters(filters)?;
        let found = self.context.vault.read(self.now, |vault| {
            let below = vault.parameters_below(&asked.path, asked.recursive == Some(true))?;
            let found = below.filter(|parameter| filters.iter().all(|filter| matches(filter, parameter)));
            Ok(found.filter_map(|parameter| Some(body(&parameter.name, (parameter, parameter.version(None)?), open))).collect::<Vec<_>>())
        });
        let page_asked = Asked { after: asked.next_token.as_deref(), most: asked.max_results, limit: 10, descending: false };
        let (parameters, next_token) = page(found.map_err(refused)?, |one| &one.rest.name, page_asked).map_err(no_page)?;
        Ok(done(&PathAnswer { parameters, next_token }))
    }

    fn describe(&self, asked: &DescribeRequest) -> Answer {
        let older = asked.filters.iter().flatten().map(|filter| ParameterFilter {
            key: filter.key.clone(),
            option: Some(if filter.key == "Name" { "BeginsWith" } else { "Equals" }.into()),
            values: Some(filter.values.clone()),
        });
        let filters: Vec<_> = older.chain(asked.parameter_filters.iter().flatten().cloned()).collect();
        check_filters(&filters)?;
        let found: Vec<_> = self.context.vault.read(self.now, |vault| {
            let found = vault.parameters.values().filter(|parameter| filters.iter().all(|filter| matches(filter, parameter)));
            found.filter_map(metadata).collect()
        });
        let page_asked = Asked { after: asked.next_token.as_deref(), most: asked.max_results, limit: 50, descending: false };
        let (parameters, next_token) = page(found, |one| &one.rest.name, page_asked).map_err(no_page)?;
        Ok(done(&DescribeAnswer { parameters, next_token }))
    }

    fn history(&self, asked: &HistoryRequest) -> Answer {
        let open = asked.with_decryption == Some(true);
        let found = self.context.vault.read(self.now, |vault| {
            vault.parameter(&asked.name).map(|(parameter, _)| {
                // Numbers with as many digits as are needed to sort as texts.
                let version = |version: &ParameterVersion| (format!("{:020}", version.number), history_body(parameter, version, open));
                parameter.versions.iter().map(version).collect::<Vec<_>>()
            })
        });
        let page_asked = Asked { after: asked.next_token.as_deref(), most: asked.max_results, limit: 50, descending: false };
        let (versions, next_token) = page(found.map_err(refused)?, |one| &one.0, page_asked).map_err(no_page)?;
        Ok(done(&HistoryAnswer { parameters: versions.into_iter().map(|(_, body)| body).collect(), next_token }))
    }

    async fn put(self, asked: PutRequest) -> Answer {
        let refuse = |what: &str| Err(Error::Validation(format!("{what} is not served by ecslocal.")));
        if asked.allowed_pattern.is_some_and(|pattern| !pattern.is_empty()) {
            return refuse("AllowedPattern");
        }
        if asked.policies.is_some_and(|policies| !matches!(policies.trim(), "" | "[]" | "{}" | "[{}]")) {
            return refuse("Policies");
        }
        let kind = match asked.r#type.as_deref() {
            None => None,
            Some(word) => Some(ParameterType::from_word(word).ok_or_else(|| Error::Validation(format!("`{word}` is not a parameter type.")))?),
        };
        let overwrite = asked.overwrite == Some(true);
        let tags: BTreeMap<String, String> = asked.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect();
        if overwrite && !tags.is_empty() {
            let why = "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource.";
            return Err(Error::Validation(why.into()));
        }
        let new = NewParameter {
            name: asked.name,
            value: Secret::new(asked.value),
            kind,
            overwrite,
            description: asked.description,
            data_type: asked.data_type,
            tags,
            owner: None,
        };
        let (now, place) = (self.now, self.place.clone());
        self.change(move |vault| vault.put_parameter(new, now, &place).map(|version| PutAnswer { version, tier: TIER.into() })).await
    }

    async fn change<T, F>(self, change: F) -> Answer
    where
        T: Serialize + Send + 'static,
        F: FnOnce(&mut Vault) -> Result<T, ParameterError> + Send + 'static,
    {
        match self.context.vault.change(self.now, |vault, _| change(vault)).await {
            Ok(value) => Ok(done(&value)),
            Err(NotChanged::Refused(error)) => Err(refused(error)),
            Err(NotChanged::Unsaved(why)) => Err(Error::InternalServer(why)),
        }
    }
}

/// What stands for the value of a SecureString that is not to be decrypted. On AWS it is encrypted, here it says nothing.
fn sealed(parameter: &Parameter, version: &ParameterVersion) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(format!("{KEY}:{}:{}", parameter.arn, version.number))
}

fn shown(parameter: &Parameter, version: &ParameterVersion, open: bool) -> String {
    if parameter.is_secure() && !open { sealed(parameter, version) } else { version.value.expose().to_owned() }
}

fn data_type(parameter: &Parameter) -> String {
    parameter.data_type.clone().unwrap_or_else(|| "text".into())
}

fn body(asked: &str, (parameter, version): (&Parameter, &ParameterVersion), open: bool) -> WithArn<ParameterBody> {
    let name = asked.strip_prefix("arn:").and_then(|arn| arn.splitn(5, ':').nth(4)).unwrap_or(asked);
    let rest = ParameterBody {
        name: parameter.name.clone(),
        r#type: parameter.kind.as_str().into(),
        value: shown(parameter, version, open),
        version: version.number,
        last_modified_date: seconds(version.at),
        data_type: data_type(parameter),
        selector: name.split_once(':').map(|(_, selector)| format!(":{selector}")),
    };
    WithArn { arn: parameter.arn.clone(), rest }
}

fn metadata(parameter: &Parameter) -> Option<WithArn<MetadataBody>> {
    let version = parameter.version(None)?;
    let rest = MetadataBody {
        name: parameter.name.clone(),
        r#type: parameter.kind.as_str().into(),
        version: version.number,
        last_modified_date: seconds(version.at),
        tier: TIER.into(),
        data_type: data_type(parameter),
        policies: Vec::new(),
        description: parameter.description.clone(),
        key_id: parameter.is_secure().then(|| KEY.into()),
    };
    Some(WithArn { arn: parameter.arn.clone(), rest })
}

fn history_body(parameter: &Parameter, version: &ParameterVersion, open: bool) -> HistoryBody {
    HistoryBody {
        name: parameter.name.clone(),
        r#type: parameter.kind.as_str().into(),
        value: shown(parameter, version, open),
        version: version.number,
        last_modified_date: seconds(version.at),
        labels: version.labels.iter().cloned().collect(),
        tier: TIER.into(),
        data_type: data_type(parameter),
        policies: Vec::new(),
        description: parameter.description.clone(),
        key_id: parameter.is_secure().then(|| KEY.into()),
    }
}

fn check_filters(filters: &[ParameterFilter]) -> Result<(), Error> {
    let known = |key: &str| matches!(key, "Name" | "Type" | "Path" | "Label" | "DataType" | "Tier" | "KeyId") || key.starts_with("tag:");
    match filters.iter().find(|filter| !known(&filter.key)) {
        Some(filter) => Err(Error::InvalidFilterKey(format!(
            "The filter key {} is not one of Name, Type, Path, Label, DataType, Tier, KeyId, tag:<key>.",
            filter.key
        ))),
        None => Ok(()),
    }
}

fn matches(filter: &ParameterFilter, parameter: &Parameter) -> bool {
    let values = filter.values.as_deref().unwrap_or_default();
    let option = filter.option.as_deref().unwrap_or("Equals");
    let one = |text: &str| {
        values.iter().any(|value| match option {
            "BeginsWith" => text.starts_with(value.as_str()),
            "Contains" => text.contains(value.as_str()),
            _ => text == value,
        })
    };
    match filter.key.as_str() {
        "Name" => one(&parameter.name) || one(parameter.name.trim_start_matches('/')),
        "Type" => one(parameter.kind.as_str()),
        "DataType" => one(&data_type(parameter)),
        "Tier" => one(TIER),
        "KeyId" => parameter.is_secure() && one(KEY),
        "Label" => parameter.versions.iter().any(|version| version.labels.iter().any(|label| one(label))),
        "Path" => values.iter().any(|path| {
            let prefix = format!("{}/", path.trim_end_matches('/'));
            parameter.name.strip_prefix(&prefix).is_some_and(|rest| option == "Recursive" || !rest.contains('/'))
        }),
        key => key.strip_prefix("tag:").and_then(|key| parameter.tags.get(key)).is_some_and(|value| values.is_empty() || one(value)),
    }
}

fn limited(names: &[String]) -> Result<(), Error> {
    if (1..=NAMES).contains(&names.len()) {
        return Ok(());
    }
    Err(Error::Validation(format!(
        "1 validation error detected: Value at 'names' failed to satisfy constraint: Member must have length less than or equal to {NAMES}"
    )))
}

fn of_parameters(resource_type: &str) -> Result<(), Error> {
    if resource_type == "Parameter" {
        Ok(())
    } else {
        Err(Error::Validation(format!("Resources of the type {resource_type} are not served by ecslocal.")))
    }
}

fn no_page(why: NoPage) -> Error {
    match why {
        NoPage::Token => Error::InvalidNextToken,
        NoPage::Size => Error::Validation("MaxResults is out of range.".into()),
    }
}

fn refused(error: ParameterError) -> Error {
    let why = error.to_string();
    match error {
        ParameterError::NotFound(_) => Error::ParameterNotFound(why),
        ParameterError::NoVersion { .. } => Error::ParameterVersionNotFound(why),
        ParameterError::Exists => Error::ParameterAlreadyExists(why),
        ParameterError::OtherType => Error::HierarchyTypeMismatch(why),
        ParameterError::VersionsLabelled(_) => Error::ParameterMaxVersionLimitExceeded(why),
        ParameterError::Validation(_) => Error::Validation(why),
    }
}
