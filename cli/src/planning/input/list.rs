use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::row::{Row, Scope};

/// Reads a list row by row, and hands each to `keep`, which may refuse it.
pub(super) struct List<'a, R, F> {
    name: &'static str,
    scope: Scope<'a>,
    keep: F,
    row: PhantomData<R>,
}

impl<'a, R, F: FnMut(R) -> Result<(), String>> List<'a, R, F> {
    pub(super) fn new(name: &'static str, scope: Scope<'a>, keep: F) -> Self {
        Self {
            name,
            scope,
            keep,
            row: PhantomData,
        }
    }
}

impl<'de, R: Row, F: FnMut(R) -> Result<(), String>> DeserializeSeed<'de> for List<'_, R, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, R: Row, F: FnMut(R) -> Result<(), String>> Visitor<'de> for List<'_, R, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name;
        write!(f, "`{name}`: a list, of which each is {}", R::EXPECTED)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        for at in 0.. {
            self.scope.trace.enter(self.name, at);
            let element = Element {
                scope: self.scope,
                keep: &mut self.keep,
                row: PhantomData,
            };
            if list.next_element_seed(element)?.is_none() {
                break;
            }
        }
        self.scope.trace.outside();
        Ok(())
    }
}

/// One row of a list. It is kept before its end is left behind: an error then has its line.
struct Element<'a, 'f, R, F> {
    scope: Scope<'a>,
    keep: &'f mut F,
    row: PhantomData<R>,
}

impl<'de, R: Row, F: FnMut(R) -> Result<(), String>> DeserializeSeed<'de>
    for Element<'_, '_, R, F>
{
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, R: Row, F: FnMut(R) -> Result<(), String>> Visitor<'de> for Element<'_, '_, R, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(R::EXPECTED)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let row = R::read(map, self.scope)?;
        (self.keep)(row).map_err(A::Error::custom)
    }
}
