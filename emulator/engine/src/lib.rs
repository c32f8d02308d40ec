//! The container engine as the house sees it: the [`Engine`] trait of about a dozen verbs.
//!
//! **Lives here:** the trait and its values, the [`Clock`] that everything which waits is given, the simulated fleet that plays an
//! engine on a manual clock, and the conformance suite that every engine passes.
//!
//! **Does not live here:** what to run and when (room `scheduler`), how Docker is spoken to (room `docker`).
//!
//! **Invariants:** a verb either does the whole of what it says or returns an [`EngineError`]; no verb touches anything that does
//! not carry the owner's label; a verb may be called again after a failure and then finds what is left half done.
//!
//! **Entry points:** [`Engine`], [`clock`], [`simulated`], [`conformance`].

pub mod clock;
pub mod conformance;
mod disturbance;
mod error;
pub mod exec;
mod put;
pub mod simulated;
mod source;
mod spec;
mod verbs;

pub use clock::{Clock, ManualClock, SystemClock};
pub use disturbance::Disturbance;
pub use error::{EngineError, EngineErrorKind};
pub use exec::{ExecInput, ExecOutput, ExecSession, ExecSpec, TerminalSize};
pub use put::PutFile;
pub use source::{ImageSource, SourcedImage};
pub use spec::{
    Bridge, BuildSpec, Connection, ContainerSpec, Doorway, EngineInfo, LogLine, LogOptions, LogStream, Mount, MountSource, Namespace,
    NetworkNamespace, NetworkSpec, Progress, Usage, VolumeScope, VolumeSpec, missing_volume,
};
pub use verbs::{Engine, EngineEvent, Stream, Verb};
