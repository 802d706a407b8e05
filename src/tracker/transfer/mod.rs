//! The whole file as facts, one by one: out of one file, into a new one.

mod derive;
mod export;
mod fact;
mod import;

pub use export::{ExportError, ExportReport, Exported};
pub use fact::Fact;
pub use import::{FactError, ImportError};
