use std::fmt;

use serde::{Deserialize, Serialize};

/// One step of a move, and one call of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Bring the shard to the destination, where it does not serve yet.
    Copy,
    /// Bring what was written to the source since.
    CatchUp,
    /// Stop writes to the source.
    Fence,
    /// Let writes to the source go on.
    Unfence,
    /// Read both sides and say what is there.
    Verify,
    /// Make the destination serve.
    Activate,
    /// Remove the copy at the source.
    ReleaseSource,
    /// Remove what was copied to the destination.
    DiscardDestination,
}

impl Step {
    /// Every step, in the order of a move.
    pub const ALL: [Self; 8] = [
        Self::Copy,
        Self::CatchUp,
        Self::Fence,
        Self::Unfence,
        Self::Verify,
        Self::Activate,
        Self::ReleaseSource,
        Self::DiscardDestination,
    ];

    /// Its name in the protocol, in configurations and in `SHARDFERRY_STEP`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Copy => "copy",
            Self::CatchUp => "catch_up",
            Self::Fence => "fence",
            Self::Unfence => "unfence",
            Self::Verify => "verify",
            Self::Activate => "activate",
            Self::ReleaseSource => "release_source",
            Self::DiscardDestination => "discard_destination",
        }
    }

    /// Why a program cannot do without this step; `None` when it can.
    pub(super) fn why_needed(self) -> Option<&'static str> {
        match self {
            Self::Copy => Some("without it nothing is moved"),
            Self::Verify => Some("nothing is cut over that was not compared"),
            Self::ReleaseSource | Self::DiscardDestination => Some(
                "without it a copy would stay behind and be taken for removed; where there is \
                 nothing to remove, the program ends with code 0",
            ),
            Self::CatchUp | Self::Fence | Self::Unfence | Self::Activate => None,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
