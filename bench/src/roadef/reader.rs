//! Numbers between white space.

use std::str::SplitWhitespace;

use crate::Result;

pub(crate) struct Numbers<'t>(SplitWhitespace<'t>);

impl<'t> Numbers<'t> {
    pub(crate) fn of(text: &'t str) -> Self {
        Self(text.split_whitespace())
    }

    pub(crate) fn next(&mut self) -> Result<u64> {
        let text = self
            .0
            .next()
            .ok_or("the file ends where a number should be")?;
        text.parse()
            .map_err(|_| format!("`{text}` is no number").into())
    }

    pub(crate) fn size(&mut self) -> Result<usize> {
        Ok(usize::try_from(self.next()?)?)
    }

    pub(crate) fn times<T>(
        &mut self,
        times: usize,
        mut item: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        (0..times).map(|_| item(self)).collect()
    }

    /// How many, then each.
    pub(crate) fn list<T>(&mut self, item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let times = self.size()?;
        self.times(times, item)
    }
}
