//! The public handle: [`MigrationTracker`] and its operations.

mod apply;
mod begin;
mod claim;
mod cleanup;
mod clock;
mod handle;
mod nodes;
mod query;
mod registry;
mod retention;
mod settings;
mod shards;
mod transition;

pub use begin::{BeginError, BeginPlanError, BeginRequest};
pub use claim::{Claim, ClaimError};
pub use cleanup::CleanupError;
pub(crate) use cleanup::CleanupReport;
pub use handle::MigrationTracker;
pub use registry::{RegistryChange, RegistryError};
pub use transition::{CancelOutcome, TransitionError};
