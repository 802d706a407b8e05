//! Shows how far moves are: bars on a terminal, a line now and then elsewhere.

mod bars;
mod rows;
mod tally;
mod watch;

pub(crate) use bars::single;
pub(crate) use rows::Rows;
pub(crate) use watch::Watch;
