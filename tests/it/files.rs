//! Files that cannot be opened: one clear error each, and the file byte for byte as it was.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use shardferry::MigrationTracker;
use shardferry::schema::key::{Key as _, MetaKey};
use shardferry::schema::table::{META, TableId};
use shardferry::store::{OpenError, StoreError};

use crate::child::{self, Holder};
use crate::support::{A, B, Place, Planter, S, clean};

/// The user nobody: root is refused nothing.
const NOBODY: u32 = 65_534;

/// Opening `path` is refused and changes neither the file nor its folder.
#[track_caller]
fn refused(path: &Path) -> OpenError {
    let folder = path.parent().unwrap();
    let listing = || {
        let mut all: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap().path())
            .collect();
        all.sort();
        all
    };
    let before = (fs::read(path).ok(), listing());
    let error = MigrationTracker::open(path).unwrap_err();
    assert!(
        before == (fs::read(path).ok(), listing()),
        "it changed: {error}"
    );
    let text = error.to_string();
    assert!(
        text.contains(&path.display().to_string()),
        "it names the file: {text}"
    );
    // The two ways that create must not take it for a free place either.
    let created = MigrationTracker::create(path).map(drop);
    assert!(created.is_err());
    let opened = MigrationTracker::open_or_create(path).map(drop);
    assert!(opened.is_err() || matches!(error, OpenError::NotFound { .. }));
    if !matches!(error, OpenError::NotFound { .. }) {
        assert!(
            before == (fs::read(path).ok(), listing()),
            "it changed: {error}"
        );
    }
    error
}

fn good(place: &Place) {
    let tracker = place.create();
    tracker.begin_migration(S, A, B).unwrap();
}

#[test]
fn a_file_is_for_its_owner_only() {
    let place = Place::new();
    good(&place);
    let mode = fs::metadata(place.path()).unwrap().mode();
    assert_eq!(mode & 0o7777, 0o600);
    assert_eq!(place.names(), ["shards.redb"]);
}

#[test]
fn a_file_that_is_not_there() {
    let place = Place::new();
    let error = MigrationTracker::open(place.path()).unwrap_err();
    assert!(matches!(error, OpenError::NotFound { .. }), "{error}");
    assert!(place.names().is_empty(), "looking creates nothing");
    let nowhere = place.folder().join("no/such/folder.redb");
    let error = MigrationTracker::create(&nowhere).unwrap_err();
    assert!(matches!(error, OpenError::Io { .. }), "{error}");
    MigrationTracker::open_or_create(place.path()).unwrap();
    let error = MigrationTracker::create(place.path()).unwrap_err();
    assert!(matches!(error, OpenError::Exists { .. }), "{error}");
}

#[test]
fn a_file_that_another_handle_or_process_has_open() {
    let place = Place::new();
    let tracker = place.create();
    let id = tracker.begin_migration(S, A, B).unwrap();
    assert!(matches!(refused(&place.path()), OpenError::Locked { .. }));
    let said = child::answer(child::command("open", &place.path())).unwrap();
    assert!(said.unwrap().contains("is in use"), "another process");
    tracker.start_migration(id).unwrap();
    drop(tracker);

    let holder = Holder::start(&place.path());
    let error = refused(&place.path());
    assert!(matches!(error, OpenError::Locked { .. }), "{error}");
    holder.kill();
    clean(&place.open());
}

fn newer_format(place: &Place, planter: &Planter) {
    let key = MetaKey::File.to_bytes();
    let value = planter.get_raw(TableId::Meta, &key);
    let mut meta = META.decode(&MetaKey::File, &value).unwrap();
    meta.format = 2;
    planter.put(META, &MetaKey::File, &meta);
    assert!(place.path().exists());
}

fn newer_record(_: &Place, planter: &Planter) {
    let key = MetaKey::File.to_bytes();
    let mut value = planter.get_raw(TableId::Meta, &key);
    // The version of the record's layout: see the codec.
    value[3] = 2;
    planter.put_raw(TableId::Meta, &key, &value);
}

#[test]
fn a_file_of_a_newer_format() {
    for change in [newer_format, newer_record] {
        let place = Place::new();
        good(&place);
        let planter = Planter::open(&place.path());
        change(&place, &planter);
        // What a crash of the newer version would leave: not closed cleanly.
        let crashed = Place::new();
        fs::copy(place.path(), crashed.path()).unwrap();
        drop(planter);
        assert_ne!(
            fs::read(place.path()).unwrap(),
            fs::read(crashed.path()).unwrap(),
            "the crashed one needs a repair"
        );
        for path in [place.path(), crashed.path()] {
            let error = refused(&path);
            assert!(
                matches!(
                    error,
                    OpenError::NewerFormat {
                        found: 2,
                        known: 1,
                        ..
                    }
                ),
                "{error}"
            );
        }
    }
}

