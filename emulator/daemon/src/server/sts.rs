//! STS: who am I?

use hyper::Response;
use wire::query::{CONTENT_TYPE, Form};
use wire::sts::CallerIdentity;

use super::Context;
use super::answer::{self, Body};
use super::aws::{self, Caller};

pub(super) use wire::sts::NAMESPACE;

/// Answers an operation. Nobody is asked whether they may know who they are, at AWS neither.
pub(super) fn serve(context: &Context, caller: &Caller, form: &Form) -> Response<Body> {
    match form.action() {
        "GetCallerIdentity" => {
            let account = context.keeper.snapshot().world.settings.account.clone();
            let identity = CallerIdentity { arn: caller.arn(), user_id: caller.user_id(), account };
            answer::text(CONTENT_TYPE, identity.answer(&aws::request_id()))
        }
        other => {
            let message = format!("The operation {other} of AWS STS is not served by ecslocal");
            aws::query_failed(NAMESPACE, (501, "InvalidAction", &message))
        }
    }
}
