//! A simulated disk: what was written, what was synced, and what a loss of power may leave.

mod content;
mod crash_image;
mod crash_point;
mod disk;
mod fate;
mod file;
mod lie;
mod record;
mod sampling;
mod tree;

pub use crash_image::CrashImage;
pub use crash_point::{CrashPoint, CrashPoints};
pub use disk::SimDisk;
pub use fate::Fate;
pub use lie::Lie;
pub use sampling::Sampling;
