//! Drives migrations through a [`ShardMover`].

mod attempt;
mod in_hand;
mod mover;
mod notice;
mod options;
mod queue;
mod report;
mod run;
mod settle;
mod stop;

pub use mover::{CatchUp, Endpoint, Interrupted, Job, MoverError, Proof, Reporter, ShardMover};
pub use notice::{NoObserver, Notice, Observer};
pub use options::{ExecutorOptions, WorksOn};
pub use report::RunReport;
pub use run::Executor;
pub use stop::StopToken;
