use std::error::Error;
use std::path::{Path, PathBuf};

use super::Fact;
use super::derive::{DeriveError, Slots, put_indexes};
use crate::schema::FORMAT;
use crate::schema::codec::EncodeError;
use crate::schema::table::TableId;
use crate::store::{Disk, Draft, FileSystem, OpenError, OpenOptions, StoreError, Tx};
use crate::tracker::MigrationTracker;
use crate::tracker::check::{CheckReport, Violation, hex};

/// Why a fact cannot be taken in.
#[derive(Debug, thiserror::Error)]
pub enum FactError {
    /// It belongs before the one that came before it.
    #[error("a row of {table} comes after one of {after}; tables come in their order, rows by key")]
    Order {
        /// Its table.
        table: &'static str,
        /// The table of the one before it.
        after: &'static str,
    },
    /// The same key came before.
    #[error("{table} has a row with this key already")]
    Duplicate {
        /// Its table.
        table: &'static str,
    },
    /// Another one has what only one can have: a name, the start of a range, a request key, the
    /// place of the one migration of a shard.
    #[error("another row has its place in {index} already (key {key})")]
    Taken {
        /// The index in which both would stand.
        index: &'static str,
        /// The key in it, in hex.
        key: String,
    },
    /// It was set aside from a table that indexes follow from: what they knew of it is in no fact.
    #[error(
        "a row of {table} (key {key}) is set aside, and what indexes know of it is not in an export: \
         give it up in the database that was exported (`set-aside forgive`)"
    )]
    SetAside {
        /// The table that it was in.
        table: &'static str,
        /// Its key there, in hex.
        key: String,
    },
    /// It breaks a rule of its table.
    #[error("it may not be stored in {table}")]
    Invalid {
        /// Its table.
        table: &'static str,
        /// The rule.
        source: EncodeError,
    },
    /// It says that the file is of another format.
    #[error("it is of format {found}; this version takes format {known}")]
    Format {
        /// The format that it names.
        found: u32,
        /// The format that is known.
        known: u32,
    },
}

/// Why there is no file of these facts: nothing is at its path then (but see [`OpenError`] for the
/// one failure after the file has its name).
#[derive(Debug, thiserror::Error)]
pub enum ImportError<E: Error + 'static> {
    /// What the facts come from failed.
    #[error(transparent)]
    Source(E),
    /// One of them cannot be taken in.
    #[error("fact {at} is refused")]
    Fact {
        /// Which one, counted from 1.
        at: u64,
        /// Why.
        source: FactError,
    },
    /// They say nothing about what the file is, or have no settings.
    #[error("a row of {table} is missing")]
    Missing {
        /// The table that has no row.
        table: &'static str,
    },
    /// Each of them can be stored, but together they break invariants.
    #[error("what was imported into {path} breaks invariants: {}", first(.violations))]
    Violations {
        /// The path of the file that was to be.
        path: PathBuf,
        /// What does not hold.
        violations: Vec<Violation>,
    },
    /// The file could not be created, opened again, or given its name.
    #[error("the database was not created")]
    Create(#[from] OpenError),
    /// The file could not be written or read again.
    #[error("the database could not be written")]
    Store(#[from] StoreError),
}

fn first(violations: &[Violation]) -> String {
    match violations {
        [] => String::new(),
        [one] => one.to_string(),
        [one, rest @ ..] => format!("{one} (and {} more)", rest.len()),
    }
}

impl MigrationTracker {
    /// Creates the file at `path` of exported `facts`, which come in the order of
    /// [`Self::export`]. Every row is then as it was in the exported file, byte for byte; indexes
    /// are derived. The whole file is checked before it gets its name, so that after an error or a
    /// crash nothing is there. It keeps the identity of the exported one: do not use both.
    ///
    /// ```
    /// use shardferry::tracker::{Exported, Fact};
    /// # use shardferry::{MigrationTracker, NodeId, ShardId};
    /// # use shardferry::store::OpenOptions;
    /// # use shardferry::tracker::ExportError;
    /// # let folder = tempfile::tempdir()?;
    /// let tracker = MigrationTracker::create(folder.path().join("shards.redb"))?;
    /// tracker.begin_migration(ShardId(7), NodeId(1), NodeId(2))?;
    ///
    /// let mut facts: Vec<Result<Fact, ExportError>> = Vec::new();
    /// tracker.export(&mut |exported| {
    ///     if let Exported::Fact(fact) = exported {
    ///         facts.push(Ok(*fact));
    ///     }
    ///     Ok::<(), ExportError>(())
    /// })?;
    ///
    /// let path = folder.path().join("again.redb");
    /// let report = MigrationTracker::import(&path, &OpenOptions::default(), facts)?;
    /// assert!(report.is_clean());
    /// assert_eq!(MigrationTracker::open(&path)?.image()?, tracker.image()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ImportError`]; an [`OpenError::Exists`] in it when something is at `path` already.
    pub fn import<E: Error + 'static>(
        path: impl AsRef<Path>,
        options: &OpenOptions,
        facts: impl IntoIterator<Item = Result<Fact, E>>,
    ) -> Result<CheckReport, ImportError<E>> {
        Self::import_on(&FileSystem, path.as_ref(), options, facts)
    }

    /// As [`Self::import`], on `disk`.
    pub(crate) fn import_on<E: Error + 'static>(
        disk: &dyn Disk,
        path: &Path,
        options: &OpenOptions,
        facts: impl IntoIterator<Item = Result<Fact, E>>,
    ) -> Result<CheckReport, ImportError<E>> {
        disk.sweep(path);
        let (draft, ()) = Draft::create(disk, path, options, |tx| take_in(tx, facts))?;
        let imported = Self::over(draft.open(options)?, path)?;
        let report = imported.check()?;
        drop(imported);
        // A row that was set aside and that no index names is taken in as what it is.
        let mut broken = report.violations.clone();
        broken.retain(|violation| !violation.is_set_aside());
        if !broken.is_empty() {
            return Err(ImportError::Violations {
                path: path.to_owned(),
                violations: broken,
            });
        }
        draft.publish()?;
        Ok(report)
    }
}

