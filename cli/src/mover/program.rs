//! Where a program is. One that is missing would make every move fail, one after the other.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{self, Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::text;

/// The path of a program that is named by one, as seen from the folder of `file`; `None` for a name
/// that is looked for in `PATH`, and is there.
pub(super) fn find(program: &str, file: &Path) -> anyhow::Result<Option<String>> {
    if !program.contains('/') {
        return in_path(program).map(|()| None);
    }
    let folder = file.parent().unwrap_or(Path::new(""));
    let full = path::absolute(folder.join(program)).context("the program has no path")?;
    let shown = text::path(&full);
    let meta = fs::metadata(&full).with_context(|| format!("the program {shown} is not there"))?;
    if !meta.is_file() {
        bail!("the program {shown} is no file");
    }
    if meta.permissions().mode() & 0o111 == 0 {
        bail!("the program {shown} cannot be executed; `chmod +x` makes it a program");
    }
    match full.into_os_string().into_string() {
        Ok(full) => Ok(Some(full)),
        Err(_) => bail!("the path {shown} is not UTF-8; move the program elsewhere"),
    }
}

fn in_path(program: &str) -> anyhow::Result<()> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let is_program = |folder: PathBuf| {
        let meta = fs::metadata(folder.join(program));
        meta.is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    if std::env::split_paths(&folders).any(is_program) {
        return Ok(());
    }
    bail!(
        "the program {program} is not in PATH; install it, or name it with a `/`: a path as seen \
         from the file"
    )
}
