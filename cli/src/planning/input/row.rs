use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use shardferry::planner::Resources;

/// What is being read, for errors.
#[derive(Debug, Default)]
pub(super) struct Trace {
    list: Cell<Option<&'static str>>,
    at: Cell<usize>,
    id: Cell<Option<u64>>,
}

impl Trace {
    pub(super) fn outside(&self) {
        self.list.set(None);
    }

    pub(super) fn enter(&self, list: &'static str, at: usize) {
        self.list.set(Some(list));
        self.at.set(at);
        self.id.set(None);
    }

    /// The row that is being read has this id.
    pub(super) fn is(&self, id: u64) {
        self.id.set(Some(id));
    }

    /// `shards[3] (id 17): `, or nothing.
    pub(super) fn place(&self) -> String {
        match (self.list.get(), self.id.get()) {
            (None, _) => String::new(),
            (Some(list), None) => format!("{list}[{}]: ", self.at.get()),
            (Some(list), Some(id)) => format!("{list}[{}] (id {id}): ", self.at.get()),
        }
    }
}

/// What a row is read with.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) trace: &'a Trace,
    /// The resources, if they are known already.
    pub(super) resources: Option<&'a Resources>,
}

/// Something that is a JSON object.
pub(super) trait Row: Sized {
    /// What is expected, for errors.
    const EXPECTED: &'static str;

    fn read<'de, A: MapAccess<'de>>(map: A, scope: Scope<'_>) -> Result<Self, A::Error>;
}

/// Reads a row.
pub(super) struct RowSeed<'a, R> {
    scope: Scope<'a>,
    row: PhantomData<R>,
}

impl<'a, R> RowSeed<'a, R> {
    pub(super) fn new(scope: Scope<'a>) -> Self {
        Self {
            scope,
            row: PhantomData,
        }
    }
}

impl<'de, R: Row> DeserializeSeed<'de> for RowSeed<'_, R> {
    type Value = R;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<R, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, R: Row> Visitor<'de> for RowSeed<'_, R> {
    type Value = R;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(R::EXPECTED)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<R, A::Error> {
        R::read(map, self.scope)
    }
}

/// Refuses the second value of a key.
pub(super) fn once<T, E: Error>(known: Option<&T>, key: &'static str) -> Result<(), E> {
    match known {
        Some(_) => Err(E::duplicate_field(key)),
        None => Ok(()),
    }
}

/// The value of a key that must be there.
pub(super) fn needed<T, E: Error>(value: Option<T>, key: &'static str) -> Result<T, E> {
    value.ok_or_else(|| E::missing_field(key))
}