fn take_in<E: Error + 'static>(
    tx: &mut dyn Tx,
    facts: impl IntoIterator<Item = Result<Fact, E>>,
) -> Result<(), ImportError<E>> {
    let mut before = None;
    let mut slots = Slots::default();
    let mut at = 0_u64;
    for fact in facts {
        let fact = fact.map_err(ImportError::Source)?;
        at = at.saturating_add(1);
        let place = (fact.table(), fact.key_bytes());
        follows(before.as_ref(), &place).map_err(|source| ImportError::Fact { at, source })?;
        before = Some(place);
        take_in_one(tx, &fact, &mut slots).map_err(|error| match error {
            Refusal::Fact(source) => ImportError::Fact { at, source },
            Refusal::Store(error) => ImportError::Store(error),
        })?;
    }
    slots.put(tx)?;
    for table in [TableId::Meta, TableId::Settings] {
        if tx.len(table)? == 0 {
            return Err(ImportError::Missing {
                table: table.name(),
            });
        }
    }
    Ok(())
}

type Place = (TableId, Vec<u8>);

fn follows(before: Option<&Place>, place: &Place) -> Result<(), FactError> {
    let table = place.0.name();
    match before {
        Some(before) if before == place => Err(FactError::Duplicate { table }),
        Some(before) if before > place => Err(FactError::Order {
            table,
            after: before.0.name(),
        }),
        Some(_) | None => Ok(()),
    }
}

enum Refusal {
    Fact(FactError),
    Store(StoreError),
}

fn take_in_one(tx: &mut dyn Tx, fact: &Fact, slots: &mut Slots) -> Result<(), Refusal> {
    if let Fact::Meta(_, meta) = fact
        && meta.format != FORMAT
    {
        return Err(Refusal::Fact(FactError::Format {
            found: meta.format,
            known: FORMAT,
        }));
    }
    fact.put(tx).map_err(refused)?;
    put_indexes(tx, fact, slots).map_err(|error| match error {
        DeriveError::Taken { index, key } => Refusal::Fact(FactError::Taken {
            index: index.name(),
            key: key.iter().map(|byte| format!("{byte:02x}")).collect(),
        }),
        DeriveError::SetAside { table, key } => Refusal::Fact(FactError::SetAside {
            table: table.name(),
            key: hex(&key),
        }),
        DeriveError::Store(error) => refused(error),
    })
}

fn refused(error: StoreError) -> Refusal {
    match error {
        StoreError::Encode { table, source } => Refusal::Fact(FactError::Invalid { table, source }),
        StoreError::Row { .. }
        | StoreError::SetAside { .. }
        | StoreError::Key { .. }
        | StoreError::Inconsistent { .. }
        | StoreError::Storage { .. }
        | StoreError::CommitUnknown { .. }
        | StoreError::ReopenNeeded => Refusal::Store(error),
    }
}
