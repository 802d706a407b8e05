use shardferry::planner::{PlanError, Policy, Resource, Resources};
use shardferry::tracker::{RebalanceError, threshold_ppm};

/// What is balanced when nobody says, where the cluster has it.
const BALANCED: &str = "bytes";

/// How far a node may be from its share when nobody says.
const THRESHOLD: f64 = 0.1;

/// What somebody wants of a plan: in a file, on the command line, or both.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Wish {
    /// The names of the resources to balance, the most important first.
    pub(crate) balance: Vec<String>,
    /// A fraction.
    pub(crate) trigger: Option<f64>,
    /// A fraction.
    pub(crate) target: Option<f64>,
    pub(crate) max_moves: Option<usize>,
    pub(crate) max_bytes: Option<u64>,
    pub(crate) max_in_flight: Option<usize>,
    pub(crate) max_in_per_node: Option<usize>,
    pub(crate) max_out_per_node: Option<usize>,
    pub(crate) min_gain_per_mib: Option<u64>,
    pub(crate) charge_both_ends: Option<bool>,
    pub(crate) min_zones_per_group: Option<u32>,
}

impl Wish {
    /// This, and what it leaves open as `other` has it.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            balance: if self.balance.is_empty() {
                other.balance
            } else {
                self.balance
            },
            trigger: self.trigger.or(other.trigger),
            target: self.target.or(other.target),
            max_moves: self.max_moves.or(other.max_moves),
            max_bytes: self.max_bytes.or(other.max_bytes),
            max_in_flight: self.max_in_flight.or(other.max_in_flight),
            max_in_per_node: self.max_in_per_node.or(other.max_in_per_node),
            max_out_per_node: self.max_out_per_node.or(other.max_out_per_node),
            min_gain_per_mib: self.min_gain_per_mib.or(other.min_gain_per_mib),
            charge_both_ends: self.charge_both_ends.or(other.charge_both_ends),
            min_zones_per_group: self.min_zones_per_group.or(other.min_zones_per_group),
        }
    }

    /// The policy. Without a target, shards are counted to the unit, and anything else is brought
    /// within half of the threshold.
    pub(crate) fn policy(&self, resources: &Resources) -> Result<Policy, RebalanceError> {
        let balance = self.balanced(resources)?;
        let (first, further) = match balance.split_first() {
            Some((first, further)) => (*first, further),
            None => (Resource::COUNT, &[][..]),
        };
        let trigger_ppm = threshold_ppm(self.trigger.unwrap_or(THRESHOLD))?;
        let target_ppm = match self.target {
            Some(target) => threshold_ppm(target)?,
            None if first.name() == Resource::COUNT.name() => 0,
            None => trigger_ppm / 2,
        };
        let mut policy = Policy::new(first, trigger_ppm, target_ppm)?;
        for resource in further {
            policy = policy.then(*resource)?;
        }
        Ok(policy
            .with_max_moves(self.max_moves)
            .with_max_bytes(self.max_bytes)
            .with_max_in_flight(self.max_in_flight)?
            .with_limits(self.max_in_per_node, self.max_out_per_node)?
            .with_min_gain_per_mib(self.min_gain_per_mib.unwrap_or(0))
            .charging_both_ends(self.charge_both_ends.unwrap_or(true))
            .with_min_zones_per_group(self.min_zones_per_group.unwrap_or(1)))
    }

    fn balanced(&self, resources: &Resources) -> Result<Vec<Resource>, PlanError> {
        if self.balance.is_empty() {
            let usual = resources.by_name(BALANCED);
            return Ok(usual
                .or_else(|| resources.iter().next())
                .into_iter()
                .collect());
        }
        let known = |name: &String| {
            resources.by_name(name).ok_or_else(|| {
                let known: Vec<_> = resources.iter().map(|one| format!("`{one}`")).collect();
                PlanError::UnknownResource {
                    name: name.clone(),
                    known: known.join(", "),
                }
            })
        };
        self.balance.iter().map(known).collect()
    }
}
