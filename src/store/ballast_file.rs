//! The ballast of a database in the file system: a file beside it, with blocks of its own.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::disk::{folder_of, temporary};
use super::volume::Volume;

/// Its first bytes. A file without them is somebody else's, and is left alone.
const MAGIC: &[u8] = b"shardferry ballast: may be removed when the disk is full\n";

/// The end of its name.
const SUFFIX: &str = ".ballast";

/// Where the ballast of the database at `path` is: beside it, its name and `.ballast`.
#[must_use]
pub fn ballast_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(path.file_name().unwrap_or_default());
    name.push(SUFFIX);
    path.with_file_name(name)
}

/// The file system around one database file.
#[derive(Debug)]
pub(super) struct Surroundings {
    database: PathBuf,
    folder: PathBuf,
    ballast: PathBuf,
}

impl Surroundings {
    pub(super) fn of(path: &Path) -> Self {
        Self {
            database: path.to_owned(),
            folder: folder_of(path),
            ballast: ballast_path(path),
        }
    }

    /// Whether it is there, and ours.
    fn is_ours(&self) -> io::Result<bool> {
        match fs::symlink_metadata(&self.ballast) {
            Ok(metadata) if metadata.is_file() => {}
            Ok(_) => return Err(foreign()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        }
        let mut start = Vec::new();
        let length = u64::try_from(MAGIC.len()).map_err(io::Error::other)?;
        File::open(&self.ballast)?
            .take(length)
            .read_to_end(&mut start)?;
        if start == MAGIC {
            Ok(true)
        } else {
            Err(foreign())
        }
    }

    /// Under a temporary name first, which the next open sweeps: a crash leaves no file with the name
    /// of the ballast that does not say what it is.
    fn fill(&self, bytes: u64) -> io::Result<()> {
        let file = temporary(&self.database)?;
        let mut out = BufWriter::new(file.as_file());
        out.write_all(MAGIC)?;
        let mut left = bytes.saturating_sub(u64::try_from(MAGIC.len()).unwrap_or(bytes));
        // Neither zeros nor a pattern: a file system may keep those without blocks.
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        while left > 0 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let word = state.to_le_bytes();
            let take = usize::try_from(left).map_or(word.len(), |left| left.min(word.len()));
            out.write_all(word.get(..take).unwrap_or_default())?;
            left = left.saturating_sub(8);
        }
        out.flush()?;
        drop(out);
        file.as_file().sync_all()?;
        file.persist(&self.ballast)?;
        Ok(())
    }
}

fn foreign() -> io::Error {
    io::Error::other("the file with the name of the ballast is not ours")
}

impl Volume for Surroundings {
    #[cfg(unix)]
    fn free_bytes(&self) -> io::Result<u64> {
        let found = rustix::fs::statvfs(&self.folder)?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }

    #[cfg(not(unix))]
    fn free_bytes(&self) -> io::Result<u64> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn ballast_bytes(&self) -> io::Result<u64> {
        if self.is_ours()? {
            return Ok(fs::symlink_metadata(&self.ballast)?.len());
        }
        Ok(0)
    }

    fn make_ballast(&self, bytes: u64) -> io::Result<()> {
        self.is_ours()?;
        self.fill(bytes)
    }

    fn remove_ballast(&self) -> io::Result<bool> {
        if !self.is_ours()? {
            return Ok(false);
        }
        fs::remove_file(&self.ballast)?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surroundings() -> (tempfile::TempDir, Surroundings) {
        let folder = tempfile::tempdir().unwrap();
        let around = Surroundings::of(&folder.path().join("shards.redb"));
        (folder, around)
    }

    #[test]
    fn it_takes_the_room_that_it_holds_and_gives_it_back() {
        let (folder, around) = surroundings();
        assert_eq!(around.ballast_bytes().unwrap(), 0);
        assert!(!around.remove_ballast().unwrap());
        around.make_ballast(100_001).unwrap();
        assert_eq!(around.ballast_bytes().unwrap(), 100_001);
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            let metadata = fs::metadata(&around.ballast).unwrap();
            assert!(metadata.blocks() * 512 >= 100_000, "it is sparse");
            assert_eq!(metadata.mode() & 0o777, 0o600);
        }
        around.make_ballast(50).unwrap();
        assert!(around.remove_ballast().unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_shorter_one_is_ours_and_is_made_again() {
        let (folder, around) = surroundings();
        fs::write(&around.ballast, MAGIC).unwrap();
        assert_eq!(around.ballast_bytes().unwrap(), MAGIC.len() as u64);
        around.make_ballast(1000).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(around.ballast_bytes().unwrap(), 1000);
    }

    #[test]
    fn a_file_of_somebody_else_stays() {
        let (folder, around) = surroundings();
        // An empty one may be a lock of somebody.
        for content in ["the only copy of something", ""] {
            fs::write(&around.ballast, content).unwrap();
            around.ballast_bytes().unwrap_err();
            around.make_ballast(1000).unwrap_err();
            around.remove_ballast().unwrap_err();
            assert_eq!(fs::read_to_string(&around.ballast).unwrap(), content);
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn some_space_is_free() {
        let (_folder, around) = surroundings();
        #[cfg(unix)]
        assert!(around.free_bytes().unwrap() > 0);
    }
}
