//! Which process has a file.

use std::path::Path;

use crate::text;

/// Longer command lines are cut.
const SHOWN_MAX: usize = 80;

/// The process that holds the lock of the file at `path`, for people: `process 4711 (shardferry run)`.
/// `None` where nobody can say: another system, another machine, another namespace of processes.
#[cfg(target_os = "linux")]
pub(crate) fn holder(path: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;

    let file = std::fs::metadata(path).ok()?;
    let (major, minor) = numbers(file.dev());
    let wanted = format!("{major:02x}:{minor:02x}:{}", file.ino());
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    // `1: FLOCK  ADVISORY  WRITE 4711 08:01:131 0 EOF`; those that wait have an arrow before the kind.
    let pid = locks.lines().find_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let kind = fields.next()?;
        let (pid, file) = (fields.nth(2)?, fields.next()?);
        (kind != "->" && file == wanted).then(|| pid.parse::<u32>().ok())?
    })?;
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<&[u8]> = line
        .split(|byte| *byte == 0)
        .filter(|word| !word.is_empty())
        .collect();
    let shown: Vec<String> = words.iter().map(|word| text::escaped(word)).collect();
    let shown: String = shown.join(" ").chars().take(SHOWN_MAX).collect();
    Some(match shown.is_empty() {
        true => format!("process {pid}"),
        false => format!("process {pid} ({shown})"),
    })
}

/// The numbers of a device as the kernel prints them.
#[cfg(target_os = "linux")]
fn numbers(dev: u64) -> (u64, u64) {
    let major = ((dev >> 8) & 0xfff) | ((dev >> 32) & !0xfff);
    let minor = (dev & 0xff) | ((dev >> 12) & !0xff);
    (major, minor)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn holder(_: &Path) -> Option<String> {
    None
}
