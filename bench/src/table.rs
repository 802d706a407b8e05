//! Tables of text.

use std::io::{self, Write};

/// Rows of cells below a title and a header.
pub(crate) struct Table {
    title: String,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(title: impl Into<String>, header: &[&str]) -> Self {
        Self {
            title: title.into(),
            rows: vec![header.iter().map(|cell| (*cell).to_owned()).collect()],
        }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// As Markdown, with columns of one width.
    pub(crate) fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let cell = |row: &[String], at: usize| row.get(at).cloned().unwrap_or_default();
        let width = |at: usize| {
            let widths = self.rows.iter().map(|row| cell(row, at).chars().count());
            widths.max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        writeln!(out, "\n{}\n", self.title)?;
        for (number, row) in self.rows.iter().enumerate() {
            for (at, width) in widths.iter().enumerate() {
                write!(out, "| {:width$} ", cell(row, at))?;
            }
            writeln!(out, "|")?;
            if number == 0 {
                let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
                writeln!(out, "| {} |", rule.join(" | "))?;
            }
        }
        out.flush()
    }
}

/// A part of a whole, or that there is no whole.
pub(crate) fn ratio(part: f64, whole: f64) -> String {
    if whole > 0.0 {
        format!("{:.3}", part / whole)
    } else {
        "-".to_owned()
    }
}

/// In units of a million bytes.
pub(crate) fn megabytes(bytes: u128) -> String {
    format!("{:.1}", bytes as f64 / 1e6)
}
