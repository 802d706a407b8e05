use crate::planner::Band;

const MILLION: u128 = 1_000_000;

/// What an active node may claim of the whole.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) weight: u64,
    pub(super) capacity: Option<u64>,
    /// What it keeps: the sum of what cannot leave, or a shard that fits no band.
    pub(super) floor: u128,
}

/// The bands of nodes that hold `total` together.
pub(super) fn bands(total: u128, claims: &[Claim], ppm: u64) -> Vec<Band> {
    let ppm = u128::from(ppm).min(MILLION);
    let mut open: Vec<(usize, &Claim)> = claims.iter().enumerate().collect();
    let mut rest = total;
    let mut bands = vec![Band { least: 0, most: 0 }; claims.len()];
    let mut set = |place: usize, least: u128, most: u128, claim: &Claim| {
        if let Some(band) = bands.get_mut(place) {
            let most = claim.capacity.map_or(most, |room| most.min(room.into()));
            *band = Band { least, most };
        }
    };
    while !open.is_empty() {
        let weights: u128 = open.iter().map(|(_, claim)| u128::from(claim.weight)).sum();
        let sides: Vec<Side> = open
            .iter()
            .map(|(_, claim)| Side::of(claim, rest, weights, ppm))
            .collect();
        let sum = |of: fn(&Side) -> Option<u128>| -> u128 {
            let amounts = sides.iter().filter_map(of);
            amounts.fold(0, u128::saturating_add)
        };
        let (taken, spared) = (sum(|side| side.takes), sum(|side| side.spares));
        let settled = |side: &Side| {
            let floor = side.takes.filter(|_| taken > 0 && taken >= spared);
            let capacity = side.spares.filter(|_| spared > 0 && spared >= taken);
            floor.map(|_| side.floor).or(capacity.map(|_| side.room))
        };
        let mut next = Vec::new();
        let mut gone = 0_u128;
        for ((place, claim), side) in open.iter().zip(&sides) {
            if let Some(load) = settled(side) {
                gone = gone.saturating_add(load);
                let (least, most) = around(load, 1, 1, ppm);
                set(*place, least, most, claim);
            } else {
                next.push((*place, *claim));
            }
        }
        if next.len() == open.len() {
            for (place, claim) in next {
                let (least, most) = around(rest, claim.weight.into(), weights, ppm);
                set(place, least, most, claim);
            }
            return bands;
        }
        open = next;
        rest = rest.saturating_sub(gone);
    }
    bands
}

/// What one node would take beyond its share, or leave of it.
struct Side {
    takes: Option<u128>,
    spares: Option<u128>,
    floor: u128,
    room: u128,
}

impl Side {
    fn of(claim: &Claim, rest: u128, weights: u128, ppm: u128) -> Self {
        let weight = u128::from(claim.weight);
        let room = claim.capacity.map_or(u128::MAX, u128::from);
        let floor = claim.floor.min(room);
        let (share, wanted) = around(rest, weight, weights, 0);
        let (_, most) = around(rest, weight, weights, ppm);
        Self {
            takes: (floor > most).then(|| floor.saturating_sub(share)),
            spares: (room < wanted).then(|| wanted.saturating_sub(room)),
            floor,
            room,
        }
    }
}

/// `total * weight / weights`, less and more `ppm` of it, rounded outward.
fn around(total: u128, weight: u128, weights: u128, ppm: u128) -> (u128, u128) {
    let whole = weights.max(1).saturating_mul(MILLION);
    let (each, rest) = (total / whole, total % whole);
    // The rest is below 2^72 and the part at most 2^53: their product is exact.
    let of = |part: u128| {
        let exact = rest.saturating_mul(part);
        let whole_part = each.saturating_mul(part);
        (
            whole_part.saturating_add(exact / whole),
            whole_part.saturating_add(exact.div_ceil(whole)),
        )
    };
    let least = of(weight.saturating_mul(MILLION.saturating_sub(ppm))).0;
    (
        least,
        of(weight.saturating_mul(MILLION.saturating_add(ppm))).1,
    )
}
