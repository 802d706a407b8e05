//! A program that runs, and everything that it starts.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// Read at once from a pipe: as much as it usually holds.
pub(super) const CHUNK_BYTES: usize = 64 * 1024;

/// A program in a process group of its own, with pipes that never block. Dropped, it is killed with
/// all that it started, and waited for.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    reaped: bool,
}

/// What a look at a pipe gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// So many bytes.
    Bytes(usize),
    /// Nothing for now.
    Nothing,
    /// Nothing any more.
    End,
}

impl Running {
    pub(super) fn start(mut command: Command) -> io::Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        // From here on the drop sees to the process.
        let running = Self {
            child,
            stdin,
            stdout,
            stderr,
            reaped: false,
        };
        running.stdin.as_ref().map_or(Ok(()), unblocked)?;
        running.stdout.as_ref().map_or(Ok(()), unblocked)?;
        running.stderr.as_ref().map_or(Ok(()), unblocked)?;
        Ok(running)
    }

    /// Waits until there is something to read, or room to write when there is something to write, or
    /// for `patience`.
    pub(super) fn wait(&self, to_write: bool, patience: Duration) {
        let mut fds = Vec::with_capacity(3);
        if let Some(stdout) = &self.stdout {
            fds.push(PollFd::new(stdout, PollFlags::IN));
        }
        if let Some(stderr) = &self.stderr {
            fds.push(PollFd::new(stderr, PollFlags::IN));
        }
        if let (Some(stdin), true) = (&self.stdin, to_write) {
            fds.push(PollFd::new(stdin, PollFlags::OUT));
        }
        let patience = Timespec::try_from(patience).unwrap_or_default();
        // A signal to us is one more reason to look; so is anything else that can go wrong here.
        if poll(&mut fds, Some(&patience)).is_err() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    pub(super) fn read_stdout(&mut self, buffer: &mut [u8]) -> Seen {
        read(&mut self.stdout, buffer)
    }

    pub(super) fn read_stderr(&mut self, buffer: &mut [u8]) -> Seen {
        read(&mut self.stderr, buffer)
    }

    /// Whether it can say nothing any more.
    pub(super) fn is_mute(&self) -> bool {
        self.stdout.is_none() && self.stderr.is_none()
    }

    /// Writes what fits of `bytes` to its stdin; how much that was. `None`: it does not read.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Option<usize> {
        let stdin = self.stdin.as_mut()?;
        match stdin.write(bytes) {
            Ok(count) => Some(count),
            Err(error) if is_for_now(&error) => Some(0),
            // It has closed its end: it need not listen.
            Err(_) => {
                self.hang_up();
                None
            }
        }
    }

    /// Ends its stdin.
    pub(super) fn hang_up(&mut self) {
        self.stdin = None;
    }

    /// Sends `signal` to it and to all that it started and that is still in its group.
    pub(super) fn signal(&self, signal: Signal) {
        // Once it is waited for, its number may be another's.
        if !self.reaped {
            // Nobody there to get it: as good as done.
            let _ = kill_process_group(Pid::from_child(&self.child), signal);
        }
    }

    /// Whether the program has ended. It is not waited for here, so that its number stays its own as
    /// long as its group gets signals.
    pub(super) fn has_ended(&mut self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        match waitid(WaitId::Pid(Pid::from_child(&self.child)), options) {
            Ok(status) => status.is_some(),
            Err(Errno::CHILD) => {
                // Somebody else waits for every child of this process.
                self.reaped = true;
                true
            }
            Err(_) => false,
        }
    }

    /// Waits for a program that has ended.
    pub(super) fn reap(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait();
        self.reaped = true;
        status
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.reaped {
            self.signal(Signal::KILL);
            drop(self.reap());
        }
    }
}

fn unblocked(pipe: impl AsFd) -> io::Result<()> {
    Ok(rustix::io::ioctl_fionbio(pipe, true)?)
}

fn read<P: Read>(pipe: &mut Option<P>, buffer: &mut [u8]) -> Seen {
    let Some(open) = pipe else {
        return Seen::End;
    };
    match open.read(buffer) {
        Ok(count) if count > 0 => Seen::Bytes(count),
        Err(error) if is_for_now(&error) => Seen::Nothing,
        Ok(_) | Err(_) => {
            *pipe = None;
            Seen::End
        }
    }
}

fn is_for_now(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
