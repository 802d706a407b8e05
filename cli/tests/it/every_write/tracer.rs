//! Runs a program and kills it before its N-th writing call, counted over all of its threads.
//!
//! `strace -e inject=...:signal=KILL:when=N` counts for each thread and for each kind of call
//! apart: a worker's third `fsync` cannot be asked for when the main thread made three before.
//! Here every call has one number, so that a sweep leaves none out.

use std::collections::BTreeSet;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::calls;

/// How a traced run ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// The writing calls it made, or was about to make when it was killed.
    pub(super) calls: Vec<&'static str>,
    /// Its exit code; `None` when it was killed.
    pub(super) code: Option<i32>,
}

/// Whether this machine lets one process stop another at its system calls.
pub(super) fn works() -> bool {
    let out = tempfile::tempdir().unwrap();
    let Some(pid) = stopped(&Command::new("true"), out.path(), out.path()) else {
        return false;
    };
    let attached = ptrace::attach(pid).is_ok();
    kill(pid, Signal::SIGKILL).unwrap();
    while !matches!(
        waitpid(pid, Some(WaitPidFlag::__WALL)),
        Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) | Err(_)
    ) {}
    attached
}

/// Runs `command` in `folder`, and kills it before its writing call number `kill_before`, from 1.
/// What it says goes to the files `out` and `err` in `said`.
pub(super) fn run(
    command: &Command,
    folder: &Path,
    said: &Path,
    kill_before: Option<usize>,
) -> Ended {
    let leader = stopped(command, folder, said).unwrap();
    ptrace::attach(leader).unwrap();
    waitpid(leader, Some(WaitPidFlag::__WALL)).unwrap();
    let options = Options::PTRACE_O_TRACESYSGOOD
        | Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_TRACEEXEC
        | Options::PTRACE_O_EXITKILL;
    ptrace::setoptions(leader, options).unwrap();
    kill(leader, Signal::SIGCONT).unwrap();
    resume(leader, None);
    follow(leader, kill_before)
}

fn follow(leader: Pid, kill_before: Option<usize>) -> Ended {
    // Those of the group, and of this thread: tests beside this one have children of their own.
    let group = Pid::from_raw(-leader.as_raw());
    let flags = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
    let mut threads = BTreeSet::from([leader]);
    let mut calls = Vec::new();
    // The shell's own calls are none of ours.
    let mut executed = false;
    loop {
        match waitpid(group, Some(flags)).unwrap() {
            WaitStatus::PtraceSyscall(thread) => {
                if executed && let Some(call) = entered(thread) {
                    calls.push(call);
                    if Some(calls.len()) == kill_before {
                        kill(leader, Signal::SIGKILL).unwrap();
                    }
                }
                resume(thread, None);
            }
            WaitStatus::PtraceEvent(thread, _, event) => {
                executed |= event == libc::PTRACE_EVENT_EXEC;
                resume(thread, None);
            }
            // The first stop of a new thread is the tracer's doing.
            WaitStatus::Stopped(thread, Signal::SIGSTOP) if threads.insert(thread) => {
                resume(thread, None);
            }
            WaitStatus::Stopped(thread, signal) => resume(thread, Some(signal)),
            WaitStatus::Exited(thread, code) if thread == leader => {
                let code = Some(code);
                return Ended { calls, code };
            }
            WaitStatus::Signaled(thread, ..) if thread == leader => {
                return Ended { calls, code: None };
            }
            // The end of a thread.
            WaitStatus::Exited(..)
            | WaitStatus::Signaled(..)
            | WaitStatus::Continued(_)
            | WaitStatus::StillAlive => {}
        }
    }
}

/// The writing call that `thread` is about to make; `None` for another, or on the way back.
fn entered(thread: Pid) -> Option<&'static str> {
    let info = ptrace::syscall_info(thread).ok()?;
    if info.op != libc::PTRACE_SYSCALL_INFO_ENTRY {
        return None;
    }
    calls::writing(&ptrace::getregs(thread).ok()?)
}

/// A thread that was killed meanwhile cannot go on, and need not.
fn resume(thread: Pid, signal: Option<Signal>) {
    let _ = ptrace::syscall(thread, signal);
}

/// A shell that has stopped itself, and becomes `command` when it is let go on.
fn stopped(command: &Command, folder: &Path, said: &Path) -> Option<Pid> {
    let shell = Command::new("sh")
        .args(["-c", "kill -STOP $$; exec \"$@\"", "sh"])
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(folder)
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .stdout(std::fs::File::create(said.join("out")).ok()?)
        .stderr(std::fs::File::create(said.join("err")).ok()?)
        .process_group(0)
        .spawn()
        .ok()?;
    let pid = Pid::from_raw(i32::try_from(shell.id()).ok()?);
    let status = waitpid(pid, Some(WaitPidFlag::WUNTRACED)).ok()?;
    matches!(status, WaitStatus::Stopped(..)).then_some(pid)
}
