use std::collections::HashMap;
use std::path::Path;

use shardferry::NodeId;
use shardferry::planner::{
    Availability, Input, Obstacle, Plan, PlanError, Policy, check, obstacles, plan,
};
use shardferry::store::Snapshot;

use super::document::PlanFile;
use super::{Aim, input};
use crate::exit::Exit;
use crate::failure::{Failure, Problem};
use crate::names::Names;

/// A plan, and what it was made from.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) input: Input,
    pub(crate) policy: Policy,
    pub(crate) plan: Plan,
    pub(crate) names: Names,
}

impl Planned {
    /// Plans on `snapshot`.
    pub(crate) fn on(snapshot: &Snapshot, aim: &Aim) -> Result<Self, Failure> {
        let input = snapshot.plan_input();
        let policy = aim.wish().policy(&input.resources);
        let policy = policy.map_err(|error| Failure::new(Exit::Usage, error))?;
        Self::make(input, policy, Names::of(snapshot))
            .map_err(|error| Failure::new(Exit::Refused, error))
    }

    /// Plans on the cluster that a file has.
    pub(crate) fn on_file(path: &Path, aim: &Aim) -> Result<Self, Failure> {
        let read = input::read(path)?;
        let policy = aim.wish().or(read.wish).policy(&read.input.resources);
        let policy = policy.map_err(|error| Failure::new(Exit::Usage, error))?;
        Self::make(read.input, policy, Names::default()).map_err(|error| {
            Failure::new(Exit::Input, error).context(format_args!(
                "the cluster in {} contradicts itself",
                input::shown(path)
            ))
        })
    }

    fn make(input: Input, policy: Policy, names: Names) -> Result<Self, PlanError> {
        Ok(Self {
            plan: plan(&input, &policy)?,
            input,
            policy,
            names,
        })
    }

    /// The plan of a file, for the cluster of `snapshot`.
    pub(crate) fn of_file(file: PlanFile, snapshot: &Snapshot) -> Result<Self, Failure> {
        let input = snapshot.plan_input();
        Self::resumed(file, input, Names::of(snapshot))
    }

    /// The plan of a file, for the cluster of another.
    pub(crate) fn of_files(file: PlanFile, cluster: &Path) -> Result<Self, Failure> {
        Self::resumed(file, input::read(cluster)?.input, Names::default())
    }

    fn resumed(file: PlanFile, input: Input, names: Names) -> Result<Self, Failure> {
        if file.resources != input.resources {
            let named = |of: &shardferry::planner::Resources| {
                of.iter()
                    .map(|one| one.to_string())
                    .collect::<Vec<_>>()
                    .join(", ")
            };
            return Err(Failure::message(
                Exit::Refused,
                format_args!(
                    "the plan is of the resources {}, the cluster has {}",
                    named(&file.resources),
                    named(&input.resources)
                ),
            )
            .advise("plan again"));
        }
        Ok(Self {
            input,
            policy: file.policy,
            plan: file.plan,
            names,
        })
    }

    /// The state of each node.
    pub(crate) fn states(&self) -> HashMap<NodeId, Availability> {
        let nodes = self.input.nodes.iter();
        nodes.map(|node| (node.id, node.state)).collect()
    }
}

/// What is in the way of each move of a plan that cannot be made as the cluster is now. A move that
/// cannot be made is taken as made by those after it.
pub(crate) fn obstacles_of(planned: &Planned) -> Result<Vec<Problem>, Failure> {
    let Planned {
        input,
        policy,
        plan,
        names,
    } = planned;
    let found = obstacles(input, policy, plan, 0);
    let found = found.map_err(|error| Failure::new(Exit::Refused, error))?;
    Ok(found.iter().map(|one| problem(one, names)).collect())
}

/// What is in the way of a move, with the names of its shard and nodes.
pub(super) fn problem(obstacle: &Obstacle, names: &Names) -> Problem {
    let Obstacle { at, step, .. } = obstacle;
    let text = obstacle.to_string();
    let text = text.strip_prefix(&format!("move {at}: ")).unwrap_or(&text);
    Problem {
        place: format!("moves[{at}]"),
        message: format!("{}: {text}", names.step(step)),
    }
}

/// What does not hold of a plan on its cluster.
pub(crate) fn violations_of(planned: &Planned) -> Result<Vec<String>, Failure> {
    let Planned {
        input,
        policy,
        plan,
        ..
    } = planned;
    // The checker is asked about nothing that the planner would refuse.
    let verified = input.verify(policy);
    verified.map_err(|error| Failure::new(Exit::Refused, error))?;
    let violations = check(input, policy, plan);
    Ok(violations.iter().map(ToString::to_string).collect())
}
