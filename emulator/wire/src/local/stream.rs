//! The lines of streaming answers.

use serde::{Deserialize, Serialize};

use super::{Failure, Seconds};

/// One step of an `up`, a `deploy` or a `run`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum UpEvent {
    /// An image is being built.
    Building {
        /// Its name.
        image: String,
    },
    /// A line of a build's output.
    BuildLine {
        /// The image.
        image: String,
        /// The line.
        line: String,
    },
    /// An image is built.
    Built {
        /// Its name.
        image: String,
        /// The engine's id of it.
        image_id: String,
        /// How long it took.
        seconds: f64,
    },
    /// The changes are applied: from here on the view tells how far things are.
    Applied {
        /// One line a change; empty when there was nothing to do.
        changes: Vec<String>,
        /// The version of the view that has them.
        version: u64,
        /// The tasks that were started without a service.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        tasks: Vec<String>,
    },
    /// Something to know that stops nothing, such as another port than the one asked for.
    Notice {
        /// The sentence.
        message: String,
    },
    /// The end.
    Done,
    /// The end: nothing was changed.
    Failed {
        /// Why.
        failure: Failure,
    },
}

/// A line of a service's event list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventRecord {
    /// Rises with each event.
    pub sequence: u64,
    /// When.
    pub created_at: Seconds,
    /// The service.
    pub service: String,
    /// ECS's own sentence.
    pub message: String,
}

/// A line that a container wrote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogRecord {
    /// When.
    pub at: Seconds,
    /// The service; empty for a task of none.
    pub service: String,
    /// The task's id.
    pub task: String,
    /// The container's name.
    pub container: String,
    /// `stdout` or `stderr`.
    pub stream: String,
    /// The line without its end.
    pub text: String,
    /// Why there is nothing to read of this container; there is no line then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// A line of `requests`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RequestEvent {
    /// A request that is over.
    Request(Box<RequestRecord>),
    /// More requests came than could be told.
    Missed {
        /// How many.
        missed: u64,
    },
}

/// A request that is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestRecord {
    /// When its response was made.
    pub at: Seconds,
    /// The load balancer that it came to.
    pub load_balancer: String,
    /// `address:port` of the client.
    pub client: String,
    /// `GET`; empty where the request could not be read.
    pub method: String,
    /// `http://example.com:80/path?query`
    pub url: String,
    /// What the client got, or would have got (460).
    pub status: u16,
    /// What the target answered.
    pub target_status: Option<u16>,
    /// The priority of the rule that decided, or `default`; none where no rule was asked.
    pub rule: Option<String>,
    /// `forward`, `redirect` ...
    pub actions: String,
    /// Where it was forwarded to.
    pub target_group: Option<String>,
    /// `id:port` of the target.
    pub target: Option<String>,
    /// From the request's leaving for the target to the head of its answer, in seconds.
    pub target_seconds: Option<f64>,
    /// From the request's head to the response's, in seconds.
    pub seconds: f64,
    /// Bytes that came from the client.
    pub received_bytes: u64,
    /// Bytes that went to the client.
    pub sent_bytes: u64,
    /// What kept the target from answering.
    pub failure: Option<String>,
    /// `X-Amzn-Trace-Id`
    pub trace_id: Option<String>,
    /// The line of the access log, exactly as AWS writes it.
    pub line: String,
}

/// One metric of a load balancer, a target group or a target since the daemon began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricRecord {
    /// CloudWatch's name, such as `RequestCount`.
    pub name: String,
    /// `app/<name>/<id>`; none for what belongs to a target group alone.
    pub load_balancer: Option<String>,
    /// `targetgroup/<name>/<id>`
    pub target_group: Option<String>,
    /// `id:port`
    pub target: Option<String>,
    /// A count, or seconds.
    pub value: f64,
}
