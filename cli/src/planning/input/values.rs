//! Numbers and lists of numbers, with errors that say what they are.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Unexpected, Visitor};
use shardferry::planner::{PerResource, Resources};

/// A whole number from 0, of this meaning.
#[derive(Clone, Copy)]
pub(super) struct Whole(pub(super) &'static str);

impl<'de> DeserializeSeed<'de> for Whole {
    type Value = u64;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u64, D::Error> {
        deserializer.deserialize_u64(self)
    }
}

impl Visitor<'_> for Whole {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: a whole number from 0 to {}", self.0, u64::MAX)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<u64, E> {
        Ok(value)
    }

    /// What has more than 64 bits also arrives here.
    fn visit_f64<E: Error>(self, value: f64) -> Result<u64, E> {
        /// 2 to the 64th.
        const TOO_LARGE: f64 = 18_446_744_073_709_551_616.0;
        if value >= TOO_LARGE {
            return Err(E::custom(format_args!(
                "{}: about {value} is too large, the most is {}",
                self.0,
                u64::MAX
            )));
        }
        Err(E::invalid_type(Unexpected::Float(value), &self))
    }
}

/// As [`Whole`], or null.
#[derive(Clone, Copy)]
pub(super) struct Optional(pub(super) &'static str);

impl<'de> DeserializeSeed<'de> for Optional {
    type Value = Option<u64>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<u64>, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for Optional {
    type Value = Option<u64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: a whole number, or null", self.0)
    }

    fn visit_none<E: Error>(self) -> Result<Option<u64>, E> {
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Option<u64>, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<u64>, D::Error> {
        Whole(self.0).deserialize(deserializer).map(Some)
    }
}

/// A list of ids.
pub(super) struct Ids(pub(super) &'static str);

impl<'de> DeserializeSeed<'de> for Ids {
    type Value = Vec<u64>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<u64>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Ids {
    type Value = Vec<u64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: a list of ids", self.0)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<u64>, A::Error> {
        let mut ids = Vec::new();
        while let Some(id) = list.next_element_seed(Whole(self.0))? {
            ids.push(id);
        }
        Ok(ids)
    }
}

/// One value for each resource, in their order.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Positional {
    values: [Option<u64>; Resources::MAX],
    pub(super) len: usize,
}

impl Positional {
    pub(super) fn weights(&self) -> PerResource<u64> {
        let values = self.values.map(Option::unwrap_or_default);
        PerResource::from_slice(values.get(..self.len).unwrap_or_default())
    }

    /// Zero is no limit.
    pub(super) fn capacity(&self) -> PerResource<Option<u64>> {
        let values = self.values.map(|value| value.filter(|value| *value > 0));
        PerResource::from_slice(values.get(..self.len).unwrap_or_default())
    }
}

/// Reads a [`Positional`].
#[derive(Clone, Copy)]
pub(super) struct PositionalSeed<'a> {
    pub(super) what: &'static str,
    /// Whether null stands for a value that is not there.
    pub(super) nullable: bool,
    pub(super) resources: Option<&'a Resources>,
}

impl<'de> DeserializeSeed<'de> for PositionalSeed<'_> {
    type Value = Positional;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Positional, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for PositionalSeed<'_> {
    type Value = Positional;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: a list of whole numbers, one for each resource",
            self.what
        )
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Positional, A::Error> {
        let mut read = Positional::default();
        for place in &mut read.values {
            let value = if self.nullable {
                list.next_element_seed(Optional(self.what))?
            } else {
                list.next_element_seed(Whole(self.what))?.map(Some)
            };
            let Some(value) = value else { break };
            *place = value;
            read.len += 1;
        }
        if read.len == Resources::MAX {
            while list.next_element_seed(Optional(self.what))?.is_some() {
                read.len += 1;
            }
        }
        match self.resources {
            Some(resources) if resources.iter().len() != read.len => Err(A::Error::custom(
                wrong_number(self.what, read.len, resources),
            )),
            Some(_) | None => Ok(read),
        }
    }
}

/// That there are not as many values as resources.
pub(super) fn wrong_number(what: &str, got: usize, resources: &Resources) -> String {
    let known: Vec<_> = resources.iter().map(|one| format!("`{one}`")).collect();
    let values = crate::text::count(got, "value");
    format!(
        "{what}: {values}, expected {}, one for each resource: {}",
        known.len(),
        known.join(", ")
    )
}
