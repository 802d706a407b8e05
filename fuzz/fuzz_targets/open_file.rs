//! Damaged database files; see `shardferry_fuzz::open_file`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| shardferry_fuzz::open_file::run(input));
