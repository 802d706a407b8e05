use std::fmt;

/// What nodes offer and shards use. A small fixed list, in this order everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// The number of shards.
    Count,
    /// Bytes stored.
    Bytes,
    /// Load, in the unit of the caller.
    Load,
}

impl Resource {
    /// Every resource, in order.
    pub const ALL: [Self; 3] = [Self::Count, Self::Bytes, Self::Load];
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Count => "count",
            Self::Bytes => "bytes",
            Self::Load => "load",
        })
    }
}

/// One value for each [`Resource`].
///
/// The fields are private, so that a longer list of resources changes no caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PerResource<T> {
    count: T,
    bytes: T,
    load: T,
}

impl<T> PerResource<T> {
    /// The value that `value` gives for each resource.
    pub fn from_fn(mut value: impl FnMut(Resource) -> T) -> Self {
        Self {
            count: value(Resource::Count),
            bytes: value(Resource::Bytes),
            load: value(Resource::Load),
        }
    }

    /// The value of `resource`.
    #[must_use]
    pub fn get(&self, resource: Resource) -> &T {
        match resource {
            Resource::Count => &self.count,
            Resource::Bytes => &self.bytes,
            Resource::Load => &self.load,
        }
    }

    /// This with `value` for `resource`.
    #[must_use]
    pub fn with(mut self, resource: Resource, value: T) -> Self {
        match resource {
            Resource::Count => self.count = value,
            Resource::Bytes => self.bytes = value,
            Resource::Load => self.load = value,
        }
        self
    }
}

impl PerResource<u64> {
    /// What one shard of this size and load uses.
    #[must_use]
    pub fn of_shard(bytes: u64, load: u64) -> Self {
        Self {
            count: 1,
            bytes,
            load,
        }
    }
}
