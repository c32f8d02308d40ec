//! The user's terminal while a program in a container has it.

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use wire::local::Failure;

/// Every key goes to the program as it is, until this is dropped: then the terminal is as it was, however that comes.
pub(crate) struct RawMode {
    before: Termios,
}

impl RawMode {
    /// Begins with what standard input is.
    pub(crate) fn begin() -> Result<Self, Failure> {
        let failed = |error: rustix::io::Errno| Failure::environment(format!("the terminal cannot be set up: {error}"));
        let before = tcgetattr(std::io::stdin()).map_err(failed)?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(std::io::stdin(), OptionalActions::Now, &raw).map_err(failed)?;
        Ok(Self { before })
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // A terminal that has gone needs nothing.
        tcsetattr(std::io::stdin(), OptionalActions::Now, &self.before).ok();
    }
}

/// Rows and columns of the terminal that standard output is.
pub(crate) fn size() -> Option<(u16, u16)> {
    let size = tcgetwinsize(std::io::stdout()).ok()?;
    (size.ws_row > 0 && size.ws_col > 0).then_some((size.ws_row, size.ws_col))
}
