//! The public handle: [`MigrationTracker`] and its operations.

pub mod check;

mod admission;
mod apply;
mod backup;
mod begin;
mod claim;
mod cleanup;
mod clock;
mod handle;
mod nodes;
mod query;
mod rebalance;
mod registry;
mod repair;
mod retention;
mod settings;
mod shards;
mod transfer;
mod transition;
mod wave;

#[cfg(test)]
mod tests;

pub use backup::{BackupError, BackupProgress, BackupReport, BackupStage};
pub use begin::{BeginError, BeginPlanError, BeginRequest};
pub use claim::{Claim, ClaimError};
pub use cleanup::CleanupError;
pub(crate) use cleanup::CleanupReport;
pub use handle::{MigrationTracker, Room};
pub use rebalance::{
    PlanOptions, RebalanceError, compute_rebalance_plan, plan_rebalance, threshold_ppm,
};
pub use registry::{RegistryChange, RegistryError};
pub use repair::{ForgiveError, Repair, RepairOptions, RepairReport, Repaired, SetAside};
pub use transfer::{ExportError, ExportReport, Exported, Fact, FactError, ImportError};
pub use transition::{CancelOutcome, TransitionError};
pub use wave::BeginWaveError;
