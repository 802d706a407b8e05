use std::fmt;

/// A step of a mover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// [`copy`](crate::executor::ShardMover::copy).
    Copy,
    /// [`catch_up`](crate::executor::ShardMover::catch_up).
    CatchUp,
    /// [`fence`](crate::executor::ShardMover::fence).
    Fence,
    /// [`verify`](crate::executor::ShardMover::verify).
    Verify,
    /// [`activate`](crate::executor::ShardMover::activate).
    Activate,
    /// [`release_source`](crate::executor::ShardMover::release_source).
    ReleaseSource,
    /// [`unfence`](crate::executor::ShardMover::unfence).
    Unfence,
    /// [`discard_destination`](crate::executor::ShardMover::discard_destination).
    DiscardDestination,
}

impl Step {
    /// Every step: those of a move, then those of one that is called off.
    pub const ALL: [Self; 8] = [
        Self::Copy,
        Self::CatchUp,
        Self::Fence,
        Self::Verify,
        Self::Activate,
        Self::ReleaseSource,
        Self::Unfence,
        Self::DiscardDestination,
    ];

    /// Whether it comes after the cutover.
    pub(super) const fn is_after_cutover(self) -> bool {
        match self {
            Self::Activate | Self::ReleaseSource => true,
            Self::Copy
            | Self::CatchUp
            | Self::Fence
            | Self::Verify
            | Self::Unfence
            | Self::DiscardDestination => false,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Copy => "copy",
            Self::CatchUp => "catch_up",
            Self::Fence => "fence",
            Self::Verify => "verify",
            Self::Activate => "activate",
            Self::ReleaseSource => "release_source",
            Self::Unfence => "unfence",
            Self::DiscardDestination => "discard_destination",
        })
    }
}

/// Where in a step. Reports are counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum At {
    /// Nothing of it was done yet.
    Before,
    /// The mover makes this report, and it is not recorded yet.
    Asked(u32),
    /// This report, a checkpoint, is recorded, and the mover has not heard so yet.
    Recorded(u32),
    /// It is done, and nobody has recorded that.
    After,
}

/// A boundary: where a mover can be cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Point {
    /// The step.
    pub step: Step,
    /// Which call of this step in the run, counted from 1.
    pub call: u32,
    /// Where in it.
    pub at: At,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = self.step;
        match self.at {
            At::Before => write!(f, "before {step}")?,
            At::Asked(report) => write!(f, "{step} at report {report}")?,
            At::Recorded(report) => write!(f, "{step} with checkpoint {report} recorded")?,
            At::After => write!(f, "after {step}")?,
        }
        if self.call > 1 {
            write!(f, ", call {}", self.call)?;
        }
        Ok(())
    }
}
