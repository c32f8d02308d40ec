//! Policies of repositories: who may, and what is let go of.

use std::sync::PoisonError;

use model::{Change, LifecyclePolicy, RepositoryName};
use wire::ecr::{
    EcrError, LifecycleAction, LifecyclePolicyAnswer, LifecyclePreviewAnswer, LifecyclePreviewRequest, LifecyclePreviewResult,
    LifecyclePreviewSummary, PutLifecyclePolicyRequest, RepositoryPolicyAnswer, RepositoryRequest, SetRepositoryPolicyRequest,
    StartLifecyclePreviewRequest,
};

use super::super::aws::done;
use super::images::{has_status, matches};
use super::{Answer, Ecr, invalid, page};
use crate::view::seconds;

/// The longest repository policy (ECR).
const LONGEST: usize = 10_240;

impl Ecr {
    pub(super) async fn set_repository_policy(&self, asked: &SetRepositoryPolicyRequest) -> Answer {
        let (name, _) = self.repository(asked.registry_id.as_deref(), &asked.repository_name)?;
        let text = &asked.policy_text;
        let readable = serde_json::from_str::<serde_json::Value>(text).is_ok_and(|policy| policy.get("Statement").is_some());
        if text.len() > LONGEST || !readable {
            return Err(invalid("PolicyText", format!("a policy is JSON with `Statement`, of at most {LONGEST} characters")));
        }
        self.change(&name, Change::SetRepositoryPolicy { name: name.clone(), text: Some(text.clone()) }).await?;
        Ok(done(&self.repository_policy_body(&name, text)))
    }

    pub(super) fn repository_policy(&self, asked: &RepositoryRequest) -> Answer {
        let (name, text) = self.policy_text(asked)?;
        Ok(done(&self.repository_policy_body(&name, text)))
    }

    pub(super) async fn delete_repository_policy(&self, asked: &RepositoryRequest) -> Answer {
        let (name, text) = self.policy_text(asked)?;
        self.change(&name, Change::SetRepositoryPolicy { name: name.clone(), text: None }).await?;
        Ok(done(&self.repository_policy_body(&name, text)))
    }

    fn policy_text(&self, asked: &RepositoryRequest) -> Result<(RepositoryName, &str), EcrError> {
        let (name, repository) = self.repository(asked.registry_id.as_deref(), &asked.repository_name)?;
        match &repository.policy_text {
            Some(text) => Ok((name, text)),
            None => Err(EcrError::RepositoryPolicyNotFound { name: name.to_string(), registry: self.account() }),
        }
    }

    fn repository_policy_body(&self, name: &RepositoryName, text: &str) -> RepositoryPolicyAnswer {
        RepositoryPolicyAnswer { registry_id: self.account(), repository_name: name.to_string(), policy_text: text.to_owned() }
    }

    /// It is carried out with the next push, and within the hour.
    pub(super) async fn put_lifecycle_policy(&self, asked: &PutLifecyclePolicyRequest) -> Answer {
        let (name, repository) = self.repository(asked.registry_id.as_deref(), &asked.repository_name)?;
        let policy = parse(&asked.lifecycle_policy_text)?;
        self.modify(&name, repository, |spec| spec.lifecycle_policy = Some(policy)).await?;
        Ok(done(&self.lifecycle_body(&name, &asked.lifecycle_policy_text)))
    }

    pub(super) fn lifecycle_policy(&self, asked: &RepositoryRequest) -> Answer {
        let (name, policy) = self.policy(asked.registry_id.as_deref(), &asked.repository_name)?;
        Ok(done(&self.lifecycle_body(&name, policy.text())))
    }

    pub(super) async fn delete_lifecycle_policy(&self, asked: &RepositoryRequest) -> Answer {
        let (name, policy) = self.policy(asked.registry_id.as_deref(), &asked.repository_name)?;
        let (_, repository) = self.repository(None, name.as_str())?;
        self.modify(&name, repository, |spec| spec.lifecycle_policy = None).await?;
        Ok(done(&self.lifecycle_body(&name, policy.text())))
    }