/// A version that never was is damage: nobody is sent to look for a newer library.
#[test]
fn a_record_of_an_older_version_than_the_first_is_damaged() {
    let place = Place::new();
    good(&place);
    let planter = Planter::open(&place.path());
    let mut value = planter.get_raw(TableId::Meta, b"file");
    value[3] = 0;
    planter.put_raw(TableId::Meta, b"file", &value);
    drop(planter);
    let error = refused(&place.path());
    assert!(
        matches!(
            error,
            OpenError::Store {
                source: StoreError::Row { table: "meta", .. },
                ..
            }
        ),
        "{error:?}"
    );
}

/// The lock of a draft ends when the file has its name, also while another thread starts a program,
/// which has the same open files for a moment: the open that follows found the file in use.
#[test]
fn a_file_that_was_created_is_opened_while_programs_are_started() {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                // A path that has to be looked for keeps the time between fork and exec long.
                let _ = Command::new("true").env("PATH", "/bin:/usr/bin").status();
            }
        });
        let outcomes: Vec<_> = (0..60)
            .map(|_| MigrationTracker::create(Place::new().path()).map(drop))
            .collect();
        done.store(true, Ordering::Relaxed);
        for outcome in outcomes {
            outcome.unwrap();
        }
    });
}

/// What a killed creation left is swept by the next open; one that is under way is left alone, and
/// so is what belongs to somebody else.
#[test]
fn an_open_sweeps_what_creations_left() {
    let place = Place::new();
    good(&place);
    let file = |name: &str| place.folder().join(name);
    let left_over = file(".shards.redb.aB3xYz.creating");
    let under_way = file(".shards.redb.Qq11Zz.creating");
    let others = [
        file(".other.redb.aB3xYz.creating"),
        file("shards.redb.creating"),
        file(".shards.redb.bak"),
        // Of `shards.redb.new`, which somebody may be about to create.
        file(".shards.redb.new.aB3xYz.creating"),
    ];
    for path in others.iter().chain([&left_over, &under_way]) {
        fs::write(path, b"half a file").unwrap();
    }
    let locked = fs::File::open(&under_way).unwrap();
    locked.lock().unwrap();
    drop(place.open());
    assert!(!left_over.exists());
    assert!(under_way.exists());
    assert!(others.iter().all(|path| path.exists()));
    drop(locked);
    drop(place.open());
    assert!(!under_way.exists());
}

/// The bug: where naming a new file is two steps, link and unlink, a crash between them left the
/// temporary name for ever. The sweep asked for the lock of the file, which the open itself held.
#[cfg(unix)]
#[test]
fn a_second_name_that_a_creation_left_is_swept() {
    let place = Place::new();
    drop(place.create());
    let second = place.folder().join(".shards.redb.aB3xYz.creating");
    std::fs::hard_link(place.path(), &second).unwrap();
    drop(place.open());
    assert_eq!(place.names(), ["shards.redb"]);
}

#[test]
fn a_crashed_file_of_this_format_opens() {
    let place = Place::new();
    let tracker = place.create();
    let id = tracker.begin_migration(S, A, B).unwrap();
    let crashed = Place::new();
    fs::copy(place.path(), crashed.path()).unwrap();
    let after = crashed.open();
    assert_eq!(after.unfinished().unwrap()[0].id, id);
    clean(&after);
}

#[test]
fn a_redb_file_of_something_else() {
    let place = Place::new();
    let db = redb::Database::create(place.path()).unwrap();
    drop(db);
    let error = refused(&place.path());
    assert!(matches!(error, OpenError::NotADatabase { .. }), "{error}");

    let names = [
        ("users", "the table is missing"),
        ("meta", "the table is another"),
    ];
    for (name, what) in names {
        let place = Place::new();
        let db = redb::Database::create(place.path()).unwrap();
        let txn = db.begin_write().unwrap();
        let table = redb::TableDefinition::<u64, &str>::new(name);
        txn.open_table(table).unwrap().insert(1, "x").unwrap();
        txn.commit().unwrap();
        drop(db);
        let error = refused(&place.path());
        assert!(
            matches!(error, OpenError::NotADatabase { .. }),
            "{what}: {error}"
        );
    }
}

