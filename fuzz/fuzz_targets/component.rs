//! A component: loaded, compiled, asked.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| normgate_campaign::targets::component(data));
