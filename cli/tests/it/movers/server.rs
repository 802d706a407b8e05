//! A PostgreSQL server of a test: in a temporary folder, and to be reached through that folder only.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, geteuid};
use tempfile::TempDir;

use super::{skip, wait_until};

/// The programs of the server, which Debian keeps out of `PATH`; `None` when they are not here, or
/// when nobody is whom they would run as: they refuse root.
pub(super) struct Programs {
    folder: PathBuf,
    user: Option<User>,
}

impl Programs {
    pub(super) fn find() -> Option<Self> {
        let versions = fs::read_dir("/usr/lib/postgresql")
            .into_iter()
            .flatten()
            .flatten();
        let mut folders: Vec<PathBuf> = versions.map(|one| one.path().join("bin")).collect();
        folders.sort();
        let path = std::env::var_os("PATH").unwrap_or_default();
        folders.extend(std::env::split_paths(&path));
        let folder = (folders.into_iter().rev()).find(|folder| {
            ["initdb", "postgres", "psql"]
                .iter()
                .all(|tool| folder.join(tool).exists())
        });
        let Some(folder) = folder else {
            skip("postgresql (initdb, postgres, psql)");
            return None;
        };
        if !super::has(&["python3"]) {
            return None;
        }
        let user = geteuid()
            .is_root()
            .then(|| User::from_name("postgres").ok().flatten());
        match user {
            Some(None) => {
                skip("a user postgres");
                None
            }
            Some(user) => Some(Self { folder, user }),
            None => Some(Self { folder, user: None }),
        }
    }

    /// One of them, as the user that it takes.
    fn command(&self, program: &str) -> Command {
        let path = self.folder.join(program);
        let Some(user) = &self.user else {
            return Command::new(path);
        };
        let mut command = Command::new("setpriv");
        command
            .arg(format!("--reuid={}", user.uid))
            .arg(format!("--regid={}", user.gid))
            .args(["--clear-groups", "--"])
            .arg(path);
        command
    }

    fn own(&self, path: &Path) {
        if let Some(user) = &self.user {
            chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
        }
    }

    /// A cluster of databases, to be copied: making one takes as long as all the rest.
    pub(super) fn template(&self) -> TempDir {
        let folder = folder();
        self.own(folder.path());
        let data = folder.path().join("data");
        let done = self
            .command("initdb")
            .args([
                "--auth=trust",
                "--username=postgres",
                "--no-sync",
                "--encoding=UTF8",
            ])
            .args(["--locale=C", "-D"])
            .arg(&data)
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
        folder
    }

    /// A `PATH` in which the tools of the server come first, before wrappers around them.
    pub(super) fn path(&self) -> String {
        format!("{}:/usr/bin:/bin", self.folder.display())
    }

    /// A server on a copy of `template`. It is ended with `SIGQUIT` when it is dropped.
    pub(super) fn start(&self, template: &TempDir) -> Server {
        let folder = folder();
        self.own(folder.path());
        let data = folder.path().join("data");
        let copied = Command::new("cp")
            .arg("-a")
            .arg(template.path().join("data"))
            .arg(&data)
            .status();
        assert!(copied.unwrap().success());
        let child = self
            .command("postgres")
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(folder.path())
            // No port of the network at all.
            .args([
                "-c",
                "listen_addresses=",
                "-c",
                "fsync=off",
                "-c",
                "full_page_writes=off",
            ])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let psql = self.folder.join("psql");
        let server = Server {
            folder,
            child,
            psql,
        };
        wait_until("the server answers", || server.psql("SELECT 1").is_ok());
        server
    }
}

/// A short path: that of a socket has at most 107 bytes.
fn folder() -> TempDir {
    let folder = tempfile::Builder::new()
        .prefix("sf-pg-")
        .tempdir_in("/tmp")
        .unwrap();
    fs::set_permissions(
        folder.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    folder
}

pub(super) struct Server {
    folder: TempDir,
    child: Child,
    psql: PathBuf,
}

impl Server {
    /// What a mover gets as its address.
    pub(super) fn address(&self) -> String {
        format!(
            "host={} dbname=postgres user=postgres",
            self.folder.path().display()
        )
    }

    /// What `sql` gives, or what the server says against it.
    pub(super) fn psql(&self, sql: &str) -> Result<String, String> {
        let done = Command::new(&self.psql)
            .args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only"])
            .arg("--set=ON_ERROR_STOP=1")
            .arg(format!("--dbname={}", self.address()))
            .arg(format!("--command={sql}"))
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap().trim().to_owned();
        if done.status.success() {
            Ok(text(done.stdout))
        } else {
            Err(text(done.stderr))
        }
    }

    #[track_caller]
    pub(super) fn sql(&self, sql: &str) -> String {
        self.psql(sql)
            .unwrap_or_else(|error| panic!("{sql}: {error}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // setpriv has become the server: this is its number. At once, without farewells.
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        let _ = kill(pid, Signal::SIGQUIT);
        drop(self.child.wait());
    }
}
