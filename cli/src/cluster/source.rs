use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::exit::Exit;
use crate::failure::{Failure, Problem};
use crate::text;

/// A cluster file takes no more: it is read into memory as a whole.
const BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A cluster file, and what is wrong with it.
#[derive(Debug)]
pub(super) struct Source {
    path: PathBuf,
    text: String,
    /// Where each line begins.
    lines: Vec<usize>,
    problems: Vec<Problem>,
}

impl Source {
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let shown = text::path(path);
        let unreadable = |error: std::io::Error| {
            Failure::new(Exit::Input, error)
                .context(format_args!("{shown} cannot be read"))
                .advise("name the cluster file; docs/CLUSTER_FILE.md says what is in it")
        };
        let bytes = std::fs::metadata(path).map_err(unreadable)?.len();
        if bytes > BYTES_MAX {
            let bytes = text::bytes(bytes);
            return Err(Failure::message(
                Exit::Input,
                format_args!("{shown} has {bytes}; a cluster file has at most 64 MiB"),
            ));
        }
        let bytes = std::fs::read(path).map_err(unreadable)?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let good = error.utf8_error().valid_up_to();
            let before = error.as_bytes().get(..good).unwrap_or_default();
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            Failure::message(Exit::Input, format_args!("{shown}:{line}: not UTF-8"))
                .advise("write the file as UTF-8; a name that is not UTF-8 can only be scanned")
        })?;
        Ok(Self {
            path: path.to_owned(),
            lines: lines(&text),
            text,
            problems: Vec::new(),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Notes what is wrong with what is written at `span`.
    pub(super) fn problem(&mut self, span: Range<usize>, message: impl Into<String>) {
        self.problems.push(Problem {
            place: self.place(&span),
            message: message.into(),
        });
    }

    /// `cluster.toml:12:8`.
    pub(super) fn place(&self, span: &Range<usize>) -> String {
        let (line, column) = position(&self.text, &self.lines, span.start);
        format!("{}:{line}:{column}", text::path(&self.path))
    }

    /// `Ok` when nothing was wrong so far.
    pub(super) fn sound(&mut self) -> Result<(), Failure> {
        if self.problems.is_empty() {
            return Ok(());
        }
        let problems = std::mem::take(&mut self.problems);
        let number = text::count(problems.len(), "problem");
        let path = text::path(&self.path);
        Err(
            Failure::problems(format!("{number} in {path}; nothing was changed"), problems)
                .advise("correct the file and apply it again"),
        )
    }
}

/// `mover.toml:12:8`: where byte `at` of the content of the file at `path` is.
pub(crate) fn place_in(path: &Path, content: &str, at: usize) -> String {
    let (line, column) = position(content, &lines(content), at);
    format!("{}:{line}:{column}", text::path(path))
}

/// Where each line begins.
fn lines(text: &str) -> Vec<usize> {
    let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
    std::iter::once(0)
        .chain(ends.map(|(at, _)| at + 1))
        .collect()
}

/// Line and column of a byte, both from 1; the column counts characters.
fn position(text: &str, lines: &[usize], at: usize) -> (usize, usize) {
    let line = lines.partition_point(|start| *start <= at);
    let start = lines.get(line.saturating_sub(1)).copied().unwrap_or(0);
    let before = text.get(start..at).unwrap_or_default();
    (line, before.chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::{lines, position};

    #[test]
    fn columns_count_characters() {
        let text = "a = 1\n\u{e9}\u{e9} = 2\n";
        assert_eq!(position(text, &lines(text), 0), (1, 1));
        assert_eq!(
            position(text, &lines(text), text.find('2').unwrap()),
            (2, 6)
        );
        assert_eq!(position(text, &lines(text), text.len()), (3, 1));
    }
}
