//! normgate.toml, held against every module that the library carries.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| normgate_campaign::targets::config(data));
