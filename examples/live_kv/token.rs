use std::fmt;
use std::str::FromStr;

use shardferry::executor::Job;
use shardferry::{Epoch, MigrationId};

/// Who may change a copy: one attempt at one migration.
///
/// Epochs grow within a migration and begin again with the next one, so two tokens have an order
/// only if they are of the same migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) migration: MigrationId,
    pub(crate) epoch: Epoch,
}

impl Token {
    pub(crate) fn of(job: &Job) -> Self {
        Self {
            migration: job.migration,
            epoch: job.epoch,
        }
    }

    /// Whether `other` is an older attempt at the same migration.
    pub(crate) fn overtakes(self, other: Self) -> bool {
        self.migration == other.migration && self.epoch > other.epoch
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.migration, self.epoch)
    }
}

/// The text is not that of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a token is the id of a migration, a slash and an epoch")]
pub(crate) struct NoToken;

impl FromStr for Token {
    type Err = NoToken;

    fn from_str(text: &str) -> Result<Self, NoToken> {
        let (migration, epoch) = text.split_once('/').ok_or(NoToken)?;
        Ok(Self {
            migration: migration.parse().map_err(|_| NoToken)?,
            epoch: epoch.parse().map_err(|_| NoToken)?,
        })
    }
}
