use proptest::prelude::*;

use crate::movers::directory::cursor::Cursor;
use crate::movers::directory::meta::Mtime;
use crate::movers::directory::relative::Relative;
use crate::schema::text::Checkpoint;

#[test]
fn the_encoding_is_frozen() {
    let cursor = Cursor {
        path: Relative::parse(b"a/b").unwrap(),
        offset: 0x0102,
        mtime: Mtime {
            seconds: -2,
            nanoseconds: 3,
        },
        files_done: 5,
    };
    let bytes =
        b"\x01\x05\0\0\0\0\0\0\0\x02\x01\0\0\0\0\0\0\xfe\xff\xff\xff\xff\xff\xff\xff\x03\0\0\0a/b";
    assert_eq!(cursor.encode().unwrap().as_bytes(), bytes);
    assert_eq!(Cursor::decode(bytes), Some(cursor));
}

#[test]
fn a_path_that_leads_out_is_not_read() {
    for path in ["..", "a/../b", "/a", "a/", "a//b", ".", "a\0"] {
        let mut bytes = vec![1; 29];
        bytes.extend(path.as_bytes());
        assert_eq!(Cursor::decode(&bytes), None, "{path:?}");
    }
}

#[test]
fn a_path_that_is_too_long_has_no_checkpoint() {
    let cursor = |len: usize| Cursor {
        path: Relative::parse(&vec![b'x'; len]).unwrap(),
        offset: 0,
        mtime: Mtime::default(),
        files_done: 0,
    };
    assert!(cursor(Checkpoint::MAX_BYTES - 29).encode().is_some());
    assert!(cursor(Checkpoint::MAX_BYTES - 28).encode().is_none());
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(b"ab.-0\xff".to_vec()), 1..4)
        .prop_filter("a safe name", |name| name != b"." && name != b"..")
}

fn path() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(name(), 0..4)
}

proptest! {
    #[test]
    fn any_bytes_decode_or_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        if let Some(cursor) = Cursor::decode(&bytes) {
            let again = cursor.encode().unwrap();
            prop_assert_eq!(again.as_bytes(), &bytes[..]);
        }
    }

    #[test]
    fn what_begins_well_decodes_or_is_refused(rest in prop::collection::vec(any::<u8>(), 0..80)) {
        let mut bytes = vec![1];
        bytes.extend(rest);
        if let Some(cursor) = Cursor::decode(&bytes) {
            let again = cursor.encode().unwrap();
            prop_assert_eq!(again.as_bytes(), &bytes[..]);
        }
    }

    /// The order of the cursor is the order of the walk: by names from the top down.
    #[test]
    fn paths_are_ordered_as_the_walk_goes(a in path(), b in path()) {
        let relative = |names: &[Vec<u8>]| Relative::parse(&names.join(&b'/')).unwrap();
        prop_assert_eq!(relative(&a).cmp(&relative(&b)), a.cmp(&b));
    }
}
