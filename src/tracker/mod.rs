//! The public handle: [`MigrationTracker`] and its operations.

pub mod check;

mod admission;
mod again;
mod apply;
mod backup;
mod begin;
mod beginning;
mod claim;
mod claiming;
mod cleanup;
mod clock;
mod drain;
mod explain;
mod handle;
mod leftovers;
mod log;
mod nodes;
mod obstacle;
mod pause;
mod quarantine;
mod query;
mod rebalance;
mod registry;
mod repair;
mod retention;
mod settings;
mod shards;
mod summary;
mod throttle;
mod told;
mod transfer;
mod transit;
mod transition;
mod wave;

#[cfg(test)]
mod tests;

pub use again::{Retried, RetryError, ReverseError};
pub use backup::{BackupError, BackupProgress, BackupReport, BackupStage};
pub use begin::{BeginError, BeginPlanError, BeginRequest};
pub use claim::Claim;
pub(crate) use claiming::Next;
pub use cleanup::CleanupError;
pub(crate) use cleanup::CleanupReport;
pub use drain::{DrainError, Draining};
pub use explain::{Explanation, ShardExplanation};
pub use handle::{MigrationTracker, Room};
pub use leftovers::ForgiveNodeError;
pub use obstacle::ClaimError;
pub use pause::PauseError;
pub use quarantine::QuarantineError;
pub use rebalance::{
    PlanOptions, RebalanceError, compute_rebalance_plan, plan_rebalance, threshold_ppm,
};
pub use registry::{RegistryChange, RegistryError};
pub use repair::{ForgiveError, Repair, RepairOptions, RepairReport, Repaired, SetAside};
pub use summary::{Summary, left_ms};
pub use transfer::{ExportError, ExportReport, Exported, Fact, FactError, ImportError};
pub use transition::{CancelOutcome, TransitionError};
pub use wave::BeginWaveError;
