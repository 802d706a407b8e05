//! The words that stand in JSON for what the planner says.

use shardferry::planner::{Availability, Refusal, Resource, Resources};

/// The state of a node.
pub(crate) fn state_code(state: Availability) -> &'static str {
    match state {
        Availability::Active => "active",
        Availability::Draining => "draining",
        Availability::NoAccept => "no-accept",
        Availability::Down => "down",
    }
}

/// `group`, or `full:bytes`.
pub(crate) fn refusal_code(refusal: Refusal) -> String {
    let code = match refusal {
        Refusal::NotAllowed => "not-allowed",
        Refusal::Disallowed => "disallowed",
        Refusal::Replica => "replica",
        Refusal::Cleanup => "cleanup",
        Refusal::Cooling => "cooling",
        Refusal::Group => "group",
        Refusal::Zone => "zone",
        Refusal::Full(resource) => return format!("full:{resource}"),
    };
    code.to_owned()
}

/// The refusal that a code stands for.
pub(super) fn refusal(code: &str, resources: &Resources) -> Result<Refusal, String> {
    Ok(match code {
        "not-allowed" => Refusal::NotAllowed,
        "disallowed" => Refusal::Disallowed,
        "replica" => Refusal::Replica,
        "cleanup" => Refusal::Cleanup,
        "cooling" => Refusal::Cooling,
        "group" => Refusal::Group,
        "zone" => Refusal::Zone,
        other => match other.strip_prefix("full:") {
            Some(name) => Refusal::Full(resource(name, resources)?),
            None => return Err(format!("there is no refusal `{other}`")),
        },
    })
}

/// The resource of this name.
pub(super) fn resource(name: &str, resources: &Resources) -> Result<Resource, String> {
    resources
        .by_name(name)
        .ok_or_else(|| format!("there is no resource `{name}` in the plan"))
}

/// A field that must be there with this kind.
pub(super) fn with<T>(field: Option<T>, name: &str, kind: &str) -> Result<T, String> {
    field.ok_or_else(|| format!("`{kind}` needs `{name}`"))
}
