//! An answer of a module, merged with what others say.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| normgate_campaign::targets::merge(data));
