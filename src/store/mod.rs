//! The rows on disk: a small transaction interface, typed rows over it, and the redb driver. The
//! only module that names redb.

mod create;
mod disk;
mod driver;
mod error;
mod guard;
mod open;
mod options;
mod procedure;
mod redb_read;
mod redb_tx;
mod rows;
mod snapshot;
mod tx;

pub use disk::is_unfinished_creation;
pub use error::{BadRow, OpenError, StoreError};
pub use options::{Durability, OpenOptions};
pub use procedure::Procedure;
pub use snapshot::Snapshot;
pub use tx::{Direction, ReadRows, Row, Scan, Tx, Visit};

pub(crate) use disk::{Disk, FileSystem};
#[cfg(feature = "testkit")]
pub(crate) use disk::{StorageBackend, Temporary, is_creation_of, temporary_name};
pub(crate) use driver::{Commit, Store};
pub(crate) use rows::{delete, first, get, has, last, log_end, put, scan, scan_keys, scan_lenient};
pub(crate) use snapshot::active;
