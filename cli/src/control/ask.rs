use std::io::{self, BufRead, BufReader, Write as _};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::place::{Address, socket_path};
use super::wire::{ANSWER_BYTES_MAX, Answer, READY_BYTES_MAX, Request, VERSION, read, write};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// How long a process that answers may take to say so, and to show how everything stands.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Has the process that owns the database at `db` do what the arguments of this one say, and prints
/// what it answers. `None`: nobody answers there.
pub(crate) fn ask(db: &Path, out: &Output) -> Option<Exit> {
    let args = std::env::args_os().skip(1).map(OsStringExt::into_vec);
    let (mut answers, stream) = asked(db, args.collect())?;
    // What was asked for may take its time.
    stream.set_read_timeout(None).ok()?;
    let answered = print(&mut answers, out).unwrap_or_else(|error| {
        let failure = Failure::new(Exit::Unexpected, error)
            .context("the process that has the database open ended in the middle of its answer")
            .advise("whether it did what was asked is not known: look, and ask again");
        failure.print(out);
        failure.exit
    });
    Some(answered)
}

/// What the process that owns the database at `db` writes to stdout for a command that looks. `None`:
/// nobody answers there, or it did not go well.
pub(crate) fn query(db: &Path, args: &[&str]) -> Option<String> {
    let args = args.iter().map(|arg| arg.as_bytes().to_vec());
    let (mut answers, _stream) = asked(db, args.collect())?;
    let mut found = String::new();
    loop {
        match read(&mut answers, ANSWER_BYTES_MAX).ok()?? {
            Answer::Out(text) => found.push_str(&text),
            Answer::Ready | Answer::Err(_) => {}
            Answer::End(code) => return (Exit::of_code(code) == Exit::Success).then_some(found),
        }
    }
}

/// Asks, and gives what is answered.
fn asked(db: &Path, args: Vec<Vec<u8>>) -> Option<(BufReader<UnixStream>, UnixStream)> {
    let address = Address::of(&socket_path(db)).ok()?;
    let mut stream = UnixStream::connect(&address.path).ok()?;
    // A process that is stopped accepts and never answers.
    stream.set_read_timeout(Some(ANSWER_WITHIN)).ok()?;
    let mut answers = BufReader::new(stream.try_clone().ok()?);
    let Ok(Some(Answer::Ready)) = read(&mut answers, READY_BYTES_MAX) else {
        return None;
    };
    let version = VERSION.to_owned();
    write(&mut stream, &Request { version, args }).ok()?;
    stream.flush().ok()?;
    Some((answers, stream))
}

fn print(answers: &mut impl BufRead, out: &Output) -> io::Result<Exit> {
    loop {
        match read(answers, ANSWER_BYTES_MAX)? {
            Some(Answer::Ready) => {}
            Some(Answer::Out(text)) => out.pass_on(&text),
            Some(Answer::Err(text)) => out.note(text),
            Some(Answer::End(code)) => return Ok(Exit::of_code(code)),
            None => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}
