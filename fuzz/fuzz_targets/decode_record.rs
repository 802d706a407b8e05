//! Rows of any table; see `shardferry_fuzz::decode_record`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| shardferry_fuzz::decode_record::run(input));
