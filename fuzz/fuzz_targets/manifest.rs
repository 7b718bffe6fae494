//! A manifest: what is accepted survives being written and read again.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| normgate_campaign::targets::manifest(data));
