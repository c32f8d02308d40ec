//! What is to become of a request: decided with the newest table, its head rewritten where a target is to get it. Nothing in here waits.

use std::sync::Arc;

use authentication::Answer;
use message::{Headers, RequestHead, Version};
use model::{Authenticate, DesyncMode};
use routing::{
    Balancer, ClientFailure, ClientProtocol, Decision, FixedResponseTable, Given, GroupTable, HeaderLines, InFlight, ListenerTable, Memory, Pick,
    Rewritten, Scheme, UpstreamFailure, decide, limits, protocol,
};

use crate::admission::{self, Admitted};
use crate::clock;
use crate::connection::ConnectionContext;
use crate::desync::{self, Verdict};
use crate::record::{Draft, text, trace_of};
use crate::respond::Asker;
use crate::rewrite::{self, Rewrite, Unfit};
use crate::state::ConnectionState;

/// What is to become of a request.
pub(crate) enum Plan {
    /// Whoever asks must say who they are first.
    Ask(Arc<Authenticate>, Arc<Balancer>),
    /// Its head is rewritten; a target gets it.
    Target(Chosen),
    /// No target gets it.
    Own(Own),
}

/// The target of a request, which counts on it from now on.
pub(crate) struct Chosen {
    pub(crate) in_flight: InFlight,
    /// Both connections end with this request.
    pub(crate) ambiguous: bool,
    /// What the response tells the client, so that it comes back.
    pub(crate) memory: Option<Box<Memory>>,
}

/// An answer of the load balancer's own.
pub(crate) enum Own {
    /// A page of this status.
    Page(u16),
    /// A redirect to this `Location`.
    Redirect(u16, String),
    /// A fixed response.
    Fixed(FixedResponseTable),
    /// To somebody who may not come in, or not yet.
    Stay(Answer),
    /// This status in the target's place, on purpose.
    Injected(u16),
}

impl From<ClientFailure> for Own {
    fn from(failure: ClientFailure) -> Self {
        Self::Page(failure.status())
    }
}

/// Decides. What is known of the request is noted in the connection's draft. Somebody who is `admitted` is not asked the same again.
pub(crate) fn plan(context: &ConnectionContext, request: &mut RequestHead, asker: &mut Asker, admitted: Option<&Admitted>) -> Plan {
    let listener = &context.listener;
    let mut cache = listener.worker.table.borrow_mut();
    let table = cache.load();
    let host = host_of(request);
    let Some(found) = table.listener(listener.listener_port, host.ok().flatten()) else {
        // Removed under an open connection.
        context.state.close();
        return Plan::Own(Own::Page(UpstreamFailure::NoTargetGroup.status()));
    };
    obey(&context.state, found);
    asker.listener = found.own_attributes().cloned();
    let before = context.state.draft.take().filter(|_| admitted.is_some());
    let mut draft = before.unwrap_or_else(|| {
        let mut draft = Draft::begin(context, found.balancer());
        draft.read(context, request);
        draft
    });
    let plan = match host.err().map(Own::from) {
        None => judge(context, request, found, (&mut draft, admitted)).unwrap_or_else(Plan::Own),
        Some(own) => Plan::Own(own),
    };
    *context.state.draft.borrow_mut() = Some(draft);
    plan
}

/// What the request's head says of it.
struct Checked {
    headers_bytes: usize,
    /// See [`Chosen::ambiguous`].
    ambiguous: bool,
}

