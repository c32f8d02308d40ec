//! Which service reaches which.

use serde::{Deserialize, Serialize};

/// A port of one service that another may reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionView {
    /// The service whose containers may reach it.
    pub client: String,
    /// The service that is reached.
    pub server: String,
    /// What the client's containers ask for, `posts:3000`.
    pub endpoints: Vec<String>,
    /// Where that leads, `10.213.4.1:3000`, for the client alone; `None` while it leads nowhere.
    pub address: Option<String>,
    /// The tasks that get new connections.
    pub task_ids: Vec<String>,
    /// Why it leads nowhere though it should.
    pub problem: Option<String>,
}
