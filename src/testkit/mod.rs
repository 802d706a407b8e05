//! For tests: of this library, and of what stands on it. Feature `testkit`.

mod faulty;

pub use faulty::{Call, Fault, FaultyDisk, Trouble};
