use shardferry::planner::{Band, Left, MoveReason, Resource};

use crate::names::Names;
use crate::text;

/// Why a shard moves, with amounts in the unit of what is balanced.
pub(in crate::planning) fn reason(reason: MoveReason) -> String {
    match reason {
        MoveReason::Drain
        | MoveReason::Misplaced(_)
        | MoveReason::Overfull(_)
        | MoveReason::Spread
        | MoveReason::Room(_) => reason.to_string(),
        MoveReason::Above { load, resource, .. } => {
            let amount = amount(load, resource);
            format!("the node it leaves has {amount}, which is too much")
        }
        MoveReason::Below { load, resource, .. } => {
            let amount = amount(load, resource);
            format!("the node it goes to has {amount}, which is too little")
        }
    }
}

/// `7 shards`, `6.1 MiB`, `12 load`.
pub(in crate::planning) fn amount(load: u128, resource: Resource) -> String {
    if resource == Resource::COUNT {
        return text::count(load, "shard");
    }
    if resource.name() == Resource::BYTES.name() {
        return text::bytes(u64::try_from(load).unwrap_or(u64::MAX));
    }
    format!("{load} {resource}")
}

/// `3 shards to 5 shards`, or `4 shards`.
pub(in crate::planning) fn range(band: &Band, resource: Resource) -> String {
    let (least, most) = (amount(band.least, resource), amount(band.most, resource));
    if least == most {
        least
    } else {
        format!("{least} to {most}")
    }
}

/// What stays as it should not be.
pub(in crate::planning) fn left_text(left: &Left, names: &Names) -> String {
    match left {
        Left::Shard {
            shard,
            node,
            wrong,
            why,
        } => format!(
            "{} stays on {}, {wrong}: {why}",
            names.shard(*shard),
            names.node(*node)
        ),
        Left::Node {
            node,
            load,
            band,
            why,
            resource,
        } => format!(
            "{} ends with {}, and should have {}: {why}",
            names.node(*node),
            amount(*load, *resource),
            range(band, *resource)
        ),
    }
}
