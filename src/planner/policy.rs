use super::{PlanError, Resource};

/// What a plan aims at, and its limits. Checked when it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    balance: Vec<Resource>,
    trigger_ppm: u64,
    target_ppm: u64,
    max_moves: Option<usize>,
    max_bytes: Option<u64>,
    max_in_flight: Option<usize>,
    max_in_per_node: Option<usize>,
    max_out_per_node: Option<usize>,
    min_gain_per_mib: u64,
    charges_both_ends: bool,
    min_zones_per_group: u32,
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
            balance: vec![balance],
            trigger_ppm,
            target_ppm,
            max_moves: None,
            max_bytes: None,
            max_in_flight: None,
            max_in_per_node: None,
            max_out_per_node: None,
            min_gain_per_mib: 0,
            charges_both_ends: true,
            min_zones_per_group: 1,
        })
    }

    /// This policy with `resource` balanced after those that it balances already: by moves that
    /// bring no node further from its band in any of those.
    ///
    /// # Errors
    /// It is balanced already.
    pub fn then(mut self, resource: Resource) -> Result<Self, PlanError> {
        if self.balance.contains(&resource) {
            return Err(PlanError::BalancedTwice { resource });
        }
        self.balance.push(resource);
        Ok(self)
    }

    /// This policy with at most `max_moves` moves in a plan.
    #[must_use]
    pub fn with_max_moves(mut self, max_moves: Option<usize>) -> Self {
        self.max_moves = max_moves;
        self
    }

    /// This policy with at most `max_bytes` bytes moved by a plan: what the moved shards use of
    /// the resource `bytes`, which the input must then have.
    #[must_use]
    pub fn with_max_bytes(mut self, max_bytes: Option<u64>) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// This policy with at most so many moves in a wave. What is in flight already counts for the
    /// first wave.
    ///
    /// # Errors
    /// The limit is zero: nothing could ever move.
    pub fn with_max_in_flight(mut self, max: Option<usize>) -> Result<Self, PlanError> {
        if max == Some(0) {
            return Err(PlanError::ZeroLimit {
                limit: "max_in_flight",
            });
        }
        self.max_in_flight = max;
        Ok(self)
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
        for (limit, max) in [("max_in_per_node", max_in), ("max_out_per_node", max_out)] {
            if max == Some(0) {
                return Err(PlanError::ZeroLimit { limit });
            }
        }
        self.max_in_per_node = max_in;
        self.max_out_per_node = max_out;
        Ok(self)
    }

    /// This policy without balancing moves that gain little for what they copy: a move must bring
    /// its two nodes closer to their bands, in sum, by so much of the balanced resource for each
    /// MiB of the shard. Where bytes are balanced the most that a move can gain is 2 MiB for each.
    #[must_use]
    pub fn with_min_gain_per_mib(mut self, min_gain_per_mib: u64) -> Self {
        self.min_gain_per_mib = min_gain_per_mib;
        self
    }

    /// This policy with or without charging a shard that moves to the node that it leaves until it
    /// has left. Without, a node may be given what fills the room of a shard that is still there.
    #[must_use]
    pub fn charging_both_ends(mut self, charges_both_ends: bool) -> Self {
        self.charges_both_ends = charges_both_ends;
        self
    }

    /// This policy with the shards of each group spread over at least so many zones, where the
    /// group has as many shards. Nodes without a zone are one zone.
    #[must_use]
    pub fn with_min_zones_per_group(mut self, min_zones: u32) -> Self {
        self.min_zones_per_group = min_zones;
        self
    }

    /// The resource that is balanced first.
    #[must_use]
    pub fn balance(&self) -> Resource {
        self.balance.first().copied().unwrap_or(Resource::COUNT)
    }

    /// Every resource that is balanced, in the order in which.
    #[must_use]
    pub fn priorities(&self) -> &[Resource] {
        &self.balance
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

    /// The most bytes of a plan. `None`: as many as it takes.
    #[must_use]
    pub fn max_bytes(&self) -> Option<u64> {
        self.max_bytes
    }

    /// The most moves of one wave. `None`: no limit.
    #[must_use]
    pub fn max_in_flight(&self) -> Option<usize> {
        self.max_in_flight
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

    /// What a balancing move must gain for each MiB that it copies.
    #[must_use]
    pub fn min_gain_per_mib(&self) -> u64 {
        self.min_gain_per_mib
    }

    /// Whether a shard that moves is charged to the node that it leaves until it has left.
    #[must_use]
    pub fn charges_both_ends(&self) -> bool {
        self.charges_both_ends
    }

    /// Over how many zones the shards of a group are spread.
    #[must_use]
    pub fn min_zones_per_group(&self) -> u32 {
        self.min_zones_per_group
    }
}
