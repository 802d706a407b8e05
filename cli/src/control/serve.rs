use std::cell::RefCell;
use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::io::{self, BufReader};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser as _;
use shardferry::MigrationTracker;

use super::place::{Address, socket_path};
use super::wire::{Asker, REQUEST_BYTES_MAX, Request, VERSION, read};
use crate::args::Cli;
use crate::commands;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// How many are answered at once; more wait for their turn.
const ASKERS_MAX: usize = 16;

/// How long somebody who connected may take to say what for.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// How long somebody may take to read what was answered before it is given up: a person may page
/// through it.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3_600);

/// How often the listener looks whether it is still wanted.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How long what was asked for may take once the listener ends: a few transactions.
const COMMAND_TIMEOUT: Duration = Duration::from_millis(500);

/// How long the end waits for those who were interrupted.
const END_TIMEOUT: Duration = Duration::from_secs(2);

thread_local! {
    /// The tracker that a thread answers from.
    static SHARED: RefCell<Option<Arc<MigrationTracker>>> = const { RefCell::new(None) };
}

/// The open tracker, in a thread that answers somebody.
pub(crate) fn shared() -> Option<Arc<MigrationTracker>> {
    SHARED.with_borrow(Clone::clone)
}

/// A listener, until it is dropped.
#[derive(Debug)]
pub(crate) struct Served {
    socket: PathBuf,
    state: Arc<State>,
    listener: Option<thread::JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct State {
    over: AtomicBool,
    /// Those who are being answered.
    askers: Mutex<Vec<Arc<UnixStream>>>,
}

/// Answers for the database at `db` while this process has it open. Work goes on where that cannot be:
/// then nobody is answered, as the trace says.
pub(crate) fn serve(db: &Path, tracker: &Arc<MigrationTracker>) -> Option<Served> {
    let socket = socket_path(db);
    let listener = match listen(&socket) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::warn!(%error, socket = %socket.display(), "other processes are not answered");
            return None;
        }
    };
    let state = Arc::new(State::default());
    let answers = Answers {
        db: db.to_owned(),
        tracker: Arc::clone(tracker),
        state: Arc::clone(&state),
    };
    Some(Served {
        socket,
        state,
        listener: Some(thread::spawn(move || answers.listen(&listener))),
    })
}

/// The database is ours: a socket that is there was left by a process that is gone.
fn listen(socket: &Path) -> io::Result<UnixListener> {
    remove_socket(socket)?;
    let address = Address::of(socket)?;
    let listener = UnixListener::bind(&address.path)?;
    fs::set_permissions(socket, Permissions::from_mode(0o600))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Removes the socket at `path`, if there is one. Anything else that has the name is somebody's.
fn remove_socket(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(there) if there.file_type().is_socket() => fs::remove_file(path),
        Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::Release);
        let _ = remove_socket(&self.socket);
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
        self.wait_for_askers(COMMAND_TIMEOUT);
        // Whoever follows the log has no end of its own.
        for stream in self.state.lock().iter() {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
        self.wait_for_askers(END_TIMEOUT);
    }
}

impl Served {
    fn wait_for_askers(&self, at_most: Duration) {
        let since = Instant::now();
        while !self.state.lock().is_empty() && since.elapsed() < at_most {
            thread::sleep(LOOK_EVERY / 5);
        }
    }
}

impl State {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Arc<UnixStream>>> {
        self.askers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Clone)]
struct Answers {
    db: PathBuf,
    tracker: Arc<MigrationTracker>,
    state: Arc<State>,
}

impl Answers {
    fn listen(&self, listener: &UnixListener) {
        while !self.state.over.load(Ordering::Acquire) {
            if self.state.lock().len() < ASKERS_MAX
                && let Ok((stream, _)) = listener.accept()
            {
                self.begin(stream);
            } else {
                thread::sleep(LOOK_EVERY);
            }
        }
    }

    fn begin(&self, stream: UnixStream) {
        let stream = Arc::new(stream);
        self.state.lock().push(Arc::clone(&stream));
        let answers = self.clone();
        thread::spawn(move || {
            let answered = catch_unwind(AssertUnwindSafe(|| answers.answer(&stream)));
            match answered {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(%error, "somebody who asked went away"),
                Err(_) => tracing::error!("answering another process panicked"),
            }
            let mut askers = answers.state.lock();
            askers.retain(|other| !Arc::ptr_eq(other, &stream));
        });
    }