fn judge(
    context: &ConnectionContext,
    request: &mut RequestHead,
    found: &ListenerTable,
    (draft, admitted): (&mut Draft, Option<&Admitted>),
) -> Result<Plan, Own> {
    let checked = check(request, found.attributes().desync_mode, draft)?;
    if checked.ambiguous {
        context.state.close();
    }
    let worker = &context.listener.worker;
    let (path, query, host) = (request.target.path(), request.target.query(), host_of(request)?);
    let head = routing::RequestHead {
        method: &request.method,
        path: &path,
        query: query.as_deref(),
        host,
        scheme: context.scheme(),
        listener_port: context.listener.bound_port,
        headers: &Lines(&request.headers),
        peer: context.client.ip(),
    };
    // Whoever comes back from an identity provider belongs to the action that sent them there, whatever the rules say of that path.
    if admitted.is_none()
        && context.scheme() == Scheme::Https
        && let Some(rule) = admission::returning(context, request, found)
    {
        draft.record().actions = rule.log_word();
        return Ok(Plan::Ask(Arc::clone(rule), Arc::clone(found.balancer())));
    }
    let given = || Given { random: worker.random.borrow_mut().next_u64(), now: clock::timestamp(), seal: &*worker.seal };
    let decision = decide(found, &head, given());
    draft.record().rule = Some(decision.rule());
    draft.record().evaluated = found.evaluated(decision.rule());
    let rule = found.authenticate(decision.rule()).filter(|_| context.scheme() == Scheme::Https);
    // The rules may have changed while somebody was asked: who is admitted by one is not by another.
    let admitted = admitted.filter(|admitted| rule.is_some_and(|rule| *rule == admitted.question));
    if let (Some(rule), None) = (rule, admitted) {
        draft.record().actions = rule.log_word();
        return Ok(Plan::Ask(Arc::clone(rule), Arc::clone(found.balancer())));
    }
    draft.record().asked = admitted.map(|admitted| admitted.question.log_word());
    let (group, sticky, rewritten) = match decision {
        Decision::Forward { group, sticky, rewritten, error_reason, .. } => {
            draft.record().error_reason = error_reason;
            (group, sticky, rewritten)
        }
        other => {
            draft.record().trace_id = Some(rewrite::new_trace(context, &request.headers, checked.headers_bytes));
            return Err(own(other, draft));
        }
    };
    let client = client_protocol(request);
    draft.forwards(group, &rewritten, client == ClientProtocol::Grpc);
    if !protocol::serves(group.version(), client, &request.method) {
        return Err(Own::Page(protocol::MISMATCH));
    }
    rewrite::check(&request.headers)?;
    let pick = group.pick(&head, given());
    let Some(target) = pick.target() else { return Err(Own::Page(UpstreamFailure::NoTarget.status())) };
    draft.chose(group, pick);
    let chosen = Chosen { in_flight: target.enter(), ambiguous: checked.ambiguous, memory: group.memory(sticky, pick).map(Box::new) };
    let version = target.version;
    if let (Some(rule), Some(admitted)) = (rule, admitted) {
        admission::introduce(&mut request.headers, rule, admitted);
    }
    let rewrite = Rewrite { context, table: found, headers_bytes: checked.headers_bytes, rewritten, version };
    let fit = rewrite::request(request, &rewrite);
    draft.record().trace_id = trace_of(&request.headers);
    match fit {
        Ok(invalid_headers) => {
            draft.record().invalid_headers = invalid_headers;
            Ok(Plan::Target(chosen))
        }
        Err(Unfit::Request(failure)) => Err(failure.into()),
        Err(Unfit::Rewritten) => Err(Own::Page(500)),
    }
}

/// The answer of a decision that sends nothing to a target.
fn own(decision: Decision<'_>, draft: &mut Draft) -> Own {
    let record = draft.record();
    match decision {
        Decision::Fixed { response, .. } => {
            record.actions = "fixed-response";
            Own::Fixed(response.clone())
        }
        Decision::Redirect { status, location, .. } => {
            record.actions = "redirect";
            record.redirect_url = Some(location.as_str().into());
            Own::Redirect(status, location)
        }
        Decision::RedirectTooLong { .. } => {
            record.actions = "redirect";
            Own::Page(507)
        }
        Decision::BadRewrite { why, .. } => {
            record.actions = "rewrite";
            record.transformed.status = Some(why.log_status());
            Own::Page(500)
        }
        // A forward without a group; the other kind of forward is told apart before.
        Decision::NoTargetGroup { .. } | Decision::Forward { .. } => {
            record.actions = "forward";
            Own::Page(UpstreamFailure::NoTargetGroup.status())
        }
    }
}

