//! Where words go: the result to stdout, everything else to stderr.

use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use tracing_subscriber::EnvFilter;

use crate::control::Asker;
use crate::exit::Exit;

/// Stdout holds the result and nothing else; with `--json` that is one JSON value.
///
/// A reader who goes away (`| head`) ends the writing, never the work: a move that is under way
/// is not given up because nobody reads its report.
#[derive(Debug)]
pub(crate) struct Output {
    json: bool,
    stdout: Mutex<Result<(), io::Error>>,
    /// Another process that asked, instead of the terminal of this one.
    asker: Option<Arc<Asker>>,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self {
            json,
            stdout: Mutex::new(Ok(())),
            asker: None,
        }
    }

    /// For somebody who asked over the socket.
    pub(crate) fn to(json: bool, asker: Arc<Asker>) -> Self {
        Self {
            asker: Some(asker),
            ..Self::new(json)
        }
    }

    /// Whether what is noted may be coloured.
    pub(crate) fn has_colour(&self) -> bool {
        self.asker.is_none() && stderr_has_colour()
    }

    /// A part of a result that another process wrote.
    pub(crate) fn pass_on(&self, text: &str) {
        self.write(text);
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// The result: `text` for people, or the value.
    pub(crate) fn result<T: Serialize>(
        &self,
        text: impl FnOnce() -> String,
        value: impl FnOnce() -> T,
    ) {
        self.tell(text, |out| serde_json::to_writer_pretty(out, &value()));
    }

    /// One of the lines that a result is told in as it comes: `text` for people, or the value on a
    /// line of its own.
    pub(crate) fn line<T: Serialize>(
        &self,
        text: impl FnOnce() -> String,
        value: impl FnOnce() -> T,
    ) {
        self.tell(text, |out| serde_json::to_writer(out, &value()));
    }

    fn tell(
        &self,
        text: impl FnOnce() -> String,
        value: impl FnOnce(&mut dyn io::Write) -> serde_json::Result<()>,
    ) {
        if self.json {
            self.write_with(|stdout| {
                value(stdout)?;
                stdout.write_all(b"\n")
            });
        } else {
            self.write(&with_newline(text()));
        }
    }

    /// A picture in place of the one before, cut to the terminal: what is more would scroll its top
    /// away. Only for a stdout that is a terminal.
    pub(crate) fn redraw(&self, text: &str) {
        let (rows, columns) = terminal_size();
        let lines = text.lines().take(rows.saturating_sub(1).max(1));
        let lines = lines.map(|line| line.chars().take(columns).collect::<String>());
        let lines: Vec<String> = lines.collect();
        // Home, the lines, and what was beside and below them goes.
        self.write(&format!("\x1b[H{}\x1b[K\n\x1b[J", lines.join("\x1b[K\n")));
    }

    /// Whether there is nobody left to read what is written.
    pub(crate) fn is_over(&self) -> bool {
        let state = self.stdout.lock().unwrap_or_else(PoisonError::into_inner);
        state.is_err()
    }

    /// What people read on the way to the result.
    pub(crate) fn say(&self, text: impl Display) {
        let text = with_newline(text.to_string());
        if self.json {
            self.note_raw(&text);
        } else {
            self.write(&text);
        }
    }

    /// What people should know, but is no part of any result.
    pub(crate) fn note(&self, text: impl Display) {
        self.note_raw(&with_newline(text.to_string()));
    }

    fn note_raw(&self, text: &str) {
        match &self.asker {
            // Whoever went away reads no result either, and that is found out.
            Some(asker) => drop(asker.err(text)),
            None => note_raw(text),
        }
    }

    fn write(&self, text: &str) {
        self.write_with(|stdout| stdout.write_all(text.as_bytes()));
    }

    fn write_with(&self, what: impl FnOnce(&mut dyn io::Write) -> io::Result<()>) {
        let mut state = self.stdout.lock().unwrap_or_else(PoisonError::into_inner);
        if state.is_err() {
            return;
        }
        *state = match &self.asker {
            Some(asker) => {
                let mut text = Vec::new();
                what(&mut text).and_then(|()| asker.out(&String::from_utf8_lossy(&text)))
            }
            None => {
                let mut stdout = BufWriter::new(io::stdout().lock());
                what(&mut stdout).and_then(|()| stdout.flush())
            }
        };
    }

    /// The exit, when what was written also arrived.
    pub(crate) fn finish(self, exit: Exit) -> Exit {
        match self
            .stdout
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
        {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                note(format_args!("error: writing the result failed: {error}"));
                if exit == Exit::Success {
                    Exit::Unexpected
                } else {
                    exit
                }
            }
            Ok(()) | Err(_) => exit,
        }
    }
}

fn with_newline(mut text: String) -> String {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// One message to stderr. When stderr is gone there is nobody left to tell.
pub(crate) fn note(text: impl Display) {
    note_raw(&with_newline(text.to_string()));
}

fn note_raw(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Whether stderr is a terminal that takes colours.
pub(crate) fn stderr_has_colour() -> bool {
    stderr_is_live() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Rows and columns of the terminal that stdout is.
fn terminal_size() -> (usize, usize) {
    #[cfg(unix)]
    if let Ok(size) = rustix::termios::tcgetwinsize(io::stdout())
        && size.ws_row > 0
        && size.ws_col > 0
    {
        return (size.ws_row.into(), size.ws_col.into());
    }
    (24, 80)
}

/// Whether stderr is a terminal that can redraw lines.
pub(crate) fn stderr_is_live() -> bool {
    io::stderr().is_terminal() && !is_dumb()
}

/// As [`stderr_is_live`].
pub(crate) fn stdout_is_live() -> bool {
    io::stdout().is_terminal() && !is_dumb()
}

fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// Sends what the library traces to stderr. `RUST_LOG` wins over `-v`.
pub(crate) fn trace(verbose: u8) {
    let level = match verbose {
        0 => "error",
        1 => "shardferry=info,warn",
        2 => "shardferry=debug,info",
        3.. => "trace",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(stderr_has_colour())
        .init();
}
