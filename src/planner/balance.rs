use super::Policy;
use super::band::{Claim, bands};
use super::cluster::Node;
use super::fill::fill;
use super::home::Home;
use super::relax::relax;
use super::schedule::Schedule;
use super::shed::shed;

/// Gives each of the active nodes its band around its share of `total`, `ppm` wide on each side.
fn set_bands(total: u128, active: &[&Node<'_>], policy: &Policy, ppm: u64) {
    let claims: Vec<Claim> = active
        .iter()
        .map(|node| Claim {
            weight: node.input.weight,
            capacity: *node.input.capacity.get(policy.balance()),
        })
        .collect();
    for (node, band) in active.iter().zip(bands(total, &claims, ppm)) {
        node.band.set(band);
    }
}

/// Sets the bands: the target bands if a node is outside its trigger band, else the trigger bands.
/// `coming` is what the active nodes are still to take over. Answers whether the balance is
/// triggered.
pub(super) fn trigger(
    coming: u128,
    active: &[&Node<'_>],
    policy: &Policy,
    schedule: &Schedule,
) -> bool {
    let total = active.iter().fold(coming, |total, node| {
        total.saturating_add(schedule.load(node))
    });
    set_bands(total, active, policy, policy.trigger_ppm());
    let triggered = active
        .iter()
        .any(|node| !node.band.get().contains(schedule.load(node)));
    if triggered && coming == 0 {
        set_bands(total, active, policy, policy.target_ppm());
    }
    triggered
}

/// Moves shards between active nodes until no single move helps. Answers whether something moved.
pub(super) fn balance(homes: &mut [Home<'_, '_, '_>], schedule: &mut Schedule) -> bool {
    let before = schedule.moves.len();
    // What fits into no band goes first: placed last, it would land on what was moved to make up
    // for it.
    let most = homes.iter().map(|home| home.node.band.get().most).max();
    let oversized = most.unwrap_or(0).saturating_add(1);
    if let Ok(oversized) = u64::try_from(oversized) {
        relax(homes, oversized, schedule);
    }
    loop {
        shed(homes, schedule);
        fill(homes, schedule);
        if !relax(homes, 1, schedule) || schedule.is_full() {
            return schedule.moves.len() > before;
        }
    }
}
