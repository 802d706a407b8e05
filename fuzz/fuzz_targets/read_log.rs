//! Damaged write-ahead logs; see `shardferry_fuzz::read_log`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| shardferry_fuzz::read_log::run(input));
