//! One process at a time can open a database. While it works for long, it answers for the others: it
//! listens on a socket beside the file, and another process that finds the database in use hands its
//! arguments over, has them run there, and prints what comes back.
//!
//! ```text
//! shardferry cancel ID                      shardferry run
//!        |  the database is in use                 |  owns the file
//!        |---- Request: version, arguments ------->|  commands::run on the open tracker
//!        |<--- Out, Err, ..., End(exit code) ------|
//! ```
//!
//! Only commands that need nothing but the database are handed over (`Command::can_be_asked`). Only the
//! user who runs the process, and root, are answered. The socket is `PATH.control`; one that a process
//! left behind that was killed is replaced by the next, which knows by the lock of the file that it is
//! alone.

#[cfg(unix)]
mod ask;
#[cfg(unix)]
mod place;
#[cfg(unix)]
mod serve;
#[cfg(unix)]
mod wire;

#[cfg(unix)]
pub(crate) use ask::{ask, query};
#[cfg(unix)]
pub(crate) use place::socket_path;
#[cfg(unix)]
pub(crate) use serve::{Served, serve, shared};
#[cfg(unix)]
pub(crate) use wire::Asker;

#[cfg(not(unix))]
mod nobody;
#[cfg(not(unix))]
pub(crate) use nobody::{Asker, Served, ask, query, serve, shared, socket_path};
