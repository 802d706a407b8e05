//! What the program writes to its stderr.

use std::collections::VecDeque;

use super::Step;
use super::lines::{Lines, shown};
use crate::schema::MigrationId;

/// Of each line, so much is kept.
const LINE_BYTES_MAX: usize = 1024;

/// Of each call, so many lines go to the log.
const LOGGED_MAX: u32 = 1000;

/// The last lines, for the reason of a failure: a reason has 1 KiB.
const LAST_LINES: usize = 4;
const LAST_LINE_BYTES_MAX: usize = 160;

/// Sends lines to the log, and keeps the last ones.
#[derive(Debug)]
pub(super) struct Diary {
    step: Step,
    migration: MigrationId,
    lines: Lines,
    logged: u32,
    last: VecDeque<String>,
}

impl Diary {
    pub(super) fn new(step: Step, migration: MigrationId) -> Self {
        Self {
            step,
            migration,
            lines: Lines::new(LINE_BYTES_MAX),
            logged: 0,
            last: VecDeque::new(),
        }
    }

    /// The program wrote this.
    pub(super) fn feed(&mut self, chunk: &[u8]) {
        let mut done = Vec::new();
        let fed: Result<(), std::convert::Infallible> = self.lines.feed(chunk, |line| {
            done.push(line.bytes.to_vec());
            Ok(())
        });
        let Ok(()) = fed;
        for line in done {
            self.write(&line);
        }
    }

    /// The program has ended: what it wrote last may have no end.
    pub(super) fn end(&mut self) {
        if let Some(line) = self.lines.rest().map(|line| line.bytes.to_vec()) {
            self.write(&line);
        }
    }

    fn write(&mut self, line: &[u8]) {
        if line.is_empty() {
            return;
        }
        let (step, migration) = (self.step, self.migration);
        self.logged = self.logged.saturating_add(1);
        if self.logged <= LOGGED_MAX {
            tracing::info!(%migration, %step, "{}", shown(line, LINE_BYTES_MAX));
        } else if self.logged == LOGGED_MAX + 1 {
            tracing::info!(%migration, %step, "further lines of this call are not logged");
        }
        if self.last.len() == LAST_LINES {
            self.last.pop_front();
        }
        self.last.push_back(shown(line, LAST_LINE_BYTES_MAX));
    }

    /// `; its last words: "this" | "that"`, or nothing.
    pub(super) fn last_words(&self) -> String {
        if self.last.is_empty() {
            return String::new();
        }
        let lines: Vec<String> = self.last.iter().map(|line| format!("\"{line}\"")).collect();
        format!("; its last words: {}", lines.join(" | "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_and_no_more() {
        let mut diary = Diary::new(Step::Copy, MigrationId(uuid::Uuid::nil()));
        assert_eq!(diary.last_words(), "");
        for line in 0..5000 {
            diary.feed(format!("line {line}\n\n").as_bytes());
        }
        diary.feed(&[b'x'; 100_000]);
        diary.end();
        let said = diary.last_words();
        assert!(
            said.starts_with("; its last words: \"line 4997\" | "),
            "{said}"
        );
        assert!(said.ends_with("xxx...\""), "{said}");
        assert!(said.len() < 400, "{said}");
    }
}
