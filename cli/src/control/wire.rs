//! What goes over the socket: one line of JSON each way, and then one for each piece of output.

use std::io::{self, BufRead, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, PoisonError};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Both sides have to be of one version: arguments and exit codes are those of the program.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The longest line of a request: four times what a system takes as arguments.
pub(super) const REQUEST_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// The longest first line.
pub(super) const READY_BYTES_MAX: u64 = 256;

/// The longest line of an answer: a list of a million migrations is one piece of output.
pub(super) const ANSWER_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// What is asked for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    pub(super) version: String,
    /// The arguments of the process, without its name. Names of shards may be no text.
    pub(super) args: Vec<Vec<u8>>,
}

/// A piece of the answer. The first is `Ready`: before it nothing was asked for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    /// Ask.
    Ready,
    /// For stdout.
    Out(String),
    /// For stderr.
    Err(String),
    /// The exit code. Nothing follows.
    End(u8),
}

/// Reads one line of at most `most` bytes. `None`: the other side ended.
pub(super) fn read<T: DeserializeOwned>(
    from: &mut impl BufRead,
    most: u64,
) -> io::Result<Option<T>> {
    let mut line = Vec::new();
    from.take(most).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(serde_json::from_slice(&line)?))
}

pub(super) fn write(to: &mut impl io::Write, what: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(what)?;
    line.push(b'\n');
    to.write_all(&line)
}

/// Whoever asked, as a place for output.
#[derive(Debug)]
pub(crate) struct Asker(Mutex<UnixStream>);

impl Asker {
    pub(super) fn new(stream: UnixStream) -> Self {
        Self(Mutex::new(stream))
    }

    pub(crate) fn out(&self, text: &str) -> io::Result<()> {
        self.send(&Answer::Out(text.to_owned()))
    }

    pub(crate) fn err(&self, text: &str) -> io::Result<()> {
        self.send(&Answer::Err(text.to_owned()))
    }

    pub(super) fn ready(&self) -> io::Result<()> {
        self.send(&Answer::Ready)
    }

    pub(super) fn end(&self, code: u8) -> io::Result<()> {
        self.send(&Answer::End(code))
    }

    fn send(&self, answer: &Answer) -> io::Result<()> {
        let mut stream = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        write(&mut *stream, answer)?;
        stream.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_bounded_and_whole() {
        let mut sent = Vec::new();
        let args = vec![b"show".to_vec(), vec![0xff, b'\n']];
        let version = VERSION.to_owned();
        write(&mut sent, &Request { version, args }).unwrap();
        let got: Request = read(&mut sent.as_slice(), REQUEST_BYTES_MAX)
            .unwrap()
            .unwrap();
        assert_eq!(got.args, [b"show".to_vec(), vec![0xff, b'\n']]);

        let half = &sent[..sent.len() - 1];
        assert!(read::<Request>(&mut &half[..], REQUEST_BYTES_MAX).is_err());
        assert!(read::<Request>(&mut sent.as_slice(), 8).is_err());
        assert!(read::<Request>(&mut &b""[..], 8).unwrap().is_none());
        assert!(read::<Request>(&mut &b"{\"args\":[],\"more\":1}\n"[..], 99).is_err());
    }
}
