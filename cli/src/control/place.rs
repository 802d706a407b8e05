//! Where the socket is.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// The longest path that every system takes as the address of a socket.
const ADDRESS_BYTES_MAX: usize = 100;

/// The socket beside the database at `db`.
pub(crate) fn socket_path(db: &Path) -> PathBuf {
    let mut name = OsString::from(db);
    name.push(".control");
    name.into()
}

/// A path by which the socket at `path` can be reached, also where `path` is too long for an address:
/// through the open folder. Valid as long as the file is open.
pub(super) struct Address {
    pub(super) path: PathBuf,
    _folder: Option<File>,
}

impl Address {
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        if path.as_os_str().len() <= ADDRESS_BYTES_MAX {
            return Ok(Self {
                path: path.to_owned(),
                _folder: None,
            });
        }
        let too_long = || io::Error::from(io::ErrorKind::InvalidFilename);
        let (folder, name) = path.parent().zip(path.file_name()).ok_or_else(too_long)?;
        let folder = File::open(folder)?;
        let path = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name);
        if path.as_os_str().as_bytes().len() > ADDRESS_BYTES_MAX {
            return Err(too_long());
        }
        Ok(Self {
            path,
            _folder: Some(folder),
        })
    }
}
