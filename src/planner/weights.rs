/// What each shard uses of one resource.
#[derive(Clone, Debug)]
pub(super) enum Weights {
    /// As its input says: nobody asks often.
    Elsewhere,
    /// The same, so many times.
    Same(u64, usize),
    Each(Vec<u64>),
}

impl Weights {
    pub(super) fn push(&mut self, weight: u64, shards: usize) {
        match self {
            Self::Elsewhere => {}
            Self::Same(first, count) if weight == *first || *count == 0 => {
                (*first, *count) = (weight, count.saturating_add(1));
            }
            Self::Same(first, count) => {
                let mut each = Vec::with_capacity(shards);
                each.resize(*count, *first);
                each.push(weight);
                *self = Self::Each(each);
            }
            Self::Each(each) => each.push(weight),
        }
    }
}
