//! For tests: of this library, and of what stands on it. Feature `testkit`.

mod random;
mod sim_disk;

pub use random::Random;
pub use sim_disk::{CrashImage, CrashPoint, CrashPoints, Fate, Lie, Sampling, SimDisk};
