//! Drives migrations through a [`ShardMover`].

mod mover;
mod notice;
mod options;
mod report;
mod run;
mod stop;

pub use mover::{CatchUp, Endpoint, Interrupted, Job, MoverError, Proof, Reporter, ShardMover};
pub use notice::{NoObserver, Notice, Observer};
pub use options::ExecutorOptions;
pub use report::RunReport;
pub use run::Executor;
pub use stop::StopToken;
