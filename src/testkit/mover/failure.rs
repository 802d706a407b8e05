use std::fmt;

use super::{Point, WorldError};
use crate::schema::text::TextError;
use crate::store::{OpenError, StoreError};
use crate::tracker::{BeginError, RegistryError};

/// The first case that a mover did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The case.
    pub case: String,
    /// The boundary at which it happened, where the case has one.
    pub at: Option<Point>,
    /// What the contract asks for.
    pub expected: String,
    /// What there was instead.
    pub found: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "case `{}`", self.case)?;
        if let Some(at) = self.at {
            write!(f, " ({at})")?;
        }
        write!(f, ": expected {}; found {}", self.expected, self.found)
    }
}

impl std::error::Error for Failure {}

/// A failure that does not know its case yet.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) expected: String,
    pub(super) found: String,
}

impl Fault {
    pub(super) fn new(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            expected: expected.into(),
            found: found.into(),
        }
    }

    pub(super) fn of_world(error: &WorldError) -> Self {
        Self::new("a world that can be used", error.to_string())
    }

    pub(super) fn in_case(self, case: &str, at: Option<Point>) -> Failure {
        Failure {
            case: case.to_owned(),
            at,
            expected: self.expected,
            found: self.found,
        }
    }

    fn of_tracker(error: &dyn std::error::Error) -> Self {
        let mut found = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            found.push_str(": ");
            found.push_str(&error.to_string());
            cause = error.source();
        }
        Self::new("a tracker that works", found)
    }
}

macro_rules! of_tracker {
    ($($error:ty),*) => { $(
        impl From<$error> for Fault {
            fn from(error: $error) -> Self {
                Self::of_tracker(&error)
            }
        }
    )* };
}

of_tracker!(
    StoreError,
    OpenError,
    RegistryError,
    BeginError,
    TextError,
    std::io::Error
);