#[test]
fn a_file_whose_first_row_is_damaged_or_gone() {
    let place = Place::new();
    good(&place);
    let planter = Planter::open(&place.path());
    let key = MetaKey::File.to_bytes();
    let value = planter.get_raw(TableId::Meta, &key);
    planter.put_raw(TableId::Meta, &key, &value[..20]);
    drop(planter);
    let error = refused(&place.path());
    assert!(matches!(error, OpenError::Store { .. }), "{error}");

    let planter = Planter::open(&place.path());
    planter.delete(META, &MetaKey::File);
    drop(planter);
    let error = refused(&place.path());
    assert!(matches!(error, OpenError::NotADatabase { .. }), "{error}");
}

/// The bytes that say which format of redb a file has: one in each commit slot.
const REDB_VERSIONS: [usize; 2] = [64, 192];

#[test]
fn a_file_of_another_redb() {
    let place = Place::new();
    good(&place);
    let whole = fs::read(place.path()).unwrap();
    for (version, words) in [(1, "of the old format 1"), (2, "of the old format 2")] {
        let mut old = whole.clone();
        for at in REDB_VERSIONS {
            old[at] = version;
        }
        fs::write(place.path(), &old).unwrap();
        let error = refused(&place.path());
        assert!(matches!(error, OpenError::NotADatabase { .. }), "{error:?}");
        assert!(error.to_string().contains(words), "{error}");
    }
    let mut later = whole.clone();
    for at in REDB_VERSIONS {
        later[at] = 4;
    }
    fs::write(place.path(), &later).unwrap();
    let error = refused(&place.path());
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
}

#[test]
fn a_file_without_one_of_its_tables() {
    let name = |table: TableId| redb::TableDefinition::<&[u8], &[u8]>::new(table.name());
    let place = Place::new();
    good(&place);
    let db = redb::Database::open(place.path()).unwrap();
    let txn = db.begin_write().unwrap();
    assert!(txn.delete_table(name(TableId::Placements)).unwrap());
    txn.commit().unwrap();
    drop(db);
    let error = refused(&place.path());
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
    assert!(error.to_string().contains("placements"), "{error}");

    let db = redb::Database::open(place.path()).unwrap();
    let txn = db.begin_write().unwrap();
    let other = redb::TableDefinition::<u64, u64>::new(TableId::Placements.name());
    txn.open_table(other).unwrap();
    txn.commit().unwrap();
    drop(db);
    let error = refused(&place.path());
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
}

#[test]
fn a_path_that_leads_through_a_file() {
    let place = Place::new();
    good(&place);
    let path = place.path().join("shards.redb");
    let error = MigrationTracker::open(&path).unwrap_err();
    assert!(matches!(error, OpenError::Io { .. }), "{error:?}");
    assert!(error.to_string().contains(&path.display().to_string()));
    let created = MigrationTracker::create(&path).unwrap_err();
    assert!(matches!(created, OpenError::Io { .. }), "{created:?}");
}

#[test]
fn what_is_no_database_at_all() {
    let garbage: Vec<u8> = (0..200_000_u32)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    let contents: [&[u8]; 6] = [
        b"",
        b"x",
        b"hello, this is a letter and not a database\n",
        &garbage[..4096],
        &garbage,
        b"SQLite format 3\0",
    ];
    for content in contents {
        let place = Place::new();
        fs::write(place.path(), content).unwrap();
        let error = refused(&place.path());
        assert!(
            matches!(error, OpenError::NotADatabase { .. }),
            "{} bytes: {error}",
            content.len()
        );
    }
}

#[test]
fn a_file_that_was_cut_off() {
    let place = Place::new();
    good(&place);
    let whole = fs::read(place.path()).unwrap();
    let lengths = [
        1, 8, 9, 63, 64, 319, 320, 511, 512, 4095, 4096, 4097, 8192, 65_536,
    ];
    let lengths = lengths
        .into_iter()
        .chain((1..12).map(|part| whole.len() * part / 12));
    for len in lengths.filter(|len| *len < whole.len()) {
        let place = Place::new();
        fs::write(place.path(), &whole[..len]).unwrap();
        let error = refused(&place.path());
        assert!(
            matches!(
                error,
                OpenError::NotADatabase { .. } | OpenError::Damaged { .. }
            ),
            "{len} of {} bytes: {error}",
            whole.len()
        );
    }
}

