//! How heavy shards are.

use shardferry::planner::{PlanError, Policy, Resource};

use crate::random::Random;

/// A distribution of the weights of shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weights {
    /// All the same: their number is balanced.
    Unit,
    /// Log-normal, sigma 1.
    LogNormal,
    /// Pareto of shape 3: a finite variance.
    Pareto3,
    /// Pareto of shape 2: none.
    Pareto2,
}

/// The median of the log-normal sizes, and the least of the others.
const BYTES: f64 = 1e6;

/// The trigger band of every plan.
const TRIGGER_PPM: u64 = 100_000;

/// The target band where sizes are balanced; numbers are balanced to the unit.
const TARGET_PPM: u64 = 50_000;

impl Weights {
    pub(crate) const ALL: [Self; 4] = [Self::Unit, Self::LogNormal, Self::Pareto3, Self::Pareto2];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unit => "unit",
            Self::LogNormal => "log-normal",
            Self::Pareto3 => "pareto 3",
            Self::Pareto2 => "pareto 2",
        }
    }

    pub(crate) fn bytes(self, random: &mut Random) -> u64 {
        let pareto = |shape: f64, random: &mut Random| BYTES * random.fraction().powf(-1.0 / shape);
        let bytes = match self {
            Self::Unit => BYTES,
            Self::LogNormal => BYTES * random.normal().exp(),
            Self::Pareto3 => pareto(3.0, random),
            Self::Pareto2 => pareto(2.0, random),
        };
        bytes as u64 + 1
    }

    /// What is balanced.
    pub(crate) fn resource(self) -> Resource {
        match self {
            Self::Unit => Resource::COUNT,
            Self::LogNormal | Self::Pareto3 | Self::Pareto2 => Resource::BYTES,
        }
    }

    /// The policy that such shards are balanced with.
    pub(crate) fn policy(self) -> Result<Policy, PlanError> {
        let target_ppm = match self {
            Self::Unit => 0,
            Self::LogNormal | Self::Pareto3 | Self::Pareto2 => TARGET_PPM,
        };
        Policy::new(self.resource(), TRIGGER_PPM, target_ppm)
    }
}
