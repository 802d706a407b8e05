//! Which system calls change something that outlives the process.

use nix::libc::{self, c_long, user_regs_struct};

/// Calls that write whatever their arguments are. `write` is among them: what was said is said.
const WRITES: &[(c_long, &str)] = &[
    (libc::SYS_write, "write"),
    (libc::SYS_writev, "writev"),
    (libc::SYS_pwrite64, "pwrite64"),
    (libc::SYS_pwritev, "pwritev"),
    (libc::SYS_pwritev2, "pwritev2"),
    (libc::SYS_copy_file_range, "copy_file_range"),
    (libc::SYS_sendfile, "sendfile"),
    (libc::SYS_splice, "splice"),
    (libc::SYS_truncate, "truncate"),
    (libc::SYS_ftruncate, "ftruncate"),
    (libc::SYS_fallocate, "fallocate"),
    (libc::SYS_fsync, "fsync"),
    (libc::SYS_fdatasync, "fdatasync"),
    (libc::SYS_sync_file_range, "sync_file_range"),
    (libc::SYS_syncfs, "syncfs"),
    (libc::SYS_msync, "msync"),
    (libc::SYS_creat, "creat"),
    (libc::SYS_mkdir, "mkdir"),
    (libc::SYS_mkdirat, "mkdirat"),
    (libc::SYS_rmdir, "rmdir"),
    (libc::SYS_link, "link"),
    (libc::SYS_linkat, "linkat"),
    (libc::SYS_symlink, "symlink"),
    (libc::SYS_symlinkat, "symlinkat"),
    (libc::SYS_unlink, "unlink"),
    (libc::SYS_unlinkat, "unlinkat"),
    (libc::SYS_rename, "rename"),
    (libc::SYS_renameat, "renameat"),
    (libc::SYS_renameat2, "renameat2"),
    (libc::SYS_chmod, "chmod"),
    (libc::SYS_fchmod, "fchmod"),
    (libc::SYS_fchmodat, "fchmodat"),
    (libc::SYS_chown, "chown"),
    (libc::SYS_fchown, "fchown"),
    (libc::SYS_lchown, "lchown"),
    (libc::SYS_fchownat, "fchownat"),
    (libc::SYS_utimensat, "utimensat"),
    (libc::SYS_setxattr, "setxattr"),
    (libc::SYS_lsetxattr, "lsetxattr"),
    (libc::SYS_fsetxattr, "fsetxattr"),
];

/// The name of the call that these registers make, when it is one that writes.
pub(super) fn writing(registers: &user_regs_struct) -> Option<&'static str> {
    let number = c_long::try_from(registers.orig_rax).ok()?;
    let makes = |flags: u64| flags & u64::try_from(libc::O_CREAT).unwrap() != 0;
    match number {
        libc::SYS_open if makes(registers.rsi) => Some("open O_CREAT"),
        libc::SYS_openat if makes(registers.rdx) => Some("openat O_CREAT"),
        libc::SYS_ioctl if registers.rsi == libc::FICLONE => Some("ioctl FICLONE"),
        _ => {
            let known = WRITES.iter().find(|(call, _)| *call == number);
            known.map(|(_, name)| *name)
        }
    }
}
