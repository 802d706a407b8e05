//! The folder in which it happens: four nodes, eight small shards, the database. It is put back
//! before each kill, at the same path: the database knows its nodes by it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use shardferry::MigrationTracker;
use shardferry::movers::directory::MARK_NAME;
use tempfile::TempDir;

use super::script::Step;
use super::tracer::{self, Ended};
use crate::digest::digest;
use crate::random::Random;
use crate::support::{binary, quick_folder};

const NODES: [&str; 4] = ["a", "b", "c", "d"];
const DATABASE: &str = "shards.redb";
/// Stands at the destination of a move, and is no shard.
const IN_THE_WAY: (&str, &str) = ("d", "s8");

/// Where the script is played.
pub(super) struct Stage {
    folder: TempDir,
    shards: BTreeMap<String, String>,
}

/// What a run of the binary left to read.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) ended: Ended,
    /// The whole result was printed.
    pub(super) is_whole: bool,
    pub(super) err: String,
}

impl Stage {
    pub(super) fn build(random: &mut Random) -> Self {
        let folder = quick_folder();
        let live = folder.path().join("live");
        for node in NODES {
            fs::create_dir_all(live.join(node)).unwrap();
        }
        let cluster = |file: &str, a: &str, d: &str| {
            let node = |id, name, state, scan| {
                format!(
                    "[[nodes]]\nid = {id}\nname = \"{name}\"\npath = \"{name}\"\n\
                     state = \"{state}\"\nscan = {scan}\n\n"
                )
            };
            let text = node(1, "a", a, true)
                + &node(2, "b", "active", true)
                + &node(3, "c", "active", true)
                + &node(4, "d", d, false);
            fs::write(live.join(file), text).unwrap();
        };
        cluster("cluster.toml", "active", "active");
        cluster("drain-a.toml", "draining", "no-accept");
        cluster("settled.toml", "active", "no-accept");
        for shard in 1..=8 {
            let path = live.join(format!("a/s{shard}"));
            match shard {
                3 | 6 => {
                    fs::create_dir_all(path.join("deep")).unwrap();
                    fs::write(path.join("x"), random.bytes(3_000)).unwrap();
                    fs::write(path.join("deep/y"), random.bytes(70_000)).unwrap();
                    std::os::unix::fs::symlink("x", path.join("z")).unwrap();
                }
                5 => fs::write(path, "").unwrap(),
                _ => {
                    let len = random.below(9_000);
                    fs::write(path, random.bytes(len)).unwrap();
                }
            }
        }
        fs::write(live.join(IN_THE_WAY.0).join(IN_THE_WAY.1), "another").unwrap();
        let mut stage = Self {
            folder,
            shards: BTreeMap::new(),
        };
        stage.shards = stage.found().unwrap();
        assert_eq!(stage.shards.len(), 8);
        stage
    }

    fn live(&self) -> PathBuf {
        self.folder.path().join("live")
    }

    pub(super) fn database(&self) -> PathBuf {
        self.live().join(DATABASE)
    }

    pub(super) fn path(&self, node: &str, name: &str) -> PathBuf {
        self.live().join(node).join(name)
    }

    /// Keeps everything as it is now, under `name`.
    pub(super) fn save(&self, name: &str) {
        replace(&self.live(), &self.folder.path().join(name));
    }

    /// Brings back what was saved under `name`.
    pub(super) fn restore(&self, name: &str) {
        replace(&self.folder.path().join(name), &self.live());
    }

    /// The step with the id of each migration that it names.
    pub(super) fn resolved(&self, step: &Step) -> Step {
        let mut step = step.clone();
        for argument in &mut step.arguments {
            if let Some(name) = argument.strip_prefix('@') {
                let tracker = MigrationTracker::open(self.database()).unwrap();
                let shards = tracker.snapshot().unwrap().shards;
                let shard = shards.iter().find(|shard| shard.name.to_string() == name);
                let migration = tracker.active_migration(shard.unwrap().id).unwrap();
                *argument = migration.unwrap().id.to_string();
            }
        }
        step
    }

    /// Runs a step, killed before its call `kill_before`.
    pub(super) fn trace(&self, step: &Step, kill_before: Option<usize>) -> Said {
        let said = self.folder.path();
        let ended = tracer::run(&self.command(step), &self.live(), said, kill_before);
        let read = |name: &str| fs::read_to_string(said.join(name)).unwrap();
        Said {
            ended,
            is_whole: serde_json::from_str::<serde_json::Value>(&read("out")).is_ok(),
            err: read("err"),
        }
    }

    /// Runs a step without a tracer: its exit code, and what it complained of.
    pub(super) fn run(&self, step: &Step) -> (i32, String) {
        let mut command = self.command(step);
        command.current_dir(self.live()).stdin(Stdio::null());
        let output = command.env_remove("RUST_LOG").output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code().unwrap_or(-1), err)
    }

    fn command(&self, step: &Step) -> Command {
        let mut command = Command::new(binary());
        command.args(["--db", DATABASE, "--json"]);
        command.args(&step.arguments);
        command
    }

    /// Every shard is on one node, whole, and nothing of the mover or of a creation is left.
    pub(super) fn is_tidy(&self) -> Result<(), String> {
        let found = self.found()?;
        if found != self.shards {
            return Err(format!("{found:?} instead of {:?}", self.shards));
        }
        let ballast = format!("{DATABASE}.ballast");
        let mut expected = vec![
            "cluster.toml",
            "drain-a.toml",
            "settled.toml",
            DATABASE,
            &ballast,
        ];
        expected.extend(NODES);
        expected.sort_unstable();
        let names = names(&self.live());
        match names == expected {
            true => Ok(()),
            false => Err(format!("in the folder: {names:?}")),
        }
    }

    /// Whether a whole copy of a shard is at `path`.
    pub(super) fn is_whole(&self, shard: &str, path: &Path) -> bool {
        path.symlink_metadata().is_ok() && Some(&digest(path)) == self.shards.get(shard)
    }

    /// The digest of each entry of the nodes; `Err` for one that is there twice, or is no shard.
    fn found(&self) -> Result<BTreeMap<String, String>, String> {
        let mut found = BTreeMap::new();
        for node in NODES {
            for name in names(&self.live().join(node)) {
                let path = self.path(node, &name);
                if (node, name.as_str()) == IN_THE_WAY {
                    let kept = fs::read(path).is_ok_and(|text| text == b"another");
                    if !kept {
                        return Err("what was in the way has changed".to_owned());
                    }
                } else if name != MARK_NAME && found.insert(name.clone(), digest(&path)).is_some() {
                    return Err(format!("{name} is on {node} and on another node"));
                }
            }
        }
        Ok(found)
    }
}

pub(super) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names
}

fn replace(from: &Path, to: &Path) {
    if to.exists() {
        fs::remove_dir_all(to).unwrap();
    }
    copy(from, to);
}

fn copy(from: &Path, to: &Path) {
    let kind = from.symlink_metadata().unwrap().file_type();
    if kind.is_dir() {
        fs::create_dir(to).unwrap();
        for name in names(from) {
            copy(&from.join(&name), &to.join(&name));
        }
    } else if kind.is_symlink() {
        std::os::unix::fs::symlink(fs::read_link(from).unwrap(), to).unwrap();
    } else {
        fs::copy(from, to).unwrap();
    }
}
