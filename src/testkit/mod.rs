//! For tests: of this library, and of what stands on it. Feature `testkit`.

mod later_version;

pub use later_version::LaterVersion;
