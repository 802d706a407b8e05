use super::{PlanError, Resource};

/// What a plan aims at, and its limits. Checked when it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    balance: Resource,
    trigger_ppm: u64,
    target_ppm: u64,
    max_moves: Option<usize>,
    max_in_per_node: Option<usize>,
    max_out_per_node: Option<usize>,
}

impl Policy {
    /// The widest band, in parts per million: it reaches down to an empty node.
    pub const BAND_MAX_PPM: u64 = 1_000_000;

    /// Balances `balance`: acts when a node is outside its fair share by more than `trigger_ppm`
    /// parts per million, and then brings the nodes within `target_ppm`.
    ///
    /// # Errors
    ///
    /// The target band is wider than the trigger band, or a band is wider than the whole.
    pub fn new(balance: Resource, trigger_ppm: u64, target_ppm: u64) -> Result<Self, PlanError> {
        if trigger_ppm > Self::BAND_MAX_PPM {
            return Err(PlanError::BandTooWide { got: trigger_ppm });
        }
        if target_ppm > trigger_ppm {
            return Err(PlanError::TargetOutsideTrigger {
                target_ppm,
                trigger_ppm,
            });
        }
        Ok(Self {
            balance,
            trigger_ppm,
            target_ppm,
            max_moves: None,
            max_in_per_node: None,
            max_out_per_node: None,
        })
    }

    /// This policy with at most `max_moves` moves in a plan.
    #[must_use]
    pub fn with_max_moves(mut self, max_moves: Option<usize>) -> Self {
        self.max_moves = max_moves;
        self
    }

    /// This policy with limits on the moves of one wave into and out of a node.
    ///
    /// # Errors
    ///
    /// A limit is zero: nothing could ever move.
    pub fn with_limits(
        mut self,
        max_in: Option<usize>,
        max_out: Option<usize>,
    ) -> Result<Self, PlanError> {
        if max_in == Some(0) || max_out == Some(0) {
            return Err(PlanError::ZeroLimit { max_in, max_out });
        }
        self.max_in_per_node = max_in;
        self.max_out_per_node = max_out;
        Ok(self)
    }

    /// The resource that is balanced.
    #[must_use]
    pub fn balance(&self) -> Resource {
        self.balance
    }

    /// How far from its fair share a node may be before a plan acts.
    #[must_use]
    pub fn trigger_ppm(&self) -> u64 {
        self.trigger_ppm
    }

    /// How close to its fair share a plan then brings each node.
    #[must_use]
    pub fn target_ppm(&self) -> u64 {
        self.target_ppm
    }

    /// The most moves of a plan. `None`: as many as it takes.
    #[must_use]
    pub fn max_moves(&self) -> Option<usize> {
        self.max_moves
    }

    /// The most moves of one wave into a node. `None`: no limit.
    #[must_use]
    pub fn max_in_per_node(&self) -> Option<usize> {
        self.max_in_per_node
    }

    /// The most moves of one wave out of a node. `None`: no limit.
    #[must_use]
    pub fn max_out_per_node(&self) -> Option<usize> {
        self.max_out_per_node
    }
}
