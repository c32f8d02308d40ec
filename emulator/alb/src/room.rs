//! How many connections there is room for: the process's file descriptors are shared by clients, targets, the container engine and files.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that are not for clients, whatever happens: listening sockets, the engine, logs, the control endpoint.
const RESERVED: u64 = 512;
/// More clients than this on one worker are refused, however many descriptors there are: 16,384 idle ones take about 340 MB.
const MOST: u64 = 16_384;

/// Asks the operating system for as many descriptors as this process may have, and gives the number of client connections that each
/// of `workers` may hold: three in four of the descriptors, since not every client has a connection to a target of its own.
pub(crate) fn per_worker(workers: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum;
    if limit.current != most && setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most }).is_err() {
        tracing::warn!(current = ?limit.current, maximum = ?most, "the limit of open files stays as it is");
    }
    share(getrlimit(Resource::Nofile).current, workers)
}

/// Without a limit there is [`MOST`].
fn share(descriptors: Option<u64>, workers: usize) -> usize {
    let clients = descriptors.map_or(u64::MAX, |descriptors| descriptors.saturating_sub(RESERVED) / 4 * 3);
    usize::try_from((clients / workers.max(1) as u64).clamp(16, MOST)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_get_three_of_four() {
        assert_eq!(share(Some(20_512), 2), 7_500);
        assert_eq!(share(Some(1024), 1), 384);
        assert_eq!(share(Some(100), 4), 16, "a few are served all the same");
        assert_eq!(share(None, 2), 16_384);
    }
}
