use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};

use super::support::*;
use crate::executor::ShardMover;
use crate::movers::DirectoryMover;

#[test]
fn a_rich_tree_arrives_as_it_was() {
    for mover in [eager(), DirectoryMover::new()] {
        let nodes = Nodes::new();
        rich_tree(&nodes.from().join("shard"));
        let before = listing(&nodes.from().join("shard"));
        let job = nodes.job("shard");

        let recorder = Recorder::default();
        mover.copy(&job, None, &recorder).unwrap();
        let seen = recorder.seen.into_inner().unwrap();
        assert!(seen.checkpoints > 0 && seen.throttled > 0);
        let side = same(&mover, &job);
        assert_eq!((seen.done, seen.total), (side.bytes, side.bytes));
        assert_eq!(side.items, before.len() as u64);

        mover.activate(&job).unwrap();
        assert_eq!(listing(&nodes.to().join("shard")), before);
        mover.release_source(&job).unwrap();
        assert_eq!(entries(&nodes.from()), [""; 0]);
        assert_eq!(entries(&nodes.to()), ["shard"]);
        assert_eq!(listing(&nodes.to().join("shard")), before);
    }
}

#[test]
fn a_shard_can_be_a_file_or_a_symlink() {
    let nodes = Nodes::new();
    let mover = eager();
    fs::write(nodes.from().join("file"), noise(1, 50_000)).unwrap();
    mode(&nodes.from().join("file"), 0o604);
    mtime(&nodes.from().join("file"), 77, 88);
    fs::write(nodes.root.path().join("outside"), b"not to be touched").unwrap();
    symlink("../outside", nodes.from().join("link")).unwrap();
    for name in ["file", "link"] {
        let before = listing(&nodes.from().join(name));
        let job = nodes.job(name);
        copy(&mover, &job);
        assert_eq!(same(&mover, &job).items, 1);
        mover.activate(&job).unwrap();
        mover.release_source(&job).unwrap();
        assert_eq!(listing(&nodes.to().join(name)), before);
    }
    assert!(nodes.root.path().join("outside").exists());
    assert_eq!(entries(&nodes.from()), [""; 0]);
}

#[test]
fn a_shard_without_a_name_is_named_by_its_id() {
    let nodes = Nodes::new();
    fs::write(nodes.from().join("7"), b"seven").unwrap();
    let mut job = nodes.job("x");
    job.shard_name = None;
    let mover = eager();
    copy(&mover, &job);
    mover.activate(&job).unwrap();
    assert_eq!(fs::read(nodes.to().join("7")).unwrap(), b"seven");
}

#[test]
fn holes_stay_holes_and_cost_no_reading() {
    let nodes = Nodes::new();
    let file = File::create(nodes.from().join("s")).unwrap();
    // A terabyte: nobody can have read it.
    file.set_len(1 << 40).unwrap();
    file.write_all_at(b"in the middle", 1 << 39).unwrap();
    let mover = DirectoryMover::new();
    let job = nodes.job("s");
    let recorder = Recorder::default();
    mover.copy(&job, None, &recorder).unwrap();
    assert_eq!(recorder.seen.lock().unwrap().done, 1 << 40);
    assert!(recorder.seen.lock().unwrap().throttled < 1 << 21);
    assert_eq!(same(&mover, &job).bytes, 1 << 40);
    mover.activate(&job).unwrap();
    let copy = fs::metadata(nodes.to().join("s")).unwrap();
    assert_eq!(copy.len(), 1 << 40);
    assert!(copy.blocks() * 512 < 1 << 20, "{} blocks", copy.blocks());
}

/// Where the file system does not tell holes from data, zeros of a sparse file become holes.
#[test]
fn zeros_of_a_sparse_file_take_no_space() {
    let nodes = Nodes::new();
    let file = File::create(nodes.from().join("s")).unwrap();
    file.write_all_at(&vec![0; 4 << 20], 0).unwrap();
    file.set_len(8 << 20).unwrap();
    file.sync_all().unwrap();
    copy(&DirectoryMover::new(), &nodes.job("s"));
    same(&DirectoryMover::new(), &nodes.job("s"));
    assert!(fs::metadata(nodes.part()).unwrap().blocks() < 100);
}

/// The digest is the same whether zeros are written or left out.
#[test]
fn written_zeros_and_holes_are_the_same_content() {
    let nodes = Nodes::new();
    let len = 3 * 65_536 + 17;
    fs::write(nodes.from().join("f"), vec![0; len]).unwrap();
    mtime(&nodes.from().join("f"), 5, 5);
    File::create(nodes.to().join("f"))
        .unwrap()
        .set_len(len as u64)
        .unwrap();
    mtime(&nodes.to().join("f"), 5, 5);
    same(&eager(), &nodes.job("f"));
    File::options()
        .write(true)
        .open(nodes.to().join("f"))
        .unwrap()
        .write_all_at(b"!", len as u64 - 1)
        .unwrap();
    mtime(&nodes.to().join("f"), 5, 5);
    let proof = eager()
        .verify(&nodes.job("f"), &Recorder::default())
        .unwrap();
    assert_ne!(proof.source, proof.destination);
}

