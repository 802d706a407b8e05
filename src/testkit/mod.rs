//! For tests: of this library, and of what stands on it. Feature `testkit`.

pub mod mover;

mod faulty;
mod later_version;
mod random;
mod sim_disk;

#[cfg(test)]
mod tests;

pub use faulty::{Call, Fault, FaultyDisk, Trouble};
pub use later_version::LaterVersion;
pub use random::Random;
pub use sim_disk::{CrashImage, CrashPoint, CrashPoints, Fate, Lie, Sampling, SimDisk};
