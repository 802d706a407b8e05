//! Tables of nodes and of shards, one column each, and the places of their rows.

use std::marker::PhantomData;
use std::ops::{Index, IndexMut};

/// The place of a row.
pub(super) trait Place: Copy {
    fn new(at: usize) -> Self;
    fn at(self) -> usize;
}

macro_rules! places {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(super) struct $name(u32);

        impl Place for $name {
            fn new(at: usize) -> Self {
                // `Cluster` refuses longer tables.
                Self(u32::try_from(at).unwrap_or(u32::MAX))
            }

            fn at(self) -> usize {
                usize::try_from(self.0).unwrap_or(usize::MAX)
            }
        }
    )*};
}

places! {
    /// A node of a world, in the order of the ids.
    NodeAt
    /// A shard of a world, in the order of the ids.
    ShardAt
    /// A group of a world.
    GroupAt
}

/// The most rows of a table.
pub(super) const ROWS_MAX: usize = u32::MAX as usize - 1;

/// One value for each row of a table.
#[derive(Clone, Debug)]
pub(super) struct Column<P, T> {
    values: Vec<T>,
    place: PhantomData<P>,
}

impl<P: Place, T> Column<P, T> {
    /// The same value for each of so many rows.
    pub(super) fn of(rows: usize, value: T) -> Self
    where
        T: Clone,
    {
        Self::from(vec![value; rows])
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    pub(super) fn places(
        &self,
    ) -> impl DoubleEndedIterator<Item = P> + ExactSizeIterator + Clone + use<P, T> {
        (0..self.values.len()).map(P::new)
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (P, &T)> {
        self.values
            .iter()
            .enumerate()
            .map(|(at, value)| (P::new(at), value))
    }

    pub(super) fn values(&self) -> &[T] {
        &self.values
    }

    /// The same value for every row.
    pub(super) fn fill(&mut self, value: T)
    where
        T: Clone,
    {
        self.values.fill(value);
    }
}

impl<P, T> From<Vec<T>> for Column<P, T> {
    fn from(values: Vec<T>) -> Self {
        Self {
            values,
            place: PhantomData,
        }
    }
}

impl<P: Place, T> Index<P> for Column<P, T> {
    type Output = T;

    #[expect(
        clippy::indexing_slicing,
        reason = "a place is one of the table that the column belongs to"
    )]
    fn index(&self, place: P) -> &T {
        &self.values[place.at()]
    }
}

impl<P: Place, T> IndexMut<P> for Column<P, T> {
    #[expect(
        clippy::indexing_slicing,
        reason = "a place is one of the table that the column belongs to"
    )]
    fn index_mut(&mut self, place: P) -> &mut T {
        &mut self.values[place.at()]
    }
}

/// Rows of one table by the row of another that they belong to.
#[derive(Clone, Debug)]
pub(super) struct Members<P, M> {
    starts: Vec<u32>,
    members: Vec<M>,
    place: PhantomData<P>,
}

impl<P: Place, M: Place> Members<P, M> {
    /// Each of `members` under the row that `belongs` says, of `rows` rows; in their order.
    pub(super) fn new(
        rows: usize,
        members: impl Iterator<Item = M> + Clone,
        belongs: impl Fn(M) -> Option<P>,
    ) -> Self {
        let mut starts = vec![0_u32; rows.saturating_add(1)];
        for row in members.clone().filter_map(&belongs) {
            if let Some(count) = starts.get_mut(row.at().saturating_add(1)) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let mut next: Column<P, u32> = starts.clone().into();
        let len = usize::try_from(sum).unwrap_or(usize::MAX);
        let mut sorted = vec![M::new(0); len];
        for member in members {
            let Some(row) = belongs(member) else {
                continue;
            };
            let at = usize::try_from(next[row]).unwrap_or(usize::MAX);
            next[row] += 1;
            if let Some(place) = sorted.get_mut(at) {
                *place = member;
            }
        }
        Self {
            starts,
            members: sorted,
            place: PhantomData,
        }
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = P> + use<P, M> {
        (0..self.starts.len().saturating_sub(1)).map(P::new)
    }

    fn range(&self, row: P) -> std::ops::Range<usize> {
        let start = |at: usize| {
            let start = self.starts.get(at).copied().unwrap_or_default();
            usize::try_from(start).unwrap_or(usize::MAX)
        };
        start(row.at())..start(row.at().saturating_add(1))
    }

    pub(super) fn of(&self, row: P) -> &[M] {
        self.members.get(self.range(row)).unwrap_or_default()
    }

    pub(super) fn of_mut(&mut self, row: P) -> &mut [M] {
        let range = self.range(row);
        self.members.get_mut(range).unwrap_or_default()
    }
}