/// A thread reads ahead in a long copy, and none in the source.
#[test]
fn a_long_file_is_read_to_its_last_byte_on_both_sides() {
    let nodes = Nodes::new();
    let mut bytes: Vec<u8> = (0..=250).cycle().take((9 << 20) + 4099).collect();
    // Blocks that are left out, also where one piece ends and the next begins.
    bytes[3 << 20..(4 << 20) + 65_536].fill(0);
    fs::write(nodes.from().join("s"), &bytes).unwrap();
    let mover = DirectoryMover::new();
    copy(&mover, &nodes.job("s"));
    assert_eq!(same(&mover, &nodes.job("s")).bytes, bytes.len() as u64);
    for at in [0, 5 << 20, bytes.len() - 1] {
        let offset = at as u64;
        let copied = File::options().write(true).open(nodes.part()).unwrap();
        copied.write_all_at(b"\xff", offset).unwrap();
        copied.sync_all().unwrap();
        let proof = mover.verify(&nodes.job("s"), &Recorder::default()).unwrap();
        assert_ne!(proof.source.digest, proof.destination.digest, "{at}");
        copied.write_all_at(&bytes[at..=at], offset).unwrap();
        let copied_at = fs::metadata(nodes.from().join("s")).unwrap();
        copied.set_modified(copied_at.modified().unwrap()).unwrap();
        same(&mover, &nodes.job("s"));
    }
}

/// The stream of `digest` is part of the contract: evidence of another version must mean the same.
#[test]
fn the_digest_is_the_documented_stream() {
    let nodes = Nodes::new();
    let top = nodes.from().join("s");
    fs::create_dir(&top).unwrap();
    fs::write(top.join("f"), b"content").unwrap();
    mtime(&top.join("f"), 3, 4);
    symlink("f", top.join("l")).unwrap();
    for (path, bits) in [("f", 0o640), ("", 0o750)] {
        mode(&top.join(path), bits);
    }
    copy(&eager(), &nodes.job("s"));
    let mut stream = b"shardferry tree 1\n".to_vec();
    stream.extend(b"D\0\0\0\0");
    stream.extend(0o750_u32.to_le_bytes());
    stream.extend(b"F\x01\0\0\0f");
    stream.extend(0o640_u32.to_le_bytes());
    stream.extend(3_i64.to_le_bytes());
    stream.extend(4_u32.to_le_bytes());
    stream.extend(7_u64.to_le_bytes());
    stream.extend(0_u64.to_le_bytes());
    stream.extend(b"content");
    stream.extend(7_u64.to_le_bytes());
    stream.extend(b"E");
    stream.extend(b"L\x01\0\0\0l\x01\0\0\0f");
    stream.extend(b"Z");
    stream.extend(3_u64.to_le_bytes());
    stream.extend(7_u64.to_le_bytes());
    let side = same(&eager(), &nodes.job("s"));
    assert_eq!(side.digest.as_bytes(), blake3::hash(&stream).as_bytes());
}

/// One thing changed on the copy: each is seen.
#[test]
fn verification_sees_every_kind_of_difference() {
    type Change = fn(&std::path::Path);
    let changes: [Change; 9] = [
        |top| fs::write(top.join("new"), b"").unwrap(),
        |top| fs::remove_file(top.join("empty")).unwrap(),
        |top| fs::create_dir(top.join("new")).unwrap(),
        |top| mode(&top.join("a/small"), 0o600),
        |top| mode(&top.join("empty folder"), 0o700),
        |top| mtime(&top.join("a/small"), 1, 1),
        |top| fs::rename(top.join("empty"), top.join("emptz")).unwrap(),
        |top| {
            fs::remove_file(top.join("a/link")).unwrap();
            symlink("smalk", top.join("a/link")).unwrap();
        },
        |top| {
            let modified = fs::metadata(top.join("large")).unwrap().modified().unwrap();
            let file = File::options().write(true).open(top.join("large")).unwrap();
            file.write_all_at(b"!!", 99_998).unwrap();
            file.set_modified(modified).unwrap();
        },
    ];
    for (number, change) in changes.iter().enumerate() {
        let nodes = Nodes::new();
        rich_tree(&nodes.from().join("s"));
        let job = nodes.job("s");
        let mover = DirectoryMover::new();
        copy(&mover, &job);
        same(&mover, &job);
        change(&nodes.part());
        let proof = mover.verify(&job, &Recorder::default()).unwrap();
        assert_ne!(proof.source, proof.destination, "change {number}");
    }
}

#[test]
fn the_copy_is_private_until_it_is_complete() {
    let nodes = Nodes::new();
    fs::create_dir(nodes.from().join("s")).unwrap();
    fs::write(nodes.from().join("s/f"), noise(1, 100_000)).unwrap();
    mode(&nodes.from().join("s/f"), 0o666);
    let recorder = Recorder::interrupting_at(10);
    eager().copy(&nodes.job("s"), None, &recorder).unwrap_err();
    let bits = |path| {
        fs::metadata(nodes.part().join(path))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!((bits(""), bits("f")), (0o700, 0o600));
}
