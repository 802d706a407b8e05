//! A folder with nodes in it, and the binary that is run there.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// The binary: the one that was built with these tests, or the one that `SHARDFERRY_BIN` names.
pub fn binary() -> PathBuf {
    let built = env!("CARGO_BIN_EXE_shardferry");
    std::env::var_os("SHARDFERRY_BIN").map_or_else(|| built.into(), PathBuf::from)
}

/// A folder in memory where the machine has one, unless `TMPDIR` says where: what a killed
/// process has written is there all the same, and no `fsync` waits for a disk.
pub fn quick_folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let told = std::env::var_os("TMPDIR").is_some();
    let quick = (!told).then(|| TempDir::new_in(memory).ok()).flatten();
    quick.unwrap_or_else(|| tempfile::tempdir().unwrap())
}

/// A folder of its own for each test.
pub struct World {
    folder: TempDir,
}

/// What the binary said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl World {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// With an initialised database.
    pub fn initialised() -> Self {
        let world = Self::new();
        world.run(["init"]).ok();
        world
    }

    /// Two disks that are scanned; the first has `shards` shards of 1 KiB each.
    pub fn skewed(shards: usize) -> Self {
        let world = Self::initialised();
        for shard in 0..shards {
            let content = vec![b'a' + u8::try_from(shard % 26).unwrap(); 1024];
            world.write(&format!("a/shard-{shard:02}"), &content);
        }
        fs::create_dir_all(world.path("a")).unwrap();
        fs::create_dir(world.path("b")).unwrap();
        world.write("cluster.toml", TWO_DISKS.as_bytes());
        world.run(["apply", "cluster.toml"]).ok();
        world
    }

    pub fn path(&self, inner: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(inner)
    }

    pub fn write(&self, inner: &str, content: &[u8]) {
        let path = self.path(inner);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// The binary, with neither a terminal nor colours of the surroundings.
    pub fn command<I: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = I>) -> Command {
        let mut command = Command::new(binary());
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_remove("RUST_LOG")
            .env_remove("NO_COLOR")
            .stdin(Stdio::null());
        command
    }

    pub fn run<I: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = I>) -> Said {
        Said::of(self.command(args).output().unwrap())
    }

    /// Runs with `--json` and reads the result.
    pub fn json<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Value {
        let said = self.run(args.into_iter().chain(["--json"]));
        assert_eq!(said.code, 0, "{said:?}");
        said.json()
    }
}

impl Said {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    #[track_caller]
    pub fn fails(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        for word in words {
            assert!(
                self.err.contains(word),
                "{word:?} is missing:\n{}",
                self.err
            );
        }
        self
    }

    #[track_caller]
    pub fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(
                self.out.contains(word),
                "{word:?} is missing:\n{}",
                self.out
            );
        }
        self
    }

    /// All of stdout as one JSON value.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Two scanned disks beside the cluster file.
pub const TWO_DISKS: &str = r#"
[[nodes]]
id = 1
name = "disk-a"
path = "a"
scan = true

[[nodes]]
id = 2
name = "disk-b"
path = "b"
scan = true
"#;
