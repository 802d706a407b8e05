use std::fmt;

const MILLION: u128 = 1_000_000;

/// Where the load of a node should be, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Band {
    /// The least.
    pub least: u128,
    /// The most.
    pub most: u128,
}

impl Band {
    /// Whether `load` is inside.
    #[must_use]
    pub fn contains(&self, load: u128) -> bool {
        self.least <= load && load <= self.most
    }

    /// How far `load` is outside; zero inside.
    #[must_use]
    pub fn distance(&self, load: u128) -> u128 {
        load.saturating_sub(self.most)
            .max(self.least.saturating_sub(load))
    }
}

impl fmt::Display for Band {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..={}", self.least, self.most)
    }
}

/// The claim of a node on the total.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    /// Relative to the other nodes; at most 32 bits.
    pub(super) weight: u64,
    /// The most it can hold.
    pub(super) capacity: Option<u64>,
}

/// The bands of nodes that share `total`, in the order of `claims`: in proportion to the weights,
/// except that a node whose capacity is below its share gets its capacity, and the others the rest.
pub(super) fn bands(total: u128, claims: &[Claim], ppm: u64) -> Vec<Band> {
    let mut rest = total;
    let mut weights: u128 = claims.iter().map(|claim| u128::from(claim.weight)).sum();
    // The node whose capacity is smallest for its weight is the first that cannot take its share.
    let mut by_room: Vec<(u64, u64)> = claims
        .iter()
        .filter_map(|claim| Some((claim.capacity?, claim.weight)))
        .collect();
    by_room.sort_by_key(|&(capacity, weight)| {
        let exact = u128::from(capacity) << 64;
        (exact / u128::from(weight.max(1)), weight)
    });
    for (capacity, weight) in by_room {
        let (capacity, weight) = (u128::from(capacity), u128::from(weight));
        if capacity.saturating_mul(weights) >= rest.saturating_mul(weight) {
            break;
        }
        rest = rest.saturating_sub(capacity);
        weights = weights.saturating_sub(weight);
    }
    claims
        .iter()
        .map(|claim| band_of(claim, rest, weights, ppm))
        .collect()
}

fn band_of(claim: &Claim, rest: u128, weights: u128, ppm: u64) -> Band {
    let weight = u128::from(claim.weight);
    let capacity = claim.capacity.map(u128::from);
    let capped = capacity
        .filter(|&room| weights == 0 || room.saturating_mul(weights) < rest.saturating_mul(weight));
    let (whole, part, parts) = match capped {
        Some(room) => (room, 1, 1),
        None => (rest, weight, weights.max(1)),
    };
    let ppm = u128::from(ppm).min(MILLION);
    let parts = parts.saturating_mul(MILLION);
    let (least, _) = scale(whole, part.saturating_mul(MILLION - ppm), parts);
    let (most, inexact) = scale(whole, part.saturating_mul(MILLION + ppm), parts);
    let most = most.saturating_add(u128::from(inexact));
    Band {
        least,
        most: capacity.map_or(most, |room| room.min(most)),
    }
}

/// `whole * part / parts` rounded down, and whether that lost something.
///
/// Exact without a wider type: `part` has at most 53 bits (32 of the weight, 21 of the band) and
/// `parts` at most 72 (52 of all weights, 20 of the million), so the product below has at most 125.
fn scale(whole: u128, part: u128, parts: u128) -> (u128, bool) {
    let remainder = (whole % parts).saturating_mul(part);
    let quotient = (whole / parts).saturating_mul(part);
    (
        quotient.saturating_add(remainder / parts),
        !remainder.is_multiple_of(parts),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn band(least: u128, most: u128) -> Band {
        Band { least, most }
    }

    fn claim(weight: u64, capacity: Option<u64>) -> Claim {
        Claim { weight, capacity }
    }

    #[test]
    fn without_tolerance_a_band_is_floor_and_ceiling() {
        let claims = [claim(1, None), claim(1, None), claim(1, None)];
        assert_eq!(bands(8, &claims, 0), vec![band(2, 3); 3]);
        assert_eq!(bands(9, &claims, 0), vec![band(3, 3); 3]);
    }

    #[test]
    fn shares_follow_the_weights_and_the_tolerance_rounds_outward() {
        let claims = [claim(1, None), claim(3, None)];
        assert_eq!(
            bands(101, &claims, 100_000),
            vec![band(22, 28), band(68, 84)]
        );
    }

    #[test]
    fn a_small_node_gets_its_capacity_and_the_others_the_rest() {
        let claims = [claim(1, Some(2)), claim(1, None), claim(1, Some(100))];
        assert_eq!(
            bands(20, &claims, 0),
            vec![band(2, 2), band(9, 9), band(9, 9)]
        );
    }

    #[test]
    fn more_than_all_capacity_leaves_each_node_its_capacity() {
        let claims = [claim(1, Some(2)), claim(4, Some(3))];
        assert_eq!(bands(20, &claims, 0), vec![band(2, 2), band(3, 3)]);
    }

    #[test]
    fn the_greatest_weights_do_not_overflow() {
        let claims = vec![claim(u64::from(u32::MAX), None); 4];
        let total = u128::from(u64::MAX) * 1_000_000;
        let bands = bands(total, &claims, 1_000_000);
        assert_eq!(bands[0], band(0, total.div_ceil(2)));
    }
}
