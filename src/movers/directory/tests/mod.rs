//! The directory mover on real directories.

mod cursor;
mod marks;
mod names;
mod resume;
mod round_trip;
mod safety;
mod scan;
mod steps;
mod support;
mod sync_order;
