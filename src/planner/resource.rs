use std::fmt;

use super::PlanError;

/// How long the name of a resource may be, in bytes.
const NAME_BYTES_MAX: usize = 15;

/// Something that nodes offer and shards use: its name, and its place in the list of a cluster's
/// [`Resources`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resource {
    index: u8,
    /// Zeros after its end.
    name: [u8; NAME_BYTES_MAX],
}

impl Resource {
    /// The number of shards: the first resource of the standard list.
    pub const COUNT: Self = Self::constant(0, b"count");
    /// Bytes stored: the second.
    pub const BYTES: Self = Self::constant(1, b"bytes");
    /// Load, in the unit of the caller: the third.
    pub const LOAD: Self = Self::constant(2, b"load");

    const fn constant(index: u8, text: &[u8]) -> Self {
        let mut name = [0; NAME_BYTES_MAX];
        let (start, _) = name.split_at_mut(text.len());
        start.copy_from_slice(text);
        Self { index, name }
    }

    /// Its place in the list.
    #[must_use]
    pub fn index(self) -> usize {
        self.index.into()
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        let len = self.name.iter().position(|byte| *byte == 0);
        let name = self.name.get(..len.unwrap_or(NAME_BYTES_MAX));
        // A name is ASCII: `Resources::new` takes no other.
        name.and_then(|name| std::str::from_utf8(name).ok())
            .unwrap_or_default()
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.index, self.name())
    }
}

/// The resources of a cluster, in their order.
///
/// ```
/// use shardferry::planner::{Resource, Resources};
///
/// assert_eq!(Resources::default().by_name("bytes"), Some(Resource::BYTES));
/// let own = Resources::new(["cpu", "ram", "disk"])?;
/// assert_eq!(own.by_name("ram").map(Resource::index), Some(1));
/// assert!(Resources::new(["cpu", "cpu"]).is_err());
/// # Ok::<(), shardferry::planner::PlanError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resources(Vec<Resource>);

impl Resources {
    /// The most resources of a cluster.
    pub const MAX: usize = 16;

    /// The resources of these names, in this order.
    ///
    /// # Errors
    /// There is none or more than [`Self::MAX`], a name stands twice, or one is not 1 to 15
    /// characters, each a letter, a digit, `_` or `-`.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, PlanError> {
        let mut resources = Vec::new();
        for text in names {
            let fine = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
            if text.is_empty() || text.len() > NAME_BYTES_MAX || !text.as_bytes().iter().all(fine) {
                return Err(PlanError::ResourceName {
                    name: text.to_owned(),
                });
            }
            if resources
                .iter()
                .any(|known: &Resource| known.name() == text)
            {
                return Err(PlanError::DuplicateResource {
                    name: text.to_owned(),
                });
            }
            let index = u8::try_from(resources.len()).unwrap_or(u8::MAX);
            resources.push(Resource::constant(index, text.as_bytes()));
        }
        if resources.is_empty() || resources.len() > Self::MAX {
            return Err(PlanError::ResourceCount {
                got: resources.len(),
                max: Self::MAX,
            });
        }
        Ok(Self(resources))
    }

    /// Each of them, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Resource> + '_ {
        self.0.iter().copied()
    }

    /// The one of this name.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<Resource> {
        self.iter().find(|resource| resource.name() == name)
    }

    /// Whether `resource` is one of them.
    #[must_use]
    pub fn contains(&self, resource: Resource) -> bool {
        self.0.get(resource.index()) == Some(&resource)
    }
}

impl Default for Resources {
    /// The number of shards, bytes, and load.
    fn default() -> Self {
        Self(vec![Resource::COUNT, Resource::BYTES, Resource::LOAD])
    }
}

/// How many values stand in the struct itself: those of the standard list.
const INLINE: usize = 3;

/// One value for each resource of a cluster. What was not set is the default: nothing used, or no
/// limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PerResource<T> {
    first: [T; INLINE],
    /// Those of further resources, without defaults at its end.
    more: Box<[T]>,
}

impl<T: Copy + Default + PartialEq> PerResource<T> {
    /// The value that `value` gives for each of `resources`.
    #[must_use]
    pub fn from_fn(resources: &Resources, mut value: impl FnMut(Resource) -> T) -> Self {
        let values: Vec<T> = resources.iter().map(&mut value).collect();
        Self::from_slice(&values)
    }

    /// The values of the first resources, in their order.
    #[must_use]
    pub fn from_slice(values: &[T]) -> Self {
        let mut first = [T::default(); INLINE];
        for (to, from) in first.iter_mut().zip(values) {
            *to = *from;
        }
        let more = values.get(INLINE..).unwrap_or_default();
        let set = |value: &T| *value != T::default();
        let len = more
            .iter()
            .rposition(set)
            .map_or(0, |last| last.saturating_add(1));
        Self {
            first,
            more: more.get(..len).unwrap_or_default().into(),
        }
    }

    /// The value of `resource`.
    #[must_use]
    pub fn get(&self, resource: Resource) -> T {
        self.at(resource.index())
    }

    /// The value of the resource at this place of the list.
    pub(super) fn at(&self, index: usize) -> T {
        let value = match self.first.get(index) {
            Some(value) => Some(value),
            None => self.more.get(index.saturating_sub(INLINE)),
        };
        value.copied().unwrap_or_default()
    }

    /// This with `value` for `resource`.
    #[must_use]
    pub fn with(self, resource: Resource, value: T) -> Self {
        let index = resource.index();
        let mut values = self.first.to_vec();
        values.extend(self.more);
        let len = values.len().max(index.saturating_add(1));
        values.resize(len, T::default());
        if let Some(place) = values.get_mut(index) {
            *place = value;
        }
        Self::from_slice(&values)
    }

    /// Whether a resource at or after place `len` has a value other than the default.
    pub(super) fn exceeds(&self, len: usize) -> bool {
        let inline = self.first.iter().skip(len).any(|v| *v != T::default());
        inline || INLINE.saturating_add(self.more.len()) > len.max(INLINE)
    }
}

impl PerResource<u64> {
    /// What one shard of this size and load uses of the standard resources.
    #[must_use]
    pub fn of_shard(bytes: u64, load: u64) -> Self {
        Self {
            first: [1, bytes, load],
            more: Box::default(),
        }
    }
}
