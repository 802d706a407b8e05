//! The rows on disk: a small transaction interface, typed rows over it, and the redb driver. The
//! only module that names redb.

mod ballast;
mod ballast_file;
mod commit;
mod contents;
mod create;
mod disk;
mod driver;
mod error;
mod format;
mod group;
mod guard;
mod header;
mod health;
mod known;
mod log_end;
mod newest;
mod open;
mod options;
#[cfg(unix)]
mod owner;
mod procedure;
mod redb_read;
mod redb_tx;
mod rows;
mod set_aside;
mod snapshot;
mod tx;
mod volume;
mod wal;

#[cfg(test)]
mod tests;

pub use ballast_file::ballast_path;
pub use disk::is_unfinished_creation;
pub use error::{BadRow, OpenError, StoreError};
pub use known::Known;
pub use log_end::LogEnd;
pub use options::{Durability, OpenOptions};
pub use procedure::Procedure;
pub use snapshot::Snapshot;
pub use tx::{Direction, ReadRows, Row, Scan, Tx, Visit};
pub use wal::wal_path;

pub(crate) use commit::Commit;
pub(crate) use contents::{Contents, contents, each_raw_row};
pub(crate) use create::Draft;
pub(crate) use disk::{Disk, FileSystem};
#[cfg(feature = "testkit")]
pub(crate) use disk::{StorageBackend, Temporary, is_creation_of, temporary_name};
pub(crate) use driver::Store;
pub(crate) use format::{FORMATS, Formats};
#[cfg(feature = "testkit")]
pub(crate) use format::{Step, rewrite};
pub(crate) use log_end::{know_log_end, log_end};
pub(crate) use rows::{
    delete, each_row, first, get, has, last, put, scan, scan_keys, scan_lenient,
};
pub(crate) use snapshot::active;
#[cfg(feature = "testkit")]
pub(crate) use volume::Volume;