    fn answer(&self, stream: &UnixStream) -> io::Result<()> {
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(REQUEST_TIMEOUT))?;
        stream.set_write_timeout(Some(ANSWER_TIMEOUT))?;
        if !is_ours(stream)? {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let asker = Arc::new(Asker::new(stream.try_clone()?));
        asker.ready()?;
        let request: Option<Request> = read(&mut BufReader::new(stream), REQUEST_BYTES_MAX)?;
        let Some(request) = request else {
            return Ok(());
        };
        let exit = self.run(request, &asker)?;
        asker.end(exit.code())
    }

    fn run(&self, request: Request, asker: &Arc<Asker>) -> io::Result<Exit> {
        if request.version != VERSION {
            let is_json = request.args.iter().any(|arg| arg == b"--json");
            let failure = Failure::message(
                Exit::Database,
                format_args!(
                    "version {VERSION} has the database open, and this is version {}",
                    request.version
                ),
            );
            let out = Output::to(is_json, Arc::clone(asker));
            failure.advise("use the same version").print(&out);
            return Ok(Exit::Database);
        }
        let args = request.args.into_iter().map(OsString::from_vec);
        let args = std::iter::once(OsString::from("shardferry")).chain(args);
        let mut cli = match Cli::try_parse_from(args) {
            Ok(cli) => cli,
            Err(error) => {
                asker.err(&error.to_string())?;
                return Ok(Exit::Usage);
            }
        };
        cli.global.db.clone_from(&self.db);
        let out = Output::to(cli.global.json, Arc::clone(asker));
        if !cli.command.can_be_asked() {
            let failure = Failure::message(
                Exit::Database,
                "that command needs the database for itself, and another process has it open",
            );
            failure.print(&out);
            return Ok(failure.exit);
        }
        SHARED.set(Some(Arc::clone(&self.tracker)));
        let exit = match commands::run(&cli, &out) {
            Ok(exit) => exit,
            Err(failure) => {
                failure.print(&out);
                failure.exit
            }
        };
        SHARED.set(None);
        if out.is_over() {
            // Whoever asked did not get all of it, and finds that out by the end of the stream.
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(exit)
    }
}

/// Whether whoever connected is the user of this process, or root. The socket is for its owner only,
/// but not in the first instant.
#[cfg(target_os = "linux")]
fn is_ours(stream: &UnixStream) -> io::Result<bool> {
    let peer = rustix::net::sockopt::socket_peercred(stream)?;
    Ok(peer.uid == rustix::process::geteuid() || peer.uid.is_root())
}

#[cfg(not(target_os = "linux"))]
fn is_ours(_: &UnixStream) -> io::Result<bool> {
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::super::wire::{ANSWER_BYTES_MAX, Answer, write};
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    /// Of a long answer the rest was dropped when its reader, at a pager, did not go on for 30 seconds.
    #[test]
    fn whoever_pages_through_a_long_answer_has_an_hour_for_each_page() {
        let folder = tempfile::tempdir().unwrap();
        let db = folder.path().join("shards.redb");
        let tracker = Arc::new(MigrationTracker::create(&db).unwrap());
        let state = Arc::default();
        let answers = Answers { db, tracker, state };
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let version = VERSION.to_owned();
        let args = vec![b"list".to_vec()];
        write(&mut theirs, &Request { version, args }).unwrap();
        answers.answer(&ours).unwrap();
        let waits = ours.write_timeout().unwrap();
        assert!(waits.is_none_or(|most| most >= HOUR), "{waits:?}");

        drop(ours);
        let mut told = Vec::new();
        let mut theirs = BufReader::new(theirs);
        while let Some(piece) = read::<Answer>(&mut theirs, ANSWER_BYTES_MAX).unwrap() {
            told.push(piece);
        }
        assert!(
            matches!(
                told.as_slice(),
                [Answer::Ready, Answer::Out(_), Answer::End(0)]
            ),
            "{told:?}"
        );
    }
}
