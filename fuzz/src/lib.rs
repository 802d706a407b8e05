//! The bodies of the fuzz targets, as plain functions of bytes: a fuzzer calls them, and so do the
//! tests of this package, which need no nightly toolchain. A body panics when what it looks at
//! does not hold, and only then.

pub mod disk;
pub mod random;

pub mod cluster_file;
pub mod decode_record;
pub mod open_file;
pub mod plan;
pub mod read_log;
pub mod transitions;
