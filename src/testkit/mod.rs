//! For tests: of this library, and of what stands on it. Feature `testkit`.

pub mod mover;

mod faulty;
mod later_version;

pub use faulty::{Call, Fault, FaultyDisk, Trouble};
pub use later_version::LaterVersion;
