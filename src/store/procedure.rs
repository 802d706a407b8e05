use super::{StoreError, Tx};

/// One operation: a deterministic function over rows. What it needs of the world (time, ids,
/// randomness) it carries as fields, so that it can be run again with the same outcome: on a
/// store that detects conflicts at its commit, or by every member of a replicated log.
pub trait Procedure {
    /// What it answers.
    type Output;
    /// Why it refuses.
    type Error: From<StoreError>;

    /// Loads rows, decides, writes rows. When it returns an error, nothing that it wrote stays.
    ///
    /// # Errors
    /// What the operation documents.
    fn run(&self, tx: &mut dyn Tx) -> Result<Self::Output, Self::Error>;
}
