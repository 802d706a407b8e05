//! An export as text: a first line that says what it is, a line for each fact, a last line that
//! says that nothing is missing. docs/EXPORT.md describes it.

mod integer;
mod line;
mod reader;
mod row;
mod writer;

pub(crate) use line::LineError;
pub(crate) use reader::Reader;
pub(crate) use writer::{ExportError, Writer};

#[cfg(test)]
mod tests;
