use std::fmt;
use std::sync::Arc;

use super::content::to_u64;
use super::record::Change;
use crate::testkit::Random;

/// What a crash does to a change that was not synced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nothing of it is there.
    Lost,
    /// All of it is there.
    Kept,
    /// Of a write, these sectors are there.
    Torn {
        /// The size of a sector.
        sector_bytes: u64,
        /// For each sector that the write touches, whether it is there.
        kept: Vec<bool>,
    },
}

impl Fate {
    /// A fate that tears `change` at the borders of sectors, if it has such borders inside.
    pub(super) fn tearing(change: &Change, sector_bytes: u64, random: &mut Random) -> Option<Self> {
        let Change::Write { offset, data, .. } = change else {
            return None;
        };
        let end = offset + to_u64(data.len());
        let sectors = end.div_ceil(sector_bytes) - offset / sector_bytes;
        if sectors < 2 {
            return None;
        }
        let cut = 1 + random.below(sectors - 1);
        let shape = random.below(3);
        let kept = (0..sectors).map(|sector| match shape {
            0 => sector < cut,
            1 => sector >= cut,
            _ => random.chance(1, 2),
        });
        Some(Self::Torn {
            sector_bytes,
            kept: kept.collect(),
        })
    }

    /// What is left of `change`, in pieces.
    pub(super) fn leaves(&self, change: &Change) -> Vec<Change> {
        let (sector_bytes, kept) = match self {
            Self::Lost => return Vec::new(),
            Self::Kept => return vec![change.clone()],
            Self::Torn { sector_bytes, kept } => (*sector_bytes, kept),
        };
        let Change::Write { file, offset, data } = change else {
            return Vec::new();
        };
        let first = offset / sector_bytes;
        let mut left = Vec::new();
        for sector in (first..)
            .zip(kept)
            .filter_map(|(at, kept)| kept.then_some(at))
        {
            let start = (sector * sector_bytes).max(*offset);
            let end = ((sector + 1) * sector_bytes).min(offset + to_u64(data.len()));
            let within =
                super::content::to_usize(start - offset)..super::content::to_usize(end - offset);
            if let Some(piece) = data.get(within) {
                left.push(Change::Write {
                    file: *file,
                    offset: start,
                    data: Arc::from(piece),
                });
            }
        }
        left
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost => f.write_str("-"),
            Self::Kept => f.write_str("+"),
            Self::Torn { sector_bytes, kept } => {
                write!(f, "[{sector_bytes}:")?;
                for kept in kept {
                    f.write_str(if *kept { "+" } else { "-" })?;
                }
                f.write_str("]")
            }
        }
    }
}

#[cfg(test)]
#[allow(
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on says so and fails"
)]
mod tests {
    use super::super::record::FileNumber;
    use super::*;

    #[test]
    fn a_torn_write_leaves_whole_sectors() {
        let write = Change::Write {
            file: FileNumber(1),
            offset: 500,
            data: vec![7; 600].into(),
        };
        let torn = Fate::Torn {
            sector_bytes: 512,
            kept: vec![true, false, true],
        };
        let left: Vec<_> = torn
            .leaves(&write)
            .into_iter()
            .map(|change| match change {
                Change::Write { offset, data, .. } => (offset, data.len()),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(left, [(500, 12), (1024, 76)]);
        assert_eq!(torn.to_string(), "[512:+-+]");
    }

    #[test]
    fn what_is_within_a_sector_is_not_torn() {
        let mut random = Random::new(1);
        let write = |offset, len| Change::Write {
            file: FileNumber(1),
            offset,
            data: vec![7; len].into(),
        };
        assert_eq!(Fate::tearing(&write(0, 512), 512, &mut random), None);
        assert_eq!(Fate::tearing(&write(100, 320), 512, &mut random), None);
        assert!(Fate::tearing(&write(400, 320), 512, &mut random).is_some());
    }
}
