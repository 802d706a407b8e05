use std::io;
use std::sync::Mutex;

use super::lock;

/// What is asked of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// To read bytes.
    Read,
    /// To write bytes.
    Write,
    /// To bring what was written, or the names in a folder, to the disk.
    Sync,
    /// To make a file longer or shorter.
    SetLen,
}

impl Call {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Sync, Self::SetLen];
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// `EIO`: nothing of it was done.
    Io,
    /// `ENOSPC`: nothing of it was done.
    NoSpace,
    /// `ENOSPC` after a part of the bytes was written. Of other calls as [`Self::NoSpace`].
    ShortWrite,
    /// `EIO`, and what was written since the last sync is gone, as if it had never been; the next
    /// sync succeeds. Of other calls as [`Self::Io`].
    LostSync,
}

impl Trouble {
    pub(super) fn error(self) -> io::Error {
        match self {
            Self::Io => io::Error::other("injected: input/output error"),
            Self::LostSync => io::Error::other("injected: what was written is lost"),
            Self::NoSpace | Self::ShortWrite => {
                io::Error::new(io::ErrorKind::StorageFull, "injected: no space left")
            }
        }
    }
}

/// Which call fails, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fault {
    /// What is asked for.
    pub call: Call,
    /// Which call of this kind, counted from 1.
    pub nth: u64,
    /// How it fails.
    pub trouble: Trouble,
    /// Whether every later call of this kind fails as well.
    pub forever: bool,
}

/// Counts calls and says which fail.
#[derive(Debug, Default)]
pub(super) struct Switch {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    fault: Option<Fault>,
    calls: [u64; Call::ALL.len()],
    failures: u64,
}

impl State {
    fn of(&mut self, call: Call) -> &mut u64 {
        let [read, write, sync, set_len] = &mut self.calls;
        match call {
            Call::Read => read,
            Call::Write => write,
            Call::Sync => sync,
            Call::SetLen => set_len,
        }
    }
}

impl Switch {
    pub(super) fn set(&self, fault: Option<Fault>) {
        *lock(&self.state) = State {
            fault,
            ..State::default()
        };
    }

    pub(super) fn calls(&self, call: Call) -> u64 {
        *lock(&self.state).of(call)
    }

    pub(super) fn failures(&self) -> u64 {
        lock(&self.state).failures
    }

    /// One more call; how it fails, if it does.
    pub(super) fn count(&self, call: Call) -> Option<Trouble> {
        let mut state = lock(&self.state);
        let count = state.of(call);
        *count += 1;
        let count = *count;
        let fault = state.fault.filter(|fault| fault.call == call)?;
        if count == fault.nth || (fault.forever && count > fault.nth) {
            state.failures += 1;
            return Some(fault.trouble);
        }
        None
    }
}