    fn policy(&self, registry: Option<&str>, name: &str) -> Result<(RepositoryName, &LifecyclePolicy), EcrError> {
        let (name, repository) = self.repository(registry, name)?;
        match &repository.spec.lifecycle_policy {
            Some(policy) => Ok((name, policy)),
            None => Err(EcrError::LifecyclePolicyNotFound { name: name.to_string(), registry: self.account() }),
        }
    }

    fn lifecycle_body(&self, name: &RepositoryName, text: &str) -> LifecyclePolicyAnswer {
        let lifecycle_policy_text = text.to_owned();
        LifecyclePolicyAnswer { registry_id: self.account(), repository_name: name.to_string(), lifecycle_policy_text, last_evaluated_at: None }
    }

    /// What a policy would do is known at once; the answer to the other operation tells it.
    pub(super) fn start_preview(&self, asked: &StartLifecyclePreviewRequest) -> Answer {
        let registry = asked.registry_id.as_deref();
        let (name, policy) = match &asked.lifecycle_policy_text {
            Some(text) => (self.repository(registry, &asked.repository_name)?.0, parse(text)?),
            None => self.policy(registry, &asked.repository_name).map(|(name, policy)| (name, policy.clone()))?,
        };
        let expiring = self.store().would_expire(&name, &policy, self.now);
        let answer = self.preview_body(&name, &policy);
        self.context.previews.lock().unwrap_or_else(PoisonError::into_inner).insert(name, (policy, expiring));
        Ok(done(&answer))
    }

    pub(super) fn preview(&self, asked: &LifecyclePreviewRequest) -> Answer {
        let (name, _) = self.repository(asked.registry_id.as_deref(), &asked.repository_name)?;
        let previews = self.context.previews.lock().unwrap_or_else(PoisonError::into_inner);
        let unknown = || EcrError::LifecyclePolicyPreviewNotFound { name: name.to_string(), registry: self.account() };
        let (policy, expiring) = previews.get(&name).ok_or_else(unknown)?;
        let wanted = |image: &registry::Image| {
            let named = asked.image_ids.as_ref().is_none_or(|ids| ids.is_empty() || ids.iter().any(|id| matches(id, image)));
            named && has_status(asked.filter.as_ref(), image)
        };
        let mut some: Vec<_> = expiring.iter().filter(|(image, _)| wanted(image)).collect();
        some.sort_by_key(|(image, _)| image.digest.clone());
        let (some, next_token) = page(some, |(image, _)| image.digest.to_string(), asked.next_token.as_deref(), asked.max_results, 100)?;
        let result = |(image, priority): &(registry::Image, u32)| LifecyclePreviewResult {
            image_tags: image.tags.clone(),
            image_digest: image.digest.to_string(),
            image_pushed_at: seconds(image.pushed_at),
            action: LifecycleAction { r#type: "EXPIRE".into() },
            applied_rule_priority: *priority,
        };
        Ok(done(&LifecyclePreviewAnswer {
            next_token,
            preview_results: Some(some.into_iter().map(result).collect()),
            summary: Some(LifecyclePreviewSummary { expiring_image_total_count: expiring.len() }),
            ..self.preview_body(&name, policy)
        }))
    }

    fn preview_body(&self, name: &RepositoryName, policy: &LifecyclePolicy) -> LifecyclePreviewAnswer {
        LifecyclePreviewAnswer {
            registry_id: self.account(),
            repository_name: name.to_string(),
            lifecycle_policy_text: policy.text().to_owned(),
            status: "COMPLETE".into(),
            next_token: None,
            preview_results: None,
            summary: None,
        }
    }
}

fn parse(text: &str) -> Result<LifecyclePolicy, EcrError> {
    LifecyclePolicy::parse(text).map_err(|why| invalid("LifecyclePolicyText", format!("Lifecycle policy validation failure: {why}")))
}
