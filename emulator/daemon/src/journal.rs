//! The daemon's own log, on standard error: in the background the command line points that at `daemon.log` in the state folder.
//!
//! ERROR: somebody must act. WARN: something is not as it should be, and is dealt with. INFO: the daemon began or ended something.
//! Nothing per request.

use tracing::Level;

/// Begins the log of a daemon in the background. A second call changes nothing.
pub fn begin() {
    let log = tracing_subscriber::fmt().with_max_level(Level::INFO).with_ansi(false).with_target(false).with_writer(std::io::stderr);
    // Somebody has begun one already: then that one is it.
    log.try_init().ok();
}