impl Draft {
    fn forwards(&mut self, group: &GroupTable, rewritten: &Rewritten, grpc: bool) {
        let record = self.record();
        record.group = Some(group.identity().clone());
        record.actions = if rewritten.is_empty() { "forward" } else { "rewrite,forward" };
        record.transformed.host = rewritten.host.as_ref().map(|host| text(host.as_bytes()));
        record.transformed.uri = rewritten.url.as_ref().map(|url| text(url.as_bytes()));
        record.transformed.status = (!rewritten.is_empty()).then_some("TransformSuccess");
        if grpc {
            record.grpc = true;
            record.kind = routing::record::RequestKind::Grpcs;
        }
    }

    fn chose(&mut self, group: &GroupTable, pick: Pick<'_>) {
        let record = self.record();
        record.target = pick.target().cloned();
        record.sticky = matches!(pick, Pick::Again(_));
        record.fail_open = group.is_fail_open();
    }
}

/// What no rule is asked about (alb.md 6.1, 6.2, 6.6).
fn check(request: &RequestHead, mode: DesyncMode, draft: &mut Draft) -> Result<Checked, ClientFailure> {
    draft.record().doubt = request.doubt;
    let verdict = desync::verdict(request.doubt, mode);
    if verdict == Verdict::Refuse {
        return Err(ClientFailure::Malformed);
    }
    if let Some(failure) = request.refused {
        return Err(failure);
    }
    if matches!(&*request.method, "TRACE" | "CONNECT") {
        return Err(ClientFailure::MethodNotAllowed);
    }
    // The method, two spaces and the version belong to the line.
    if request.target.len() + request.method.len() + " HTTP/1.1 ".len() > limits::REQUEST_LINE_BYTES {
        let tiny = request.method.len() <= limits::REQUEST_LINE_BYTES;
        return Err(if tiny { ClientFailure::UriTooLong } else { ClientFailure::Malformed });
    }
    let mut total = 0;
    for (name, value) in request.headers.iter() {
        let line = name.len() + ": \r\n".len() + value.len();
        // Cookies pass (alb.md 6.1, observed).
        if line > limits::HEADER_LINE_BYTES && !name.eq_ignore_ascii_case(b"cookie") {
            return Err(ClientFailure::HeadersTooLarge);
        }
        total += line;
    }
    if total > limits::REQUEST_HEADERS_BYTES {
        return Err(ClientFailure::HeadersTooLarge);
    }
    Ok(Checked { headers_bytes: total, ambiguous: verdict == Verdict::ServeAndClose })
}

/// gRPC is HTTP/2 with a content type of its own.
pub(crate) fn client_protocol(request: &RequestHead) -> ClientProtocol {
    let is_grpc = || request.headers.get("content-type").is_some_and(|value| value.starts_with(b"application/grpc"));
    match request.version {
        Version::Http2 if is_grpc() => ClientProtocol::Grpc,
        Version::Http2 => ClientProtocol::Http2,
        _ => ClientProtocol::Http1,
    }
}

/// The request's headers for conditions.
#[derive(Debug)]
struct Lines<'a>(&'a Headers);

impl HeaderLines for Lines<'_> {
    fn any(&self, name: &str, found: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.0.all(name).any(found)
    }
}

/// Who the request says that it is for: an absolute target's authority, else the first `Host` line. An empty one says nothing.
fn host_of(request: &RequestHead) -> Result<Option<&str>, ClientFailure> {
    let line = match request.headers.get("host") {
        Some(line) => Some(std::str::from_utf8(line).map_err(|_| ClientFailure::Malformed)?),
        None if request.version == Version::Http11 => return Err(ClientFailure::MissingHost),
        None => None,
    };
    Ok(request.target.authority().or(line).filter(|host| !host.is_empty()))
}

/// Takes over the timers of the load balancer that the request is for.
fn obey(state: &ConnectionState, listener: &ListenerTable) {
    let attributes = listener.attributes();
    for state in [Some(state), state.parent.as_deref()].into_iter().flatten() {
        state.idle_timeout.set(attributes.idle_timeout);
        if state.keep_alive.get().is_zero() {
            // A changed value is for new connections only (alb.md 1).
            state.keep_alive.set(attributes.client_keep_alive);
        }
    }
}
