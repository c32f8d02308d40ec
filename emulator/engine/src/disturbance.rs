//! Something bad that is done to a container on purpose.

use std::time::Duration;

use model::{FaultId, NetworkFault, OwnerId};

/// What is done, and undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disturbance {
    /// SIGKILL; there is nothing to undo.
    Kill,
    /// Every process is frozen.
    Pause,
    /// It may use so much CPU.
    Cpu {
        /// In CPU units, 1024 a core.
        units: u32,
        /// What it is given back; `None` for no limit.
        before: Option<u32>,
    },
    /// It may use so much memory.
    Memory {
        /// In MiB.
        mebibytes: u32,
        /// What it is given back, in MiB.
        before: u32,
        /// Swap beside either, in MiB.
        swap: u32,
    },
    /// Packets of its network are late or lost, until that is undone or its time is over, whoever lives then.
    Network {
        /// Whose fault it is.
        owner: OwnerId,
        /// Its name, of which a container has one.
        fault: FaultId,
        /// What is done.
        what: NetworkFault,
        /// When it ends if nobody ends it.
        time: Duration,
    },
}
