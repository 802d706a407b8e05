use std::fs;
use std::io;
use std::path::Path;

/// Copies the file of an open tracker as a kill of its process would leave it.
///
/// Two readings that are equal are what the file was between them: all that was written until then,
/// and nothing that was written later.
pub(super) fn image(file: &Path, to: &Path) -> io::Result<()> {
    let mut last = fs::read(file)?;
    loop {
        let now = fs::read(file)?;
        if now == last {
            return fs::write(to, now);
        }
        last = now;
    }
}
