//! The rows of the fixtures, built in Rust. Deterministic: no clock, no randomness.

mod events;
mod files;
mod indexes;
mod migrations;
mod registry;
mod samples;
mod work;

use std::fmt::Debug;
use std::sync::LazyLock;

use migrations_schema::codec::Record;
use migrations_schema::key::Key;
use migrations_schema::table::{Table, TableId};

/// What compares bytes with the record that they should hold.
type ReadBack = Box<dyn Fn(&[u8], &[u8]) -> Result<(), String> + Send + Sync>;

/// One row: what the current code writes for it, and how to tell that bytes hold it.
pub(crate) struct Case {
    pub(crate) table: TableId,
    pub(crate) name: String,
    pub(crate) key: Vec<u8>,
    pub(crate) value: Vec<u8>,
    read_back: ReadBack,
}

impl Case {
    /// Reads `key` and `value`, compares the record, and writes it again.
    pub(crate) fn read_back(&self, key: &[u8], value: &[u8]) -> Result<(), String> {
        (self.read_back)(key, value)
    }

    /// The name for people.
    pub(crate) fn title(&self) -> String {
        format!("{}/{}", self.table.name(), self.name)
    }
}

/// Every case, in the order of the tables.
pub(crate) fn all() -> &'static [Case] {
    static ALL: LazyLock<Vec<Case>> = LazyLock::new(build);
    &ALL
}

fn build() -> Vec<Case> {
    let mut cases = Vec::new();
    cases.extend(files::cases());
    cases.extend(registry::cases());
    cases.extend(migrations::cases());
    cases.extend(events::cases());
    cases.extend(indexes::cases());
    cases.extend(work::cases());
    cases.sort_by_key(|case| case.table);
    cases
}

fn case<R>(table: Table<R>, name: impl Into<String>, key: R::Key, record: R) -> Case
where
    R: Record + PartialEq + Debug + Send + Sync + 'static,
{
    let name = name.into();
    let value = table
        .encode(&key, &record)
        .unwrap_or_else(|error| panic!("{}/{name}: {error}", table.id().name()));
    Case {
        table: table.id(),
        name,
        key: key.to_bytes(),
        value,
        read_back: Box::new(move |key, value| {
            let key = table.key(key).map_err(|error| error.to_string())?;
            let found = table
                .decode(&key, value)
                .map_err(|error| error.to_string())?;
            if found != record {
                return Err(format!("read {found:?} instead of {record:?}"));
            }
            let written = table
                .encode(&key, &found)
                .map_err(|error| error.to_string())?;
            if written != value {
                return Err("written back differently".to_owned());
            }
            Ok(())
        }),
    }
}

/// Values of an enum with a name for each. A variant without a line does not compile.
macro_rules! variants {
    ($type:ty; $($pattern:pat => $name:literal: $value:expr,)*) => {{
        fn _every_variant_has_a_line(value: &$type) {
            match value { $($pattern => {})* }
        }
        let variants: Vec<(&'static str, $type)> = vec![$(($name, $value)),*];
        variants
    }};
}
use variants;
