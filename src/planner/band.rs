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
    /// What it has at least: what cannot leave, or its heaviest shard.
    pub(super) floor: u128,
}

/// The share of a node: `whole * part / parts`.
#[derive(Clone, Copy, Debug)]
struct Share {
    whole: u128,
    part: u64,
    parts: u128,
}

/// The bands of nodes that share `total`, in the order of `claims`: in proportion to the weights,
/// except that a node whose capacity is below its share gets its capacity, one in which what
/// cannot leave, or a single shard, is more than its band keeps that, and the others share the rest.
pub(super) fn bands(total: u128, claims: &[Claim], ppm: u64) -> Vec<Band> {
    let mut fixed: Vec<Option<u128>> = vec![None; claims.len()];
    let mut rest = total;
    loop {
        let open = || {
            claims
                .iter()
                .zip(&fixed)
                .filter(|(_, fixed)| fixed.is_none())
        };
        let parts: u128 = open().map(|(claim, _)| u128::from(claim.weight)).sum();
        // What floors take beyond their shares, and what capacities leave of theirs: the larger of the
        // two is settled first, as it decides in which direction the share of the others moves.
        let (mut taken, mut left) = (0_u128, 0_u128);
        for (claim, _) in open() {
            let share = mul_div(rest, claim.weight, parts);
            if claim.floor() > widened(rest, claim.weight, parts, ppm) {
                taken = taken.saturating_add(claim.floor().saturating_sub(share));
            }
            let wanted = wanted(rest, claim.weight, parts);
            left = left.saturating_add(wanted.saturating_sub(claim.most()));
        }
        if taken == 0 && left == 0 {
            let share = |(claim, fixed): (&Claim, &Option<u128>)| match fixed {
                Some(load) => Share {
                    whole: *load,
                    part: 1,
                    parts: 1,
                },
                None => Share {
                    whole: rest,
                    part: claim.weight,
                    parts: parts.max(1),
                },
            };
            let shares = claims.iter().zip(&fixed).map(share);
            return shares
                .zip(claims)
                .map(|(share, claim)| band_of(share, claim, ppm))
                .collect();
        }
        let rest_before = rest;
        for (claim, fixed) in claims.iter().zip(&mut fixed) {
            if fixed.is_some() {
                continue;
            }
            let wanted = wanted(rest_before, claim.weight, parts);
            let floor_counts = claim.floor() > widened(rest_before, claim.weight, parts, ppm);
            let settled = if taken >= left && floor_counts {
                claim.floor()
            } else if left >= taken && claim.most() < wanted {
                claim.most()
            } else {
                continue;
            };
            *fixed = Some(settled);
            rest = rest.saturating_sub(settled);
        }
    }
}

impl Claim {
    fn most(&self) -> u128 {
        self.capacity.map_or(u128::MAX, u128::from)
    }

    /// What it has beyond its capacity has to leave, and is no claim.
    fn floor(&self) -> u128 {
        self.floor.min(self.most())
    }
}

fn band_of(share: Share, claim: &Claim, ppm: u64) -> Band {
    let ppm = u128::from(ppm).min(MILLION);
    let parts = share.parts.saturating_mul(MILLION);
    let part = u128::from(share.part);
    let (least, _) = scale(share.whole, part.saturating_mul(MILLION - ppm), parts);
    let (most, inexact) = scale(share.whole, part.saturating_mul(MILLION + ppm), parts);
    let most = most.saturating_add(u128::from(inexact));
    Band {
        least,
        most: most.min(claim.most()),
    }
}

/// The upper end of the band around a share.
fn widened(whole: u128, part: u64, parts: u128, ppm: u64) -> u128 {
    let ppm = MILLION + u128::from(ppm).min(MILLION);
    let parts = parts.max(1).saturating_mul(MILLION);
    let (most, inexact) = scale(whole, u128::from(part).saturating_mul(ppm), parts);
    most.saturating_add(u128::from(inexact))
}

fn mul_div(whole: u128, part: u64, parts: u128) -> u128 {
    scale(whole, u128::from(part), parts.max(1)).0
}

/// The share, rounded up: whoever has room for less leaves something for the others.
fn wanted(whole: u128, part: u64, parts: u128) -> u128 {
    widened(whole, part, parts, 0)
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
        Claim {
            weight,
            capacity,
            floor: 0,
        }
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

    /// The share of the second was 12 1/2, so 12 was taken to be enough: together the bands had no room for
    /// the whole.
    #[test]
    fn a_part_of_a_share_that_finds_no_room_is_left_for_the_others() {
        let claims = [claim(1, Some(6)), claim(1, Some(12)), claim(1, None)];
        assert_eq!(
            bands(31, &claims, 0),
            vec![band(6, 6), band(12, 12), band(13, 13)]
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

    #[test]
    fn what_cannot_leave_is_no_part_of_the_mean() {
        let held = Claim {
            floor: 100,
            ..claim(1, None)
        };
        let claims = [held, claim(1, None), claim(1, None)];
        assert_eq!(
            bands(120, &claims, 0),
            [band(100, 100), band(10, 10), band(10, 10)]
        );
        // A floor that is below the share changes nothing.
        assert_eq!(bands(300, &claims, 0), [band(100, 100); 3]);
    }
}
