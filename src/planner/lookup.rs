/// Finds the place of an id.
#[derive(Debug)]
pub(super) enum Lookup {
    /// By the id itself: ids are often small numbers.
    Table(Vec<u32>),
    /// The ids in order.
    Sorted(Vec<u64>),
}

/// No id is here.
const NOTHING: u32 = u32::MAX;

impl Lookup {
    /// The places of `ids`, which are in order.
    pub(super) fn new(ids: impl ExactSizeIterator<Item = u64> + Clone) -> Self {
        let (count, most) = (ids.len(), ids.clone().last().unwrap_or_default());
        match usize::try_from(most) {
            Ok(most) if most <= count.saturating_mul(4).saturating_add(1024) => {
                let mut table = vec![NOTHING; most.saturating_add(1)];
                for (place, id) in (0..).zip(ids) {
                    if let Some(row) = usize::try_from(id).ok().and_then(|id| table.get_mut(id)) {
                        *row = place;
                    }
                }
                Self::Table(table)
            }
            Ok(_) | Err(_) => Self::Sorted(ids.collect()),
        }
    }

    /// The place of `id` among the ids.
    pub(super) fn find(&self, id: u64) -> Option<usize> {
        match self {
            Self::Table(table) => {
                let place = *table.get(usize::try_from(id).ok()?)?;
                (place != NOTHING).then(|| usize::try_from(place).ok())?
            }
            Self::Sorted(ids) => ids.binary_search(&id).ok(),
        }
    }
}