/// A flipped bit anywhere: refused and left as it was, or it opens and `check` answers. Nothing
/// panics.
#[test]
fn a_file_with_a_flipped_bit() {
    let place = Place::new();
    good(&place);
    let whole = fs::read(place.path()).unwrap();
    let mut refusals = 0;
    for round in 0..120_usize {
        // Half of them in the header, where they hurt most.
        let at = if round % 2 == 0 {
            round * 5
        } else {
            (round * 7919) % whole.len()
        };
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (round % 8);
        let place = Place::new();
        fs::write(place.path(), &flipped).unwrap();
        match MigrationTracker::open(place.path()) {
            Ok(tracker) => drop(tracker.check().unwrap()),
            Err(error) => {
                refusals += 1;
                assert!(
                    flipped == fs::read(place.path()).unwrap(),
                    "byte {at}: {error}"
                );
            }
        }
    }
    assert!(refusals >= 10, "{refusals}");
}

#[test]
fn what_is_not_a_file() {
    let place = Place::new();
    fs::create_dir(place.path()).unwrap();
    assert!(matches!(refused(&place.path()), OpenError::NotAFile { .. }));

    let target = Place::new();
    good(&target);
    let bytes = fs::read(target.path()).unwrap();
    let place = Place::new();
    std::os::unix::fs::symlink(target.path(), place.path()).unwrap();
    assert!(matches!(refused(&place.path()), OpenError::NotAFile { .. }));
    assert_eq!(bytes, fs::read(target.path()).unwrap());

    let place = Place::new();
    std::os::unix::fs::symlink(place.folder().join("nothing"), place.path()).unwrap();
    assert!(matches!(refused(&place.path()), OpenError::NotAFile { .. }));
    assert_eq!(
        place.names(),
        ["shards.redb"],
        "nothing is created through a link"
    );
}

/// What nobody (the user) is told who wants to do `task`; `None` when this cannot be asked here.
fn nobody(task: &str, path: &Path) -> Option<String> {
    if rustix_uid() != 0 {
        eprintln!("skipped: only root can become another user");
        return None;
    }
    let mut command = child::command(task, path);
    command.uid(NOBODY).gid(NOBODY);
    match child::answer(command) {
        Ok(Some(said)) => Some(said),
        Ok(None) | Err(_) => {
            eprintln!("skipped: another user cannot run this test binary");
            None
        }
    }
}

/// The user that this process runs as.
fn rustix_uid() -> u32 {
    let output = Command::new("id").arg("-u").output().unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap()
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn what_the_user_may_not_touch() {
    let place = Place::new();
    good(&place);
    mode(place.folder(), 0o755);
    let bytes = fs::read(place.path()).unwrap();
    // Not readable; readable and not writable.
    for of_file in [0o600, 0o644] {
        mode(&place.path(), of_file);
        let Some(said) = nobody("open", &place.path()) else {
            return;
        };
        assert!(said.contains("opening for writing"), "{said}");
        assert!(said.ends_with("PermissionDenied"), "{said}");
    }
    // In a folder that cannot be entered.
    mode(place.folder(), 0o700);
    let said = nobody("open", &place.path()).unwrap();
    assert!(said.ends_with("PermissionDenied"), "{said}");
    assert!(bytes == fs::read(place.path()).unwrap());
    assert_eq!(place.names(), ["shards.redb"]);

    // A folder that cannot be written: nothing is created, what is there can be opened.
    mode(place.folder(), 0o755);
    let other = place.folder().join("other.redb");
    let said = nobody("create", &other).unwrap();
    assert!(
        said.contains("creating") && said.ends_with("PermissionDenied"),
        "{said}"
    );
    assert_eq!(place.names(), ["shards.redb"]);
    // Whose file it is counts, not only who may write it.
    mode(&place.path(), 0o666);
    let said = nobody("open", &place.path()).unwrap();
    assert!(said.contains("belongs to user 0"), "{said}");
    assert!(said.contains("runs as user 65534"), "{said}");
    give(&place.path(), NOBODY);
    assert_eq!(nobody("open", &place.path()).unwrap(), "opened");
}

fn give(path: &Path, user: u32) {
    std::os::unix::fs::chown(path, Some(user), None).unwrap();
}

/// Who owns a file can make it say anything at any time: root is refused as well.
#[test]
fn the_file_of_another_user() {
    if rustix_uid() != 0 {
        eprintln!("skipped: only root can give a file away");
        return;
    }
    let place = Place::new();
    good(&place);
    give(&place.path(), NOBODY);
    let error = refused(&place.path());
    assert!(
        matches!(
            error,
            OpenError::NotOwner {
                owner: NOBODY,
                user: 0,
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("chown 0"), "{error}");
    give(&place.path(), 0);
    clean(&place.open());
}
