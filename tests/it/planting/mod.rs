//! `check` finds what is wrong: faults planted into a closed file behind the library's back. For each
//! invariant, and for each table each kind of fault: `matrix` proves that none is left out.

mod faulty;

mod indexes;
mod invariants;
mod log;

mod blocked;
mod matrix;
mod row_faults;

pub(crate) use blocked::{concerned, damaged, others_work};
pub(crate) use faulty::{Faulty, event_of};
