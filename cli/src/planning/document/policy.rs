use serde::{Deserialize, Serialize};
use shardferry::planner::{PlanError, Policy, Resources};

use super::codes::resource;

/// What a plan was made with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct PolicyDocument {
    balance: Vec<String>,
    trigger_ppm: u64,
    target_ppm: u64,
    max_moves: Option<usize>,
    max_bytes: Option<u64>,
    max_in_flight: Option<usize>,
    max_in_per_node: Option<usize>,
    max_out_per_node: Option<usize>,
    min_gain_per_mib: u64,
    charge_both_ends: bool,
    min_zones_per_group: u32,
}

impl PolicyDocument {
    pub(super) fn of(policy: &Policy) -> Self {
        Self {
            balance: policy
                .priorities()
                .iter()
                .map(ToString::to_string)
                .collect(),
            trigger_ppm: policy.trigger_ppm(),
            target_ppm: policy.target_ppm(),
            max_moves: policy.max_moves(),
            max_bytes: policy.max_bytes(),
            max_in_flight: policy.max_in_flight(),
            max_in_per_node: policy.max_in_per_node(),
            max_out_per_node: policy.max_out_per_node(),
            min_gain_per_mib: policy.min_gain_per_mib(),
            charge_both_ends: policy.charges_both_ends(),
            min_zones_per_group: policy.min_zones_per_group(),
        }
    }

    pub(super) fn policy(&self, resources: &Resources) -> Result<Policy, String> {
        let balance = self.balance.iter().map(|name| resource(name, resources));
        let balance: Vec<_> = balance.collect::<Result<_, _>>()?;
        let (first, further) = balance
            .split_first()
            .ok_or_else(|| "`balance` names no resource".to_owned())?;
        let said = |error: PlanError| error.to_string();
        let mut policy = Policy::new(*first, self.trigger_ppm, self.target_ppm).map_err(said)?;
        for resource in further {
            policy = policy.then(*resource).map_err(said)?;
        }
        Ok(policy
            .with_max_moves(self.max_moves)
            .with_max_bytes(self.max_bytes)
            .with_max_in_flight(self.max_in_flight)
            .and_then(|policy| policy.with_limits(self.max_in_per_node, self.max_out_per_node))
            .map_err(said)?
            .with_min_gain_per_mib(self.min_gain_per_mib)
            .charging_both_ends(self.charge_both_ends)
            .with_min_zones_per_group(self.min_zones_per_group))
    }
}
