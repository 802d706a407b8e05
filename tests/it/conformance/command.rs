//! The command mover, with a real script in a real shell for each step.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use shardferry::NodeId;
use shardferry::executor::{Job, ShardMover};
use shardferry::movers::CommandMover;
use shardferry::movers::command::Step;
use shardferry::testkit::mover::{
    BYSTANDER, BYSTANDER_NAME, DESTINATION, Look, Options, SHARD, SHARD_NAME, SOURCE, World,
    WorldError, Write, conformance,
};
use tempfile::TempDir;

use super::{in_memory, options};

const FILES: [&str; 4] = ["a", "b", "c", "d"];

/// Two folders, and the program that moves between them.
struct Scripted {
    root: TempDir,
    program: Vec<String>,
    writes: AtomicU64,
}

impl Scripted {
    fn new(program: Vec<String>) -> Result<Self, WorldError> {
        let root = in_memory().map_or_else(TempDir::new, TempDir::new_in)?;
        for (node, name) in [(SOURCE, SHARD_NAME), (DESTINATION, BYSTANDER_NAME)] {
            let shard = root.path().join(node.to_string()).join(name);
            fs::create_dir_all(&shard)?;
            for file in FILES {
                fs::write(shard.join(file), format!("{file} of {name}"))?;
            }
        }
        Ok(Self {
            root,
            program,
            writes: AtomicU64::new(0),
        })
    }

    fn node(&self, node: NodeId) -> PathBuf {
        self.root.path().join(node.to_string())
    }
}

impl World for Scripted {
    fn mover(&self) -> Box<dyn ShardMover> {
        let steps = Step::ALL
            .into_iter()
            .filter(|step| !matches!(step, Step::CatchUp | Step::Fence | Step::Unfence));
        let (program, args) = self.program.split_first().unwrap();
        let root = self.root.path().to_str().unwrap();
        let args = args.iter().map(|arg| arg.replace("ROOT", root));
        let builder = CommandMover::builder(program).args(args);
        Box::new(builder.steps(steps).build().unwrap())
    }

    fn address(&self, node: NodeId) -> Option<String> {
        self.node(node).to_str().map(str::to_owned)
    }

    fn look(&self, node: NodeId) -> Result<Look, WorldError> {
        let mut look = Look::default();
        for entry in fs::read_dir(self.node(node))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            match name.as_str() {
                SHARD_NAME => look.served.insert(SHARD, content(&entry.path())?),
                BYSTANDER_NAME => look.served.insert(BYSTANDER, content(&entry.path())?),
                _ => {
                    look.left_over.push(name);
                    None
                }
            };
        }
        Ok(look)
    }

    fn write(&self, node: NodeId) -> Option<Result<Write, WorldError>> {
        let file = self.node(node).join(SHARD_NAME).join("c");
        if !file.exists() {
            return Some(Ok(Write::Refused));
        }
        let nth = self.writes.fetch_add(1, Ordering::SeqCst);
        let written = fs::write(file, format!("write {nth}")).map(|()| Write::Done);
        Some(written.map_err(WorldError::from))
    }

    fn damage(&self, _: &Job) -> Option<Result<(), WorldError>> {
        Some(damage(&self.node(DESTINATION)))
    }
}

/// A file of the copy that does not serve yet; its time stays as it was.
fn damage(node: &Path) -> Result<(), WorldError> {
    for entry in fs::read_dir(node)? {
        let copy = entry?.path();
        if copy
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
        {
            let inner = copy.join("data");
            let file = if inner.is_dir() { inner } else { copy }.join("b");
            let time = fs::metadata(&file)?.modified()?;
            fs::write(&file, "x of moving")?;
            fs::File::options()
                .write(true)
                .open(&file)?
                .set_modified(time)?;
        }
    }
    Ok(())
}

fn content(shard: &Path) -> Result<String, WorldError> {
    let mut all = String::new();
    for file in FILES {
        all += &fs::read_to_string(shard.join(file))?;
        all.push('\n');
    }
    Ok(all)
}

fn pass(program: &[&str], options: &Options) {
    let program: Vec<String> = program.iter().map(|&word| word.to_owned()).collect();
    let worlds = move || Scripted::new(program.clone());
    let report = conformance(worlds, options).unwrap_or_else(|failure| panic!("{failure}"));
    eprintln!("{report}");
    for case in ["damage", "write: after copy", "crash again and again"] {
        assert!(report.cases.iter().any(|name| name == case), "{case}");
    }
}

fn in_repository(path: &str) -> String {
    format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_command_mover_passes() {
    let options = Options {
        reports_max: 3,
        ..options()
    };
    pass(
        &[
            "sh",
            &in_repository("tests/it/conformance/command.sh"),
            "ROOT",
        ],
        &options,
    );
}

/// Every report is a boundary.
#[test]
#[ignore = "long: cargo test --test it conformance::command -- --ignored"]
fn the_command_mover_passes_at_every_report() {
    let options = Options {
        reports_max: usize::MAX,
        ..options()
    };
    pass(
        &[
            "sh",
            &in_repository("tests/it/conformance/command.sh"),
            "ROOT",
        ],
        &options,
    );
}

/// The example for people, with the real rsync.
#[test]
#[ignore = "long: cargo test --test it conformance::command -- --ignored"]
fn the_rsync_example_passes() {
    let options = Options {
        reports_max: 3,
        ..options()
    };
    pass(
        &["python3", &in_repository("examples/movers/rsync.py")],
        &options,
    );
}
